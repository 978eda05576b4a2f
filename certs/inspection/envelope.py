"""What lies inside an envelope, once it is open: a signed document, padded so that its length tells nothing.

    form      u8    0: the content is plain, 1: it is a zlib stream
    length    u32   of the content as it stands here, big-endian
    content         signature length (u16), signature, body (UTF-8 JSON)
    padding         zero bytes

A plain content is padded to a multiple of `STEP`. A compressed one is always padded to the full size: what a compressor makes
of a secret beside bytes that a stranger chose (a forged chain) would otherwise be told by the length.
"""

import struct
import zlib
from typing import Final

__all__ = ["EnvelopeError", "pack", "unpack"]

STEP: Final = 4096
_HEAD: Final = struct.Struct("!BI")
_SIGNATURE: Final = struct.Struct("!H")
_PLAIN, _COMPRESSED = 0, 1

# A full report of nothing but certificates has 42 KiB of base64. A stranger's 128 KiB of JSON, made of empty objects, become 4 MiB
# of memory for a moment (measured), and 512 KiB would become 15.
MAX_CONTENT: Final = 128 * 1024


class EnvelopeError(ValueError):
    """It doesn't fit, or is none."""


def pack(signature: bytes, body: bytes, limit: int) -> bytes:
    """The padded plaintext, at most *limit* bytes.

    Raises:
        EnvelopeError: it doesn't fit.
    """
    content = _SIGNATURE.pack(len(signature)) + signature + body
    plain = _HEAD.size + len(content)
    if plain <= limit:
        size = min(-(-plain // STEP) * STEP, limit)
        return (_HEAD.pack(_PLAIN, len(content)) + content).ljust(size, b"\0")
    if len(content) > MAX_CONTENT:
        raise EnvelopeError(f"content of {len(content)} bytes, limit is {MAX_CONTENT}")
    compressed = zlib.compress(content, 9)
    if _HEAD.size + len(compressed) > limit:
        raise EnvelopeError(f"content of {len(compressed)} bytes compressed, limit is {limit - _HEAD.size}")
    return (_HEAD.pack(_COMPRESSED, len(compressed)) + compressed).ljust(limit, b"\0")


def unpack(plaintext: bytes) -> tuple[bytes, bytes]:
    """(signature, body) of a plaintext that may come from anybody; nothing beyond `MAX_CONTENT` is ever decompressed.

    Raises:
        EnvelopeError: not what `pack` makes. Any other exception is a bug here.
    """
    if len(plaintext) < _HEAD.size:
        raise EnvelopeError("an envelope that is cut short")
    form, length = _HEAD.unpack_from(plaintext)
    content, padding = plaintext[_HEAD.size : _HEAD.size + length], plaintext[_HEAD.size + length :]
    if len(content) != length or padding.strip(b"\0"):
        raise EnvelopeError("an envelope whose length is wrong")
    if form == _COMPRESSED:
        content = _decompress(content)
    elif form != _PLAIN:
        raise EnvelopeError("an envelope of an unknown form")
    if len(content) < _SIGNATURE.size:
        raise EnvelopeError("an envelope without a signature")
    (size,) = _SIGNATURE.unpack_from(content)
    end = _SIGNATURE.size + size
    if len(content) < end:
        raise EnvelopeError("an envelope whose signature is cut short")
    return content[_SIGNATURE.size : end], content[end:]


def _decompress(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(data, MAX_CONTENT)
    except zlib.error:
        raise EnvelopeError("an envelope that is no zlib stream") from None
    if not stream.eof or stream.unused_data:
        raise EnvelopeError(f"an envelope that is cut short, or holds more than {MAX_CONTENT} bytes")
    return content
