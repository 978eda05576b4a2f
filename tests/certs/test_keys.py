"""Private keys as files: P-256, not encrypted, or a clear refusal."""

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from certs import KeyFileError, generate_key, key_from_pem, key_to_pem
from certs.keys import weakness_of
from tests.certs.pki import Made, make, rsa_key

KEY = generate_key()


def test_key_survives_pem() -> None:
    assert key_to_pem(key_from_pem(key_to_pem(KEY))) == key_to_pem(KEY)


def test_encrypted_key_is_told() -> None:
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))

    with pytest.raises(KeyFileError, match="the private key is encrypted"):
        key_from_pem(pem)


@pytest.mark.parametrize(
    "made", [make("x", key=rsa_key()), make("x", key=ec.generate_private_key(ec.SECP384R1()))]
)
def test_other_kinds_are_told(made: Made) -> None:
    with pytest.raises(KeyFileError, match="not an ECDSA P-256 key"):
        key_from_pem(made.key_pem)


@given(st.binary(max_size=200))
def test_garbage_raises_only_key_file_error(data: bytes) -> None:
    with pytest.raises(KeyFileError, match="not a private key in PEM"):
        key_from_pem(data)


def test_kinds_that_no_certificate_may_have() -> None:
    old = dsa.DSAPublicNumbers(
        y=2, parameter_numbers=dsa.DSAParameterNumbers(p=2**2047 + 1, q=2**255 + 1, g=2)
    )

    assert weakness_of(KEY.public_key()) is None
    assert weakness_of(rsa_key().public_key()) is None
    assert "Ed25519" in str(weakness_of(ed25519.Ed25519PrivateKey.generate().public_key()))
    assert "only ECDSA and RSA" in str(weakness_of(old.public_key()))
