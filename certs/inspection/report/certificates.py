"""A certificate as a person reads it. Nothing raises: a stranger's certificate that cannot be read says so."""

import base64
import hashlib
import textwrap

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs import CertificateError, CertificateFacts, read_certificate, to_ms
from certs.inspection.evidence import Expected

__all__ = ["CertificateView", "certificates_of", "pem_of"]

_MAX_CHAIN = 16
_MAX_NAMES = 32


@attrs.frozen(kw_only=True)
class CertificateView:
    """One certificate of a chain, nothing verified. Where it cannot be read, only `sha256` and `problem` tell.

    Attributes:
        subject: RFC 4514, as in "CN=FortiGate CA,O=Fortinet"; `issuer` likewise.
        serial: hexadecimal.
        not_before_ms: milliseconds since the epoch, UTC; `not_after_ms` likewise.
        names: DNS names and addresses of its subjectAltName.
        key: as in "EC secp256r1" or "RSA 2048".
        sha256: of the whole certificate, hexadecimal.
        spki_sha256: of its SubjectPublicKeyInfo, base64, as in an HPKP pin.
        known: "pin" if its key is one of the provider's CAs, "gateway" if gateways serve it, else empty.
        problem: why it cannot be read.
    """

    sha256: str
    subject: str = ""
    issuer: str = ""
    serial: str = ""
    not_before_ms: int | None = None
    not_after_ms: int | None = None
    names: tuple[str, ...] = ()
    key: str = ""
    spki_sha256: str = ""
    known: str = ""
    problem: str = ""


def certificates_of(chain: tuple[bytes, ...] | None, expected: Expected) -> tuple[CertificateView, ...]:
    """The views of a chain (DER, leaf first); empty if none was observed."""
    return tuple(_view(der, expected) for der in (chain or ())[:_MAX_CHAIN])


def pem_of(der: bytes) -> str:
    """PEM of whatever the bytes are."""
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode("ascii"), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----"


def _view(der: bytes, expected: Expected) -> CertificateView:
    sha256 = hashlib.sha256(der).hexdigest()
    try:
        facts = read_certificate(der)
    except CertificateError as error:
        return CertificateView(sha256=sha256, problem=str(error))
    return CertificateView(
        sha256=sha256,
        subject=facts.subject,
        issuer=facts.issuer,
        serial=facts.serial,
        not_before_ms=max(0, to_ms(facts.not_before)),
        not_after_ms=max(0, to_ms(facts.not_after)),
        names=facts.names[:_MAX_NAMES],
        key=_key(der),
        spki_sha256=base64.b64encode(facts.spki_sha256).decode("ascii"),
        known=_known(facts, expected),
    )


def _known(facts: CertificateFacts, expected: Expected) -> str:
    if facts.spki_sha256 in expected.pins:
        return "pin"
    return "gateway" if facts.spki_sha256 in expected.leaf_keys else ""


def _key(der: bytes) -> str:
    key = x509.load_der_x509_certificate(der).public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").strip("_")
