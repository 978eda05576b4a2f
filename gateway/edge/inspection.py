"""All that an edge has for the paths on which no session opens, in one place: `Services.inspection`, or None where it is off."""

import socket
from functools import partial
from typing import TYPE_CHECKING

import attrs
from prometheus_client import Counter

from certs.inspection import Finding, GatewaySide, LastIo, NearbyKind, Verdict
from gateway.edge.addresses import address_key
from gateway.edge.beforetls import receive
from gateway.edge.expected import Expectations
from gateway.edge.halves import Halves
from gateway.edge.joining import Carrier
from gateway.edge.metrics import Metrics
from gateway.edge.networks import network_of
from gateway.edge.pathhttp import REQUEST, Exchange, serve_request
from gateway.edge.peer import Peer
from gateway.edge.proxy_protocol import Networks, announced_in
from gateway.edge.rates import Rates
from gateway.edge.reports import Reports
from gateway.edge.sight import Sight, endpoint, half_of
from gateway.edge.sightings import Sightings
from gateway.edge.surroundings import Surroundings
from protocol import Code
from transport import TLSStream

if TYPE_CHECKING:
    from gateway.edge.services import Services

__all__ = ["Inspection"]

# Connections of one network that are looked at; beyond, they are counted. Looking costs a third of a handshake.
BURST, PER_S = 60, 2.0
# Of all networks from which no agent was authenticated within a day, together: a hello that is made to cost us takes 2 ms.
STRANGERS_BURST, STRANGERS_PER_S = 240, 40.0

# What breaks connections by itself: nobody else is to be suspected of it.
OWN_DOING = frozenset({NearbyKind.RESTART, NearbyKind.DRAIN, NearbyKind.OVERLOAD, NearbyKind.BAN})


class PathMetrics:
    """Counters of reports and sightings."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        reports = Counter(
            "fieldgate_path_reports", "Path reports taken, by verdict.", ["verdict"], registry=registry
        )
        refused = Counter(
            "fieldgate_path_refused", "Path reports refused, by FG code.", ["code"], registry=registry
        )
        sightings = Counter(
            "fieldgate_path_sightings",
            "Connections without a session that nobody reported, by verdict.",
            ["verdict"],
            registry=registry,
        )
        self.sightings = {verdict: sightings.labels(verdict=verdict.value) for verdict in Verdict}
        self.reports = {verdict: reports.labels(verdict=verdict.value) for verdict in Verdict}
        self.refused = {code: refused.labels(code=str(code)) for code in REFUSALS}

    def saw(self, finding: Finding, connections: int) -> None:
        """Count what was seen and not reported."""
        self.sightings[finding.verdict].inc(connections)


REFUSALS = (
    Code.REPORT_UNREADABLE, Code.REPORT_SIGNER_UNKNOWN, Code.REPORT_REPLAYED, Code.REPORT_BUDGET, Code.CODE_USED,
)  # fmt: skip


@attrs.define(eq=False, kw_only=True)
class Inspection:
    """What the edge notes of connections, and what comes of it.

    Args:
        away_since_ms: when the life of this edge before this one ended; None if there was none.
    """

    services: "Services"
    away_since_ms: int | None
    surroundings: Surroundings = attrs.field(init=False)
    expectations: Expectations = attrs.field(init=False)
    halves: Halves = attrs.field(factory=Halves, init=False)
    reports: Reports = attrs.field(init=False)
    sightings: Sightings = attrs.field(init=False)
    metrics: PathMetrics = attrs.field(init=False)
    _balancers: Networks = attrs.field(init=False)
    _rates: Rates = attrs.field(factory=lambda: Rates(burst=BURST, per_s=PER_S), init=False)
    _strangers: Rates = attrs.field(
        factory=lambda: Rates(burst=STRANGERS_BURST, per_s=STRANGERS_PER_S), init=False
    )

    def __attrs_post_init__(self) -> None:
        """Put it together."""
        services = self.services
        self.surroundings = Surroundings(services.now)
        if self.away_since_ms is not None:
            self.surroundings.note(NearbyKind.RESTART, from_ms=self.away_since_ms)
        self.expectations = Expectations(services)
        self.reports = Reports(inspection=self)
        self.metrics = PathMetrics(services.metrics)
        self._balancers = Networks(services.config.balancers)
        self.sightings = Sightings(
            committer=services.committer,
            now=services.now,
            expected=self.expectations.now,
            has_room=lambda: "disk" not in services.valve.reasons,
            count=self.metrics.saw,
        )

    def begin(self, sock: socket.socket) -> Sight:
        """Begin to note what is seen of a connection."""
        return Sight(sock=sock, at_ms=self.services.now(), through_own_proxy=False)

    def ended(
        self, peer: Peer, last_io: LastIo, *, stream: TLSStream | None = None, shaken: bool = False
    ) -> None:
        """A connection ended that opened no session, and not by our will; its socket is still there."""
        sight, peer.sight = peer.sight, None
        if sight is None or self.services.draining:
            return
        is_ours = not sight.through_own_proxy and peer.address in self._balancers
        if is_ours and not sight.is_tls:
            return  # a balancer's health check; in TLS it may be somebody whom it does not announce
        if sight.seen.startswith(REQUEST):
            return  # an agent's report in clear, or its control experiment: no attempt of its own, and no stranger's
        network = network_of(peer.address)
        if not self._rates.take(network) or not (peer.ticket.is_known or self._strangers.take("")):
            self.sightings.saw_more(network)
            return
        half = self.half(peer, sight, last_io=last_io, stream=stream, shaken=shaken)
        self.halves.add(address_key(peer.address), half)
        # Else it is a port scan, or somebody who spoke.
        is_worth_writing = bool(sight.seen) and not sight.said and not is_ours
        if is_worth_writing and not any(each.kind in OWN_DOING for each in half.nearby):
            self.sightings.saw(network, half)

    def disagreed(self, peer: Peer, detail: str, *, header: bytes = b"") -> None:
        """A connection was turned away for its PROXY header: whoever suffers from it is no victim of a box.

        Args:
            header: that came where none is wanted, as far as it was seen: who is announced in it suffers, too.
        """
        keys = {address_key(peer.address)}
        if (announced := announced_in(header)) is not None:
            keys.add(address_key(announced))
        for key in keys:
            self.surroundings.turned_away(key, detail, NearbyKind.PROXY_HEADER)

    async def exchange(self, sock: socket.socket, peer: Peer, sight: Sight) -> Exchange:
        """Hear an HTTP request in clear that may be a report, and say what to answer.

        Raises:
            OSError: the connection broke.
        """
        carrier = Carrier(peer=peer, sight=sight, stream=None, http=True)
        return await serve_request(partial(receive, sock), b"", carrier, self.reports)

    def rotated(self) -> None:
        """The edge serves another certificate from now on."""
        self.expectations.remember()
        self.surroundings.note(NearbyKind.ROTATION)

    def reconfigured(self) -> None:
        """The provider names other proxies as its own from now on."""
        self._balancers = Networks(self.services.config.balancers)

    def half(
        self, peer: Peer, sight: Sight, *, last_io: LastIo, stream: TLSStream | None, shaken: bool
    ) -> GatewaySide:
        """The gateway's half of a connection, with what was served on it and what else went on."""
        half = half_of(
            sight,
            source=endpoint(peer.address, peer.port),
            listener=_accepted_on(sight.sock),
            last_io=last_io,
            stream=stream,
            shaken=shaken and stream is not None,
        )
        served = None
        if stream is not None:
            leaf = stream.own_leaf_der()
            served = next((chain for chain in self.services.credentials.served if chain[0] == leaf), None)
        return attrs.evolve(
            half, served=served, nearby=self.surroundings.near(sight.at_ms, address_key(peer.address))
        )


def _accepted_on(sock: socket.socket) -> str:
    try:
        return endpoint(*sock.getsockname()[:2])
    except OSError:
        return ""
