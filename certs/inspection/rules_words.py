"""The words in braces in the rules' sentences: what was seen, cut to length and free of control characters."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from certs import ChainVerdict, TimeVerdict
from certs.inspection import facts_path as path
from certs.inspection import facts_tls as tls
from certs.inspection import words_reach as reach
from certs.inspection.evidence import LastIo, NearbyKind
from certs.inspection.facts import Seen
from certs.inspection.facts_read import moment
from certs.inspection.finding import GUESS, SURE
from certs.inspection.vendors import VendorMatch
from certs.inspection.words_reach import duration

__all__ = ["WORDS", "fill"]

_MAX_WORD = 200

# Control characters, line separators, and those that change the direction of writing.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")

_NEARBY = {
    NearbyKind.RESTART: "restarting",
    NearbyKind.DRAIN: "draining",
    NearbyKind.ROTATION: "changing its certificate",
    NearbyKind.BAN: "turning the address away",
    NearbyKind.OVERLOAD: "overloaded",
    NearbyKind.PROXY_HEADER: "turning the address away for its PROXY header",
}


class _Words(dict[str, str]):
    """Looks a word up when a sentence asks for it."""

    def __init__(self, seen: Seen, vendor: VendorMatch | None, probably: str) -> None:
        super().__init__(
            box=probably + _box(vendor, "a box in the path"),
            box_or_server=probably + _box(vendor, "a firewall or another server"),
            probably=probably,
        )
        self._seen = seen

    def __missing__(self, word: str) -> str:
        return clean(WORDS[word](self._seen)) or "(not observed)"


def fill(sentence: str, seen: Seen, vendor: VendorMatch | None = None, *, confidence: float = 1.0) -> str:
    """*sentence* with its words, the first letter a capital one; a culprit that is not sure is a probable one, or perhaps it."""
    probably = "" if confidence >= SURE else "probably " if confidence >= GUESS else "perhaps "
    text = sentence.format_map(_Words(seen, vendor, probably))
    return text[:1].upper() + text[1:]


def clean(text: str) -> str:
    """What a stranger wrote, for a sentence."""
    text = _UNPRINTABLE.sub(" ", text).strip()
    return text if len(text) <= _MAX_WORD else text[:_MAX_WORD] + "…"


def _box(vendor: VendorMatch | None, nobody: str) -> str:
    if vendor is None:
        return nobody
    if vendor.by_tenant:
        return f"a box in the path, presumably the customer's {vendor.vendor},"
    if vendor.weak:
        return f"a box in the path, perhaps of {vendor.vendor},"
    return f"{vendor.vendor} on the server itself" if vendor.software else f"{vendor.vendor} in the path"


def _at(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _one_or_two(seen: Seen) -> str:
    if seen.same_exporter is not None:
        return "the keying material (exporter) is {}"
    if seen.agent is not None and seen.agent.authenticated:
        return "the agent's certificate opened a session"
    if seen.carrying and seen.leaf_served is False:
        return "the certificate that arrived is not the one that was sent"
    return "the hello's random value is {}"


def _issuer(seen: Seen) -> str:
    return "" if seen.leaf is None else seen.leaf.issuer or "an issuer without a name"


def _names(seen: Seen) -> str:
    if seen.leaf is None:
        return ""
    return ", ".join(sorted(seen.leaf.names)) or "no name at all"


def _validity(seen: Seen) -> str:
    judged = seen.judged
    if judged is None or judged.not_before is None or judged.not_after is None:
        return ""
    if judged.time is TimeVerdict.NOT_YET_VALID:
        return f"valid only from {_at(judged.not_before)} on, and the time was {_at(seen.at)}"
    if judged.time is TimeVerdict.EXPIRED:
        return f"valid only until {_at(judged.not_after)}, and the time was {_at(seen.at)}"
    return f"valid until {_at(judged.not_after)}"


def _validity_short(seen: Seen) -> str:
    early = seen.judged is not None and seen.judged.time is TimeVerdict.NOT_YET_VALID
    return "not valid yet" if early else "expired"


def _offset(seen: Seen) -> str:
    if seen.offset_ms is None:
        if seen.judged_by_agent is not None and seen.judged_by_agent.time is TimeVerdict.NOT_YET_VALID:
            return "behind"
        return "ahead" if seen.agent is not None and moment(seen.agent.at_ms) > seen.at else "wrong"
    ahead = "ahead" if seen.offset_ms > 0 else "behind"
    return f"{duration(abs(seen.offset_ms) / 1000)} {ahead}"


def _own_end(seen: Seen) -> str:
    if seen.agent is None or seen.agent.certificate_not_after_ms is None:
        return ""
    return _at(moment(seen.agent.certificate_not_after_ms))


def _location(seen: Seen) -> str:
    came = b"" if seen.agent is None else seen.agent.first_bytes or b""
    for line in came.split(b"\n")[1:]:
        field, colon, value = line.partition(b":")
        if colon and field.strip().lower() == b"location":
            return value.decode("ascii", "replace")
    return reach.first_line(seen)


def _alert(seen: Seen) -> str:
    came = [a for a in (seen.agent.alerts or () if seen.agent is not None else ()) if not a.sent]
    return ", ".join(
        sorted({f"the alert {a.description}" + (f" ({a.name})" if a.name else "") for a in came})
    )


def _hello_size(seen: Seen) -> str:
    return "" if seen.agent is None or seen.agent.hello is None else str(seen.agent.hello.size)


def _nearby(seen: Seen) -> str:
    if seen.gateway is None:
        return ""
    return ", ".join(
        sorted(
            f"{_NEARBY[n.kind]} {abs(n.seconds):.0f} s {'before' if n.seconds < 0 else 'after'}"
            for n in seen.gateway.nearby
        )
    )


def _offered_version(seen: Seen) -> str:
    offered = () if seen.agent is None or seen.agent.hello is None else seen.agent.hello.versions
    return path.best(offered)


def _arrived_version(seen: Seen) -> str:
    if path.both_hellos(seen) and seen.gateway is not None and seen.gateway.hello is not None:
        return path.best(seen.gateway.hello.versions) or "none"
    return "" if seen.agent is None or seen.agent.negotiated is None else seen.agent.negotiated.version


def _arrived_alpn(seen: Seen) -> str:
    if path.both_hellos(seen) and seen.gateway is not None and seen.gateway.hello is not None:
        return ", ".join(seen.gateway.hello.alpn) or "none"
    if seen.agent is None or seen.agent.negotiated is None:
        return ""
    return seen.agent.negotiated.alpn or "none"


def _resolved(seen: Seen) -> str:
    return "" if seen.agent is None else ", ".join(sorted(seen.agent.resolved or ()))


def _or_clock(seen: Seen) -> str:
    return "" if tls.clock_off(seen) is False else ", unless the clock of the agent's server is ahead"


def _between(seen: Seen) -> str:
    signs = []
    if seen.own_proxy:
        signs.append("a balancer of the provider's own")
    if path.address_translated(seen) and seen.gateway is not None:
        signs.append(
            f"the agent's address is {_local(seen)} on its server, and {_source(seen)} at the gateway"
        )
    if path.answered_too_soon(seen):
        signs.append("TCP came up faster than the way to the gateway allows")
    if path.foreign_ttl(seen):
        signs.append("the gateway's caller has another kind of TCP than the agent's server")
    return "; ".join(signs) or "the gateway sees another address or distance than the agent's"


def _local(seen: Seen) -> str:
    return "" if seen.agent is None else seen.agent.local or ""


def _source(seen: Seen) -> str:
    return "" if seen.gateway is None else seen.gateway.source or "an address that was not noted"


def _clean_network(seen: Seen) -> str:
    """How far the acquittal goes."""
    return "the customer's network is clean" if seen.one_tls else "nothing points at the customer's network"


def _chain_fault(seen: Seen) -> str:
    judged = seen.judged
    return "" if judged is None or judged.chain is ChainVerdict.OK else judged.detail


def _cut(seen: Seen) -> tuple[str, float]:
    return path.cut_after(seen) or ("age", 0.0)


WORDS: Final[dict[str, Callable[[Seen], str]]] = {
    "alert": _alert,
    "arrived_alpn": _arrived_alpn,
    "arrived_version": _arrived_version,
    "asked": reach.asked,
    "between": _between,
    "chain_fault": _chain_fault,
    "clean": _clean_network,
    "cut": lambda seen: "reset" if seen.agent and seen.agent.last_io is LastIo.RESET else "TCP close (FIN)",
    "cut_after": lambda seen: duration(_cut(seen)[1]),
    "cut_what": lambda seen: _cut(seen)[0],
    "dialed": lambda seen: "" if seen.agent is None else seen.agent.dialed,
    "differs": lambda seen: _one_or_two(seen).format("different"),
    "first_line": reach.first_line,
    "hello_size": _hello_size,
    "host": lambda seen: seen.host or "",
    "issuer": _issuer,
    "last_io": reach.last_io,
    "listed": reach.listed,
    "location": _location,
    "names": _names,
    "nearby": _nearby,
    "offered_version": _offered_version,
    "offset": _offset,
    "or_clock": _or_clock,
    "over_for": reach.over_for,
    "own_end": _own_end,
    "proxy": reach.proxy,
    "proxy_answer": reach.proxy_answer,
    "proxy_fault": reach.proxy_fault,
    "refusal": lambda seen: (
        "" if seen.agent is None or seen.agent.refusal is None else str(seen.agent.refusal)
    ),
    "resolved": _resolved,
    "same": lambda seen: _one_or_two(seen).format("the same"),
    "source": _source,
    "tcp_error": reach.tcp_error,
    "tcp_to": reach.tcp_to,
    "up": reach.up,
    "validity": _validity,
    "validity_short": _validity_short,
}
