"""The way in steps, as a person follows it: what is known of each, from what was seen. No opinion beyond right and wrong."""

import enum
from collections.abc import Iterator
from typing import Final

import attrs

from agent.path import split_address
from certs import Anchors, ChainVerdict, NameVerdict, Usage, from_ms, judge_chain
from certs.inspection import AgentSide, LastIo, Probe

__all__ = ["Mark", "Step", "steps_of"]


class Mark(enum.Enum):
    """How a step went."""

    GOOD = "ok"
    BAD = "!!"
    TOLD = "--"
    """Worth knowing, and neither right nor wrong by itself."""


@attrs.frozen
class Step:
    """One of them; `detail` may hold a stranger's words."""

    name: str
    mark: Mark
    detail: str


_PROBES: Final = {
    "small-hello": "TLS, small hello",
    "large-hello": "TLS, large hello",
    "http": "HTTP inside TLS",
    "plain-payload": "without TLS",
}


def steps_of(side: AgentSide, anchors: Anchors | None, *, asked: bool) -> tuple[Step, ...]:
    """Those whose outcome is known.

    Args:
        anchors: whom to trust, if that is known.
        asked: whether anything was said inside the TLS.
    """
    return tuple(_steps(side, anchors, asked))


def _steps(side: AgentSide, anchors: Anchors | None, asked: bool) -> Iterator[Step]:
    if side.last_io is None and side.tcp_error is None:  # nothing has come of it yet
        return
    yield from _way(side)
    if side.handshake_complete is not None:
        yield _tls(side)
    yield from _certificates(side, anchors)
    if asked:
        answer = (
            f"answered in {side.first_byte_ms:.0f} ms" if side.first_byte_ms and side.answered else "answered"
        )
        yield Step(
            "payload", Mark.GOOD if side.answered else Mark.BAD,
            answer if side.answered else f"what was said inside the TLS: {_end(side)}",
        )  # fmt: skip
    for probe in side.probes:
        yield _control(probe)


def _way(side: AgentSide) -> Iterator[Step]:
    if side.resolved:
        yield Step("DNS", Mark.GOOD, ", ".join(side.resolved))
    elif side.last_io is LastIo.NOT_RESOLVED and not (side.proxy is not None and side.proxy.used):
        yield Step("DNS", Mark.BAD, "the name has no address here")
        return
    if (proxy := side.proxy) is not None and proxy.used:
        said = (
            f": {proxy.status} {proxy.reason}".rstrip() if proxy.status is not None else f": {proxy.reason}"
        )
        opened = side.handshake_complete is not None
        yield Step(
            "proxy",
            Mark.GOOD if opened else Mark.BAD,
            f"{proxy.url}{'' if opened else said.rstrip(': ') or _no_proxy(side)}",
        )
        if not opened:
            return
    if side.handshake_complete is None:
        yield Step("TCP", Mark.BAD, f"{side.dialed}: {_end(side)} ({side.tcp_error})")
    else:
        taken = f" in {side.connect_ms:.0f} ms" if side.connect_ms is not None else ""
        yield Step("TCP", Mark.GOOD, f"{side.local} to {side.remote}{taken}")


def _no_proxy(side: AgentSide) -> str:
    return f": {_end(side)}" + (f" ({side.tcp_error})" if side.tcp_error else "")


def _tls(side: AgentSide) -> Step:
    size = f", hello of {side.hello.size:,} bytes" if side.hello is not None else ""
    if side.negotiated is None:
        alerts = "".join(
            f", alert {each.name!r} {'sent' if each.sent else 'came'}" for each in side.alerts or ()
        )
        came = f": {side.first_bytes[:40]!r}" if side.first_bytes else ""
        return Step("TLS", Mark.BAD, f"{_end(side)}{came}{alerts}{size}")
    taken = f" in {side.handshake_ms:.0f} ms" if side.handshake_ms is not None else ""
    agreed = side.negotiated
    right = agreed.version == "TLSv1.3" and agreed.alpn == "fieldgate/1"
    return Step(
        "TLS", Mark.GOOD if right else Mark.BAD,
        f"{agreed.version}, {agreed.alpn or 'no protocol agreed on'}{taken}{size}",
    )  # fmt: skip


def _certificates(side: AgentSide, anchors: Anchors | None) -> Iterator[Step]:
    if not side.chain:
        return
    trusted = anchors or Anchors(pins=frozenset())
    host, _ = split_address(side.dialed)
    at = from_ms(side.at_ms - (side.clock_offset_ms or 0))
    judged = judge_chain(side.chain, trusted, name=host, usage=Usage.SERVER, at=at)
    named = judged.name is NameVerdict.OK
    yield Step(
        "name", Mark.GOOD if named else Mark.BAD, f"the certificate is {'' if named else 'not '}for {host}"
    )
    if anchors is None:
        yield Step(
            "chain", Mark.TOLD, "nobody said which CA the provider has: --state, --token or --gateway-view do"
        )
    else:
        ours = judged.chain is ChainVerdict.OK
        yield Step(
            "chain", Mark.GOOD if ours else Mark.BAD, "of the provider's CA" if ours else judged.detail
        )
    if side.certificate_requested is not None:
        asked = side.certificate_requested
        yield Step(
            "client cert",
            Mark.GOOD if asked else Mark.BAD,
            "was asked for" if asked else "nobody asked for one",
        )


def _control(probe: Probe) -> Step:
    name, detail = _PROBES.get(probe.name, f"TLS, {probe.name.partition('-')[2]} bytes"), probe.detail
    if probe.name == "other-port":
        name, _, detail = detail.partition(": ")
    # Many gateways do not listen there: that it is closed says something only beside a failure.
    bad = Mark.TOLD if probe.name in ("other-port", "plain-payload") else Mark.BAD
    return Step(name, Mark.GOOD if probe.passed else bad, detail)


def _end(side: AgentSide) -> str:
    return side.last_io.value if side.last_io is not None else "nothing came of it"
