"""A certificate request is a key and the proof of holding it."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from certs import MAX_CSR_BYTES, CsrError, generate_key, make_csr, read_csr
from tests.certs.pki import Key, name, rsa_key

KEY = generate_key()
CSR = make_csr(KEY, "backup-01")


def request(key: Key | ed25519.Ed25519PrivateKey) -> bytes:
    hashed = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    builder = x509.CertificateSigningRequestBuilder().subject_name(name("x"))
    return builder.sign(key, hashed).public_bytes(Encoding.DER)


def test_key_comes_through() -> None:
    assert read_csr(CSR).public_key() == KEY.public_key()
    assert len(CSR) < 300


@pytest.mark.parametrize("host", ["", "ü" * 200, "a" * 64, "host name with blanks"])
def test_any_host_name_makes_a_request(host: str) -> None:
    assert read_csr(make_csr(KEY, host)).public_key() == KEY.public_key()


@pytest.mark.parametrize(
    "key",
    [rsa_key(), ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()],
    ids=["rsa", "p384", "ed25519"],
)
def test_only_p256_is_certified(key: Key | ed25519.Ed25519PrivateKey) -> None:
    with pytest.raises(CsrError, match="not ECDSA P-256"):
        read_csr(request(key))


def test_somebody_elses_key_is_not_certified() -> None:
    """A request whose signature does not fit its key claims a key that the sender does not hold."""
    forged = CSR[:-1] + bytes([CSR[-1] ^ 1])

    with pytest.raises(CsrError, match="not signed with its own key"):
        read_csr(forged)


def test_length_is_judged_first() -> None:
    with pytest.raises(CsrError, match=f"request of {MAX_CSR_BYTES + 1} bytes, limit is {MAX_CSR_BYTES}"):
        read_csr(bytes(MAX_CSR_BYTES + 1))


@given(st.binary(max_size=300))
def test_garbage_raises_only_csr_error(data: bytes) -> None:
    with pytest.raises(CsrError):
        read_csr(data)


@given(at=st.integers(0, len(CSR) - 1), value=st.integers(0, 255), cut=st.booleans())
def test_every_damage_is_refused(at: int, value: int, cut: bool) -> None:
    damaged = CSR[:at] if cut else CSR[:at] + bytes([value]) + CSR[at + 1 :]
    if damaged == CSR:
        return
    with pytest.raises(CsrError):
        read_csr(damaged)
