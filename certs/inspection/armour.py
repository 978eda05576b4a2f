"""A sealed report as text that survives mail: wrapped, quoted, indented, with words around it."""

import base64
import binascii
import hashlib
import re
from typing import Final

from certs.inspection.sealing import MAX_REPORT_BYTES, SealError

__all__ = ["armour", "unarmour"]

_BEGIN: Final = "-----BEGIN FIELDGATE PATH REPORT-----"
_END: Final = "-----END FIELDGATE PATH REPORT-----"
_WIDTH: Final = 64
_CHECK: Final = 6

# A report in base64 has 42,000 characters; a mail around it, quoted a few times, not ten times as many.
_MAX_TEXT: Final = 512 * 1024
_FOREIGN: Final = re.compile(r"[\s>|]")


def armour(sealed: bytes) -> str:
    """*sealed* between two lines that say what it is, with a checksum: "=" and base64 of the first 6 bytes of its SHA-256."""
    encoded = base64.b64encode(sealed).decode("ascii")
    lines = [encoded[start : start + _WIDTH] for start in range(0, len(encoded), _WIDTH)]
    return "\n".join([_BEGIN, *lines, f"={_checksum(sealed)}", _END, ""])


def unarmour(text: str) -> bytes:
    """The first report in *text*, whatever stands around it.

    Raises:
        SealError: there is none, or it was damaged on its way.
    """
    if len(text) > _MAX_TEXT:
        raise SealError(f"text of {len(text)} characters, limit is {_MAX_TEXT}")
    _, begun, rest = text.partition(_BEGIN)
    inside, ended, _ = rest.partition(_END)
    if not begun:
        raise SealError(f"no report in it: one begins with {_BEGIN}")
    if not ended:
        raise SealError("the report is cut short: copy all of it, down to the line that ends it")
    packed = _FOREIGN.sub("", inside)
    encoded, check = packed[: -_CHECK * 4 // 3 - 1], packed[-_CHECK * 4 // 3 - 1 :]
    try:
        sealed = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise SealError("the report is damaged: it has characters that no report has") from None
    if check != f"={_checksum(sealed)}":
        raise SealError("the report is damaged: its checksum does not match, copy it again")
    if len(sealed) > MAX_REPORT_BYTES:
        raise SealError(f"report of {len(sealed)} bytes, limit is {MAX_REPORT_BYTES}")
    return sealed


def _checksum(sealed: bytes) -> str:
    return base64.b64encode(hashlib.sha256(sealed).digest()[:_CHECK]).decode("ascii")
