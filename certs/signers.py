"""Who may sign licences, and who statements of usage: a key for each, certified by the provider's root for that and for nothing else.

    root ──▶ licence signer        Ed25519, 5 years, one extended key usage of ours
         └─▶ statement signer      the same with another one

Agents pin the root, so they believe a signer that the root has certified, and need not be told of a new one. No TLS endpoint accepts its
certificate, because its usage is neither serverAuth nor clientAuth; and nothing that our issuers sign is a signer, because a path to a
root may only lead over roots (a root that signed its successor), never over a CA with a usage of its own. So a thief of the agent issuer's
key, which lies on the machines that face the internet, makes no licences. Nor is a signer needed there: the key is kept where licences
are made, in a file beside the authority's, and is in no manifest.

A licence signer is replaced by `fieldgate ca rotate --licence-signer`, and whenever root or issuers are; that takes the root's key. Agents remember
since when the newest signer that they have met may sign, and believe no older one from then on.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final, Self, TypeVar

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from certs.authority import Authority
from certs.chain import (
    CertificateError,
    chain_from_pem,
    chain_to_pem,
    parse_certificate,
    parse_chain,
    pin_of,
    readable,
)
from certs.keys import weakness_of
from certs.keystore import write_private
from certs.profiles import LICENCE_USAGE, STATEMENT_USAGE
from certs.state import AuthorityError

MAX_SIGNER_CHAIN: Final = 10
_MARKER: Final = b"-----BEGIN CERTIFICATE-----"

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class SignerError(Exception):
    """A signer that is not believed; the message says why."""


@attrs.frozen(kw_only=True)
class Purpose:
    """What a signer signs."""

    name: str
    """Of its file and in its certificate."""
    what: str
    """For people."""
    usage: x509.ObjectIdentifier


LICENCES: Final = Purpose(name="licence-signer", what="licences", usage=LICENCE_USAGE)
STATEMENTS: Final = Purpose(name="statement-signer", what="statements of usage", usage=STATEMENT_USAGE)


@attrs.frozen(kw_only=True)
class Signer:
    """A signer that is believed: its key, and since when it may sign."""

    key: Ed25519PublicKey
    since: datetime


@attrs.frozen(kw_only=True)
class RootedSigner:
    """A private key that signs for the provider, and its certificate (DER)."""

    purpose: ClassVar[Purpose]

    key: Ed25519PrivateKey = attrs.field(repr=False, eq=False)
    certificate: bytes

    @classmethod
    def create(cls, authority: Authority, now: datetime) -> Self:
        """A new one.

        Raises:
            KeyOfflineError: the root's key is elsewhere.
        """
        key = Ed25519PrivateKey.generate()
        certificate = authority.certify_signer(
            key.public_key(), now, label=cls.purpose.name, usage=cls.purpose.usage
        )
        return cls(key=key, certificate=certificate)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The one in the authority's *folder*; None if there is none.

        Raises:
            AuthorityError: its file cannot be read or is damaged.
        """
        path = cls.file(folder)
        try:
            pem, marker, rest = path.read_bytes().partition(_MARKER)
            key = load_pem_private_key(pem, password=None)
            (certificate,) = chain_from_pem(marker + rest)
            certified = parse_certificate(certificate).public_key()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AuthorityError(f"cannot read {path}: {error.strerror}") from error
        except (TypeError, ValueError) as error:
            raise AuthorityError(f"{path} is damaged: restore it from a backup") from error
        if not isinstance(key, Ed25519PrivateKey) or key.public_key() != certified:
            raise AuthorityError(f"{path} is damaged: its certificate is not for its key")
        return cls(key=key, certificate=certificate)

    def save(self, folder: Path) -> None:
        """Write it into the authority's *folder*, in the place of the one before it.

        Raises:
            OSError: as the file system says; the one before is then still there.
        """
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(self.file(folder), pem + chain_to_pem([self.certificate]))

    @classmethod
    def file(cls, folder: Path) -> Path:
        """Where it lies in the authority's *folder*."""
        return folder / f"{cls.purpose.name}.key"

    def chain(self, authority: Authority) -> tuple[bytes, ...]:
        """What a signed file carries: this certificate, and the way to each root that may be known."""
        return (self.certificate, *authority.served_roots())

    @property
    def until(self) -> datetime:
        """When it may sign no more."""
        return parse_certificate(self.certificate).not_valid_after_utc


class LicenceSigner(RootedSigner):
    """Signs licences."""

    purpose = LICENCES


class StatementSigner(RootedSigner):
    """Signs statements of usage."""

    purpose = STATEMENTS


def judge_signer(chain: Sequence[bytes], pins: frozenset[bytes], at: datetime, *, purpose: Purpose) -> Signer:
    """Whether the holder of the first certificate might sign at the moment *at*, by the word of a pinned root.

    Args:
        chain: DER, each signed by the next; what comes after a pinned root does not matter.
        pins: of the provider's roots.

    Raises:
        SignerError: it might not; no other error, whatever the chain.
    """
    try:
        certificates = parse_chain(chain)
        with readable():
            return _judge(certificates, pins, at, purpose)
    except CertificateError as error:
        raise SignerError(str(error)[:200]) from None


def _judge(
    certificates: Sequence[x509.Certificate], pins: frozenset[bytes], at: datetime, purpose: Purpose
) -> Signer:
    leaf = certificates[0]
    key = leaf.public_key()
    usage = _extension(leaf, x509.ExtendedKeyUsage)
    if usage is None or list(usage) != [purpose.usage] or not isinstance(key, Ed25519PublicKey):
        raise SignerError(f"its signer's certificate is not for signing {purpose.what}")
    _require_valid(leaf, at)
    below = leaf
    for depth, root in enumerate(certificates[1:]):
        if not _is_root(root, depth):
            raise SignerError("its signer was not certified by a root")
        try:
            below.verify_directly_issued_by(root)
        except (InvalidSignature, TypeError, ValueError):
            raise SignerError("a certificate of its chain is not signed by the next one") from None
        _require_valid(root, at)
        if pin_of(root) in pins:
            return Signer(key=key, since=leaf.not_valid_before_utc)
        below = root
    raise SignerError("it does not lead to the provider's root")


def _is_root(certificate: x509.Certificate, depth: int) -> bool:
    """Whether it may sign anything, issuers and signers: our issuers are bound to one usage."""
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    return (
        constraints is not None
        and constraints.ca
        and (constraints.path_length is None or constraints.path_length >= depth)
        and usage is not None
        and usage.key_cert_sign
        and _extension(certificate, x509.ExtendedKeyUsage) is None
        and weakness_of(certificate.public_key()) is None
    )


def _require_valid(certificate: x509.Certificate, at: datetime) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise SignerError("its signer might not sign at the time when it says that it was signed")


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
