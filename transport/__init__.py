"""The one TLS stream of the product: what the gateway accepts and what the agent dials."""

from transport.contexts import ALPN, Context, client_context, server_context
from transport.dial import connect
from transport.errors import Break, BrokenStreamError, ConnectError, HandshakeError, TransportError
from transport.stream import TLSStream

__all__ = [
    "ALPN",
    "Break",
    "BrokenStreamError",
    "ConnectError",
    "Context",
    "HandshakeError",
    "TLSStream",
    "TransportError",
    "client_context",
    "connect",
    "server_context",
]
