"""The one TLS stream of the product: what the gateway accepts and what the agent dials."""

from transport.alerts import Alert
from transport.contexts import ALPN, Context, client_context, server_context
from transport.dial import connect, connect_plain
from transport.errors import (
    Break,
    BrokenStreamError,
    ConnectError,
    HandshakeError,
    ProxyError,
    TransportError,
)
from transport.hello import dry_run
from transport.proxy import Proxy
from transport.record import Seen
from transport.rehearsal import handshake_cpu_s
from transport.roots import chain_is_trusted
from transport.stream import TLSStream
from transport.tcp import round_trip_s, save_syns, saved_syn

__all__ = [
    "ALPN",
    "Alert",
    "Break",
    "BrokenStreamError",
    "ConnectError",
    "Context",
    "HandshakeError",
    "Proxy",
    "ProxyError",
    "Seen",
    "TLSStream",
    "TransportError",
    "chain_is_trusted",
    "client_context",
    "connect",
    "connect_plain",
    "dry_run",
    "handshake_cpu_s",
    "round_trip_s",
    "save_syns",
    "saved_syn",
    "server_context",
]
