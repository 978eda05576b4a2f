"""Read a ClientHello (RFC 8446, 4.1.2), from the first bytes of a connection or from the message alone.

Whoever opened the connection wrote it, so every length is judged before it is believed, and the whole is bounded. Records
may cut the message anywhere. What is malformed raises one exception; what is merely not all there yet raises a kind of it
that says so, and the same bytes with more behind them may be offered again.
"""

from collections.abc import Iterable

from certs.inspection.evidence import ClientHello
from certs.inspection.ja4 import (
    ALPN,
    SERVER_NAME,
    SIGNATURE_ALGORITHMS,
    SUPPORTED_VERSIONS,
    Offer,
    is_grease,
    ja4_of,
)

__all__ = ["MAX_HELLO_BYTES", "ClientHelloError", "IncompleteHelloError", "parse_client_hello"]

# Post-quantum key shares make 1.7 kB, an encrypted inner hello (ECH) twice that. OpenSSL takes 128 kB.
MAX_HELLO_BYTES = 16 * 1024

# All of IANA's cipher suites are some 350, its extensions some 60, its protocols 30. It bounds JA4_r at 5 kB a list, and what a stranger's
# hello can cost at 2 ms (measured; an agent's takes 0.1).
_MAX_ENTRIES = 400
_MAX_EXTENSIONS = 128
_MAX_PROTOCOLS = 64
_MAX_NAME = 255  # bytes of a DNS name; OpenSSL's limit too

_RECORD_HEADER, _MESSAGE_HEADER = 5, 4
_HANDSHAKE, _CLIENT_HELLO = 0x16, 0x01
_MAX_RECORD = 16 * 1024
_HOST_NAME = 0

_VERSION_NAMES = {0x0304: "TLSv1.3", 0x0303: "TLSv1.2", 0x0302: "TLSv1.1", 0x0301: "TLSv1", 0x0300: "SSLv3"}


class ClientHelloError(ValueError):
    """These bytes are no ClientHello."""


class IncompleteHelloError(ClientHelloError):
    """So far it is one, and the rest has not come."""


class _Reader:
    """A cursor that cannot leave its bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, length: int, what: str) -> bytes:
        if length > self.left:
            raise ClientHelloError(f"{what} of {length} bytes, {self.left} are left")
        self._at += length
        return self._data[self._at - length : self._at]

    def number(self, size: int, what: str) -> int:
        return int.from_bytes(self.take(size, what))

    def vector(self, size: int, what: str) -> bytes:
        """What follows a length of *size* bytes."""
        return self.take(self.number(size, f"length of {what}"), what)

    def end(self, what: str) -> None:
        if self.left:
            raise ClientHelloError(f"{self.left} bytes behind the {what}")


def parse_client_hello(data: bytes) -> ClientHello:
    """What the ClientHello at the beginning of *data* says.

    Args:
        data: one or several TLS records, or the handshake message without them. What follows the message is ignored.

    Raises:
        IncompleteHelloError: *data* ends before the message does.
        ClientHelloError: it is none, or malformed, or larger than `MAX_HELLO_BYTES`.
    """
    return _read_message(_message(data))


def _message(data: bytes) -> bytes:
    """The handshake message, out of its records."""
    if data[:1] != bytes([_HANDSHAKE]):
        message, size = data, _size(data)
    else:
        collected, size, at = bytearray(), _MESSAGE_HEADER, 0
        while at < len(data) and len(collected) < size:
            length = _record_length(data[at : at + _RECORD_HEADER])
            at += _RECORD_HEADER
            collected += data[at : at + length]
            at += length
            size = _size(collected)
        message = bytes(collected)
    if len(message) < size:
        raise IncompleteHelloError(f"{len(message)} bytes of a ClientHello of at least {size}")
    return message[:size]


def _record_length(header: bytes) -> int:
    if header[:1] != b"\x16" or header[1:2] not in (b"", b"\x03"):
        raise ClientHelloError("a record that is not a TLS handshake")
    if len(header) < _RECORD_HEADER:
        raise IncompleteHelloError("the record's header is cut short")
    length = int.from_bytes(header[3:])
    if not 0 < length <= _MAX_RECORD:
        raise ClientHelloError(f"a record of {length} bytes, limit is {_MAX_RECORD}")
    return length


def _size(message: bytes | bytearray) -> int:
    """How long the message is that begins so; of its header, as long as that has not come."""
    if message[:1] not in (b"", bytes([_CLIENT_HELLO])):
        raise ClientHelloError("a message that is not a ClientHello")
    if len(message) < _MESSAGE_HEADER:
        return _MESSAGE_HEADER
    size = _MESSAGE_HEADER + int.from_bytes(message[1:_MESSAGE_HEADER])
    if size > MAX_HELLO_BYTES:
        raise ClientHelloError(f"a ClientHello of {size} bytes, limit is {MAX_HELLO_BYTES}")
    return size


def _read_message(message: bytes) -> ClientHello:
    reader = _Reader(message[_MESSAGE_HEADER:])
    legacy_version = reader.number(2, "version")
    random = reader.take(32, "random")
    reader.vector(1, "session id")
    ciphers = _numbers(reader.vector(2, "cipher suites"), "cipher suites")
    reader.vector(1, "compression methods")
    extensions = _extensions(reader)
    found = dict(reversed(extensions))  # of several, the first counts
    versions = _supported_versions(found.get(SUPPORTED_VERSIONS), legacy_version)
    alpn = tuple(_protocols(found.get(ALPN)))
    ja4, ja4_raw = ja4_of(
        Offer(
            version=versions[0] if versions else 0,
            ciphers=ciphers,
            extensions=[kind for kind, _ in extensions if not is_grease(kind)],
            signature_algorithms=_algorithms(found.get(SIGNATURE_ALGORITHMS)),
            alpn=alpn,
        )
    )
    return ClientHello(
        ja4=ja4,
        ja4_raw=ja4_raw,
        versions=tuple(_VERSION_NAMES.get(version, f"{version:#06x}") for version in versions),
        alpn=tuple(_text(each) for each in alpn),
        server_name=_server_name(found.get(SERVER_NAME)),
        size=len(message),
        random=random,
    )


def _extensions(reader: _Reader) -> list[tuple[int, bytes]]:
    """(type, content) in their order. A hello of old may end before them."""
    if not reader.left:
        return []
    inner = _Reader(reader.vector(2, "extensions"))
    reader.end("extensions")
    extensions = []
    while inner.left:
        kind = inner.number(2, "extension's type")
        extensions.append((kind, inner.vector(2, "extension")))
        _limit(len(extensions), "extensions", _MAX_EXTENSIONS)
    return extensions


def _numbers(content: bytes, what: str) -> list[int]:
    """A list of two-byte numbers, without GREASE."""
    if len(content) % 2:
        raise ClientHelloError(f"{what} of {len(content)} bytes, two each")
    _limit(len(content) // 2, what)
    numbers = (int.from_bytes(content[at : at + 2]) for at in range(0, len(content), 2))
    return [number for number in numbers if not is_grease(number)]


def _supported_versions(content: bytes | None, legacy_version: int) -> list[int]:
    """Offered versions, newest first."""
    if content is None:
        return [legacy_version]
    reader = _Reader(content)
    versions = _numbers(reader.vector(1, "supported versions"), "supported versions")
    reader.end("supported versions")
    return sorted(set(versions), reverse=True)


def _algorithms(content: bytes | None) -> list[int]:
    if content is None:
        return []
    reader = _Reader(content)
    algorithms = _numbers(reader.vector(2, "signature algorithms"), "signature algorithms")
    reader.end("signature algorithms")
    return algorithms


def _protocols(content: bytes | None) -> Iterable[bytes]:
    if content is None:
        return
    outer = _Reader(content)
    reader = _Reader(outer.vector(2, "protocols"))
    outer.end("protocols")
    count = 0
    while reader.left:
        count += 1
        _limit(count, "protocols", _MAX_PROTOCOLS)
        yield reader.vector(1, "protocol")


def _server_name(content: bytes | None) -> str:
    if not content:  # absent; or empty, as a server would answer
        return ""
    outer = _Reader(content)
    reader = _Reader(outer.vector(2, "server names"))
    outer.end("server names")
    while reader.left:
        kind = reader.number(1, "name's type")
        name = reader.vector(2, "server name")
        if kind == _HOST_NAME:
            if len(name) > _MAX_NAME:
                raise ClientHelloError(f"a server name of {len(name)} bytes, limit is {_MAX_NAME}")
            return _text(name)
    return ""


def _text(value: bytes) -> str:
    return value.decode("ascii", "backslashreplace")


def _limit(count: int, what: str, limit: int = _MAX_ENTRIES) -> None:
    if count > limit:
        raise ClientHelloError(f"{count} {what}, limit is {limit}")
