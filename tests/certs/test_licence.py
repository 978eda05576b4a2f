"""Licence files: read as they were written, believed only if the provider's root stands behind every byte."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from certs import (
    MAX_LICENCE_BYTES,
    Anchors,
    Authority,
    AuthorityError,
    ChainVerdict,
    KeyOfflineError,
    LicenceError,
    LicenceFault,
    LicenceKind,
    LicenceSigner,
    LicensedWorkload,
    Usage,
    judge_chain,
    read_licence,
    sign_licence,
)
from certs.rotation import LINGER
from tests.certs.licences import PINS, licence, signed, signer
from tests.certs.pki import DAY, NOW, authority

FILE = signed().text.encode()
VM = LicensedWorkload(workload_id="vm", name="Virtual machine", count=20, multiplier=11)

texts = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=128)
keys = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
times = st.integers(1, 4_000_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))
workloads = st.builds(
    LicensedWorkload,
    workload_id=keys,
    name=texts,
    count=st.integers(0, 1_000_000_000),
    multiplier=st.integers(1, 10_000),
)


def refusal(data: bytes, pins: frozenset[bytes] = PINS) -> LicenceFault | None:
    try:
        read_licence(data).verify(pins)
    except LicenceError as error:
        return error.fault
    return None


def written(file: dict[str, Any]) -> bytes:
    return (json.dumps(file, ensure_ascii=False, indent=1) + "\n").encode()


def test_a_file_is_read_as_it_was_written_and_can_be_read_by_people() -> None:
    file = read_licence(FILE)

    assert file.licence == licence()
    assert file.licence.points == 20 * 11 + 50 * 4
    assert file.verify(PINS) == NOW - timedelta(hours=1)
    assert ' "company": "Müller & Söhne KG",' in file.text
    assert '  "expirationDate": "2027-03-01T12:00:00.000Z",' in file.text


@given(
    keys, st.one_of(st.none(), keys), texts, st.sampled_from(LicenceKind), times, st.integers(1, 10**9),
    st.lists(workloads, min_size=1, max_size=8, unique_by=lambda each: each.workload_id),
)  # fmt: skip
def test_whatever_may_stand_in_a_licence_comes_back(
    licence_id: str,
    replaces: str | None,
    company: str,
    kind: LicenceKind,
    issued: datetime,
    lasts_ms: int,
    has: list[LicensedWorkload],
) -> None:
    if replaces == licence_id:
        replaces = None
    made = licence(
        licence_id=licence_id, replaces=replaces, company=company, kind=kind, issued=issued,
        expires=issued + timedelta(milliseconds=lasts_ms), workloads=tuple(has),
    )  # fmt: skip
    file = sign_licence(made, signer().key, signer().chain(authority()))
    assert read_licence(file.text.encode()) == file
    assert file.licence == made


@given(st.one_of(st.binary(max_size=400), st.text(max_size=200).map(str.encode)))
def test_garbage_is_unreadable_and_nothing_worse(data: bytes) -> None:
    assert refusal(data) is LicenceFault.UNREADABLE


@given(st.integers(0, len(FILE) * 8 - 1))
def test_any_flipped_bit_is_refused(bit: int) -> None:
    changed = bytearray(FILE)
    changed[bit // 8] ^= 1 << bit % 8
    assert refusal(bytes(changed)) is not None


@given(st.data())
def test_whatever_else_stands_in_a_field_is_refused(data: st.DataObject) -> None:
    """Valid JSON of the right outline, one value of it another one: refused, and by the one exception."""
    file = json.loads(FILE)
    anything = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just([]), st.just({})
    )
    field = data.draw(st.sampled_from(sorted(file["license"])))
    value = data.draw(anything.filter(lambda v: v != file["license"][field] or type(v) is bool))
    file["license"][field] = value
    assert refusal(written(file)) in (LicenceFault.UNREADABLE, LicenceFault.FORGED)


@pytest.mark.parametrize(
    "data",
    [
        FILE[:-1],
        FILE + b"\n",
        b" " + FILE,
        FILE.replace(b"\n", b"\r\n"),
        FILE.replace("ü".encode(), b"\\u00fc"),
        FILE.replace(b'"format"', b'"format": "fieldgate-licence/1",\n "format"'),
        FILE.replace(b'"revision": 1', b'"revision": 1.0'),
        FILE.replace(b'"revision": 1', b'"revision": true'),
        FILE.replace(b'"revision": 1', b'"revision": 1, "owner": "me"'),
        FILE.replace(b'"points": 420', b'"points": 421'),
        FILE.replace(b"fieldgate-licence/1", b"fieldgate-licence/2"),
        b'{"format":' * 2000,
        b"1" * 9000,
        b" " * (MAX_LICENCE_BYTES + 1),
    ],
)
def test_a_file_has_one_form(data: bytes) -> None:
    assert refusal(data) is LicenceFault.UNREADABLE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("points", 431),
        ("company", "Somebody else"),
        ("companyUid", "5a0f3b1c-7f0e-4a44-8d53-0f6d7c1f5f11"),
        ("installationUid", None),
        ("expirationDate", None),
        ("expirationDate", "2047-03-01T12:00:00.000Z"),
        ("revision", 2),
    ],
)
def test_what_the_signer_did_not_sign_is_forged(field: str, value: object) -> None:
    file = json.loads(FILE)
    file["license"][field] = value
    if field == "points":
        file["license"]["workloads"][0]["count"] = 21
    assert refusal(written(file)) is LicenceFault.FORGED


def test_one_provider_s_licence_is_worth_nothing_at_another_s() -> None:
    other = Authority.create("Nordwind Backup GmbH", NOW)

    assert refusal(FILE, frozenset(other.pins_current())) is LicenceFault.UNTRUSTED
    assert refusal(FILE, frozenset()) is LicenceFault.UNTRUSTED


def test_a_key_without_the_root_s_word_signs_nothing() -> None:
    """Somebody else's key under the signer's certificate is a forgery."""
    forged = sign_licence(licence(), Ed25519PrivateKey.generate(), signer().chain(authority()))
    assert refusal(forged.text.encode()) is LicenceFault.FORGED


@pytest.mark.parametrize("issued", [NOW - DAY, NOW + timedelta(days=5 * 365 + 1)])
def test_a_signer_signs_in_its_time_only(issued: datetime) -> None:
    file = signed(issued=issued, expires=None, support_until=None)
    assert refusal(file.text.encode()) is LicenceFault.UNTRUSTED


def test_no_tls_endpoint_takes_a_signer_s_certificate() -> None:
    """It is neither a gateway nor an agent, although the root has signed it."""
    anchors = Anchors(pins=PINS)
    for usage in Usage:
        judged = judge_chain(signer().chain(authority()), anchors, name=None, usage=usage, at=NOW)
        assert not judged.ok
        assert judged.chain is ChainVerdict.WRONG_USAGE


def test_a_licence_is_believed_through_a_change_of_the_root() -> None:
    """Under the old root and under the new one; afterwards under the new one only."""
    old = authority()
    rolling = old.rotate_ca(NOW + DAY)
    made = LicenceSigner.create(rolling, NOW + DAY)
    file = sign_licence(licence(issued=NOW + DAY), made.key, made.chain(rolling)).text.encode()
    assert refusal(file, frozenset(rolling.pins_current())) is None
    assert refusal(file, frozenset(rolling.pins_next())) is None

    finished = rolling.finish_ca(NOW + 2 * DAY)
    assert refusal(file, frozenset(finished.pins_current())) is None
    assert refusal(FILE, frozenset(finished.pins_current())) is LicenceFault.UNTRUSTED
    later = finished.rotate_gateway(NOW + 3 * DAY + LINGER)
    assert len(made.chain(later)) == 2


def test_the_newer_of_two_signers_is_known_by_its_date() -> None:
    made = LicenceSigner.create(authority(), NOW + DAY)
    file = sign_licence(licence(issued=NOW + DAY), made.key, made.chain(authority()))
    assert file.verify(PINS) > signed().verify(PINS)


def test_a_signer_is_kept_beside_the_authority(tmp_path: Path) -> None:
    made = authority().save(tmp_path / "ca")
    assert LicenceSigner.load(tmp_path / "ca") is None
    signer().save(tmp_path / "ca")
    path = tmp_path / "ca" / "licence-signer.key"
    assert path.stat().st_mode & 0o777 == 0o600

    made.rotate_gateway(NOW).save(tmp_path / "ca")
    found = LicenceSigner.load(tmp_path / "ca")

    assert found == signer()
    assert found is not None
    assert found.key.private_bytes_raw() == signer().key.private_bytes_raw()
    assert "key" not in repr(found)


@pytest.mark.parametrize("how", ["cut", "garbage", "of another key"])
def test_a_damaged_signer_is_named(tmp_path: Path, how: str) -> None:
    signer().save(tmp_path)
    path = tmp_path / "licence-signer.key"
    pem = path.read_bytes()
    other = LicenceSigner.create(authority(), NOW)
    other.save(tmp_path)
    mixed = (
        path.read_bytes().partition(b"-----BEGIN CERT")[0]
        + b"-----BEGIN CERT"
        + pem.partition(b"-----BEGIN CERT")[2]
    )
    path.write_bytes({"cut": pem[:-50], "garbage": b"\xff" * 9, "of another key": mixed}[how])
    with pytest.raises(AuthorityError, match=r"licence-signer\.key is damaged"):
        LicenceSigner.load(tmp_path)


def test_a_signer_takes_the_root_s_key(tmp_path: Path) -> None:
    authority().save(tmp_path)
    (tmp_path / "root-1.key").unlink()
    with pytest.raises(KeyOfflineError, match=r"root-1\.key"):
        LicenceSigner.create(Authority.load(tmp_path), NOW)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"licence_id": "../x"}, "licence_id"),
        ({"licence_id": ""}, "licence_id"),
        ({"product_id": "ä"}, "product_id"),
        ({"revision": 0}, "revision"),
        ({"revision": True}, "revision"),
        ({"company": "A\nB"}, "cannot be shown"),
        ({"company": "\ud800"}, "cannot be shown"),
        ({"company": " A"}, "company"),
        ({"company": "A" * 129}, "company"),
        ({"workloads": ()}, "workloads"),
        ({"workloads": (VM, VM)}, "twice"),
        ({"expires": NOW}, "expires"),
        ({"expires": datetime(2030, 1, 1)}, "UTC"),  # noqa: DTZ001  # the point
        ({"issued": NOW + timedelta(microseconds=1)}, "milliseconds"),
        ({"replaces": licence().licence_id}, "replace itself"),
    ],
)
def test_a_licence_out_of_bounds_cannot_be_made(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(LicenceError, match=says):
        licence(**changes)


def test_a_file_that_would_be_too_large_is_not_signed() -> None:
    many = tuple(
        LicensedWorkload(
            workload_id=f"w{n}", name="\N{EARTH GLOBE EUROPE-AFRICA}" * 128, count=1, multiplier=1
        )
        for n in range(32)
    )
    with pytest.raises(LicenceError, match="name fewer workloads"):
        signed(workloads=many)


def test_a_refusal_says_why() -> None:
    with pytest.raises(LicenceError, match=r"^its signer might not sign at the time"):
        signed(issued=NOW - DAY, expires=None, support_until=None).verify(PINS)
