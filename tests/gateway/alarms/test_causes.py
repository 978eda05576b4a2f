"""What becomes an alarm because of what the projector, an operator or a new version did."""

from gateway.alarms.engine import SWEEP_MS
from gateway.config import Agents
from gateway.store import GapState
from protocol import JobStatus
from tests.gateway.alarms.conftest import NOW, Estate
from tests.gateway.alarms.test_sweep import DAY, MINUTE, Fleet


def messages(estate: Estate) -> dict[str, str]:
    """Of the open alarms, by template."""
    return {alarm.template: alarm.message for alarm in estate.store.alarms.list()}


def jump(fleet: Fleet, ms: int) -> None:
    """Time passes, with a heartbeat and a sweep at its end."""
    fleet.now += ms - SWEEP_MS
    fleet.pass_time(SWEEP_MS)


def test_a_gap_that_is_given_up(estate: Estate) -> None:
    """Not while its records may still come."""
    with estate.store.projection() as p:
        p.gaps.open(
            estate.agent.agent_id, 7, b"m" * 16, from_sequence=3, to_sequence=8, state=GapState.OPEN, ask_ms=NOW,
            now_ms=NOW,
        )  # fmt: skip
    estate.engine.tick(NOW + SWEEP_MS)
    assert messages(estate) == {}
    [view] = estate.store.gaps.list([GapState.OPEN])
    estate.store.gaps.declare_lost(view.gap.gap_id)
    estate.engine.tick(NOW + 2 * SWEEP_MS)
    assert messages(estate) == {"gap-declared": "5 records are missing and given up"}


def test_a_record_that_was_set_aside(estate: Estate) -> None:
    """For a week, and another one is told as another."""

    def set_aside(sequence: int, at_ms: int) -> None:
        with estate.store.projection() as p:
            p.quarantine.add(
                estate.agent.agent_uid, epoch=7, batch_id=bytes([sequence]) * 16, tag=5, sequence=sequence,
                reason="no such kind", payload=b"?", received_ms=at_ms,
            )  # fmt: skip

    set_aside(1, NOW)
    estate.engine.tick(NOW + SWEEP_MS)
    set_aside(2, NOW + SWEEP_MS)
    estate.engine.tick(NOW + 2 * SWEEP_MS)
    assert messages(estate) == {"quarantine": "a record was set aside: no such kind"}
    assert estate.only().repeat_count == 2
    estate.engine.tick(NOW + 8 * DAY)
    assert messages(estate) == {}


def test_what_is_known_too_late(estate: Estate) -> None:
    """What was projected had been received long before; it is well again with the first that was not."""
    for n, late_ms in enumerate((90_000, 90_000)):
        at = NOW + n * 2 * MINUTE
        estate.end_job(f"r{n}", JobStatus.SUCCESS, at=at)
        estate.engine.tick(at + late_ms)
    assert messages(estate) == {"journal-lag": "what agents say is known more than 60 s later"}
    later = NOW + 10 * MINUTE
    estate.end_job("r9", JobStatus.SUCCESS, at=later)
    estate.engine.tick(later + 1000)
    assert messages(estate) == {}


def test_an_agent_that_should_be_newer(estate: Estate) -> None:
    """After an hour in which it could have been brought up."""
    estate.engine.versions = Agents(minimum="99.0")
    fleet = Fleet(estate, 1)
    jump(fleet, MINUTE)
    jump(fleet, 50 * MINUTE)
    assert "agent-version" not in messages(estate)
    jump(fleet, 20 * MINUTE)
    assert messages(estate)["agent-version"] == "runs 0.1.0, 99.0 is due"


def test_a_certificate_that_is_not_renewed(estate: Estate) -> None:
    """Its agent is connected, and it has five days left; a new one ends the alarm."""
    fleet = Fleet(estate, 1)
    ends_ms = NOW + 5 * DAY + 30 * MINUTE

    def certify(serial: int, until_ms: int) -> None:
        estate.store.agents.record_certificate(
            estate.agent.agent_uid, serial=serial, spki=b"k", not_after_ms=until_ms, now_ms=fleet.now
        )

    certify(1, ends_ms)
    jump(fleet, 35 * MINUTE)
    jump(fleet, 45 * MINUTE)
    assert "certificate-expiring" not in messages(estate)
    jump(fleet, 20 * MINUTE)
    assert "was not renewed" in messages(estate)["certificate-expiring"]
    certify(2, ends_ms + 30 * DAY)
    jump(fleet, MINUTE)
    assert "certificate-expiring" not in messages(estate)
