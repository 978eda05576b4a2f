"""The gateway's report key: what agents seal a path report to, and what signs the answer.

Two keys that live and are rotated together, because they are trusted for the same reason: X25519 to seal to, Ed25519 to verify
with. The public half is 64 bytes, one after the other. It comes to an agent in its token and over verified sessions, never on the path
that a report is about.
"""

import hashlib
import re

import attrs
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from certs.keys import KeyFileError

REPORT_PUBLIC_SIZE = 64
KEY_ID_SIZE = 8

# Told to agents, current first. Three retired ones cover agents that were off during as many rotations.
MAX_REPORT_KEYS = 4

_BLOCK = re.compile(rb"-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----\s*", re.DOTALL)


def _whole(_: object, __: object, raw: bytes) -> None:
    if len(raw) != REPORT_PUBLIC_SIZE:
        raise ValueError(f"a report key of {len(raw)} bytes, {REPORT_PUBLIC_SIZE} needed")


@attrs.frozen
class ReportPublic:
    """The public half: `raw` is the X25519 key, then the Ed25519 key, 32 bytes each.

    Raises:
        ValueError: `raw` has another length.
    """

    raw: bytes = attrs.field(validator=_whole)

    @property
    def key_id(self) -> bytes:
        """Names the key on the wire: the first 8 bytes of SHA-256 of `raw`."""
        return hashlib.sha256(self.raw).digest()[:KEY_ID_SIZE]

    @property
    def exchange(self) -> X25519PublicKey:
        """To seal to."""
        return X25519PublicKey.from_public_bytes(self.raw[:32])

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether the holder of the private half signed *message*."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw[32:]).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@attrs.frozen
class ReportKey:
    """The private half, which only gateways have."""

    exchange: X25519PrivateKey = attrs.field(repr=False, eq=False)
    signing: Ed25519PrivateKey = attrs.field(repr=False, eq=False)
    public: ReportPublic = attrs.field(init=False)

    @public.default
    def _public(self) -> ReportPublic:
        return ReportPublic(
            self.exchange.public_key().public_bytes_raw() + self.signing.public_key().public_bytes_raw()
        )

    @classmethod
    def generate(cls) -> "ReportKey":
        """A new one."""
        return cls(X25519PrivateKey.generate(), Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> "ReportKey":
        """The inverse of `to_pem`.

        Raises:
            KeyFileError: not two keys, of these two kinds, in this order.
        """
        try:
            keys = [load_pem_private_key(block, password=None) for block in _BLOCK.findall(pem)]
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise KeyFileError("not a report key in PEM") from exc
        match keys:
            case [X25519PrivateKey() as exchange, Ed25519PrivateKey() as signing]:
                return cls(exchange, signing)
        raise KeyFileError("a report key is an X25519 key and an Ed25519 key, in this order")

    def to_pem(self) -> bytes:
        """Both keys as unencrypted PKCS #8 PEM, X25519 first; the same key always gives the same bytes."""
        return b"".join(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            for key in (self.exchange, self.signing)
        )
