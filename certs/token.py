"""Strings that a person pastes: the enrollment token, and the code that shows the gateway's half of one connection.

A token is all that an agent needs for its first connection. A path code lets somebody who is not enrolled have one
path report answered. Both look the same but for their first letters:

    fgt1_ or fgc1_ + base64url without padding of:
        u16   length of everything after this field, big-endian
        16    id (a UUID)
        32    Ed25519 seed, the secret
        u8    number of pins, then 32 bytes each: SHA-256 of a root's SubjectPublicKeyInfo
        u8    number of gateways, then each: u8 length, UTF-8 "host:port"
        u8    number of names, then each: u8 length, UTF-8 (names that a public certificate must answer to)
        then sections, each: u8 tag, u16 length, and so many bytes
              tag 1: the gateway's report key, 64 bytes (see `certs.report_keys`)
        4     first bytes of SHA-256 over everything before

The length tells a paste that was cut short, the checksum one that was damaged; both are told as such, because "invalid
token" sends people looking in the wrong place. White space anywhere is ignored: tokens travel through mail.
Sections that are not known, or no sections at all, belong to later versions and are ignored.
"""

import base64
import hashlib
import re
import struct
import uuid
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final, Self

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certs.keys import PIN_SIZE
from certs.report_keys import REPORT_PUBLIC_SIZE, ReportPublic

SEED_SIZE = 32
_CHECKSUM_SIZE = 4
_SECTION: Final = struct.Struct("!BH")
_REPORT_KEY: Final = 1
# Fifty gateways and names of the longest kind; a usual token has 150 characters.
_MAX_BODY_BYTES = 12 * 1024
MAX_TOKEN_CHARS = 17 * 1024
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")


class TokenError(ValueError):
    """No usable token; the message says what is wrong with it, and never contains the secret."""


def _texts(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class Pasted:
    """What tokens and codes have in common. The `seed` never appears in a repr."""

    prefix: ClassVar[str]
    noun: ClassVar[str]
    kind: ClassVar[str]

    id: str
    seed: bytes = attrs.field(repr=False)
    pins: tuple[bytes, ...] = attrs.field(converter=tuple[bytes, ...])
    gateways: tuple[str, ...] = attrs.field(converter=_texts)
    names: tuple[str, ...] = attrs.field(converter=_texts, default=())
    report_key: bytes = b""
    """The gateway's public report key, 64 bytes; empty in one that was made before there was any."""

    @classmethod
    def create(
        cls,
        *,
        seed: bytes,
        pins: Sequence[bytes],
        gateways: Sequence[str],
        names: Sequence[str] = (),
        report_key: bytes = b"",
    ) -> Self:
        """One with a new id; *seed* is 32 random bytes (`secrets.token_bytes`)."""
        return cls(
            id=str(uuid.uuid4()), seed=seed, pins=tuple(pins), gateways=gateways, names=names, report_key=report_key
        )  # fmt: skip

    def public_key(self) -> bytes:
        """The 32-byte Ed25519 public key, which is all that the gateway keeps."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    @property
    def report_public(self) -> ReportPublic | None:
        """What to seal a path report to; None if it was made before there was any."""
        return ReportPublic(self.report_key) if self.report_key else None

    def encode(self) -> str:
        """The string to paste; it contains the secret.

        Raises:
            TokenError: a field does not fit the format.
        """
        if len(self.seed) != SEED_SIZE or any(len(pin) != PIN_SIZE for pin in self.pins):
            raise TokenError(f"a {self.noun}'s seed and pins have 32 bytes each")
        if len(self.report_key) not in (0, REPORT_PUBLIC_SIZE):
            raise TokenError(f"a {self.noun}'s report key has {REPORT_PUBLIC_SIZE} bytes")
        body = uuid.UUID(self.id).bytes + self.seed + _count(self.pins) + b"".join(self.pins)
        body += _encode_texts(self.gateways) + _encode_texts(self.names)
        if self.report_key:
            body += _SECTION.pack(_REPORT_KEY, len(self.report_key)) + self.report_key
        if len(body) > _MAX_BODY_BYTES:
            raise TokenError(
                f"{self.noun} of {len(body)} bytes, limit is {_MAX_BODY_BYTES}: name fewer gateways"
            )
        framed = struct.pack("!H", len(body) + _CHECKSUM_SIZE) + body
        framed += hashlib.sha256(framed).digest()[:_CHECKSUM_SIZE]
        return self.prefix + base64.urlsafe_b64encode(framed).rstrip(b"=").decode("ascii")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pasted string.

        Raises:
            TokenError: not one of this kind, another version, cut short, or damaged. Any other exception is a bug here.
        """
        reader = _Reader(_unwrap(cls, text), cls.noun)
        pasted_id = str(uuid.UUID(bytes=reader.take(16)))
        seed = reader.take(SEED_SIZE)
        pins = tuple(reader.take(PIN_SIZE) for _ in range(reader.count()))
        gateways = tuple(reader.text() for _ in range(reader.count()))
        names = tuple(reader.text() for _ in range(reader.count()))
        if not pins or not gateways:
            raise TokenError(f"the {cls.noun} names no gateway or no root: ask for a new one")
        report_key = dict(reader.sections()).get(_REPORT_KEY, b"")
        if len(report_key) != REPORT_PUBLIC_SIZE:
            report_key = b""
        return cls(id=pasted_id, seed=seed, pins=pins, gateways=gateways, names=names, report_key=report_key)


@attrs.frozen(kw_only=True)
class Token(Pasted):
    """An enrollment token."""

    prefix: ClassVar[str] = "fgt1_"
    noun: ClassVar[str] = "token"
    kind: ClassVar[str] = "an enrollment token"


@attrs.frozen(kw_only=True)
class PathCode(Pasted):
    """A code for one path report by somebody who is not enrolled: single use, minutes-long (the gateway keeps that)."""

    prefix: ClassVar[str] = "fgc1_"
    noun: ClassVar[str] = "code"
    kind: ClassVar[str] = "a code for the gateway's view"


def _unwrap(cls: type[Pasted], text: str) -> bytes:
    """The body of a pasted string, length and checksum verified."""
    noun = cls.noun
    pasted = "".join(text.split()).strip("\"'")
    if not pasted.startswith(cls.prefix):
        if pasted.startswith(cls.prefix[:3]):
            raise TokenError(
                f"the {noun} is of another version: update the agent, or ask for a {noun} of version 1"
            )
        raise TokenError(f"not {cls.kind}: one begins with {cls.prefix}")
    if len(pasted) > MAX_TOKEN_CHARS:
        raise TokenError(f"{noun} of {len(pasted)} characters, limit is {MAX_TOKEN_CHARS}")
    encoded = pasted[len(cls.prefix) :]
    if _FOREIGN.search(encoded):
        raise TokenError(f"the {noun} is damaged: it has characters that no {noun} has")
    if len(encoded) % 4 == 1:  # no number of bytes gives such a string, so its end is missing
        encoded = encoded[:-1]
    raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    if len(raw) < 2:
        raise TokenError(f"the {noun} is cut short: copy all of it")
    (length,) = struct.unpack_from("!H", raw)
    if len(raw) - 2 < length:
        whole = len(cls.prefix) + -(-(length + 2) * 4 // 3)
        raise TokenError(f"the {noun} is cut short: {len(pasted)} of {whole} characters, copy all of it")
    if len(raw) - 2 > length or length < _CHECKSUM_SIZE:
        raise TokenError(f"the {noun} is damaged: it is longer than it says")
    if hashlib.sha256(raw[:-_CHECKSUM_SIZE]).digest()[:_CHECKSUM_SIZE] != raw[-_CHECKSUM_SIZE:]:
        raise TokenError(f"the {noun} is damaged: its checksum does not match, copy it again")
    return raw[2:-_CHECKSUM_SIZE]


class _Reader:
    """Takes fields off the front of a body; one that ends early is a `TokenError`."""

    def __init__(self, body: bytes, noun: str) -> None:
        self._body = body
        self._noun = noun
        self._at = 0

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._body):
            raise TokenError(f"the {self._noun} is damaged: a field is missing")
        self._at += size
        return self._body[self._at - size : self._at]

    def count(self) -> int:
        return self.take(1)[0]

    def text(self) -> str:
        try:
            return self.take(self.count()).decode("utf-8")
        except UnicodeDecodeError as exc:
            raise TokenError(f"the {self._noun} is damaged: a name in it is not text") from exc

    def sections(self) -> Iterator[tuple[int, bytes]]:
        """Tag and content of each section. What runs over the end is not one that this version made: it ends them."""
        while len(self._body) - self._at >= _SECTION.size:
            tag, size = _SECTION.unpack_from(self._body, self._at)
            if len(self._body) - self._at - _SECTION.size < size:
                return
            self._at += _SECTION.size
            yield tag, self.take(size)


def _count(values: Sequence[object]) -> bytes:
    if len(values) > 255:
        raise TokenError(f"{len(values)} entries in a token's list, limit is 255")
    return bytes([len(values)])


def _encode_texts(texts: Sequence[str]) -> bytes:
    encoded = [text.encode() for text in texts]
    if any(len(text) > 255 for text in encoded):
        raise TokenError("a name in a token has at most 255 bytes")
    return _count(encoded) + b"".join(bytes([len(text)]) + text for text in encoded)
