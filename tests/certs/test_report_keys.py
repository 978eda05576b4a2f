"""What path reports are sealed to: kept with the authority, rotated, told to agents, there after an upgrade."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certs import (
    MAX_REPORT_KEYS,
    Authority,
    AuthorityError,
    KeyFileError,
    ReportKey,
    ReportPublic,
    TrustBundle,
    generate_key,
    key_to_pem,
)
from certs.rotation import LINGER
from tests.certs.pki import DAY, NOW, authority

KEY = ReportKey.generate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ca"


def key_files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("report-*")}


def as_before(folder: Path) -> None:
    """The folder as it was before path reports."""
    manifest = json.loads((folder / "authority.json").read_bytes())
    del manifest["report_keys"]
    (folder / "authority.json").write_text(json.dumps(manifest))
    for path in folder.glob("report-*"):
        path.unlink()


def test_a_key_is_read_as_it_was_written() -> None:
    again = ReportKey.from_pem(KEY.to_pem())

    assert again.public == KEY.public
    assert again.to_pem() == KEY.to_pem()
    assert KEY.public.verify(again.signing.sign(b"word"), b"word")


def test_the_public_half_is_64_bytes_and_has_a_name() -> None:
    assert len(KEY.public.raw) == 64
    assert KEY.public.raw[:32] == KEY.exchange.public_key().public_bytes_raw()
    assert len(KEY.public.key_id) == 8
    assert ReportKey.generate().public.key_id != KEY.public.key_id
    with pytest.raises(ValueError, match="a report key of 63 bytes, 64 needed"):
        ReportPublic(bytes(63))


def test_only_its_own_signature_counts() -> None:
    signature = KEY.signing.sign(b"word")

    assert not KEY.public.verify(signature, b"words")
    assert not KEY.public.verify(signature[:-1], b"word")
    assert not ReportKey.generate().public.verify(signature, b"word")


def test_the_private_half_is_in_no_repr() -> None:
    assert KEY.exchange.private_bytes_raw().hex() not in repr(KEY)
    assert "PrivateKey" not in repr(KEY)


def ed25519_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"no PEM",
        KEY.to_pem()[:-40],
        KEY.to_pem().replace(b"MC4CAQAw", b"MC4CAQAx"),
        KEY.to_pem() * 2,
        key_to_pem(generate_key()),
        ed25519_pem() + ed25519_pem(),
    ],
    ids=["empty", "no PEM", "cut", "damaged", "twice", "P-256", "two of Ed25519"],
)
def test_what_is_no_report_key_is_refused(pem: bytes) -> None:
    with pytest.raises(KeyFileError, match="report key"):
        ReportKey.from_pem(pem)


def test_a_new_authority_has_one_and_keeps_it(folder: Path) -> None:
    made = authority().save(folder)

    loaded = Authority.load(folder)

    assert loaded == made
    assert [key.public for key in loaded.report_keys()] == [key.public for key in made.report_keys()]
    assert len(loaded.report_keys()) == 1
    assert loaded.report_keys()[0].to_pem() == (folder / "report-1.key").read_bytes()


def test_rotation_keeps_the_last_ones_open(folder: Path) -> None:
    """Agents that were off go on sealing to what they were told."""
    made = authority().save(folder)
    publics = [made.report_keys()[0].public]
    for _ in range(MAX_REPORT_KEYS):
        made = made.rotate_report(NOW).save(folder)
        publics.insert(0, made.report_keys()[0].public)

    assert [key.public for key in Authority.load(folder).report_keys()] == publics[:MAX_REPORT_KEYS]
    assert made.trust_bundle().report_keys == tuple(public.raw for public in publics[:MAX_REPORT_KEYS])
    assert len(key_files(folder)) == MAX_REPORT_KEYS
    assert "report-1.key" not in key_files(folder)


def test_a_retired_key_goes_when_no_agent_can_come_back_with_it() -> None:
    rotated = authority().rotate_report(NOW)

    assert len(rotated.rotate_gateway(NOW + LINGER).report_keys()) == 2
    assert len(rotated.rotate_gateway(NOW + LINGER + DAY).report_keys()) == 1


def test_other_rotations_leave_it_alone() -> None:
    before = authority()

    after = before.rotate_ca(NOW).finish_ca(NOW).rotate_issuers(NOW).rotate_gateway(NOW)

    assert after.report_keys() == before.report_keys()


def test_a_folder_from_before_is_loaded_and_given_one(folder: Path) -> None:
    authority().save(folder)
    as_before(folder)

    old = Authority.load(folder)
    assert old.report_keys() == ()
    assert old.trust_bundle().report_keys == ()
    assert old.rotate_gateway(NOW).save(folder).report_keys() == ()

    given = Authority.load(folder).rotate_report(NOW).save(folder)
    assert Authority.load(folder).report_keys() == given.report_keys() != ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"not PEM", r"report-1\.key: a report key is"),
        (None, r"report-1\.key is missing: restore the folder"),
    ],
)
def test_a_damaged_or_missing_file_is_named(folder: Path, data: bytes | None, words: str) -> None:
    authority().save(folder)
    path = folder / "report-1.key"
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)

    with pytest.raises(AuthorityError, match=words):
        Authority.load(folder)


def test_agents_hear_of_a_new_key() -> None:
    """The revision changes with the keys; and without any it is what it was before there were any."""
    pins = (bytes(range(32)),)
    bundle = TrustBundle(pins_current=pins, names=("gateway.example",))

    assert bundle.revision == 5688831777311527954
    assert authority().rotate_report(NOW).trust_bundle().revision != authority().trust_bundle().revision
    one = TrustBundle(pins_current=pins, report_keys=(KEY.public.raw,))
    assert len({bundle.revision, one.revision, TrustBundle(pins_current=pins).revision}) == 3
    assert one.anchors() == TrustBundle(pins_current=pins).anchors()
