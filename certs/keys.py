"""Keys: P-256, because it is the fastest handshake that every TLS stack speaks.

Our own keys are ECDSA P-256 throughout (a signature costs 23 µs, RSA-2048 thirty times that). A key is named by the
SHA-256 of its SubjectPublicKeyInfo, the "pin" of RFC 7469: it survives a certificate's renewal, so what agents pin
are the keys of CAs and never certificates.
"""

import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

# The CA/Browser Forum's floor (Baseline Requirements 6.1.5).
MIN_RSA_BITS = 2048

PIN_SIZE = 32


class KeyFileError(ValueError):
    """A private key cannot be read, or is of a kind that we do not use."""


def generate_key() -> ec.EllipticCurvePrivateKey:
    """A new P-256 private key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_to_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """*key* as unencrypted PKCS #8 PEM; the same key always gives the same bytes."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_from_pem(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The P-256 key in *pem*.

    Raises:
        KeyFileError: not PEM, encrypted, damaged, or another kind of key.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as exc:
        raise KeyFileError("the private key is encrypted, and nobody is there to type a password") from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise KeyFileError("not a private key in PEM") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyFileError("not an ECDSA P-256 key")
    return key


def spki_of_key(key: CertificatePublicKeyTypes) -> bytes:
    """*key* as a DER SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pin_of_key(key: CertificatePublicKeyTypes) -> bytes:
    """SHA-256 of the key's SubjectPublicKeyInfo, 32 bytes."""
    return hashlib.sha256(spki_of_key(key)).digest()


def weakness_of(key: CertificatePublicKeyTypes) -> str | None:
    """Why *key* is not accepted in a certificate, or None."""
    if isinstance(key, rsa.RSAPublicKey):
        return (
            f"RSA of {key.key_size} bits, at least {MIN_RSA_BITS} needed"
            if key.key_size < MIN_RSA_BITS
            else None
        )
    if isinstance(key, ec.EllipticCurvePublicKey):
        accepted = isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1)
        return None if accepted else f"ECDSA on {key.curve.name}, only P-256, P-384 and P-521 are accepted"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519, which the certificate profile of the web does not accept: use ECDSA P-256"
    return f"{type(key).__name__}, only ECDSA and RSA are accepted"
