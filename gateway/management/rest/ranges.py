"""Which part of a file a client asks for (RFC 9110, section 14), as far as one range goes."""

import re
from typing import Final

__all__ = ["asked_range"]

_RANGE: Final = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII | re.IGNORECASE)


def asked_range(header: str | None, size: int) -> tuple[int, int, bool] | None:
    """From where, up to where (not included), and whether that is a part.

    Several ranges, other units and what can't be read ask for all of it, as the RFC allows.

    Returns:
        None for a range of which the file has nothing.
    """
    found = None if header is None else _RANGE.fullmatch(header)
    if found is None or found[1] == found[2] == "":
        return 0, size, False
    if found[1] == "":
        start, stop = max(0, size - int(found[2])), size
    else:
        start, stop = int(found[1]), size if found[2] == "" else int(found[2]) + 1
        if found[2] and stop <= start:
            return 0, size, False
    stop = min(stop, size)
    return (start, stop, True) if start < stop else None
