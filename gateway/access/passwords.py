"""Passwords: what is accepted as one, and what is kept of it.

Argon2id with 19 MiB, two passes, one lane: the first of the equally strong sets that the OWASP Password Storage Cheat Sheet recommends
(35 ms of one core where this was written). A PHC string carries its own parameters, so that they can be raised later.

At least 15 characters, no rules of composition, Unicode in one normal form: NIST SP 800-63B-4, section 3.1.1.2, for a password that is the
only factor. Beyond that, what repeats the user's own name or hardly varies is refused: it is what guessing begins with.
"""

import contextlib
import os
import threading
import unicodedata
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from gateway.access.refusals import LoginBusy, PasswordUnfit

__all__ = ["SHORTEST", "Passwords", "hashed", "require_fit"]

MEMORY_KIB: Final = 19 * 1024
PASSES: Final = 2
LANES: Final = 1
SALT_BYTES: Final = 16  # RFC 9106, section 3.1
HASH_BYTES: Final = 32

SHORTEST: Final = 15
LONGEST_BYTES: Final = 1024
"""Nobody types more, and what is hashed before it is known who asks must have an end."""
FEWEST_KINDS: Final = 6
"""Of characters."""

AT_ONCE: Final = 4
"""Passwords that are verified at the same moment, for 19 MiB each. More wait outside: threads that wait here would answer nobody else."""


def require_fit(password: str, *, user: str) -> None:
    """Make sure that *password* is one that is hard to guess for a user of that name.

    Raises:
        PasswordUnfit: it is not; says what it takes.
    """
    plain = unicodedata.normalize("NFC", password)
    if len(plain) < SHORTEST:
        raise PasswordUnfit(f"a password has at least {SHORTEST} characters; several words make a good one")
    if len(plain.encode(errors="replace")) > LONGEST_BYTES:
        raise PasswordUnfit(f"a password has at most {LONGEST_BYTES} bytes")
    if len(set(plain)) < FEWEST_KINDS:
        raise PasswordUnfit(f"a password has at least {FEWEST_KINDS} different characters")
    if len(plain.casefold().replace(user.casefold(), "")) < SHORTEST // 2:
        raise PasswordUnfit("a password is more than the user's name")


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _argon2id().derive_phc_encoded(_bytes_of(password))


class Passwords:
    """Verifies passwords, a few at a time. Safe to use from several threads."""

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(AT_ONCE)
        # For users that are not there: nobody shall see from the time that it takes that there is nothing to compare with.
        self._nobody = hashed(os.urandom(SALT_BYTES).hex())

    @contextlib.contextmanager
    def room(self) -> Iterator[None]:
        """Around whatever leads to a verification.

        Raises:
            LoginBusy: too many are under way at this moment.
        """
        if not self._room.acquire(blocking=False):
            raise LoginBusy("too many passwords are being verified")
        try:
            yield
        finally:
            self._room.release()

    def verify(self, password: str, kept: str | None) -> bool:
        """Whether *kept* was made of *password*; with None the same work for nothing."""
        try:
            Argon2id.verify_phc_encoded(_bytes_of(password), kept or self._nobody)
        except InvalidKey:
            return False
        return kept is not None


def _argon2id() -> Argon2id:
    return Argon2id(
        salt=os.urandom(SALT_BYTES), length=HASH_BYTES, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB
    )


def _bytes_of(password: str) -> bytes:
    # Whatever is beyond the end was refused when it was set, and is compared as what it is: another password.
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")[: LONGEST_BYTES + 1]
