"""Whatever a peer presents as certificates, the answer is a verdict or the one error."""

import contextlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from certs import (
    Anchors,
    CertificateError,
    ChainVerdict,
    Usage,
    agent_uid_of,
    chain_from_pem,
    chain_to_pem,
    check_certificate,
    generate_key,
    judge_chain,
    make_csr,
    read_certificate,
    serial_of,
    spki_sha256,
)
from certs.chain import MAX_CERTIFICATE_BYTES
from tests.certs.pki import AGENT, DAY, NOW, authority, make, name, server

# `cryptography` warns about some oddities that it accepts; here every oddity is meant.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

AGENT_CHAIN = authority().issue_agent(make_csr(generate_key(), "host"), AGENT, NOW)
GATEWAY_CHAIN = chain_from_pem(authority().gateway_chains()[0][0])
PINS = frozenset(spki_sha256(der) for der in (*AGENT_CHAIN[1:], *GATEWAY_CHAIN[1:]))


@st.composite
def mutated_chains(draw: st.DrawFn) -> list[bytes]:
    """A real chain with a few bytes changed, a certificate lost, doubled, or out of place."""
    chain = list(draw(st.sampled_from([AGENT_CHAIN, GATEWAY_CHAIN])))
    for _ in range(draw(st.integers(0, 3))):
        victim = draw(st.integers(0, len(chain) - 1))
        der = bytearray(chain[victim])
        for _ in range(draw(st.integers(1, 3))):
            der[draw(st.integers(0, len(der) - 1))] = draw(st.integers(0, 255))
        chain[victim] = bytes(der)
    return draw(st.permutations(chain + draw(st.lists(st.sampled_from(chain), max_size=2))))


@given(
    chain=mutated_chains(),
    usage=st.sampled_from(Usage),
    name=st.sampled_from([None, "gateway.example", "", "::1", "\x00"]),
)
def test_every_chain_gets_a_verdict(chain: list[bytes], usage: Usage, name: str | None) -> None:
    """And a good one only if it is, byte for byte, one that we made."""
    result = judge_chain(chain, Anchors(pins=PINS), name=name, usage=usage, at=NOW)

    assert (result.detail == "") is result.ok
    if result.chain is ChainVerdict.OK:
        assert chain[0] == (AGENT_CHAIN if usage is Usage.CLIENT else GATEWAY_CHAIN)[0]


@given(st.lists(st.binary(max_size=200), max_size=12), st.sampled_from(Usage))
def test_garbage_gets_a_verdict(chain: list[bytes], usage: Usage) -> None:
    result = judge_chain(chain, Anchors(pins=PINS), name="gateway.example", usage=usage, at=NOW)

    assert result.chain in (ChainVerdict.UNREADABLE, ChainVerdict.NO_CERTIFICATE)


@given(mutated_chains())
def test_readers_raise_only_certificate_error(chain: list[bytes]) -> None:
    for der in chain:
        for read in (read_certificate, agent_uid_of, serial_of, spki_sha256):
            with contextlib.suppress(CertificateError):
                read(der)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(alphabet="-BEGIN CERTIFICATE\nENDMIIab=/+", max_size=200).map(str.encode),
    )
)
def test_pem_garbage_raises_only_certificate_error(data: bytes) -> None:
    with pytest.raises(CertificateError):
        chain_from_pem(data)


@given(st.binary(max_size=100), st.binary(max_size=100), st.one_of(st.none(), st.binary(max_size=100)))
def test_own_certificate_garbage_is_a_problem(chain: bytes, key: bytes, issuers: bytes | None) -> None:
    problems = check_certificate(chain, key, names=["gateway.example"], at=NOW, issuers_pem=issuers)

    assert any(problem.fatal for problem in problems)


def test_chain_survives_pem() -> None:
    assert chain_from_pem(chain_to_pem(GATEWAY_CHAIN)) == GATEWAY_CHAIN


def test_size_is_judged_first() -> None:
    with pytest.raises(CertificateError, match=f"certificate of {MAX_CERTIFICATE_BYTES + 1} bytes"):
        read_certificate(bytes(MAX_CERTIFICATE_BYTES + 1))


def test_hostile_subject_does_not_fill_the_log() -> None:
    """A refusal's sentence is bounded, whatever the peer calls itself."""
    stranger = make("x" * 64, ca=True)
    result = judge_chain(
        [server("y" * 64, stranger).der], Anchors(pins=PINS), name=None, usage=Usage.SERVER, at=NOW
    )

    assert len(result.detail) < 500


def test_deep_chains_of_our_own_certificates_cost_little() -> None:
    """Ten certificates are the most that is looked at; more are refused unread."""
    many = [*AGENT_CHAIN, *GATEWAY_CHAIN, *AGENT_CHAIN, *GATEWAY_CHAIN]

    assert judge_chain(many[:10], Anchors(pins=PINS), name=None, usage=Usage.CLIENT, at=NOW).ok
    result = judge_chain([*many, b"", b""], Anchors(pins=PINS), name=None, usage=Usage.CLIENT, at=NOW)
    assert result.chain is ChainVerdict.UNREADABLE


def test_keys_that_cost_too_much_are_not_used() -> None:
    """A stranger chooses the key that we would verify with."""
    huge = rsa.RSAPublicNumbers(e=65537, n=2**16383 + 1).public_key()
    slow = rsa.RSAPublicNumbers(e=2**2047 + 1, n=2**2047 + 3).public_key()
    for key in (huge, slow):
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name("slow"))
            .issuer_name(name("slow"))
            .public_key(key)
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + DAY)
            .sign(generate_key(), hashes.SHA256())
        )
        with pytest.raises(CertificateError, match="too long to verify with"):
            spki_sha256(certificate.public_bytes(Encoding.DER))
