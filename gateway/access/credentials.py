"""The form of the secrets that open the REST interface: a kind, 256 random bits, and a check sum.

    fgk1_ 43 characters of base 62, 6 of check sum        an API key
    fga1_ …                                               an access token
    fgr1_ …                                               a refresh token

One word for a double click, and a prefix that scanners for leaked secrets can look for. The check sum (CRC-32 of all before it) tells a
mistyped or cut-off one from an unknown one without a look into the store; it protects nothing, the random bits do. Prefix and check sum
follow what GitHub does for the same reasons ("Behind GitHub's new authentication token formats", April 2021).

The store keeps the SHA-256 alone. A slow hash, as passwords need, would add nothing: nobody guesses 256 bits.
"""

import hashlib
import secrets
import string
import zlib
from enum import StrEnum
from typing import Final

from gateway.access.refusals import CredentialMistyped

__all__ = ["CredentialKind", "digest_of", "kind_of", "new_credential"]

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_BYTES: Final = 32
_BODY: Final = 43  # 62**43 > 2**256
_CHECK: Final = 6  # 62**6 > 2**32


class CredentialKind(StrEnum):
    """What it is for; the value is what it begins with."""

    API_KEY = "fgk1_"
    ACCESS_TOKEN = "fga1_"  # noqa: S105  # what one begins with
    REFRESH_TOKEN = "fgr1_"  # noqa: S105  # likewise


_LENGTH: Final = len(CredentialKind.API_KEY) + _BODY + _CHECK


def new_credential(kind: CredentialKind) -> str:
    """A new secret."""
    text = kind + _written(int.from_bytes(secrets.token_bytes(_RANDOM_BYTES)), _BODY)
    return text + _check_of(text)


def kind_of(text: str) -> CredentialKind:
    """What *text* was made as; whether it is any good, the store knows.

    Raises:
        CredentialMistyped: nothing of the kind was ever made here.
    """
    for kind in CredentialKind:
        if text.startswith(kind):
            break
    else:
        raise CredentialMistyped("it begins like nothing that is made here")
    if len(text) != _LENGTH:
        raise CredentialMistyped(f"{len(text)} characters long: it has {_LENGTH}")
    if not set(text[len(kind) :]) <= set(_ALPHABET):
        raise CredentialMistyped("it has characters in it that none has")
    if text[-_CHECK:] != _check_of(text[:-_CHECK]):
        raise CredentialMistyped("its check sum does not fit: a character is wrong")
    return kind


def digest_of(text: str) -> bytes:
    """What the store knows it by."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def _check_of(text: str) -> str:
    return _written(zlib.crc32(text.encode()), _CHECK)


def _written(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
