"""What is kept of a connection until its session opens, and what that amounts to: the gateway's half of the evidence.

A session that opens is direct by construction and needs no evidence: it pays for one small object and a longer peek, and
`Peer.sight` is dropped with its Hello. Everything that costs something (parsing the hello, deriving the exporter, reading
the SYN) is done for connections that lead to no session.
"""

import socket

import attrs

from certs.inspection import (
    EXPORTER_BYTES,
    EXPORTER_LABEL,
    Alert,
    ClientHello,
    ClientHelloError,
    GatewaySide,
    LastIo,
    Negotiated,
    Syn,
    parse_client_hello,
)
from gateway.edge.syn import parse_syn
from transport import Break, TLSStream, round_trip_s, saved_syn

__all__ = ["FIRST_BYTES", "Sight", "endpoint", "half_of"]

FIRST_BYTES = 120

# Of a hello, which may have 16 KiB of names: as much as is written down of it (2 kB), and every protocol that has a name.
MAX_PROTOCOLS = 16
MAX_NAME = 64
MAX_JA4_RAW = 2000

BREAKS = {
    Break.ALERT: LastIo.ALERT,
    Break.PROTOCOL: LastIo.ALERT,  # ours: we objected to what came
    Break.RESET: LastIo.RESET,
    Break.TIMED_OUT: LastIo.HANDSHAKE_TIMEOUT,
    Break.TRUNCATED: LastIo.EOF,
}
"""How a connection ended that broke; anything else is EOF."""


@attrs.define(eq=False, kw_only=True)
class Sight:
    """What was noted of one connection, as it came.

    Attributes:
        at_ms: when it was accepted, by the gateway's clock.
        through_own_proxy: whether a configured balancer announced it: then its SYN is the balancer's.
        seen: what came first: a ClientHello's records, or up to `FIRST_BYTES` of something else.
        said: application bytes that came and were no report.
    """

    sock: socket.socket
    at_ms: int
    through_own_proxy: bool
    seen: bytes = b""
    said: int = 0

    @property
    def is_tls(self) -> bool:
        """Whether what came first is a TLS handshake."""
        return self.seen[:1] == b"\x16"


def half_of(
    sight: Sight,
    *,
    source: str,
    listener: str,
    last_io: LastIo,
    stream: TLSStream | None = None,
    shaken: bool = False,
) -> GatewaySide:
    """The gateway's half, as far as it is known here; who asks adds what was served, what was nearby, and the join.

    Args:
        source: where it came from, after a PROXY header.
        listener: where it was accepted.
        stream: its TLS, if it got so far and is not closed yet.
        shaken: whether the handshake completed.
    """
    lacking = []
    syn = None if sight.through_own_proxy else syn_of(sight.sock)
    if syn is None:
        lacking.append("syn")
    hello = hello_of(sight.seen)
    if hello is None and sight.is_tls:
        lacking.append("hello")
    half = GatewaySide(
        at_ms=sight.at_ms,
        listener=listener,
        source=source,
        through_own_proxy=sight.through_own_proxy,
        hello=hello,
        client_random=None if hello is None else hello.random,
        handshake_complete=shaken,
        first_bytes=b"" if sight.is_tls else sight.seen[:FIRST_BYTES],
        last_io=last_io,
        syn=syn,
        lacking=tuple(lacking),
    )
    return half if stream is None else _with_tls(half, stream, sight.said)


def _with_tls(half: GatewaySide, stream: TLSStream, said: int) -> GatewaySide:
    alerts = tuple(
        Alert(sent=each.sent, level=each.level, description=each.description, name=each.name)
        for each in stream.alerts
    )
    random = stream.client_random() or half.client_random
    if not half.handshake_complete:
        return attrs.evolve(half, alerts=alerts, client_random=random, client_certificate=None)
    alpn = stream.alpn.decode("ascii", "backslashreplace")
    return attrs.evolve(
        half,
        negotiated=Negotiated(version=stream.version, alpn=alpn, cipher=stream.cipher),
        client_certificate=bool(stream.peer_chain_der()),
        client_random=random,
        exporter=stream.exporter(EXPORTER_LABEL, EXPORTER_BYTES) if stream.exporter_binds else None,
        alerts=alerts,
        application_bytes=said,
    )


def hello_of(seen: bytes) -> ClientHello | None:
    """The ClientHello in what came first; None where it is not whole, or none."""
    if seen[:1] != b"\x16":
        return None
    try:
        hello = parse_client_hello(seen)
    except ClientHelloError:
        return None
    return attrs.evolve(
        hello,
        ja4_raw=hello.ja4_raw[:MAX_JA4_RAW],
        alpn=tuple(name[:MAX_NAME] for name in hello.alpn[:MAX_PROTOCOLS]),
        versions=hello.versions[:MAX_PROTOCOLS],
        server_name=hello.server_name[:255],
    )


def syn_of(sock: socket.socket) -> Syn | None:
    """The SYN as it arrived, and the round trip; None where the system keeps none."""
    syn = parse_syn(saved_syn(sock))
    rtt_s = round_trip_s(sock)
    return syn if syn is None or rtt_s is None else attrs.evolve(syn, rtt_ms=rtt_s * 1000)


def endpoint(address: str, port: int) -> str:
    """`host:port`, brackets around an IPv6 host."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
