"""Certificate requests: how an agent shows that it holds a key, and the only thing that we take from it is that key.

What a request asks to be called is ignored: the gateway assigns the agent's id. So a request is small, and checked for
exactly two things: a P-256 key, and a signature made with it.
"""

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import NameOID

from certs.keys import pin_of_key, spki_of_key

# A P-256 request with a host name in it has about 250 bytes; the protocol's Enroll carries at most this much.
MAX_CSR_BYTES = 2048


class CsrError(ValueError):
    """No certificate request that we accept; the message says why. Any other exception is a bug here."""


@attrs.frozen(kw_only=True)
class Csr:
    """A verified request: `spki` is the requested key (DER), `spki_sha256` its name."""

    spki: bytes
    spki_sha256: bytes

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The requested key."""
        key = load_der_public_key(self.spki)
        assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101  # read_csr accepts no other
        return key


def make_csr(key: ec.EllipticCurvePrivateKey, name: str) -> bytes:
    """A DER request for *key*; *name* (a host's) is for people who read it, and clipped to 64 bytes."""
    common_name = name.encode()[:64].decode(errors="ignore") or "agent"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.DER)


def read_csr(der: bytes) -> Csr:
    """Check a request from the wire.

    Raises:
        CsrError: too long, unreadable, not P-256, or not signed with the key that it names.
    """
    if len(der) > MAX_CSR_BYTES:
        raise CsrError(f"certificate request of {len(der)} bytes, limit is {MAX_CSR_BYTES}")
    try:
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as exc:
        raise CsrError(f"unreadable certificate request: {exc}") from exc
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CsrError("the certificate request's key is not ECDSA P-256")
    if not signed:
        raise CsrError("the certificate request is not signed with its own key")
    return Csr(spki=spki_of_key(key), spki_sha256=pin_of_key(key))
