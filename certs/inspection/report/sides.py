"""The evidence in two columns: what the agent saw, what the gateway saw, row by row.

A cell is the lines of an observation, or None for "not observed". Nothing is escaped here, and nothing is left out: a row is
there for every field of both halves, so that a reader sees what nobody looked at, too.
"""

from collections.abc import Iterable
from typing import Final

import attrs

from certs.inspection.evidence import WITHOUT_PROXY, AgentSide, Evidence, GatewaySide, LastIo
from certs.inspection.facts_read import random_of
from certs.inspection.report.cells import (
    Cell,
    alerts,
    asked,
    came,
    dump,
    field_of,
    hexed,
    lines,
    look,
    ms,
    one,
    own,
    presented,
    same,
    size,
    skew,
    stamp,
    yes_no,
)

__all__ = ["NOT_ITS_BUSINESS", "Group", "Row", "groups_of"]

NOT_ITS_BUSINESS: Final = ("–",)
"""A cell of the side that cannot observe such a thing at all."""

_LAST_IO: Final = {
    LastIo.REFUSED: "TCP was refused",
    LastIo.UNREACHABLE: "unreachable (no route, or prohibited by ICMP)",
    LastIo.NOT_RESOLVED: "the name did not resolve",
    LastIo.CONNECT_TIMEOUT: "TCP timed out",
    LastIo.HANDSHAKE_TIMEOUT: "the TLS handshake timed out",
    LastIo.ANSWER_TIMEOUT: "no answer came after the handshake",
    LastIo.RESET: "TCP reset (RST)",
    LastIo.EOF: "TCP closed (FIN) without a goodbye of TLS",
    LastIo.CLOSE_NOTIFY: "TLS said goodbye (close_notify)",
    LastIo.ALERT: "a fatal TLS alert (see above)",
    LastIo.NOT_TLS: "something came that was not TLS",
    LastIo.COMPLETE: "complete; this side ended it itself",
}

# X509_V_ERR codes of OpenSSL that a path leads to.
_VERIFY: Final = {
    0: "ok",
    2: "unable to get issuer certificate",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    18: "self-signed certificate",
    19: "self-signed certificate in certificate chain",
    20: "unable to get local issuer certificate",
    21: "unable to verify the first certificate",
    23: "certificate revoked",
    26: "unsuitable certificate purpose",
    27: "certificate not trusted",
    62: "hostname mismatch",
    64: "IP address mismatch",
}


@attrs.frozen(kw_only=True)
class Row:
    """One thing that was or was not observed. `same` compares the two sides where both say the same kind of thing; what is
    `wide` does not fit half a page.
    """

    label: str
    agent: Cell = NOT_ITS_BUSINESS
    gateway: Cell = NOT_ITS_BUSINESS
    same: bool | None = None
    wide: bool = False


@attrs.frozen
class Group:
    """Rows under a heading."""

    title: str
    rows: tuple[Row, ...]


def groups_of(evidence: Evidence) -> tuple[Group, ...]:
    """All of it, in the order in which a connection comes about."""
    agent, gateway = evidence.agent, evidence.gateway
    seen = gateway if gateway is not None and gateway.is_seen else None
    return (
        Group("Time and addresses", tuple(_where(agent, seen))),
        Group("Name resolution and proxy", tuple(_way(agent, evidence))),
        Group("TCP", tuple(_tcp(agent, gateway))),
        Group("TLS: what was offered", tuple(_offered(agent, gateway))),
        Group("TLS: what came of it", tuple(_agreed(agent, gateway))),
        Group("How it ended", tuple(_end(agent, gateway))),
        Group("Control experiments and history", tuple(_history(agent, gateway))),
    )


def _where(agent: AgentSide | None, gateway: GatewaySide | None) -> Iterable[Row]:
    offset_ms = None if agent is None else agent.clock_offset_ms
    yield Row(
        label="time (UTC)",
        agent=one(stamp(look(agent, "at_ms"))),
        gateway=one(stamp(look(gateway, "at_ms"))),
    )
    if agent is not None and gateway is not None:
        offset_ms = agent.at_ms - gateway.at_ms
    yield Row(label="clock of the agent's server", agent=None if offset_ms is None else (skew(offset_ms),))
    yield Row(
        label="dialed / listener",
        agent=one(look(agent, "dialed")),
        gateway=one(look(gateway, "listener")),
    )
    yield Row(
        label="the agent's address",
        agent=one(look(agent, "local")),
        gateway=one(look(gateway, "source")),
        same=same(look(agent, "local"), look(gateway, "source")),
    )
    yield Row(label="the other end's address", agent=one(look(agent, "remote")))
    yield Row(label="through the provider's balancer", gateway=yes_no(look(gateway, "through_own_proxy")))
    yield Row(label="both halves joined by", gateway=one(look(look(gateway, "join"), "value")))
    yield Row(label="agent", agent=lines((look(agent, "agent_version"), look(agent, "platform"))))
    if gateway is not None and gateway.connections > 1:
        yield Row(label="connections like this one", gateway=(str(gateway.connections),))  # fmt: skip


def _way(agent: AgentSide | None, evidence: Evidence) -> Iterable[Row]:
    resolved = None if agent is None or agent.resolved is None else agent.resolved or ("(no address)",)
    listed = evidence.expected.gateways
    yield Row(label="DNS answers / published", agent=resolved, gateway=tuple(listed) or None)
    if agent is None or agent.proxy is None or agent.proxy == WITHOUT_PROXY:
        yield Row(label="proxy", agent=None if agent is None or agent.proxy is None else ("none",))
        return
    proxy = agent.proxy
    answer = "" if proxy.status is None else f"answered {proxy.status} {proxy.reason}"
    use = f"from {proxy.source}, {'used' if proxy.used else 'not used'}"
    yield Row(label="proxy", agent=lines((proxy.url, use, answer)))


def _tcp(agent: AgentSide | None, gateway: GatewaySide | None) -> Iterable[Row]:
    error = None if agent is None or agent.tcp_error is None else (agent.tcp_error or "came up",)
    yield Row(label="TCP", agent=error)
    syn = None if gateway is None else gateway.syn
    yield Row(
        label="TCP connect / round trip",
        agent=ms(look(agent, "connect_ms")),
        gateway=ms(look(syn, "rtt_ms")),
    )
    if syn is None:
        yield Row(label="SYN", gateway=None)
        return
    mss = "not sent" if syn.mss is None else str(syn.mss)
    yield Row(label="SYN", gateway=(f"TTL {syn.ttl}, MSS {mss}, window {syn.window}", f"options {syn.options or 'none'}"))  # fmt: skip


def _offered(agent: AgentSide | None, gateway: GatewaySide | None) -> Iterable[Row]:
    ours, theirs = look(agent, "hello"), look(gateway, "hello")
    yield Row(
        label="JA4",
        agent=one(look(ours, "ja4")),
        gateway=one(look(theirs, "ja4")),
        same=same(look(ours, "ja4"), look(theirs, "ja4")),
    )
    yield Row(
        label="JA4 raw",
        wide=True,
        agent=one(look(ours, "ja4_raw")),
        gateway=one(look(theirs, "ja4_raw")),
        same=same(look(ours, "ja4_raw"), look(theirs, "ja4_raw")),
    )
    yield Row(
        label="TLS versions",
        agent=field_of(ours, "versions"),
        gateway=field_of(theirs, "versions"),
        same=same(look(ours, "versions"), look(theirs, "versions")),
    )
    yield Row(
        label="ALPN",
        agent=field_of(ours, "alpn"),
        gateway=field_of(theirs, "alpn"),
        same=same(look(ours, "alpn"), look(theirs, "alpn")),
    )
    yield Row(
        label="server name (SNI)",
        agent=field_of(ours, "server_name"),
        gateway=field_of(theirs, "server_name"),
        same=same(look(ours, "server_name"), look(theirs, "server_name")),
    )
    yield Row(
        label="size of the hello",
        agent=size(look(ours, "size")),
        gateway=size(look(theirs, "size")),
        same=same(look(ours, "size"), look(theirs, "size")),
    )
    sent, arrived = random_of(agent), random_of(gateway)
    yield Row(label="client random", agent=hexed(sent), gateway=hexed(arrived), same=same(sent, arrived))  # fmt: skip


def _agreed(agent: AgentSide | None, gateway: GatewaySide | None) -> Iterable[Row]:
    yield Row(
        label="handshake complete",
        agent=yes_no(look(agent, "handshake_complete")),
        gateway=yes_no(look(gateway, "handshake_complete")),
    )
    yield Row(label="handshake took", agent=ms(look(agent, "handshake_ms")))
    ours, theirs = look(agent, "negotiated"), look(gateway, "negotiated")
    for label, field in (("version", "version"), ("ALPN", "alpn"), ("cipher", "cipher")):
        yield Row(
            label=label,
            agent=field_of(ours, field),
            gateway=field_of(theirs, field),
            same=same(look(ours, field), look(theirs, field)),
        )
    yield Row(label="client certificate", agent=asked(agent), gateway=presented(gateway))
    yield Row(
        label="keying material (exporter)",
        agent=hexed(look(agent, "exporter")),
        gateway=hexed(look(gateway, "exporter")),
        same=same(look(agent, "exporter"), look(gateway, "exporter")),
    )
    codes = None if agent is None else agent.verify_codes
    yield Row(
        label="verification (OpenSSL)",
        agent=None
        if codes is None
        else tuple(f"depth {d}: {c} {_VERIFY.get(c, '')}".rstrip() for d, c in codes) or ("no error",),
    )
    yield Row(label="accepted by the agent's pins", agent=yes_no(look(agent, "trusted_by_pins")))
    yield Row(label="accepted by the system's roots", agent=yes_no(look(agent, "trusted_by_system")))
    if agent is not None:
        yield Row(label="the agent's own certificate", agent=own(agent))  # fmt: skip


def _end(agent: AgentSide | None, gateway: GatewaySide | None) -> Iterable[Row]:
    yield Row(label="alerts", agent=alerts(agent), gateway=alerts(gateway))
    yield Row(
        label="last event",
        agent=one(_LAST_IO.get(look(agent, "last_io"))),
        gateway=one(_LAST_IO.get(look(gateway, "last_io"))),
    )
    yield Row(
        label="bytes that came",
        agent=came(look(agent, "received_bytes"), "after the hello (TCP)"),
        gateway=came(look(gateway, "application_bytes"), "decrypted"),
    )
    yield Row(label="first byte after", agent=ms(look(agent, "first_byte_ms")))
    yield Row(label="answered inside TLS", agent=yes_no(look(agent, "answered")))
    yield Row(
        label="first bytes, not TLS",
        wide=True,
        agent=dump(look(agent, "first_bytes")),
        gateway=dump(look(gateway, "first_bytes")),
    )
    if agent is not None and agent.authenticated is not None:
        yield Row(label="session opened", agent=yes_no(agent.authenticated))
    if agent is not None and agent.carried is not None:
        yield Row(label="report came on it", agent=yes_no(agent.carried))
    if agent is not None and agent.refusal is not None:
        yield Row(label="the gateway's refusal", agent=(f"FG-{agent.refusal}",))  # fmt: skip


def _history(agent: AgentSide | None, gateway: GatewaySide | None) -> Iterable[Row]:
    probes = () if agent is None else agent.probes
    told = tuple(
        f"{p.name}: {'passed' if p.passed else 'failed'}" + (f" ({p.detail})" if p.detail else "")
        for p in probes
    )
    yield Row(label="probes", agent=told or (None if agent is None else ("none were run",)))
    nearby = () if gateway is None else gateway.nearby
    events = tuple(
        f"{n.kind.value}, {abs(n.seconds):.0f} s {'before' if n.seconds < 0 else 'after'}"
        + (f" ({n.detail})" if n.detail else "")
        for n in nearby
    )
    yield Row(
        label="the gateway's own events", gateway=events or (None if gateway is None else ("none nearby",))
    )
    cuts = () if agent is None else agent.sessions
    if cuts:
        yield Row(
            label="sessions that were cut",
            wide=True,
            agent=tuple(
                f"{stamp(s.at_ms)}: lasted {s.lasted_s:.0f} s, idle {s.idle_s:.0f} s{'' if s.close_notify else ', no close_notify'}"
                for s in cuts
            ),
        )
    lacking = (agent.lacking if agent is not None else ()), (gateway.lacking if gateway is not None else ())
    if any(lacking):
        yield Row(label="cannot be observed there", agent=lacking[0] or NOT_ITS_BUSINESS, gateway=lacking[1] or NOT_ITS_BUSINESS)  # fmt: skip
