"""The bytes of a segment file, as pure functions. docs/journal.md draws the same for people.

    segment = header, frame*
    header  = 64 bytes: magic, format, number, incarnation, number and end of the segment before, CRC-32 of all that
    frame   = u32 length of the body, u32 CRC-32, body

A frame's CRC covers, in this order, the segment's incarnation, the frame's offset in the file, the length and the body.
So a block of another file that a crash leaves in this one, a frame in the wrong place, a damaged length and a
run of zeros are all refused, not only a damaged body. CRC-32 finds every single flipped bit and every burst up to
32 bits; it is no protection against somebody who writes a journal on purpose.

The header's "end of the segment before" is where its writer saw the last whole frame of that segment end. It tells
a reader apart what a crash left behind (bytes past that end, which nobody acknowledged) from what
has been lost since (frames before that end).
"""

import struct
import zlib
from collections.abc import Sequence
from enum import Enum

import attrs

MAGIC = b"FGJS"
FORMAT = 1

# The protocol's largest frame is 1 MiB. Four times that leaves room, and lets a reader call a damaged length damaged
# instead of waiting for gigabytes to arrive.
MAX_BODY = 4 * 1024 * 1024

_HEADER = struct.Struct(">4sHxxQ16sQQ12xI")
_FRAME = struct.Struct(">II")
_PLACE = struct.Struct(">QI")
_CRC_BYTES = 4

HEADER_BYTES = _HEADER.size
FRAME_BYTES = _FRAME.size


class UnknownFormatError(Exception):
    """An intact header of a format that this program does not read."""


@attrs.frozen(kw_only=True)
class Header:
    """Who a segment is, and what its writer found before it."""

    segment: int
    incarnation: bytes
    previous_segment: int = 0
    previous_end: int = 0

    @property
    def seed(self) -> int:
        """What the CRC of every frame of this segment starts from."""
        return zlib.crc32(self.incarnation)

    def encode(self) -> bytes:
        """The first 64 bytes of the file."""
        fields = (MAGIC, FORMAT, self.segment, self.incarnation, self.previous_segment, self.previous_end)
        crc = zlib.crc32(_HEADER.pack(*fields, 0)[:-_CRC_BYTES])
        return _HEADER.pack(*fields, crc)

    @classmethod
    def decode(cls, data: bytes) -> "Header | None":
        """The header that *data* starts with, or None where there is none (yet).

        Raises:
            UnknownFormatError: A newer Fieldgate wrote it.
        """
        if len(data) < HEADER_BYTES:
            return None
        magic, form, segment, incarnation, previous_segment, previous_end, crc = _HEADER.unpack_from(data)
        if magic != MAGIC or crc != zlib.crc32(data[: HEADER_BYTES - _CRC_BYTES]):
            return None
        if form != FORMAT:
            raise UnknownFormatError(f"segment {segment} has format {form}, this program reads {FORMAT}")
        return cls(
            segment=segment,
            incarnation=incarnation,
            previous_segment=previous_segment,
            previous_end=previous_end,
        )


def frame_head(parts: Sequence[bytes], *, seed: int, offset: int) -> tuple[bytes, int]:
    """The eight bytes that go before *parts* at *offset*, and the length of the whole frame.

    Raises:
        ValueError: The body is empty or larger than MAX_BODY.
    """
    length = sum(map(len, parts))
    if not 0 < length <= MAX_BODY:
        raise ValueError(f"record of {length} bytes, allowed are 1 to {MAX_BODY}")
    crc = zlib.crc32(_PLACE.pack(offset, length), seed)
    for part in parts:
        crc = zlib.crc32(part, crc)
    return _FRAME.pack(length, crc), FRAME_BYTES + length


class Tail(Enum):
    """What stands behind the last whole frame."""

    CLEAN = "clean"  # nothing
    PARTIAL = "partial"  # the beginning of a frame
    BAD = "bad"  # a frame that is wrong however many bytes may follow


@attrs.frozen(kw_only=True)
class Frames:
    """The whole frames at the beginning of some bytes.

    `end` is the file offset behind them; `wanted` is how many bytes from there a PARTIAL frame needs to be whole.
    """

    bodies: list[bytes]
    end: int
    tail: Tail
    wanted: int = 0


def parse(data: bytes, *, seed: int, offset: int) -> Frames:
    """Every whole frame of *data*, which stands at *offset* of its file. Garbage ends the list, it never raises."""
    bodies: list[bytes] = []
    view = memoryview(data)
    at, size, tail, wanted = 0, len(data), Tail.CLEAN, 0
    while at < size:
        if size - at < FRAME_BYTES:
            tail, wanted = Tail.PARTIAL, FRAME_BYTES
            break
        length, crc = _FRAME.unpack_from(data, at)
        if not 0 < length <= MAX_BODY:
            tail = Tail.BAD
            break
        body_at = at + FRAME_BYTES
        if size - body_at < length:
            tail, wanted = Tail.PARTIAL, FRAME_BYTES + length
            break
        body = view[body_at : body_at + length]
        if zlib.crc32(body, zlib.crc32(_PLACE.pack(offset + at, length), seed)) != crc:
            tail = Tail.BAD
            break
        bodies.append(bytes(body))
        at = body_at + length
    return Frames(bodies=bodies, end=offset + at, tail=tail, wanted=wanted)
