"""A certificate of one's own is checked before it is served, and every fault is told with what to do."""

import ipaddress
import os
from datetime import datetime
from pathlib import Path

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from certs import (
    Anchors,
    OwnCertificate,
    OwnCertificateError,
    ProblemKind,
    Usage,
    chain_from_pem,
    check_certificate,
    judge_chain,
    own_issuer_pins,
)
from certs.problems import ACTIONS
from tests.certs.pki import CLIENT, DAY, NOW, SERVER, Made, authority, make, rsa_key, server, weak_rsa_key

ROOT = make("Public Root", ca=True, end=NOW + 3650 * DAY)
ISSUER = make("Public E7", ROOT, ca=True, path_length=0, usage=[SERVER, CLIENT], end=NOW + 1000 * DAY)
LEAF = server("gateway.example", ISSUER, end=NOW + 60 * DAY)
NAMES = ["gateway.example", "10.0.0.1"]


def pem(*chain: Made) -> bytes:
    return b"".join(made.pem for made in chain)


def kinds(
    chain: bytes, key: bytes, *, issuers: bytes | None = ROOT.pem, at: datetime = NOW
) -> set[ProblemKind]:
    problems = check_certificate(chain, key, names=NAMES, at=at, issuers_pem=issuers)
    for problem in problems:
        assert problem.message
        assert problem.action == ACTIONS[problem.kind]
    return {problem.kind for problem in problems}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """What an ACME client leaves behind, and the issuers' file."""
    chain, key, issuers = tmp_path / "fullchain.pem", tmp_path / "privkey.pem", tmp_path / "issuers.pem"
    chain.write_bytes(pem(LEAF, ISSUER))
    key.write_bytes(LEAF.key_pem)
    issuers.write_bytes(ROOT.pem)
    return chain, key, issuers


def test_what_acme_writes_is_fine() -> None:
    assert kinds(pem(LEAF, ISSUER), LEAF.key_pem) == set()


def test_without_an_issuers_file_the_last_of_the_chain_is_trusted() -> None:
    assert kinds(pem(LEAF, ISSUER), LEAF.key_pem, issuers=None) == set()


@pytest.mark.parametrize("key", [rsa_key(), ec.generate_private_key(ec.SECP384R1())], ids=["rsa", "p384"])
def test_other_kinds_of_key_are_fine(key: ec.EllipticCurvePrivateKey) -> None:
    leaf = server("gateway.example", ISSUER, key=key)

    assert kinds(pem(leaf, ISSUER), leaf.key_pem) == set()


def test_certificate_of_a_companys_own_root_is_fine() -> None:
    leaf = server("gateway.example", ROOT, names=[x509.IPAddress(ipaddress.ip_address("10.0.0.1"))])

    assert kinds(pem(leaf), leaf.key_pem) == set()


OTHER = server("gateway.example", ISSUER)
WEAK = server("gateway.example", ISSUER, key=weak_rsa_key())
CLIENT_ONLY = server("gateway.example", ISSUER, usage=[CLIENT])
NAMELESS = server("gateway.example", ISSUER, names=[])
ELSEWHERE = server("gateway.example", ISSUER, names=[x509.DNSName("www.example")])
WORSE = server("x", ISSUER, names=[], usage=[CLIENT], key=weak_rsa_key(), end=NOW - DAY / 2)
STRANGER = make("Stranger", ca=True)
STRANGE = server("gateway.example", STRANGER)


@pytest.mark.parametrize(
    ("chain", "key", "expected"),
    [
        (pem(LEAF), LEAF.key_pem, {ProblemKind.INCOMPLETE}),
        (pem(LEAF, ISSUER), OTHER.key_pem, {ProblemKind.KEY_MISMATCH}),
        (pem(ISSUER, LEAF), LEAF.key_pem, {ProblemKind.WRONG_ORDER}),
        (pem(LEAF, ROOT, ISSUER), LEAF.key_pem, {ProblemKind.WRONG_ORDER}),
        (pem(ROOT), ROOT.key_pem, {ProblemKind.IS_A_CA}),
        (pem(WEAK, ISSUER), WEAK.key_pem, {ProblemKind.WEAK_KEY}),
        (pem(CLIENT_ONLY, ISSUER), CLIENT_ONLY.key_pem, {ProblemKind.WRONG_USAGE}),
        (pem(NAMELESS, ISSUER), NAMELESS.key_pem, {ProblemKind.NO_NAMES}),
        (pem(ELSEWHERE, ISSUER), ELSEWHERE.key_pem, {ProblemKind.WRONG_NAME}),
        (pem(STRANGE, STRANGER), STRANGE.key_pem, {ProblemKind.UNTRUSTED}),
        (pem(server("gateway.example", None)), b"", {ProblemKind.UNTRUSTED, ProblemKind.KEY_UNREADABLE}),
        (pem(LEAF, ISSUER), b"-----BEGIN PRIVATE KEY-----\n", {ProblemKind.KEY_UNREADABLE}),
        (b"", LEAF.key_pem, {ProblemKind.UNREADABLE}),
        (LEAF.key_pem, LEAF.key_pem, {ProblemKind.UNREADABLE}),
        (
            pem(WORSE, ISSUER),
            LEAF.key_pem,
            {ProblemKind.KEY_MISMATCH, ProblemKind.WEAK_KEY, ProblemKind.WRONG_USAGE, ProblemKind.NO_NAMES, ProblemKind.EXPIRED},
        ),
    ],
)  # fmt: skip
def test_every_fault_is_told(chain: bytes, key: bytes, expected: set[ProblemKind]) -> None:
    """All of them at once, and no fault is told as another."""
    assert kinds(chain, key) == expected


def test_encrypted_key_is_told() -> None:
    encrypted = LEAF.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
    )

    assert kinds(pem(LEAF, ISSUER), encrypted) == {ProblemKind.KEY_ENCRYPTED}


def test_time_is_told() -> None:
    chain, key = pem(LEAF, ISSUER), LEAF.key_pem

    assert kinds(chain, key, at=NOW + 52 * DAY) == set()
    assert kinds(chain, key, at=NOW + 54 * DAY) == {ProblemKind.EXPIRES_SOON}
    assert kinds(chain, key, at=NOW + 61 * DAY) == {ProblemKind.EXPIRED}
    assert ProblemKind.NOT_YET_VALID in kinds(chain, key, at=NOW - 2 * DAY)


def test_messages_are_sentences_for_people() -> None:
    (problem,) = check_certificate(pem(ELSEWHERE, ISSUER), ELSEWHERE.key_pem, names=NAMES, at=NOW)

    assert problem.message == "the certificate is for www.example, and agents dial 10.0.0.1, gateway.example"
    assert problem.action == "request one for the name that agents dial, or set `names` to what it is for"


def test_agents_accept_what_is_served(files: tuple[Path, Path, Path]) -> None:
    """The public root is not in ACME's file; served, it is, so that an agent finds the key that it was told."""
    chain, key, issuers = files
    own = OwnCertificate.load(chain, key, names=NAMES, at=NOW, issuers=issuers)
    bundle = authority().trust_bundle(own.issuer_pins, own.names)
    ((served, key_pem),) = own.chains()

    result = judge_chain(
        chain_from_pem(served), bundle.anchors(), name="10.0.0.1", usage=Usage.SERVER, at=NOW
    )

    assert result.ok
    assert (own.names, own.warnings, key_pem) == (("gateway.example",), (), LEAF.key_pem)
    assert own.issuer_pins == own_issuer_pins(chain=chain, issuers=issuers) == frozenset({ROOT.pin})
    assert own.not_after == NOW + 60 * DAY
    assert "PRIVATE" not in repr(own)


def test_agents_are_told_issuers_from_the_file_else_from_the_chain(files: tuple[Path, Path, Path]) -> None:
    chain, _, issuers = files

    assert own_issuer_pins(chain=None, issuers=None) == frozenset()
    assert own_issuer_pins(chain=None, issuers=issuers) == frozenset({ROOT.pin})
    assert own_issuer_pins(chain=chain, issuers=issuers) == frozenset({ROOT.pin})
    assert own_issuer_pins(chain=chain, issuers=None) == frozenset({ISSUER.pin})


def test_moving_to_a_public_ca_leaves_no_agent_behind(files: tuple[Path, Path, Path]) -> None:
    """Announce first: an agent that was told accepts the old chain and the new; one that was not, the old one alone."""
    chain, key, issuers = files
    told = authority().trust_bundle(own_issuer_pins(chain=None, issuers=issuers), NAMES).anchors()
    untold = authority().trust_bundle().anchors()
    own = OwnCertificate.load(chain, key, names=NAMES, at=NOW, issuers=issuers)
    ours, theirs = (chain_from_pem(chains[0][0]) for chains in (authority().gateway_chains(), own.chains()))

    def accepts(anchors: Anchors, served: tuple[bytes, ...]) -> bool:
        return judge_chain(served, anchors, name="gateway.example", usage=Usage.SERVER, at=NOW).ok

    assert accepts(told, ours)
    assert accepts(told, theirs)
    assert accepts(untold, ours)
    assert not accepts(untold, theirs)


def test_renewed_files_are_noticed_and_loaded(files: tuple[Path, Path, Path]) -> None:
    """ACME clients replace the files one after the other; in between the pair does not fit, and the old one is served."""
    chain, key, issuers = files
    own = OwnCertificate.load(chain, key, names=NAMES, at=NOW, issuers=issuers)
    assert not own.changed()
    renewed = server("gateway.example", ISSUER, end=NOW + 90 * DAY)

    replacement = chain.with_suffix(".new")
    replacement.write_bytes(pem(renewed, ISSUER))
    os.replace(replacement, chain)
    assert own.changed()
    with pytest.raises(OwnCertificateError, match=r"the private key is not that of CN=gateway\.example"):
        OwnCertificate.load(chain, key, names=NAMES, at=NOW, issuers=issuers)

    key.write_bytes(renewed.key_pem)
    assert OwnCertificate.load(chain, key, names=NAMES, at=NOW, issuers=issuers).not_after == NOW + 90 * DAY


def test_warning_does_not_keep_it_from_being_served(files: tuple[Path, Path, Path]) -> None:
    chain, key, issuers = files

    own = OwnCertificate.load(chain, key, names=NAMES, at=NOW + 55 * DAY, issuers=issuers)

    assert [problem.kind for problem in own.warnings] == [ProblemKind.EXPIRES_SOON]


def test_missing_files_are_named(files: tuple[Path, Path, Path]) -> None:
    chain, key, issuers = files
    own = OwnCertificate.load(chain, key, names=NAMES, at=NOW, issuers=issuers)
    for path in files:
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(OwnCertificateError, match=f"{path.name}: No such file"):
            OwnCertificate.load(chain, key, names=NAMES, at=NOW, issuers=issuers)
        assert own.changed()
        path.write_bytes(content)

    issuers.write_text("no certificate")
    with pytest.raises(OwnCertificateError, match="no readable PEM certificate"):
        own_issuer_pins(chain=None, issuers=issuers)


def test_every_kind_of_problem_says_what_to_do() -> None:
    assert set(ACTIONS) == set(ProblemKind)
    assert attrs.fields(OwnCertificate).key_pem.repr is False
