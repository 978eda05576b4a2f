"""What is noted down about one connection while it happens, and what that amounts to."""

import functools
from collections.abc import Callable

import attrs

from transport.alerts import Alert

__all__ = ["Record", "Seen", "VerifyCodes", "with_verdict"]

VerifyCodes = tuple[tuple[int, int], ...]


@functools.lru_cache(256)
def with_verdict(codes: VerifyCodes, depth: int, code: int) -> VerifyCodes:
    """*codes* and one more. Chains are judged alike, so the same few tuples serve all connections: 0.3 kB less for each."""
    return *codes, (depth, code)


@attrs.define(kw_only=True)
class Record:
    """Kept as the connection's app data: OpenSSL's callbacks are per context and must find their connection.

    Attributes:
        verify_codes: (depth, X509_V_ERR code) in the order OpenSSL judged; 0 is "no objection here".
        certificate_requested: the server asked us for a certificate (noted on the client's side only, like what
            follows: the callback behind it costs 30 µs a handshake, which a gateway does not pay for).
        complete: the handshake came to its end.
        alerts: in both directions, in their order.
        received_before: bytes that came before TLS began (a proxy's answer).
        connect_s: from the beginning to TCP, a proxy's answer included.
        handshake_s: from there to the handshake's end.
        first_byte_s: from there to the first byte that came, whatever it was.
        hello_sent: called when OpenSSL has sent our hello and has not read yet.
    """

    verify_codes: VerifyCodes = ()
    certificate_requested: bool = False
    complete: bool = False
    alerts: tuple[Alert, ...] = ()
    received_before: int = 0
    connect_s: float | None = None
    handshake_s: float | None = None
    first_byte_s: float | None = None
    hello_sent: Callable[[], object] | None = None


@attrs.frozen(kw_only=True)
class Seen:
    """What a client's end has seen of its connection, however far that came. Empty or None is what did not come.

    Attributes:
        local: (address, port) of our end; ("", 0) if the socket does not say.
        remote: of the other end: the proxy's, if there is one.
        connect_s: from the beginning to TCP, a proxy's answer included.
        handshake_s: from there to the handshake's end, or until it failed.
        first_byte_s: from there to the first byte that came, whatever it was.
        first_bytes: up to 120 bytes, where what came first was no TLS.
        received_bytes: TCP payload that came since TLS began; None where the system does not count it.
        client_random: of our ClientHello; empty if none was sent.
        complete: whether the handshake did. Then `version`, `alpn`, `cipher` say what was agreed on.
        certificate_requested: whether the server asked for a certificate.
        chain_der: the server's certificates, leaf first.
        verify_codes: what OpenSSL recorded about them, as (depth, X509_V_ERR code).
        alerts: in both directions, in their order.
    """

    local: tuple[str, int]
    remote: tuple[str, int]
    connect_s: float | None
    handshake_s: float | None
    first_byte_s: float | None
    first_bytes: bytes
    received_bytes: int | None
    client_random: bytes
    complete: bool
    version: str
    alpn: bytes
    cipher: str
    certificate_requested: bool
    chain_der: tuple[bytes, ...]
    verify_codes: VerifyCodes
    alerts: tuple[Alert, ...]
