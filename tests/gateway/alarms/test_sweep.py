"""The sweep: what becomes wrong by the passing of time, from the store's facts to the alarm, and back when it is mended."""

from collections.abc import Sequence
from typing import Any

import pytest

from gateway.alarms.engine import SWEEP_MS
from gateway.store import AgentEntry, Claim, Edge, Presence
from protocol import CloudTenant, ItemKind, Workload, WorkloadKind
from tests.gateway.alarms.conftest import NOW, Estate
from tests.helpers.stores import enroll, open_stream, streams_of

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Fleet:
    """Agents of one location on one edge."""

    def __init__(self, estate: Estate, n: int) -> None:
        self.estate = estate
        self.now = NOW
        self.agents = [estate.agent, *(enroll(estate.store, key=key) for key in range(1, n))]
        self.edge: Edge = estate.store.sessions.register_edge(
            "edge1", ["gw.example:6180"], lease_ms=90_000, now_ms=NOW
        )
        self.gone: set[str] = set()
        estate.store.sessions.claim(
            [
                Claim(
                    agent_uid=agent.agent_uid, edge_uid=self.edge.uid, session_uid="s", address="192.0.2.7:1",
                    nonce=bytes(16), previous_nonce=bytes(16), expected_fence=0, agent_version="0.1.0",
                    host_name=agent.host_name, heartbeat_ms=30_000, claimed_ms=NOW, clock_offset_ms=0,
                )
                for agent in self.agents
            ]
        )  # fmt: skip

    def lose(self, agents: Sequence[AgentEntry]) -> None:
        self.gone |= {agent.agent_uid for agent in agents}

    def pass_time(self, ms: int, *, edge: bool = True, **presence: Any) -> None:
        """Live on, a heartbeat and a sweep at a time."""
        until = self.now + ms
        while self.now < until:
            self.now += SWEEP_MS
            if edge:
                self.estate.store.sessions.renew_lease(self.edge.uid, lease_ms=90_000, now_ms=self.now)
                self.estate.store.sessions.flush_presence(
                    [
                        Presence(
                            agent_uid=agent.agent_uid, session_uid="s", last_heartbeat_ms=self.now,
                            **({"health": 1, "clock_offset_ms": 0} | presence),
                        )
                        for agent in self.agents
                        if agent.agent_uid not in self.gone
                    ]
                )  # fmt: skip
            self.estate.engine.tick(self.now)

    def templates(self) -> list[str]:
        """Of the open alarms, but for those about inventories, which these agents never send."""
        listed = [template for template, *_ in self.estate.open()]
        return sorted(name for name in listed if name != "data-collection-delay")


@pytest.fixture
def fleet(estate: Estate) -> Fleet:
    return Fleet(estate, 12)


def test_a_lost_agent_is_an_alarm_after_five_minutes(fleet: Fleet) -> None:
    """Not when it comes back before; and the alarm goes when the agent comes."""
    fleet.pass_time(2 * MINUTE)
    assert fleet.templates() == []
    fleet.lose(fleet.agents[:1])
    fleet.pass_time(4 * MINUTE)
    assert fleet.templates() == []
    fleet.pass_time(4 * MINUTE)
    assert fleet.templates() == ["agent-connection"]
    fleet.gone.clear()
    fleet.pass_time(MINUTE)
    assert fleet.templates() == []


def test_a_place_that_fails_is_one_alarm_instead_of_forty(estate: Estate) -> None:
    """All of its agents are lost together: the location's alarm speaks for them, and ends when they are back."""
    fleet = Fleet(estate, 40)
    fleet.pass_time(MINUTE)
    fleet.lose(fleet.agents)
    fleet.pass_time(10 * MINUTE)
    assert fleet.templates() == ["location-connection"]
    [alarm] = [each for each in fleet.estate.store.alarms.list() if each.template == "location-connection"]
    assert (alarm.object_name, alarm.object_uid) == ("Backstube", fleet.estate.world.location.uid)
    fleet.gone.clear()
    fleet.pass_time(MINUTE)
    assert fleet.templates() == []


def test_the_rest_of_a_mended_place_are_agents_again(fleet: Fleet) -> None:
    """Two that stay away when the others are back have their own alarms."""
    fleet.pass_time(MINUTE)
    fleet.lose(fleet.agents)
    fleet.pass_time(10 * MINUTE)
    fleet.gone = {agent.agent_uid for agent in fleet.agents[:2]}
    fleet.pass_time(7 * MINUTE)
    assert fleet.templates() == ["agent-connection", "agent-connection"]


def test_agents_that_go_one_by_one_are_no_place_that_fails(fleet: Fleet) -> None:
    """Most of them switched off over an hour are most of them switched off."""
    for agent in fleet.agents[:9]:
        fleet.lose([agent])
        fleet.pass_time(5 * MINUTE)
    assert "location-connection" not in fleet.templates()
    assert "agent-connection" in fleet.templates()


def test_a_dead_gateway_is_one_alarm(fleet: Fleet) -> None:
    """No edge lives: that no agent is there is no agent's fault, and no place's."""
    fleet.pass_time(MINUTE)
    fleet.pass_time(20 * MINUTE, edge=False)
    assert [name for name in fleet.templates() if name != "location-connection"] == [
        "cloud-gateway-connection"
    ]


def test_what_agents_say_of_themselves(fleet: Fleet) -> None:
    """A clock that is wrong, and a collector that can't collect; over when they are well."""
    fleet.lose(fleet.agents[1:])
    fleet.pass_time(15 * MINUTE, health=3, clock_offset_ms=-400_000)
    assert {"clock-skew", "backup-server-connection"} <= set(fleet.templates())
    fleet.pass_time(MINUTE, health=1, clock_offset_ms=-250_000)
    assert "backup-server-connection" not in fleet.templates()
    assert "clock-skew" in fleet.templates()  # within the tolerance, and wrong before
    fleet.pass_time(MINUTE, health=1, clock_offset_ms=-200_000)
    assert "clock-skew" not in fleet.templates()


def test_a_copied_machine_is_told_of_both(estate: Estate) -> None:
    """Two agents with one installation id."""
    enroll(estate.store, key=1, installation_uid="installation-0", host_name="copy")
    estate.engine.tick(NOW + SWEEP_MS)
    told = {(a.template, a.computer_name, a.message) for a in estate.store.alarms.list()}
    assert told == {
        ("duplicate-installation", "backup0000", "has the installation id of copy: one is a copy"),
        ("duplicate-installation", "copy", "has the installation id of backup0000: one is a copy"),
    }


def take_inventory(
    estate: Estate, items: dict[ItemKind, list[Sequence[Any]]], *, at: int, revision: int
) -> None:
    with estate.store.projection() as p:
        if not streams_of(p, estate.agent, 7):
            open_stream(p, estate.agent, epoch=7)
        p.inventory.apply(
            estate.agent.agent_id,
            7,
            revision=revision,
            full=True,
            final=True,
            items=items,
            removed=(),
            received_ms=at,
        )


def vm(uid: str, latest_ms: int, job: str = "nightly") -> Sequence[Any]:
    return Workload(
        uid=uid, server_uid="s", name=uid, kind=WorkloadKind.VM, job_uid=job, size_bytes=5, restore_points=1,
        latest_restore_point_ms=latest_ms,
    ).to_row()  # fmt: skip


def test_a_machine_without_a_recent_restore_point(estate: Estate) -> None:
    """However green its job is; one that never had any is given a day; one whose clock runs ahead is not believed."""
    at = NOW + 100 * HOUR
    machines = {
        ItemKind.WORKLOAD: [
            vm("old", at - 25 * HOUR),
            vm("fresh", at - HOUR),
            vm("never", 0),
            vm("ahead", at * 2, job=""),
        ]
    }
    take_inventory(estate, machines, at=at, revision=1)
    estate.engine.tick(at + SWEEP_MS)
    assert estate.open() == [("workload-without-backup", "old", "warning", 1)]
    estate.engine.tick(at + 25 * HOUR)
    assert {name for _, name, *_ in estate.open()} == {"old", "never", "ahead", "fresh"}
    take_inventory(estate, {ItemKind.WORKLOAD: [vm("old", at + 25 * HOUR)]}, at=at + 25 * HOUR, revision=2)
    estate.engine.tick(at + 25 * HOUR + SWEEP_MS)
    assert estate.open() == []


def test_a_quota_near_its_end(estate: Estate) -> None:
    """A warning from 80 %, an error when it is used up, and it goes below 78 %."""

    def report(used: int, revision: int) -> list[tuple[str, str, str, int]]:
        tenant = CloudTenant(uid="t1", name="Ölund", enabled=True, quota_bytes=1000, used_bytes=used).to_row()
        at = NOW + revision * SWEEP_MS
        take_inventory(estate, {ItemKind.CLOUD_TENANT: [tenant]}, at=at, revision=revision)
        estate.engine.tick(at + 1)
        return estate.open()

    assert report(799, 1) == []
    assert report(800, 2) == [("company-storage-quota", "Ölund", "warning", 1)]
    assert report(1000, 3) == [("company-storage-quota", "Ölund", "error", 2)]
    assert report(785, 4) == [("company-storage-quota", "Ölund", "warning", 2)]
    assert report(779, 5) == []
