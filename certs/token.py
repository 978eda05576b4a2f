"""The enrollment token: one string that a person pastes, and all that an agent needs for its first connection.

    fgt1_ + base64url without padding of:
        u16   length of everything after this field, big-endian
        16    token id (a UUID)
        32    Ed25519 seed, the secret
        u8    number of pins, then 32 bytes each: SHA-256 of a root's SubjectPublicKeyInfo
        u8    number of gateways, then each: u8 length, UTF-8 "host:port"
        u8    number of names, then each: u8 length, UTF-8 (names that a public certificate must answer to)
        4     first bytes of SHA-256 over everything before

The length tells a paste that was cut short, the checksum one that was damaged; both are told as such, because "invalid
token" sends people looking in the wrong place. White space anywhere is ignored: tokens travel through mail. Bytes
between the names and the checksum belong to later versions and are ignored.
"""

import base64
import hashlib
import re
import struct
import uuid
from collections.abc import Sequence

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certs.keys import PIN_SIZE

TOKEN_PREFIX = "fgt1_"  # noqa: S105  # a format's name
SEED_SIZE = 32
_CHECKSUM_SIZE = 4
# Fifty gateways and names of the longest kind; a usual token has 150 characters.
_MAX_BODY_BYTES = 12 * 1024
MAX_TOKEN_CHARS = 17 * 1024
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")


class TokenError(ValueError):
    """No usable token; the message says what is wrong with it, and never contains the secret."""


def _texts(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class Token:
    """An enrollment token. Its `seed` never appears in its repr."""

    id: str
    seed: bytes = attrs.field(repr=False)
    pins: tuple[bytes, ...] = attrs.field(converter=tuple[bytes, ...])
    gateways: tuple[str, ...] = attrs.field(converter=_texts)
    names: tuple[str, ...] = attrs.field(converter=_texts, default=())

    @classmethod
    def create(
        cls, *, seed: bytes, pins: Sequence[bytes], gateways: Sequence[str], names: Sequence[str] = ()
    ) -> "Token":
        """A token with a new id; *seed* is 32 random bytes (`secrets.token_bytes`)."""
        return cls(id=str(uuid.uuid4()), seed=seed, pins=tuple(pins), gateways=gateways, names=names)

    def public_key(self) -> bytes:
        """The 32-byte Ed25519 public key, which is all that the gateway keeps."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    def encode(self) -> str:
        """The string to paste; it contains the secret.

        Raises:
            TokenError: a field does not fit the format.
        """
        if len(self.seed) != SEED_SIZE or any(len(pin) != PIN_SIZE for pin in self.pins):
            raise TokenError("a token's seed and pins have 32 bytes each")
        body = uuid.UUID(self.id).bytes + self.seed + _count(self.pins) + b"".join(self.pins)
        body += _encode_texts(self.gateways) + _encode_texts(self.names)
        if len(body) > _MAX_BODY_BYTES:
            raise TokenError(f"token of {len(body)} bytes, limit is {_MAX_BODY_BYTES}: name fewer gateways")
        framed = struct.pack("!H", len(body) + _CHECKSUM_SIZE) + body
        framed += hashlib.sha256(framed).digest()[:_CHECKSUM_SIZE]
        return TOKEN_PREFIX + base64.urlsafe_b64encode(framed).rstrip(b"=").decode("ascii")

    @classmethod
    def parse(cls, text: str) -> "Token":
        """Read a pasted token.

        Raises:
            TokenError: not a token, another version, cut short, or damaged. Any other exception is a bug here.
        """
        reader = _Reader(_unwrap(text))
        token_id = str(uuid.UUID(bytes=reader.take(16)))
        seed = reader.take(SEED_SIZE)
        pins = tuple(reader.take(PIN_SIZE) for _ in range(reader.count()))
        gateways = tuple(reader.text() for _ in range(reader.count()))
        names = tuple(reader.text() for _ in range(reader.count()))
        if not pins or not gateways:
            raise TokenError("the token names no gateway or no root: ask for a new one")
        return cls(id=token_id, seed=seed, pins=pins, gateways=gateways, names=names)


def _unwrap(text: str) -> bytes:
    """The body of a token, length and checksum verified."""
    pasted = "".join(text.split()).strip("\"'")
    if not pasted.startswith(TOKEN_PREFIX):
        if pasted.startswith("fgt"):
            raise TokenError(
                "the token is of another version: update the agent, or ask for a token of version 1"
            )
        raise TokenError(f"not an enrollment token: one begins with {TOKEN_PREFIX}")
    if len(pasted) > MAX_TOKEN_CHARS:
        raise TokenError(f"token of {len(pasted)} characters, limit is {MAX_TOKEN_CHARS}")
    encoded = pasted[len(TOKEN_PREFIX) :]
    if _FOREIGN.search(encoded):
        raise TokenError("the token is damaged: it has characters that no token has")
    if len(encoded) % 4 == 1:  # no number of bytes gives such a string, so its end is missing
        encoded = encoded[:-1]
    raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    if len(raw) < 2:
        raise TokenError("the token is cut short: copy all of it")
    (length,) = struct.unpack_from("!H", raw)
    if len(raw) - 2 < length:
        whole = len(TOKEN_PREFIX) + -(-(length + 2) * 4 // 3)
        raise TokenError(f"the token is cut short: {len(pasted)} of {whole} characters, copy all of it")
    if len(raw) - 2 > length or length < _CHECKSUM_SIZE:
        raise TokenError("the token is damaged: it is longer than it says")
    if hashlib.sha256(raw[:-_CHECKSUM_SIZE]).digest()[:_CHECKSUM_SIZE] != raw[-_CHECKSUM_SIZE:]:
        raise TokenError("the token is damaged: its checksum does not match, copy it again")
    return raw[2:-_CHECKSUM_SIZE]


class _Reader:
    """Takes fields off the front of a body; one that ends early is a `TokenError`."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._body):
            raise TokenError("the token is damaged: a field is missing")
        self._at += size
        return self._body[self._at - size : self._at]

    def count(self) -> int:
        return self.take(1)[0]

    def text(self) -> str:
        try:
            return self.take(self.count()).decode("utf-8")
        except UnicodeDecodeError as exc:
            raise TokenError("the token is damaged: a name in it is not text") from exc


def _count(values: Sequence[object]) -> bytes:
    if len(values) > 255:
        raise TokenError(f"{len(values)} entries in a token's list, limit is 255")
    return bytes([len(values)])


def _encode_texts(texts: Sequence[str]) -> bytes:
    encoded = [text.encode() for text in texts]
    if any(len(text) > 255 for text in encoded):
        raise TokenError("a name in a token has at most 255 bytes")
    return _count(encoded) + b"".join(bytes([len(text)]) + text for text in encoded)
