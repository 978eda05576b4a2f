"""The proof of holding a token is good for one connection and one request."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from certs import EXPORTER_BYTES, EXPORTER_LABEL, Token, sign_enrollment, verify_enrollment

TOKEN = Token.create(seed=bytes(range(32)), pins=[b"p" * 32], gateways=["g:1"])
EXPORTER = b"e" * 32
CSR = b"request"
SIGNATURE = sign_enrollment(TOKEN.seed, EXPORTER, CSR)


def test_holder_is_believed() -> None:
    assert verify_enrollment(TOKEN.public_key(), EXPORTER, CSR, SIGNATURE)


def test_signature_is_the_documented_one() -> None:
    """A stranger's client makes it from the page alone."""
    assert (EXPORTER_LABEL, EXPORTER_BYTES) == (b"EXPORTER-fieldgate-enroll", 32)
    key = Ed25519PrivateKey.from_private_bytes(TOKEN.seed)
    assert key.sign(b"fieldgate enroll 1\x00" + EXPORTER + CSR) == SIGNATURE


def test_relayed_to_another_connection_it_is_worthless() -> None:
    """A box that terminates TLS has another exporter towards the gateway."""
    assert not verify_enrollment(TOKEN.public_key(), b"f" * 32, CSR, SIGNATURE)


def test_request_cannot_be_exchanged() -> None:
    assert not verify_enrollment(TOKEN.public_key(), EXPORTER, b"another", SIGNATURE)


def test_another_token_is_another_key() -> None:
    other = Token.create(seed=bytes(32), pins=[b"p" * 32], gateways=["g:1"])

    assert not verify_enrollment(other.public_key(), EXPORTER, CSR, SIGNATURE)


@given(st.binary(max_size=128))
def test_garbage_is_no_signature(signature: bytes) -> None:
    assert verify_enrollment(TOKEN.public_key(), EXPORTER, CSR, signature) is (signature == SIGNATURE)


def test_public_key_does_not_sign() -> None:
    """What the gateway stores cannot enroll."""
    public = TOKEN.public_key()
    forged = Ed25519PrivateKey.from_private_bytes(public).sign(b"fieldgate enroll 1\x00" + EXPORTER + CSR)

    assert isinstance(Ed25519PublicKey.from_public_bytes(public), Ed25519PublicKey)
    assert not verify_enrollment(public, EXPORTER, CSR, forged)


def test_exporter_of_another_length_is_a_bug_here() -> None:
    with pytest.raises(ValueError, match="exporter of 31 bytes, 32 needed"):
        sign_enrollment(TOKEN.seed, b"e" * 31, CSR)
    with pytest.raises(ValueError, match="exporter of 0 bytes"):
        verify_enrollment(TOKEN.public_key(), b"", CSR, SIGNATURE)
