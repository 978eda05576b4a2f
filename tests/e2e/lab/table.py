"""docs/inspection-cases.md: what came of each run, as a table for people, and read back from there."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from certs import CertificateError, read_certificate
from certs.inspection import AgentSide, GatewaySide, Join
from tests.e2e.lab.cases import Case, Run
from tests.e2e.lab.lab import Result

__all__ = ["PAGE", "promised", "render"]

PAGE = Path(__file__).parents[3] / "docs" / "inspection-cases.md"

HEAD = """\
# TLS inspection: the cases

What Fieldgate says of each box, fault and innocent that the lab in `tests/e2e/lab` puts between real agents and real gateways.
mitmproxy, squid and haproxy are the real ones; the rest are relays of the lab's own. What must come of each case was written
down before it was run (`tests/e2e/lab/cases.toml`); this page is written by a run (`make lab`), and a run that comes to anything
else fails. How the verdicts are found: [TLS inspection](tls-inspection.md).

*Reporter*: an enrolled agent, somebody with an enrollment token, somebody with a token who runs the probe (and tells no gateway), or
nobody (the gateway speaks alone). *Root store*: whether
the operating system of the agent's server trusts the interceptor's CA; a dash where there is none, or where it makes no difference.
*Session*: whether an agent's session opens on this path. *Confidence* is rounded to a tenth. What the gateway saw is of the very
connection, where it carried the report; else of the likeliest one, by time and address. Where no gateway could be told, there is
what the agent says alone.

| case | reporter | root store | expected | verdict | confidence | session | the agent saw | the gateway saw |
|---|---|---|---|---|---|---|---|---|
"""

ROW = re.compile(r"^\| `([\w-]+)`[^|]*\| (\w+) \| ([\w–]+) \| ([\w-]+) \| ([\w-]+) \|")


def promised(text: str) -> dict[tuple[str, str, str], tuple[str, str]]:
    """(case, reporter, root store) to (expected, verdict), of a page."""
    found = (ROW.match(line) for line in text.splitlines())
    return {(m[1], m[2], m[3]): (m[4], m[5]) for m in found if m is not None}


def render(results: Iterable[Result], ground: str) -> str:
    """The page."""
    ordered = sorted(results, key=lambda result: result.run.site)
    rows = "".join(_row(result) for result in ordered)
    notes = "".join(f"- `{case.name}`: {case.what}\n" for case in _cases(ordered))
    foot = f"\n{len(ordered)} runs, on {ground}. A verdict of `silence` means that the gateway notes nothing: there is nothing to say.\n"
    return HEAD + rows + foot + "\n## The cases in words\n\n" + notes


def _cases(results: Iterable[Result]) -> Iterator[Case]:
    yield from {result.run.case.name: result.run.case for result in results}.values()


def _row(result: Result) -> str:
    run = result.run
    confidence = "–" if result.verdict == "silence" else f"{result.confidence:.1f}"
    cells = (
        f"`{run.case.name}`", run.who, run.store or "–", run.expected, result.verdict, confidence, _session(run, result.session),
        _cell(agent_saw(result.side)) if result.side is not None else result.alone or "–", _gateway_cell(result.gateway),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def _session(run: Run, answer: str) -> str:
    if not answer:
        return "–"
    return "opens" if answer == "Welcome" else "refused"


def _cell(parts: Iterable[str]) -> str:
    return "; ".join(part.replace("|", "\\|") for part in parts if part) or "–"


def agent_saw(side: AgentSide) -> Iterator[str]:
    """What tells the cases apart, in few words."""
    if side.proxy is not None and side.proxy.used:
        yield f"proxy answered {side.proxy.status}"
    if side.tcp_error:
        yield side.tcp_error
    if side.chain:
        yield f"certificate by {_issuer(side.chain[0])}"
        yield "a root it trusts" if side.trusted_by_system else ""
        yield "its pins hold" if side.trusted_by_pins else ""
    if side.handshake_complete and side.negotiated is not None:
        yield "" if side.certificate_requested else "not asked for a certificate"
        yield "" if side.negotiated.version == "TLSv1.3" else side.negotiated.version
        yield "" if side.negotiated.alpn else "no ALPN"
    for alert in side.alerts or ():
        yield f"{'sent' if alert.sent else 'got'} alert {alert.name or alert.description}"
    if side.first_bytes:
        yield f"`{side.first_bytes.splitlines()[0].decode('ascii', 'replace')}`"
    if side.sessions:
        yield f"{len(side.sessions)} sessions cut alike"
    elif side.last_io is not None:
        yield side.last_io.value
    passed = [probe.name for probe in side.probes if probe.passed]
    failed = [probe.name for probe in side.probes if not probe.passed]
    yield f"passes: {', '.join(passed)}" if passed else ""
    yield f"fails: {', '.join(failed)}" if failed else ""


def _issuer(der: bytes) -> str:
    try:
        issuer = read_certificate(der).issuer
    except CertificateError:
        return "nobody that can be read"
    common = re.search(r"CN=([^,]+)", issuer)
    return common[1] if common else issuer


def _gateway_cell(half: GatewaySide | None) -> str:
    if half is None:
        return "–"
    return f"{'likely: ' if half.join is Join.TIME_AND_ADDRESS else ''}{_cell(gateway_saw(half))}"


def gateway_saw(half: GatewaySide) -> Iterator[str]:
    """The same of the other end."""
    if half.through_own_proxy:
        yield "announced by its balancer"
    if half.handshake_complete:
        yield "a whole handshake"
        yield "with the agent's certificate" if half.client_certificate else "no client certificate"
        yield "not a word" if half.application_bytes == 0 and half.join is not Join.CARRYING else ""
    elif half.hello is not None:
        yield "a hello"
    if half.hello is not None:
        yield "" if half.hello.versions[:1] == ("TLSv1.3",) else f"offering {', '.join(half.hello.versions)}"
        yield "" if "fieldgate/1" in half.hello.alpn else "without our ALPN"
    if half.first_bytes:
        line = next(
            (line for line in half.first_bytes.splitlines() if line.strip(b"\0")), b""
        )  # a PROXY header begins with empty ones
        yield f"`{line.decode('ascii', 'replace')}`"
    for near in half.nearby:
        yield f"its own {near.kind.value}"
    if half.last_io is not None and half.join is not Join.CARRYING:
        yield half.last_io.value
