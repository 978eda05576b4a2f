"""A certificate builder that lets a test do everything wrong, and shared material that is costly to make."""

import functools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from certs import Authority, spki_sha256

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
AGENT = "3b5c4a52-7a0f-4a39-9a0c-6f0a4f0d9a11"
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@functools.cache
def authority() -> Authority:
    """One provider's authority, made at NOW, its gateway called gateway.example."""
    made = Authority.create("Nordwind Backup GmbH", NOW)
    return made.rotate_gateway(NOW, names=["gateway.example", "127.0.0.1", "::1"])


@functools.cache
def weak_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # weak is the point


@functools.cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@attrs.frozen
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def pin(self) -> bytes:
        return spki_sha256(self.der)


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def make(
    subject: str,
    issuer: Made | None = None,
    *,
    ca: bool = False,
    path_length: int | None = None,
    usage: Sequence[ObjectIdentifier] = (),
    names: Sequence[x509.GeneralName] = (),
    key: Key | None = None,
    begin: datetime = NOW - DAY,
    end: datetime = NOW + 365 * DAY,
    hashed: hashes.SHA256 | hashes.SHA384 | None = None,
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Made:
    """A certificate of *subject* for *key*, signed by *issuer* or itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    signer = issuer.key if issuer is not None else key
    issuer_name = issuer.certificate.subject if issuer is not None else name(subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length if ca else None), critical=True)
        .add_extension(key_usage(ca=ca), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if ca:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for value, critical in extra:
        builder = builder.add_extension(value, critical=critical)
    return Made(builder.sign(signer, hashed or hashes.SHA256()), key)


def key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def server(subject: str, issuer: Made | None, **changes: object) -> Made:
    """A good server certificate for gateway.example, but for *changes*."""
    fields: dict[str, object] = {"usage": [SERVER], "names": [x509.DNSName("gateway.example")], **changes}
    return make(subject, issuer, **fields)  # type: ignore[arg-type]  # the fields are make's own
