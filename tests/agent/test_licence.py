"""The agent's side of licences: installed if the provider stands behind it and it is for here, and never an older one."""

import functools
import json
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.identity import Identity
from agent.licence import REMEMBERED, LicenceDesk, LicenceRefused, read_known, shown
from certs import LicenceSigner, sign_licence, to_ms
from protocol import AgentType, Code
from tests.certs.licences import COMPANY, INSTALLATION, licence, signed
from tests.certs.pki import DAY, NOW, authority

IDENTITY = Identity(
    agent_uid="a1", installation_uid=INSTALLATION, host_name="backup01", agent_type=AgentType.CLIENT, synthetic=False,
    gateways=("gateway.example:6180",), pins_current=authority().pins_current(),
)  # fmt: skip
FILE = signed().text


@attrs.define
class Clock:
    ms: int = to_ms(NOW + DAY)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> LicenceDesk:
    return LicenceDesk(folder=tmp_path, identity=lambda: IDENTITY, now=lambda: clock.ms)


def refusal(desk: LicenceDesk, text: str, organization_uid: str = COMPANY) -> Code | None:
    try:
        desk.install(text, organization_uid)
    except LicenceRefused as error:
        return error.code
    return None


def installed(desk: LicenceDesk) -> str | None:
    return read_known(desk.folder).installed


def test_a_licence_is_installed_and_shown(desk: LicenceDesk) -> None:
    said = desk.install(FILE, COMPANY)

    assert said == "Nordwind Backup Suite Enterprise Plus, 420 points until 2027-03-01, revision 1 installed"
    assert installed(desk) == FILE
    assert (desk.folder / "licence.json").stat().st_mode & 0o777 == 0o600
    told = shown(desk.folder)
    assert isinstance(told, dict)
    assert (told["product"], told["points"], told["company"]) == (
        "Nordwind Backup Suite",
        420,
        "Müller & Söhne KG",
    )
    assert desk.install(FILE, COMPANY).endswith("was there already")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("garbage", Code.LICENCE_UNREADABLE),
        (
            FILE.replace('"count": 20', '"count": 21').replace('"points": 420', '"points": 431'),
            Code.LICENCE_UNTRUSTED,
        ),
        (signed(company_uid="other").text, Code.LICENCE_WRONG_COMPANY),
        (signed(installation_uid="other").text, Code.LICENCE_WRONG_SERVER),
        (signed(expires=NOW + timedelta(hours=1)).text, Code.LICENCE_EXPIRED),
    ],
)
def test_what_is_refused_leaves_the_licence_that_was_there(desk: LicenceDesk, text: str, code: Code) -> None:
    desk.install(FILE, COMPANY)
    assert refusal(desk, text) is code
    assert installed(desk) == FILE


def test_another_provider_s_licence_is_refused(tmp_path: Path) -> None:
    stranger = attrs.evolve(IDENTITY, pins_current=(bytes(32),))
    desk = LicenceDesk(folder=tmp_path, identity=lambda: stranger, now=lambda: to_ms(NOW))
    assert refusal(desk, FILE) is Code.LICENCE_UNTRUSTED
    assert shown(tmp_path) is None


def test_a_shared_licence_names_no_server(desk: LicenceDesk) -> None:
    assert refusal(desk, signed(installation_uid=None).text) is None


def test_an_older_revision_never_comes_back(desk: LicenceDesk) -> None:
    desk.install(signed(revision=2).text, COMPANY)
    assert refusal(desk, FILE) is Code.LICENCE_SUPERSEDED
    assert refusal(desk, signed(revision=2, installation_uid=None).text) is None
    assert refusal(desk, signed(revision=3).text) is None


def test_what_was_replaced_never_comes_back(desk: LicenceDesk) -> None:
    desk.install(FILE, COMPANY)
    desk.install(signed(licence_id="L-2", replaces=licence().licence_id).text, COMPANY)
    assert refusal(desk, signed(revision=9).text) is Code.LICENCE_SUPERSEDED


def test_a_revoked_licence_is_gone_for_good(desk: LicenceDesk) -> None:
    desk.install(FILE, COMPANY)
    assert desk.remove(licence().licence_id, revoked=True) == "removed"
    assert installed(desk) is None
    assert refusal(desk, signed(revision=2).text) is Code.LICENCE_SUPERSEDED


def test_a_revocation_that_came_first_counts(desk: LicenceDesk) -> None:
    """The licence that it is about comes later, or never."""
    assert desk.remove(licence().licence_id, revoked=True) == "it was not installed"
    assert refusal(desk, FILE) is Code.LICENCE_SUPERSEDED


def test_a_licence_that_was_moved_away_may_come_back(desk: LicenceDesk) -> None:
    desk.install(FILE, COMPANY)
    assert desk.remove("another", revoked=False) == "it was not installed"
    assert desk.remove(licence().licence_id, revoked=False) == "removed"
    assert refusal(desk, FILE) is None


def test_a_former_signer_is_believed_no_more(desk: LicenceDesk) -> None:
    """Whoever has its key has nothing, once a licence of the new one has come."""
    newer = LicenceSigner.create(authority(), NOW + DAY)
    file = sign_licence(licence(revision=2, issued=NOW + DAY), newer.key, newer.chain(authority()))
    desk.install(file.text, COMPANY)
    assert refusal(desk, signed(licence_id="L-9").text) is Code.LICENCE_UNTRUSTED


def test_so_many_licences_are_remembered(desk: LicenceDesk) -> None:
    known = read_known(desk.folder)
    for n in range(REMEMBERED + 5):
        known.raise_to(f"L-{n}", None)
    known.raise_to("L-5", None)
    assert len(known.least) == REMEMBERED
    assert "L-4" not in known.least


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"version": 1, "installed": "x"}', b'{"version": 1, "a": 1}']
)
def test_a_damaged_file_is_named_and_not_overwritten(desk: LicenceDesk, content: bytes) -> None:
    """It may have said which licences were revoked."""
    path = desk.folder / "licence.json"
    path.write_bytes(content)
    assert refusal(desk, FILE) is Code.LICENCE_NOT_KEPT
    assert path.read_bytes() == content
    assert f"{path} is damaged" in str(shown(desk.folder))


def test_a_newer_agent_s_file_is_left_alone(desk: LicenceDesk) -> None:
    desk.install(FILE, COMPANY)
    path = desk.folder / "licence.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 2}))
    with pytest.raises(LicenceRefused, match="newer agent"):
        desk.remove(licence().licence_id, revoked=True)


def test_what_cannot_be_written_down_is_not_installed(desk: LicenceDesk) -> None:
    away = attrs.evolve(desk, folder=desk.folder / "away")
    assert refusal(away, FILE) is Code.LICENCE_NOT_KEPT


@functools.cache
def file_of(uid: str, revision: int) -> str:
    return signed(licence_id=uid, revision=revision).text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 4), st.booleans()), max_size=12))
def test_no_order_of_events_brings_back_what_is_over(
    desk: LicenceDesk, events: list[tuple[str, int, bool]]
) -> None:
    """Of each licence the revision never sinks, and after a revocation none is installed."""
    (desk.folder / "licence.json").unlink(missing_ok=True)
    highest: dict[str, int] = {}
    over: set[str] = set()
    for uid, revision, revoke in events:
        if revoke:
            desk.remove(uid, revoked=True)
            over.add(uid)
            continue
        done = refusal(desk, file_of(uid, revision)) is None
        assert done == (uid not in over and revision >= highest.get(uid, 0))
        highest[uid] = max(revision, highest.get(uid, 0)) if done else highest.get(uid, 0)
    found = read_known(desk.folder).licence
    assert found is None or found.licence_id not in over
