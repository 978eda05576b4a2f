"""Text without the difference between capital and small letters, the same on both databases.

`lower` of SQLite knows ASCII alone, and that of PostgreSQL what the database's locale knows. So the rule is ours: every character becomes
the one small letter that Unicode has for it ("Ölund" and "ÖLUND" are the same, "Straße" and "STRASSE" are not, for that is two letters).
On SQLite a function of ours does it; PostgreSQL does the same by the collation `pg_c_utf8`, which is built in from version 17 on, and
before that by the root collation of ICU, which differs in one letter, the dotted capital I of Turkish.

Characters that look alike are not the same: an Ö may be one character or two, and is compared as it was written.
"""

from functools import cache
from typing import Final

__all__ = ["fold"]

# Behind it, no plane of Unicode has letters of two cases.
_LAST_CASED: Final = 0x1FFFF


def fold(text: str) -> str:
    """*text* in small letters."""
    return text.lower() if text.isascii() else text.translate(_small_letters())


@cache
def _small_letters() -> dict[int, int]:
    """By capital letter; 20 ms to make, which who folds ASCII only is spared."""
    found = {0x130: 0x69}  # İ: Python's own is two characters, i and a dot
    for point in range(_LAST_CASED):
        lower = chr(point).lower()
        if len(lower) == 1 and ord(lower) != point:
            found[point] = ord(lower)
    return found
