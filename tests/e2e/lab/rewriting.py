"""What a box does to a ClientHello that it alters in passing: sizes are put right, and nothing else is touched."""

from collections.abc import Callable, Iterator

__all__ = ["without_alpn", "without_tls_1_3"]

_ALPN, _VERSIONS = 16, 43
_TLS_1_2 = b"\x02\x03\x03"


def without_alpn(record: bytes) -> bytes:
    """The hello without its ALPN extension."""
    return _changed(record, lambda kind, body: None if kind == _ALPN else body)


def without_tls_1_3(record: bytes) -> bytes:
    """The hello as of a client that speaks no more than TLS 1.2."""
    return _changed(record, lambda kind, body: _TLS_1_2 if kind == _VERSIONS else body)


def _changed(record: bytes, change: Callable[[int, bytes], bytes | None]) -> bytes:
    message = record[9:]
    at = 34  # version and random
    at += 1 + message[at]  # session id
    at += 2 + int.from_bytes(message[at : at + 2])  # ciphers
    at += 1 + message[at]  # compression
    extensions = b"".join(
        kind.to_bytes(2) + len(kept).to_bytes(2) + kept
        for kind, body in _extensions(message[at + 2 :])
        if (kept := change(kind, body)) is not None
    )
    message = message[:at] + len(extensions).to_bytes(2) + extensions
    handshake = record[5:6] + len(message).to_bytes(3) + message
    return record[:3] + len(handshake).to_bytes(2) + handshake


def _extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        end = 4 + int.from_bytes(data[2:4])
        yield int.from_bytes(data[:2]), data[4:end]
        data = data[end:]
