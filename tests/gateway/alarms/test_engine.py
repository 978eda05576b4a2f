"""The engine: what has happened becomes an alarm, once, whatever is killed, and goes when its reason has gone."""

import pytest

from gateway.alarms import Engine
from gateway.alarms.engine import LEASE_MS, SWEEP_MS
from gateway.store import AlarmState, NotFound, NotTheEngine, Store
from protocol import JobStatus
from tests.gateway.alarms.conftest import NOW, Estate
from tests.helpers.stores import enroll, make_world

FAILED, WARNING, SUCCESS = JobStatus.FAILED, JobStatus.WARNING, JobStatus.SUCCESS


def test_a_failed_job_is_an_alarm_at_the_next_look(estate: Estate) -> None:
    """It says which job of whom, and why."""
    estate.end_job("r1", FAILED, message="no space left")
    estate.engine.tick(NOW + 1)
    alarm = estate.only()
    assert (alarm.template, alarm.object_kind, alarm.object_uid) == ("job-state", "job", "nightly")
    assert (alarm.severity, alarm.message) == ("error", "failed: no space left")
    assert (alarm.organization_uid, alarm.location_uid) == (
        estate.world.company.uid,
        estate.world.location.uid,
    )
    assert (alarm.agent_uid, alarm.computer_name) == (estate.agent.agent_uid, "backup0000")


def test_a_warning_is_less_grave(estate: Estate) -> None:
    """And becomes an error, counted, when the job fails outright."""
    estate.end_job("r1", WARNING)
    estate.engine.tick(NOW + 1)
    assert estate.open() == [("job-state", "nightly", "warning", 1)]
    estate.end_job("r2", FAILED, at=NOW + 2)
    estate.engine.tick(NOW + 3)
    assert estate.open() == [("job-state", "nightly", "error", 2)]


def test_a_job_that_ends_well_resolves_its_alarm(estate: Estate) -> None:
    """By itself, and the history says so."""
    estate.end_job("r1", FAILED)
    estate.engine.tick(NOW + 1)
    alarm = estate.only()
    estate.end_job("r2", SUCCESS, at=NOW + 2)
    estate.engine.tick(NOW + 3)
    assert estate.open() == []
    assert [(line.what, line.who) for line in estate.store.alarms.history(alarm.uid)] == [
        ("resolved", ""),
        ("raised", ""),
    ]


def test_nothing_new_changes_nothing(estate: Estate) -> None:
    """Looking again, the whole sweep included, counts nothing and writes no history."""
    estate.end_job("r1", FAILED)
    for n in range(5):
        estate.engine.tick(NOW + 1 + n * (SWEEP_MS + 1))
    alarm = estate.only()
    assert alarm.repeat_count == 1
    assert len(estate.store.alarms.history(alarm.uid)) == 1


def test_an_older_session_that_comes_late_is_not_the_last(estate: Estate) -> None:
    """A job is judged by the session that ended last."""
    estate.end_job("r2", SUCCESS, at=NOW - 100)
    estate.end_job("r1", FAILED, at=NOW - 200)
    estate.engine.tick(NOW + 1)
    assert estate.open() == []


def test_a_clock_that_ran_ahead_does_not_hide_what_follows(estate: Estate) -> None:
    """A session that ended in ten years, by its agent's clock, ended when it was heard of."""
    with estate.store.projection() as p:
        from tests.helpers.stores import apply_batch, event, open_stream

        stream = open_stream(p, estate.agent, epoch=7)
        ahead = event(0, time_ms=NOW * 1000, kind=2, job_uid="nightly", session_uid="r1", status=SUCCESS)
        apply_batch(
            p, estate.agent, epoch=7, stream_id=stream, first=1, rows=[ahead], batch_id=bytes(16), received_ms=NOW - 50
        )  # fmt: skip
    estate.end_job("r2", FAILED, at=NOW)
    estate.engine.tick(NOW + 1)
    assert estate.open() == [("job-state", "nightly", "error", 1)]


def test_a_first_engine_finds_what_has_failed_before(store: Store) -> None:
    """There was no engine yet when it happened; everything is looked at once."""
    estate = Estate(store, make_world(store), enroll(store), Engine(store))
    estate.end_job("r1", FAILED)
    estate.engine.tick(NOW)
    assert estate.open() == [("job-state", "nightly", "error", 1)]


def test_what_an_engine_left_the_next_one_reads(estate: Estate) -> None:
    """Killed between looking and writing: its successor reads on from the mark, when the lease has run out."""
    estate.end_job("r1", FAILED)
    successor = Engine(estate.store)
    assert not successor.tick(NOW + 1)
    assert not successor.works
    assert estate.open() == []
    successor.tick(NOW + LEASE_MS + 1)
    assert estate.open() == [("job-state", "nightly", "error", 1)]


def test_one_that_slept_through_its_lease_writes_nothing(estate: Estate) -> None:
    """It wakes in the middle of a look, and finds another's name."""
    work = estate.store.alarm_work
    mark = work.end()
    assert work.take("other", now_ms=NOW + LEASE_MS + 1, lease_ms=LEASE_MS)
    with pytest.raises(NotTheEngine):
        work.apply(estate.engine.holder, [], mark=mark, now_ms=NOW + LEASE_MS + 2)


def test_a_released_lease_is_taken_at_once(estate: Estate) -> None:
    """Who stops does not keep the next one waiting."""
    estate.engine.stop()
    successor = Engine(estate.store)
    successor.tick(NOW + 1)
    assert successor.works


def test_people_decide(estate: Estate) -> None:
    """Acknowledged it goes on being counted; resolved it stays so until it happens again."""
    estate.end_job("r1", FAILED)
    estate.engine.tick(NOW + 1)
    uid = estate.only().uid
    estate.store.alarms.acknowledge(uid, by="eva", now_ms=NOW + 2, remark="looking")
    estate.end_job("r2", FAILED, at=NOW + 3)
    estate.engine.tick(NOW + 4)
    seen = estate.store.alarms.get(uid)
    assert (seen.state, seen.repeat_count, seen.remark) == (AlarmState.ACKNOWLEDGED, 2, "looking")
    estate.store.alarms.resolve(uid, by="eva", now_ms=NOW + 5, remark="known")
    estate.engine.tick(NOW + 6 + SWEEP_MS)
    assert estate.store.alarms.get(uid).state is AlarmState.RESOLVED
    estate.end_job("r3", FAILED, at=NOW + 7)
    estate.engine.tick(NOW + 8 + SWEEP_MS)
    assert estate.open() == [("job-state", "nightly", "error", 1)]
    assert [entry.action for entry in estate.store.audit.list()[:2]] == [
        "alarm resolved",
        "alarm acknowledged",
    ]


def test_alarms_are_facts_of_the_feed(estate: Estate) -> None:
    """Whoever follows sees them as they change."""
    place = estate.store.following.start()
    estate.end_job("r1", FAILED)
    estate.engine.tick(NOW + 1)
    lines, _ = estate.store.following.read(place)
    [line] = [line for line in lines if line.kind == "alarm"]
    assert line.body["event"] == "alarm.raised"
    assert line.body["alarm"]["lastActivation"]["status"] == "Error"


def test_what_has_been_over_for_long_is_forgotten(estate: Estate) -> None:
    """With its history, when the setting's time is over; of an open alarm all of it stays."""
    day = 24 * 3_600_000
    estate.engine.keep_ms = 10 * day
    for job in ("mended", "broken"):
        estate.end_job("r1" + job, JobStatus.FAILED, job=job)
    estate.engine.tick(NOW + 1)
    uids = {alarm.object_name: alarm.uid for alarm in estate.store.alarms.list()}
    estate.end_job("r2", JobStatus.SUCCESS, job="mended", at=NOW + 2)
    estate.engine.tick(NOW + 3)
    estate.engine.tick(NOW + 9 * day)
    assert len(estate.store.alarms.history(uids["mended"])) == 2
    estate.engine.tick(NOW + 11 * day)
    with pytest.raises(NotFound):
        estate.store.alarms.history(uids["mended"])
    assert len(estate.store.alarms.history(uids["broken"])) == 1
