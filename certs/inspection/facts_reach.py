"""What the evidence says of whether a gateway was reached at all, and through whom: functions of `Seen` to True, False, or None."""

from datetime import timedelta

from certs import TimeVerdict
from certs.inspection.evidence import LastIo
from certs.inspection.facts import Seen
from certs.inspection.facts_path import CUT, TCP_FAILURES, alert_came, first_bytes, http_status
from certs.inspection.facts_read import moment
from certs.inspection.vendors import name_vendor

# A gateway's certificate that ended longer ago than this would have kept every agent out for as long: somebody had noticed.
LONG_OVER = timedelta(days=30)

_NO_TLS = TCP_FAILURES | CUT | {LastIo.HANDSHAKE_TIMEOUT, LastIo.NOT_RESOLVED, LastIo.CLOSE_NOTIFY}


def _proxy_status(seen: Seen) -> int | None:
    proxy = None if seen.agent is None else seen.agent.proxy
    return proxy.status if proxy is not None and proxy.used else None


def proxy_asks(seen: Seen) -> bool | None:
    if seen.agent is None:
        return None
    return _proxy_status(seen) == 407 or http_status(seen) == 407


def proxy_denies(seen: Seen) -> bool | None:
    """Whether the proxy decided it: what it says of the other side (5xx) is no decision of its own."""
    if seen.agent is None:
        return None
    status = _proxy_status(seen)
    return status is not None and 300 <= status < 500 and status != 407


def proxy_cannot(seen: Seen) -> bool | None:
    """Whether the proxy says that it did not get through itself: 502, 503, 504, and 500 of some."""
    if seen.agent is None:
        return None
    status = _proxy_status(seen)
    return status is not None and status >= 500


def proxy_fails(seen: Seen) -> bool | None:
    """Whether the proxy itself gave no answer that could be read."""
    if seen.agent is None or (seen.agent.last_io is None and seen.agent.tcp_error is None):
        return None
    proxy = seen.agent.proxy
    return proxy is not None and proxy.used and proxy.status is None and not seen.agent.handshake_complete


def proxy_waits(seen: Seen) -> bool | None:
    """Whether the proxy took the connection and kept silent."""
    if seen.agent is None or seen.agent.last_io is None:
        return None
    return bool(proxy_fails(seen)) and seen.agent.last_io is LastIo.ANSWER_TIMEOUT


def tcp_failed(seen: Seen) -> bool | None:
    if seen.agent is None or (seen.agent.last_io is None and seen.agent.tcp_error is None):
        return None
    return bool(seen.agent.tcp_error) or seen.agent.last_io in TCP_FAILURES


def unresolved(seen: Seen) -> bool | None:
    """Whether the name could not be resolved."""
    if seen.agent is None or seen.agent.last_io is None:
        return None
    return seen.agent.last_io is LastIo.NOT_RESOLVED


def unreached(seen: Seen) -> bool | None:
    """Whether the attempt ended before anything came that tells who is there; an alert may be anybody's."""
    agent = seen.agent
    if agent is None or agent.last_io is None:
        return None
    if agent.handshake_complete or seen.chain or first_bytes(seen):
        return False
    return agent.last_io in _NO_TLS or alert_came(seen) is True


def gateway_up(seen: Seen) -> bool | None:
    """Whether the gateway showed itself at about that time: to the agent, or by what it saw of the agent's network."""
    half = seen.gateway
    if half is not None and seen.agent is not None and (half.last_io is not None or half.hello is not None):
        return True
    return seen.probe("other-port")


def dialed_listed(seen: Seen) -> bool | None:
    if seen.agent is None or not seen.expected.gateways:
        return None
    return seen.agent.dialed.lower() in {gateway.lower() for gateway in seen.expected.gateways}


def no_gateways_answer(seen: Seen) -> bool | None:
    """Whether who answered in TLS lacks what every gateway has: the provider's chain, and the wish to see a certificate."""
    if seen.agent is None:
        return None
    asked = seen.agent.certificate_requested
    if seen.chain_ours is False or asked is False:
        return True
    return False if seen.chain_ours and asked else None


def issuer_named(seen: Seen) -> bool | None:
    """Whether the issuer's name is one that a product for inspection signs with."""
    if not seen.chain or seen.key_ours:
        return None
    match = name_vendor(seen.chain)
    return match is not None and not match.weak


def long_over(seen: Seen) -> bool | None:
    """Whether the certificate ended long ago, by the agent's clock."""
    judged = seen.judged_by_agent
    if seen.agent is None or judged is None or judged.not_after is None:
        return None
    return judged.time is TimeVerdict.EXPIRED and moment(seen.agent.at_ms) - judged.not_after > LONG_OVER
