"""A month's usage goes to the licensing authority once, whatever breaks, and stays in the store until it is taken."""

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from gateway.licensing import LicenceOffice, RemoteAuthority, Submitter
from gateway.store import (
    Conflict,
    LicenceSubmission,
    NewStatement,
    NotFound,
    Statement,
    Store,
    SubmissionState,
)
from tests.gateway.licensing.pulse import DROP, LOST, TOKEN, Pulse, refusal, serving
from tests.gateway.licensing.rig import NOW_MS, Rig, make_rig
from tests.gateway.store.licensing.orders import CONTRACT

STATE = SubmissionState


def line(licence: str, used: int) -> dict[str, Any]:
    return {
        "type": "VMs", "licence": licence, "rentalCount": used, "newCount": 0, "usedCount": used,
        "at": "2026-10-31T10:00:00.000+01:00",
    }  # fmt: skip


@attrs.frozen
class Desk:
    """A provider's books, and who tells the authority of them."""

    rig: Rig
    submitter: Submitter

    @property
    def store(self) -> Store:
        return self.rig.store

    def close(
        self, month: str = "2026-10", lines: tuple[dict[str, Any], ...] = (line("Rental", 5),)
    ) -> Statement:
        """A month's statement that is final, as the books have it."""
        companies = [
            {
                "uid": self.rig.world.company.uid,
                "name": "Bäckerei Ölund",
                "workloads": list(lines),
                "cloud": [],
            }
        ]
        statement = {
            "period": {"month": month, "from": f"{month}-01T00:00:00.000+02:00", "to": "x", "timeZone": "Europe/Stockholm"},
            "companies": companies,
        }  # fmt: skip
        new = NewStatement(
            month=month, from_ms=1, to_ms=2, time_zone="Europe/Stockholm", basis="b", document=json.dumps({"statement": statement}).encode()
        )  # fmt: skip
        return self.store.statements.finish(new, by="Eva", now_ms=NOW_MS)

    def correct(self, month: str = "2026-10") -> None:
        """The same month once more, after something came in."""
        statement = {
            "period": {"month": month, "from": f"{month}-01T00:00:00.000+02:00", "to": "x"}, "companies": [], "number": 1,
        }  # fmt: skip
        new = NewStatement(
            month=month, from_ms=1, to_ms=2, time_zone="Europe/Stockholm", basis="c", document=json.dumps({"statement": statement}).encode()
        )  # fmt: skip
        self.store.statements.correct(new, by="Eva", now_ms=NOW_MS)

    def states(self) -> list[tuple[str, int, SubmissionState]]:
        return [(each.month, each.number, each.state) for each in self.store.licence_submissions.list()]

    def only(self) -> LicenceSubmission:
        (found,) = self.store.licence_submissions.list()
        return found


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    """With an authority that can be away."""
    rig = make_rig(store, tmp_path)
    return Desk(rig, Submitter(store=store, authority=rig.authority))


def by_hand(store: Store) -> None:
    """The contract's usage is not reported without a look at it."""
    store.licence_catalogue.set_contract(
        attrs.evolve(CONTRACT, reports_automatically=False), by="Eva", now_ms=NOW_MS
    )


def test_a_final_month_is_told_once(desk: Desk) -> None:
    """What is under the provider's licences, with the licences; a company is an id and nothing else."""
    licence = desk.rig.generate()
    desk.close(lines=(line("Rental", 5), line("None", 7)))
    (taken,) = desk.submitter.work(NOW_MS)
    assert (taken.state, taken.receipt, taken.done_ms) == (STATE.ACCEPTED, taken.uid, NOW_MS)
    assert desk.submitter.work(NOW_MS + 1) == []
    assert len(desk.rig.authority.asked) == 2  # the licence, and this

    document = taken.document
    assert (document["month"], document["number"], len(document["statementSha256"])) == ("2026-10", 0, 64)
    (company,) = document["companies"]
    assert company["companyUid"] == desk.rig.world.company.uid
    assert company["workloads"] == [line("Rental", 5)]
    assert [(each["licenseId"], each["contractId"], each["points"]) for each in company["licenses"]] == [
        (licence.terms.uid, CONTRACT.uid, 220)
    ]
    assert "Bäckerei" not in json.dumps(document, ensure_ascii=False)


def test_nothing_is_lost_while_nobody_answers(desk: Desk) -> None:
    """It is kept first, and sent again under one key, later each time."""
    desk.close()
    desk.rig.authority.away = 2
    (waits,) = desk.submitter.work(NOW_MS)
    assert (waits.state, waits.attempts, waits.code, waits.next_ms) == (
        STATE.PENDING, 1, 6150, NOW_MS + 7000,
    )  # fmt: skip
    assert desk.submitter.work(NOW_MS + 6999) == []
    assert desk.store.alarm_licensing.authority().attempts == 1
    desk.submitter.work(NOW_MS + 7000)
    assert desk.store.alarm_licensing.authority().attempts == 2
    again = desk.only()
    assert again.next_ms == NOW_MS + 7000 + 10_000
    (taken,) = desk.submitter.work(again.next_ms)
    assert taken.state is STATE.ACCEPTED
    assert set(desk.rig.authority.asked) == {taken.key}
    assert desk.store.alarm_licensing.authority().attempts == 0


def test_months_wait_their_turn(desk: Desk) -> None:
    """While nobody is there for the first, nobody is asked about the second."""
    desk.close("2026-09")
    desk.close("2026-10")
    desk.rig.authority.away = 1
    assert [each.month for each in desk.submitter.work(NOW_MS)] == ["2026-09"]
    assert [each.month for each in desk.submitter.work(NOW_MS + 7000)] == ["2026-09", "2026-10"]


def test_a_person_looks_first_unless_every_contract_says_otherwise(desk: Desk) -> None:
    by_hand(desk.store)
    desk.close()
    assert desk.submitter.work(NOW_MS) == []
    held = desk.only()
    assert held.state is STATE.HELD
    desk.store.licence_submissions.approve(held.uid, by="Eva", now_ms=NOW_MS)
    (taken,) = desk.submitter.work(NOW_MS)
    assert taken.state is STATE.ACCEPTED
    assert [entry.who for entry in desk.store.audit.list() if entry.action == "usage submitted"] == ["Eva"]
    with pytest.raises(Conflict):
        desk.store.licence_submissions.approve(held.uid, by="Eva", now_ms=NOW_MS)
    with pytest.raises(NotFound):
        desk.store.licence_submissions.approve("other", by="Eva", now_ms=NOW_MS)


def test_a_correction_is_another_submission(desk: Desk) -> None:
    desk.close()
    desk.submitter.work(NOW_MS)
    desk.correct()
    desk.submitter.work(NOW_MS)
    assert desk.states() == [("2026-10", 1, STATE.ACCEPTED), ("2026-10", 0, STATE.ACCEPTED)]


def test_without_a_contract_nobody_is_told(store: Store, tmp_path: Path) -> None:
    desk = Desk(make_rig(store, tmp_path), Submitter(store=store, authority=None))  # type: ignore[arg-type]  # nobody is asked
    store.licence_catalogue.replace("embedded", [], [], by="Eva", now_ms=NOW_MS)
    desk.close()
    assert desk.submitter.work(NOW_MS) == []
    assert desk.states() == []


@pytest.fixture
def pulse(tmp_path: Path) -> Any:
    with serving(tmp_path) as pulse:
        yield pulse


@pytest.fixture
def remote(pulse: Pulse, desk: Desk, tmp_path: Path) -> Desk:
    """The same, with a remote authority."""
    (tmp_path / "token").write_text(TOKEN)
    authority = RemoteAuthority(
        url=pulse.url, token_file=tmp_path / "token", ca=tmp_path / "ca.pem", timeout_s=5.0
    )
    return Desk(desk.rig, Submitter(store=desk.store, authority=authority))


def test_a_remote_authority_counts_a_month_once_though_its_answer_was_lost(
    remote: Desk, pulse: Pulse
) -> None:
    remote.close()
    pulse.plays = [DROP, LOST]
    now_ms = NOW_MS
    for _ in range(2):
        (waits,) = remote.submitter.work(now_ms)
        assert waits.state is STATE.PENDING
        now_ms = waits.next_ms
    (taken,) = remote.submitter.work(now_ms)
    assert (taken.state, taken.receipt, taken.authority) == (STATE.ACCEPTED, "R-1", "remote")
    assert [each["month"] for each in pulse.usage] == ["2026-10"]


def test_a_refusal_is_sent_again_only_when_somebody_says_so(remote: Desk, pulse: Pulse) -> None:
    """Under another key: under the first one the answer would stay the same."""
    remote.close()
    pulse.plays = [(422, {}, refusal("the contract has ended"))]
    (refused,) = remote.submitter.work(NOW_MS)
    assert (refused.state, refused.code) == (STATE.REFUSED, 6151)
    assert "the contract has ended" in (refused.message or "")
    assert remote.submitter.work(NOW_MS + 10**9) == []
    again = remote.store.licence_submissions.approve(refused.uid, by="Eva", now_ms=NOW_MS)
    assert again.key != refused.key
    (taken,) = remote.submitter.work(NOW_MS)
    assert taken.state is STATE.ACCEPTED


def test_an_authority_that_does_not_say_what_it_offers_is_told(remote: Desk, pulse: Pulse) -> None:
    """Nothing waits for it, and still it is an alarm: attempts in vain, until it answers."""
    office: LicenceOffice = attrs.evolve(remote.rig.office, authority=remote.submitter.authority)
    pulse.plays = [DROP, (500, {}, b"")]
    for attempts in (1, 2):
        with pytest.raises(Conflict):
            office.sync(by="licensing", now_ms=NOW_MS)
        assert remote.store.alarm_licensing.authority().attempts == attempts
    office.sync(by="licensing", now_ms=NOW_MS)
    assert remote.store.alarm_licensing.authority().attempts == 0
    remote.store.licence_catalogue.unheard("remote", code=6150, message="away")
    remote.store.licence_catalogue.heard("embedded", now_ms=NOW_MS)
    assert remote.store.alarm_licensing.authority().attempts == 0
