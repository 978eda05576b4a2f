"""What the evidence says of the path below and around TLS: functions of `Seen` to True, False, or None (not observed)."""

import statistics
from collections.abc import Callable

from certs.inspection.evidence import LastIo
from certs.inspection.facts import OUR_ALPN, Seen
from certs.inspection.facts_read import address_of

# The first byte of a TLS record: change cipher spec, alert, handshake, application data.
_TLS_RECORDS = frozenset({0x14, 0x15, 0x16, 0x17})

# Redirects, and 511 Network Authentication Required (RFC 6585), made for portals.
_PORTAL_STATUS = frozenset({302, 303, 307, 308, 511})

TCP_FAILURES = frozenset({LastIo.REFUSED, LastIo.UNREACHABLE, LastIo.CONNECT_TIMEOUT})
CUT = frozenset({LastIo.RESET, LastIo.EOF})
_BROKEN = TCP_FAILURES | CUT | {LastIo.HANDSHAKE_TIMEOUT, LastIo.ANSWER_TIMEOUT}

# A hello that still fits one segment: 1,460 bytes of payload on Ethernet, 1,400 through most tunnels.
_ONE_SEGMENT = 1400

# Sessions that end alike: three of them, within a fiftieth of their length or a second.
_MIN_CUTS = 3
_SPREAD = 0.02

# Initial TTLs. Whatever arrives with more than its platform starts with was sent by something else.
_INITIAL_TTL = {"linux": 64, "darwin": 64, "macos": 64, "freebsd": 64, "win": 128}


def first_bytes(seen: Seen) -> bytes | None:
    return None if seen.agent is None else seen.agent.first_bytes


def not_tls(seen: Seen) -> bool | None:
    came = first_bytes(seen)
    return None if came is None else bool(came) and came[0] not in _TLS_RECORDS


def http(seen: Seen) -> bool | None:
    came = first_bytes(seen)
    return None if came is None else came.startswith(b"HTTP/")


def http_status(seen: Seen) -> int | None:
    """Of an HTTP answer that came in TLS's place."""
    line = (first_bytes(seen) or b"").split(b"\r\n", 1)[0].split(b"\n", 1)[0].split()
    if len(line) < 2 or not line[0].startswith(b"HTTP/") or not line[1].isdigit():
        return None
    return int(line[1][:4])


def portal(seen: Seen) -> bool | None:
    came = first_bytes(seen)
    return None if came is None else http_status(seen) in _PORTAL_STATUS


def ended(*how: LastIo) -> Callable[[Seen], bool | None]:
    def derive(seen: Seen) -> bool | None:
        return None if seen.agent is None or seen.agent.last_io is None else seen.agent.last_io in how

    return derive


def broken(seen: Seen) -> bool | None:
    """By the agent's word, else by the gateway's."""
    side = seen.agent if seen.agent is not None else seen.gateway
    return None if side is None or side.last_io is None else side.last_io in _BROKEN


def handshaken(seen: Seen) -> bool | None:
    return None if seen.agent is None else seen.agent.handshake_complete


def nothing_came(seen: Seen) -> bool | None:
    if seen.agent is None or seen.agent.received_bytes is None:
        return None
    return seen.agent.received_bytes == 0


def gateway_got_hello(seen: Seen) -> bool | None:
    if seen.gateway is None:
        return None
    if seen.gateway.hello is not None or seen.gateway.handshake_complete:
        return True
    return None if seen.gateway.first_bytes is None else False


def gateway_ended(seen: Seen) -> bool | None:
    """Whether it was the gateway that hung up."""
    if seen.gateway is None or seen.gateway.last_io is None:
        return None
    if any(alert.sent for alert in seen.gateway.alerts or ()):
        return True
    return seen.gateway.last_io in (LastIo.CLOSE_NOTIFY, LastIo.COMPLETE)


def gateway_silent(seen: Seen) -> bool | None:
    if seen.gateway is None or seen.gateway.application_bytes is None:
        return None
    return bool(seen.gateway.handshake_complete) and seen.gateway.application_bytes == 0


def best(versions: tuple[str, ...]) -> str:
    return max(versions, default="")  # "TLSv1" < "TLSv1.2" < "TLSv1.3"


def _same_attempt(seen: Seen) -> bool:
    return seen.carrying or seen.same_random is True


def lowered(seen: Seen) -> bool | None:
    """What arrived against what was sent; with one half alone, what was agreed on against what was sent."""
    if seen.agent is None or seen.agent.hello is None or not seen.agent.hello.versions:
        return None
    sent = best(seen.agent.hello.versions)
    if seen.gateway is not None and seen.gateway.hello is not None and _same_attempt(seen):
        return best(seen.gateway.hello.versions) < sent
    if seen.agent.negotiated is None or not seen.agent.negotiated.version:
        return None
    return seen.agent.negotiated.version < sent


def alpn_lost(seen: Seen) -> bool | None:
    if seen.agent is None or seen.agent.hello is None or OUR_ALPN not in seen.agent.hello.alpn:
        return None
    if seen.gateway is not None and seen.gateway.hello is not None and _same_attempt(seen):
        return OUR_ALPN not in seen.gateway.hello.alpn
    return None if seen.agent.negotiated is None else seen.agent.negotiated.alpn != OUR_ALPN


def both_hellos(seen: Seen) -> bool | None:
    """Whether the hello that arrived could be compared."""
    if seen.gateway is None or seen.gateway.hello is None or seen.agent is None:
        return None
    return True if seen.agent.hello is not None and _same_attempt(seen) else None


def hello_is_big(seen: Seen) -> bool | None:
    if seen.agent is None or seen.agent.hello is None:
        return None
    return seen.agent.hello.size > _ONE_SEGMENT


def large_fails(seen: Seen) -> bool | None:
    """Of several sizes, one beyond a segment at least fails."""
    sizes = [seen.probe(name) for name in ("large-hello", "hello-1600")]
    known = [passed for passed in sizes if passed is not None]
    return None if not known else not all(known)


def small_passes(seen: Seen) -> bool | None:
    sizes = [seen.probe(name) for name in ("small-hello", "hello-1200")]
    known = [passed for passed in sizes if passed is not None]
    return None if not known else any(known)


def _addresses(endpoints: tuple[str, ...]) -> set[object]:
    return {address for endpoint in endpoints if (address := address_of(endpoint)) is not None}


def dns_other(seen: Seen) -> bool | None:
    if seen.agent is None or not seen.agent.resolved:
        return None
    listed, answered = _addresses(seen.expected.gateways), _addresses(seen.agent.resolved)
    return listed.isdisjoint(answered) if listed and answered else None


def cut_after(seen: Seen) -> tuple[str, float] | None:
    """("age" or "idle time", seconds) if the last sessions were cut alike."""
    cuts = [] if seen.agent is None else [s for s in seen.agent.sessions if not s.close_notify]
    if len(cuts) < _MIN_CUTS:
        return None
    for what, times in (("idle time", [s.idle_s for s in cuts]), ("age", [s.lasted_s for s in cuts])):
        middle = statistics.median(sorted(times))
        if middle >= 1 and max(times) - min(times) <= max(1.0, middle * _SPREAD):
            return what, middle
    return None


def regular_cuts(seen: Seen) -> bool | None:
    return None if seen.agent is None or not seen.agent.sessions else cut_after(seen) is not None


def address_translated(seen: Seen) -> bool | None:
    local = address_of(seen.agent.local) if seen.agent is not None else None
    source = address_of(seen.gateway.source) if seen.gateway is not None else None
    return None if local is None or source is None else local != source


def answered_too_soon(seen: Seen) -> bool | None:
    """TCP came up at the agent in far less than the round trip that the gateway measures."""
    syn = seen.gateway.syn if seen.gateway is not None else None
    if seen.agent is None or seen.agent.connect_ms is None or syn is None or syn.rtt_ms is None:
        return None
    return seen.agent.connect_ms + 3 < syn.rtt_ms / 2


def foreign_ttl(seen: Seen) -> bool | None:
    if seen.agent is None or seen.gateway is None or seen.gateway.syn is None:
        return None
    platform = seen.agent.platform.lower()
    initial = next((ttl for name, ttl in _INITIAL_TTL.items() if platform.startswith(name)), None)
    return None if initial is None else seen.gateway.syn.ttl > initial


def in_between(seen: Seen) -> bool | None:
    signs = [seen.own_proxy, address_translated(seen), answered_too_soon(seen), foreign_ttl(seen)]
    if any(signs):
        return True
    return None if signs[1] is None and signs[0] is None else False


def alone(seen: Seen) -> bool:
    """Whether the gateway speaks of somebody who did not report."""
    return seen.gateway is not None and seen.agent is None


def said_nothing(seen: Seen) -> bool | None:
    """A stranger who connected, and sent nothing that TLS could be made of."""
    if seen.gateway is None:
        return None
    if seen.gateway.hello is not None or seen.gateway.handshake_complete:
        return False
    return None if seen.gateway.first_bytes is None else seen.gateway.first_bytes == b""


def said_other(seen: Seen) -> bool | None:
    """A stranger who speaks another protocol."""
    came = None if seen.gateway is None else seen.gateway.first_bytes
    return None if came is None else bool(came) and came[0] not in _TLS_RECORDS


def hello_foreign(seen: Seen) -> bool | None:
    """A hello that does not ask for our protocol."""
    if seen.gateway is None or seen.gateway.hello is None:
        return None
    return OUR_ALPN not in seen.gateway.hello.alpn


def stranger_went(seen: Seen) -> bool | None:
    """A hello, or a whole handshake, and then no word."""
    if seen.gateway is None or seen.gateway.hello is None:
        return None
    if seen.gateway.application_bytes:
        return False
    return seen.gateway.last_io in _BROKEN | {LastIo.CLOSE_NOTIFY, LastIo.ALERT}


def alert_came(seen: Seen) -> bool | None:
    """A fatal alert came in the certificate's place."""
    if seen.agent is None or seen.agent.alerts is None:
        return None
    return any(not alert.sent for alert in seen.agent.alerts) and not seen.chain
