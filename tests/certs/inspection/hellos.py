"""ClientHellos, written by hand: what a test wants in them, nothing checked."""

from collections.abc import Sequence

import attrs

GREASE = (0x0A0A, 0x3A3A, 0xFAFA)
RANDOM = bytes(range(32))


def vector(size: int, content: bytes) -> bytes:
    return len(content).to_bytes(size) + content


def numbers(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(2) for value in values)


@attrs.frozen(kw_only=True)
class Hello:
    """The fields in the order of the wire; `extensions` are types, their content comes from the other fields."""

    legacy_version: int = 0x0303
    random: bytes = RANDOM
    session: bytes = b""
    ciphers: Sequence[int] = (0x1301,)
    extensions: Sequence[int] = (0, 13, 16, 43)
    versions: Sequence[int] = (0x0304, 0x0303)
    signature_algorithms: Sequence[int] = (0x0403,)
    alpn: Sequence[bytes] = (b"fieldgate/1",)
    server_name: bytes = b"gateway.test"

    def _content(self, kind: int) -> bytes:
        match kind:
            case 0:
                return vector(2, b"\x00" + vector(2, self.server_name))
            case 13:
                return vector(2, numbers(self.signature_algorithms))
            case 16:
                return vector(2, b"".join(vector(1, each) for each in self.alpn))
            case 43:
                return vector(1, numbers(self.versions))
        return b""

    def message(self) -> bytes:
        body = numbers([self.legacy_version]) + self.random + vector(1, self.session)
        body += vector(2, numbers(self.ciphers)) + vector(1, b"\x00")
        if self.extensions:
            body += vector(2, b"".join(numbers([e]) + vector(2, self._content(e)) for e in self.extensions))
        return b"\x01" + vector(3, body)


def records(message: bytes, cuts: Sequence[int] = ()) -> bytes:
    """*message* in TLS records that end at *cuts* (offsets, sorted; repeated ones make no empty record)."""
    ends = sorted({min(cut, len(message)) for cut in cuts} - {0} | {len(message)})
    parts = [message[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return b"".join(b"\x16\x03\x01" + vector(2, part) for part in parts)
