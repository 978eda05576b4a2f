"""Which connection a report is about, and what its reporter may see of it.

*The rule.* A report is about the connection that carries it when the two share what only one TLS connection can: the exporter, or the
client's random bytes; or when its signer says so (`AgentSide.carried`), inside TLS. The word is needed because a box that
terminates leaves nothing in common, and the same values that differ mean nothing at all when the report is about another attempt.
It is inside the signature, so no box can add it or take it away.

Otherwise the connections that ended lately are looked through: for those same values, which settle it, then for one from the
same address at the time of the attempt (`certs.inspection.attempt_of`), which is a likelihood and is called so
(`Join.TIME_AND_ADDRESS`).
"""

from typing import TYPE_CHECKING

import attrs

from certs.inspection import AgentSide, Attempt, Delivery, Evidence, Finding, GatewaySide, Join, LastIo, judge
from gateway.edge.addresses import address_key
from gateway.edge.halves import is_same
from gateway.edge.networks import is_within, network_of
from gateway.edge.peer import Peer
from gateway.edge.sight import Sight, endpoint
from transport import TLSStream

if TYPE_CHECKING:
    from gateway.edge.inspection import Inspection

__all__ = ["Carrier", "delivery_of", "finding_for", "is_theirs", "join", "visible"]

HTTPS_PORT = 443


@attrs.frozen(eq=False, kw_only=True)
class Carrier:
    """The connection that a report came on. `stream` is its TLS; None for HTTP without."""

    peer: Peer
    sight: Sight
    stream: TLSStream | None
    http: bool

    @property
    def source(self) -> str:
        """`host:port` that it came from."""
        return endpoint(self.peer.address, self.peer.port)

    @property
    def network(self) -> str:
        """What counts as one source."""
        return network_of(self.peer.address)


def join(side: AgentSide, carrier: Carrier, inspection: "Inspection", *, at_ms: int) -> GatewaySide | None:
    """The gateway's half of the attempt at *at_ms* that *side* describes; None where nothing is known of it."""
    own = inspection.half(
        carrier.peer, carrier.sight, last_io=LastIo.COMPLETE, stream=carrier.stream, shaken=True
    )
    if carrier.stream is not None and (is_same(side, own) or (side.carried and side.handshake_complete)):
        return attrs.evolve(own, join=Join.CARRYING)
    if (same := inspection.halves.same_as(side)) is not None:
        return attrs.evolve(same, join=Join.CARRYING)
    key = address_key(carrier.peer.address)
    ports = {listener.port for listener in inspection.services.config.listeners}
    found = inspection.halves.likeliest(side, key, at_ms=at_ms, ports=ports) or _unseen(
        key, inspection, at_ms
    )
    return None if found is None else attrs.evolve(found, join=Join.TIME_AND_ADDRESS)


def _unseen(key: str, inspection: "Inspection", at_ms: int) -> GatewaySide | None:
    """No connection was seen, so that nothing is known of where it came from; what the gateway was doing then may say why."""
    nearby = inspection.surroundings.near(at_ms, key)
    return GatewaySide(at_ms=at_ms, nearby=nearby) if nearby else None


def delivery_of(carrier: Carrier, attempt: Attempt, half: GatewaySide | None) -> Delivery:
    """How the report of *attempt* came."""
    if carrier.http:
        return Delivery.HTTP
    if half is not None and half.join is Join.CARRYING and half.at_ms == carrier.sight.at_ms:
        return Delivery.CONNECTION
    if attempt.was_kept:
        return Delivery.LATER
    return Delivery.PORT_443 if carrier.peer.listener.port == HTTPS_PORT else Delivery.OTHER_ADDRESS


def is_theirs(side: AgentSide, half: GatewaySide | None, carrier: Carrier) -> bool:
    """Whether a half is of its reporter's own connection, so that it may be seen by it.

    The random bytes of a hello travel in clear: whoever saw them pass can name them in a report of its own. So the connection must
    also have come from the address that the report came from, or share the keying material.
    """
    if half is None or half.join is not Join.CARRYING:
        return False
    if side.exporter is not None and side.exporter == half.exporter:
        return True
    return address_key(_host(half)) == address_key(carrier.peer.address)


def _host(half: GatewaySide) -> str:
    return half.source.rpartition(":")[0].strip("[]") if half.source is not None else ""


def visible(half: GatewaySide | None, own_proxies: tuple[str, ...]) -> GatewaySide | None:
    """What a reporter may see of the gateway's half of its own connection: no address of the provider's inside."""
    return None if half is None else _without_addresses(half, own_proxies, theirs=True)


def _without_addresses(half: GatewaySide, own_proxies: tuple[str, ...], *, theirs: bool) -> GatewaySide:
    is_foreign = not theirs or is_within(_host(half), own_proxies)
    return attrs.evolve(
        half,
        listener="",
        source=None if is_foreign else half.source,
        nearby=tuple(attrs.evolve(each, detail="") for each in half.nearby),
    )


def finding_for(evidence: Evidence, finding: Finding, *, theirs: bool) -> Finding:
    """*finding* in words that tell the reporter of no address but its own.

    Args:
        theirs: whether the gateway's half is of the reporter's own connection.
    """
    if evidence.gateway is None:
        return finding
    half = _without_addresses(evidence.gateway, evidence.expected.own_proxies, theirs=theirs)
    expected = attrs.evolve(evidence.expected, gateways=())  # those for agents beside the gateway among them
    return judge(evidence, told=attrs.evolve(evidence, gateway=half, expected=expected))
