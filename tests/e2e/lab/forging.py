"""What interceptors have: a CA of their own, and leaves that copy the gateway's name."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Maker", "Pems"]

DAY = timedelta(days=1)


@attrs.frozen
class Pems:
    """Files: a chain, and the key of its first certificate."""

    chain: Path
    key: Path


@attrs.frozen
class Maker:
    """A CA that a test may use for anything. `file` is its certificate, PEM."""

    folder: Path
    file: Path
    key_file: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, folder: Path, slug: str, *, common_name: str, organization: str) -> "Maker":
        """A new CA; its files are called after *slug*."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(common_name, organization)
        now = datetime.now(UTC)
        built = _begun(name, name, key.public_key(), now - DAY, now + 365 * DAY)
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        built = built.add_extension(_key_usage(ca=True), critical=True)
        certificate = built.sign(key, hashes.SHA256())
        file, key_file = folder / f"{slug}.pem", folder / f"{slug}-key.pem"
        file.write_bytes(certificate.public_bytes(Encoding.PEM))
        key_file.write_bytes(_key_pem(key))
        return cls(folder, file, key_file, certificate, key)

    @property
    def der(self) -> bytes:
        """Its certificate."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def both(self) -> Path:
        """Certificate and key in one file, as squid and haproxy want them."""
        path = self.file.with_name(f"{self.file.stem}-both.pem")
        path.write_bytes(self.file.read_bytes() + self.key_file.read_bytes())
        return path

    def leaf(
        self, slug: str, names: Sequence[str], *, begin: datetime | None = None, end: datetime | None = None,
        with_ca: bool = True,
    ) -> Pems:  # fmt: skip
        """A server's certificate for *names*, and its chain."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        built = _begun(
            _name(names[0], ""),
            self.certificate.subject,
            key.public_key(),
            begin or now - DAY,
            end or now + 60 * DAY,
        )
        built = built.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
        built = built.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        built = built.add_extension(_key_usage(ca=False), critical=True)
        built = built.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        certificate = built.sign(self.key, hashes.SHA256())
        chain, key_file = self.folder / f"{slug}.pem", self.folder / f"{slug}-key.pem"
        chain.write_bytes(
            certificate.public_bytes(Encoding.PEM) + (self.file.read_bytes() if with_ca else b"")
        )
        key_file.write_bytes(_key_pem(key))
        return Pems(chain, key_file)


def _name(common_name: str, organization: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    built = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), begin, end)
    return built.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
