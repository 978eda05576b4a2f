"""What becomes an alarm because of what the projector, an operator or a new version did."""

from contextlib import closing
from pathlib import Path

from gateway.alarms import Engine
from gateway.alarms.engine import SWEEP_MS
from gateway.config import Agents
from gateway.store import GapState, Store
from protocol import JobStatus
from tests.gateway.alarms.conftest import NOW, Estate
from tests.gateway.alarms.test_sweep import DAY, MINUTE, Fleet
from tests.gateway.projector.rig import START_MS, Chain, Rig
from tests.helpers.stores import make_world


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


def test_a_projector_that_has_stopped(store: Store, tmp_path: Path) -> None:
    """One that has nothing to do is well; one that does nothing any more is not, also where nothing comes."""
    engine = Engine(store)

    def pass_time(minutes: int, *, projects: bool) -> list[str]:
        for _ in range(minutes * 60):
            rig.at_s += 1
            if projects:
                rig.projector.step()
            engine.tick(START_MS + int(rig.at_s * 1000))
        return [alarm.template for alarm in store.alarms.list()]

    with closing(Rig(store, tmp_path)) as rig:
        assert pass_time(3, projects=False) == []  # nothing was ever said
        rig.journal(rig.agent(), Chain().cut("a"))
        assert pass_time(3, projects=True) == []
        assert pass_time(1, projects=False) == []
        assert pass_time(3, projects=False) == ["journal-lag"]
        assert pass_time(1, projects=True) == []


def test_a_projector_that_is_behind_has_not_caught_up(store: Store, tmp_path: Path) -> None:
    """That it works is not what it is asked, but how old what it works on is."""
    with closing(Rig(store, tmp_path)) as rig:
        agent, chain = rig.agent(), Chain()
        rig.journal(agent, chain.cut("a"))
        rig.drain(10)
        rig.journal(agent, *(chain.cut(f"b{n}") for n in range(50)))
        rig.at_s += 100
        rig.projector._read_bytes = 1
        assert rig.projector.step()
        behind = store.alarm_estate.read_until()
        rig.drain(10)
        caught_up = store.alarm_estate.read_until()
    assert behind is not None
    assert caught_up is not None
    assert behind.received_ms < START_MS + 30_000
    assert caught_up.received_ms > START_MS + 110_000


def test_a_gateway_without_agents_is_looked_at(store: Store) -> None:
    """Its edge is dead, and nobody has enrolled yet."""
    make_world(store)
    store.sessions.register_edge("edge1", ["gw.example:6180"], lease_ms=1000, now_ms=NOW)
    engine = Engine(store)
    for n in range(5):
        engine.tick(NOW + n * SWEEP_MS)
    assert [alarm.template for alarm in store.alarms.list()] == ["cloud-gateway-connection"]


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
