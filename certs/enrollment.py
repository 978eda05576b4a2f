"""The proof that an enrolling agent holds a token, without the token crossing the wire.

    signature = Ed25519(seed, PREFIX ‖ exporter ‖ csr)
    PREFIX    = "fieldgate enroll 1" and a zero byte
    exporter  = 32 bytes of the TLS exporter (RFC 8446 7.5) with EXPORTER_LABEL and no context
    csr       = the DER certificate request, as sent

The exporter is known to the two ends of one TLS connection and to nobody else: a box that terminates TLS has two
connections with two exporters, so a signature that it reads on the one proves nothing on the other, and one that was
recorded proves nothing later. The request in it keeps that box from putting its own key in.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

EXPORTER_LABEL = b"EXPORTER-fieldgate-enroll"
EXPORTER_BYTES = 32
PREFIX = b"fieldgate enroll 1\x00"


def sign_enrollment(seed: bytes, exporter: bytes, csr_der: bytes) -> bytes:
    """The 64-byte signature for Enroll, made with a token's *seed*.

    Raises:
        ValueError: the exporter is not `EXPORTER_BYTES` long, or the seed not 32 bytes.
    """
    return Ed25519PrivateKey.from_private_bytes(seed).sign(_message(exporter, csr_der))


def verify_enrollment(public_key: bytes, exporter: bytes, csr_der: bytes, signature: bytes) -> bool:
    """Whether *signature* was made with the token of *public_key*, on this connection, for this request.

    Raises:
        ValueError: the exporter is not `EXPORTER_BYTES` long, or the public key (ours, from the store) no key.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _message(exporter, csr_der))
    except InvalidSignature:
        return False
    return True


def _message(exporter: bytes, csr_der: bytes) -> bytes:
    if len(exporter) != EXPORTER_BYTES:
        raise ValueError(f"exporter of {len(exporter)} bytes, {EXPORTER_BYTES} needed")
    return PREFIX + exporter + csr_der
