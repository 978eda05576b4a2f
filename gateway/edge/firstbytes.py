"""What a peer says first, where a TLS ClientHello is expected: pure, on as few bytes as decide it.

Whoever forwards the wrong port or forgets the `s` in https deserves a sentence, and whoever looks for the cause of a
broken connection deserves to know that it was an SSH client. And OpenSSL never sees a ClientHello that announces more
than `MAX_CLIENT_HELLO`: it would allocate for it at once.
"""

import enum

from protocol import Code

__all__ = ["DECIDED_BYTES", "HTTP_ANSWER", "MAX_CLIENT_HELLO", "RECORD_HEADER", "FirstBytes", "classify"]

# No prefix is longer: a record header (5) and a handshake header (4), the PROXY v2 signature (12).
DECIDED_BYTES = 12

# A ClientHello with a post-quantum share is 1.8 kB; with a large ticket, padding and ECH still below 4.
MAX_CLIENT_HELLO = 16 * 1024

RECORD_HEADER = 5


class FirstBytes(enum.Enum):
    """What it is, and the code for its end (None: let OpenSSL go on)."""

    UNDECIDED = enum.auto()
    TLS = enum.auto()
    TLS_OVERSIZED = enum.auto()
    HTTP = enum.auto()
    SSH = enum.auto()
    PROXY = enum.auto()
    OTHER = enum.auto()


CODES = {
    FirstBytes.TLS_OVERSIZED: (Code.TLS_HANDSHAKE_FAILED, "the client hello announces more than 16 KiB"),
    FirstBytes.HTTP: (Code.NOT_TLS_HTTP, "plain http"),
    FirstBytes.SSH: (Code.NOT_TLS_SSH, "an ssh client"),
    FirstBytes.PROXY: (
        Code.BAD_PROXY_HEADER,
        "a proxy header from an address that is no configured balancer",
    ),
    FirstBytes.OTHER: (Code.NOT_TLS, "not tls"),
}

_TEXT = f"""This port speaks TLS, and the Fieldgate agent protocol inside it. You sent plain HTTP ({Code.NOT_TLS_HTTP}).
A browser has nothing to see here. If an agent came this way, something between it and this gateway is rewriting its
connection: run `fieldgate explain {Code.NOT_TLS_HTTP}`.
""".encode()

HTTP_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_TEXT), _TEXT)
)

_HTTP = (
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
    b"TRACE ",
    b"PATCH ",
    b"PRI * HTTP/",
)
_SSH = (b"SSH-",)
_PROXY = (b"\r\n\r\n\x00\r\nQUIT\n", b"PROXY ")
_SIGNATURES = (
    *((prefix, FirstBytes.HTTP) for prefix in _HTTP),
    *((prefix, FirstBytes.SSH) for prefix in _SSH),
    *((prefix, FirstBytes.PROXY) for prefix in _PROXY),
)  # fmt: skip

_TLS_RECORD_HANDSHAKE = 0x16
_CLIENT_HELLO = 1


def classify(seen: bytes) -> FirstBytes:
    """Judge what came first. More bytes never change an answer other than UNDECIDED."""
    if seen[:1] == b"\x16":
        return _classify_tls(seen)
    for signature, kind in _SIGNATURES:
        if seen.startswith(signature):
            return kind
    if any(signature.startswith(seen) for signature, _ in _SIGNATURES):
        return FirstBytes.UNDECIDED
    return FirstBytes.OTHER


def _classify_tls(seen: bytes) -> FirstBytes:
    # record: type, version (3, x), length; then handshake: type, 24-bit length (RFC 8446, 5.1 and 4)
    if len(seen) > 1 and seen[1] != 3:
        return FirstBytes.OTHER
    if len(seen) > 5 and seen[5] != _CLIENT_HELLO:
        return FirstBytes.OTHER
    if len(seen) < 9:
        return FirstBytes.UNDECIDED
    return FirstBytes.TLS if int.from_bytes(seen[6:9]) <= MAX_CLIENT_HELLO else FirstBytes.TLS_OVERSIZED
