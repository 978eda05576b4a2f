"""Passwords: what is accepted as one, and what is kept of it.

Argon2id with 19 MiB, two passes, one lane: the first of the equally strong sets that the OWASP Password Storage Cheat Sheet recommends
(35 ms of one core where this was written). A PHC string carries its own parameters, so that they can be raised later.

At least 15 characters, no rules of composition, Unicode in one normal form: NIST SP 800-63B-4, section 3.1.1.2, for a password that is the
only factor. The same section asks for a list of what is not taken because guessing begins with it: common words, repetitive and sequential
characters, and words of the context, such as the user's name and that of the service. Every common password of 15 characters and more is
made of shorter ones that are common, said once more or lengthened by digits; so the list has those, and a password is refused that is
nothing but such pieces.
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
LETTERS_AND_DIGITS: Final = (
    "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn", "abcdefghijklmnopqrstuvwxyz",
    "01234567890", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp",
)  # fmt: skip
"""The rows and columns of keyboards, the alphabet, and counting."""
RUN: Final = 4
"""Neighbours in one of those, or the same character so often, are a piece that is guessed as one."""

WORDS: Final = (
    "password passwort passwd pass word passphrase motdepasse contrasena secret geheim admin administrator root user login welcome "
    "willkommen letmein changeme change default master access guest test temp hello hallo iloveyou love princess sunshine monkey dragon "
    "football baseball basketball soccer superman batman pokemon starwars shadow michael jordan jennifer thomas charlie daniel robert "
    "trustno1 whatever freedom killer pepper summer winter spring autumn sommer monday company backup server cloud windows linux "
    "google facebook internet computer fieldgate correcthorsebatterystaple p@ssw0rd p@ssword passw0rd "
    "pa55word pa55w0rd qwerty qwert azerty qwertz abc abc123 asdf zxc qaz wsx the my is new old"
)
COMMON: Final = frozenset(WORDS.split())
"""The most common passwords, those of the service's own context, and what joins them; in small letters."""

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
    folded = unicodedata.normalize("NFC", plain.casefold())
    if len(folded.replace(unicodedata.normalize("NFC", user.casefold()), "")) < SHORTEST // 2:
        raise PasswordUnfit("a password is more than the user's name")
    if _is_common(folded):
        raise PasswordUnfit(
            "this is among the first that are guessed: common words, runs of keys, one piece again and again"
        )


def _is_common(folded: str) -> bool:
    """Whether a password is made of nothing but what guessing begins with, whatever stands between the pieces."""
    return _is_pieces(folded) or _is_pieces("".join(filter(str.isalnum, folded))) or _repeats(folded)


def _is_pieces(text: str) -> bool:
    """Whether *text* is pieces of COMMON, runs of keys and digits and signs alone, one after the other."""
    reached = {0}
    for start in range(len(text)):
        if start not in reached:
            continue
        reached.update(start + len(word) for word in COMMON if text.startswith(word, start))
        for length in range(RUN, _longest_run(text, start) + 1):
            reached.add(start + length)
        if not text[start].isalpha():
            reached.add(start + 1)
    return len(text) in reached


def _longest_run(text: str, start: int) -> int:
    """How many characters from *start* on are the same, or neighbours on a keyboard or in the alphabet, forwards or back."""
    same = len(text) - start - len(text[start:].lstrip(text[start]))
    longest = same
    for row in (*LETTERS_AND_DIGITS, *(row[::-1] for row in LETTERS_AND_DIGITS)):
        at = row.find(text[start])
        length = 0
        while (
            at >= 0
            and length < len(row) - at
            and text[start + length : start + length + 1] == row[at + length]
        ):
            length += 1
        longest = max(longest, length)
    return longest


def _repeats(text: str) -> bool:
    """Whether *text* is a piece of up to seven characters again and again, the last time perhaps cut off."""
    return any(text.startswith(text[size:]) for size in range(1, SHORTEST // 2 + 1))


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
