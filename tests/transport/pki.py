"""Certificates for tests of the transport: it judges none, so these carry only what TLS itself needs."""

import datetime as dt
import functools

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

NOT_BEFORE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
NOT_AFTER = dt.datetime(2060, 1, 1, tzinfo=dt.UTC)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certify(subject: str, key: Key, issuer: str, issuer_key: Key, *, ca: bool) -> bytes:
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def key_pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@functools.cache
def _root() -> tuple[bytes, Key]:
    key = ec.generate_private_key(ec.SECP256R1())
    return _certify("root", key, "root", key, ca=True), key


def chain(subject: str = "gateway.test", *, kind: str = "ec") -> tuple[bytes, bytes]:
    """(leaf, issuer and root as PEM; the leaf's key as PEM), the same for the same arguments."""
    return _chain(subject, kind)


@functools.cache
def _chain(subject: str, kind: str) -> tuple[bytes, bytes]:
    root_pem, root_key = _root()
    issuer_key = ec.generate_private_key(ec.SECP256R1())
    issuer_pem = _certify("issuer", issuer_key, "root", root_key, ca=True)
    key: Key = (
        ec.generate_private_key(ec.SECP256R1())
        if kind == "ec"
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    return _certify(subject, key, "issuer", issuer_key, ca=False) + issuer_pem + root_pem, key_pem(key)


def ders(pem: bytes) -> list[bytes]:
    return [c.public_bytes(Encoding.DER) for c in x509.load_pem_x509_certificates(pem)]
