"""What somebody may do who holds a key of ours and means harm: bounded, and never anybody else's loss."""

from typing import Any

import attrs
import pytest
import structlog

from certs.inspection import Delivery, Verdict
from gateway.store import AgentEntry, IncidentState
from protocol import Code
from tests.certs.inspection.scenes import AT_MS, alone
from tests.gateway.projector.rig import START_MS, Rig
from tests.gateway.projector.test_paths import finding_of, incidents, journal, now_ms, pass_time, the_incident
from tests.helpers.paths import begin_session, opened_one_sided, report_of

END_OF_INT64 = 2**63 - 1


@pytest.fixture
def rig(rig: Rig) -> Rig:
    """The clock shows the moment at which the scenes play."""
    rig.at_s = (AT_MS - START_MS) / 1000
    rig.new_projector()
    return rig


def alarms(log: list[Any]) -> int:
    """How often somebody was called."""
    return len([line for line in log if line["event"] == "path incident"])


def made_up(n: int, agent: AgentEntry, *, at_ms: int) -> Any:
    """A report of a box that nobody else has ever seen."""
    finding = attrs.evolve(finding_of(Verdict.INSPECTED_UNTRUSTED), interceptor=f"{n:064x}")
    return report_of(agent, alone(), at_ms=at_ms, finding=finding)


# -- times and counters ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delivered_by", [Delivery.HTTP, Delivery.LATER])
@pytest.mark.parametrize("counter", [1, END_OF_INT64])
@pytest.mark.parametrize("offset_ms", [None, END_OF_INT64, -END_OF_INT64 - 1])
def test_a_time_beyond_all_clocks_is_a_time(
    rig: Rig, offset_ms: int | None, counter: int, delivered_by: Delivery
) -> None:
    """No report of it is undone or set apart, and what follows from it can be shown."""
    evidence = opened_one_sided(clock_offset_ms=offset_ms)
    record = report_of(
        rig.agent(), evidence, at_ms=AT_MS, happened_ms=0, counter=counter, delivered_by=delivered_by
    )
    with structlog.testing.capture_logs() as log:
        journal(rig, record)
        rig.drain()
        pass_time(rig, 70)
    [report] = rig.store.paths.reports()
    assert 0 <= report.happened_ms <= AT_MS
    assert 0 <= the_incident(rig).first_ms <= the_incident(rig).last_ms <= AT_MS
    assert rig.store.events.quarantined() == []
    assert [line["event"] for line in log if line["log_level"] == "error"] == []


def test_a_counter_at_its_end_blocks_no_other(rig: Rig) -> None:
    """Counters are told apart, not compared: what was sent under the last one takes nothing from those below."""
    agent, other = rig.agent(), rig.agent()
    for who, counters in ((agent, (END_OF_INT64, 5, 4)), (other, (END_OF_INT64, 4))):
        journal(rig, *(report_of(who, opened_one_sided(), at_ms=AT_MS, counter=each) for each in counters))
    rig.drain()
    pass_time(rig, 70)  # a counter far from its report's time makes that late
    assert the_incident(rig).reports == len(rig.store.paths.reports()) == 5


# -- incidents and alarms --------------------------------------------------------------------------------------------------


def test_who_makes_up_boxes_leaves_room_for_others(rig: Rig) -> None:
    """Ten incidents are what one agent can be in; the eleventh, of another of its company, is opened all the same."""
    liar, honest = rig.agent(), rig.agent()
    with structlog.testing.capture_logs() as log:
        journal(rig, *(made_up(n, liar, at_ms=AT_MS + n) for n in range(60)))
        rig.drain()
        journal(rig, report_of(honest, opened_one_sided(), at_ms=AT_MS + 100))
        rig.drain()
    assert len(incidents(rig)) == 11
    assert alarms(log) == 11
    assert [(line["code"], line["agent_uid"]) for line in log if line["event"] == "too many path incidents"] == [
        (str(Code.INCIDENT_LIMIT), liar.agent_uid)
    ]  # fmt: skip


def test_who_ends_what_it_made_up_has_no_room_for_more(rig: Rig) -> None:
    """A session closes all that it has opened, and it opens the next ones on the next day."""
    liar = rig.agent()
    with structlog.testing.capture_logs() as log:
        for n in range(30):
            journal(rig, made_up(n, liar, at_ms=now_ms(rig)))
            pass_time(rig, 10)
            begin_session(rig.store, liar, at_ms=now_ms(rig))
            pass_time(rig, 10)
    assert len(incidents(rig)) == 10
    assert alarms(log) == 10
    assert not any(incident.is_open for incident in incidents(rig))
    pass_time(rig, 24 * 3600)
    journal(rig, made_up(99, liar, at_ms=now_ms(rig)))
    rig.drain()
    assert len(incidents(rig)) == 11


def test_who_comes_and_goes_calls_nobody_each_time(rig: Rig) -> None:
    """A report, a session, and so on for a day: the alarm comes after an hour at the earliest, then after two, four, eight."""
    agent = rig.agent()
    with structlog.testing.capture_logs() as log:
        for _ in range(24 * 2):
            journal(rig, report_of(agent, opened_one_sided(), at_ms=now_ms(rig)))
            pass_time(rig, 900)
            begin_session(rig.store, agent, at_ms=now_ms(rig))
            pass_time(rig, 900)
    assert the_incident(rig).recurrences == 24 * 2 - 1
    assert 2 <= alarms(log) <= 4


def test_what_comes_back_and_stays_is_said(rig: Rig) -> None:
    """An alarm that was put off is given when it is due."""
    agent = rig.agent()
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS))
    rig.drain()
    begin_session(rig.store, agent, at_ms=now_ms(rig))
    rig.drain()
    journal(rig, report_of(agent, opened_one_sided(), at_ms=now_ms(rig)))
    with structlog.testing.capture_logs() as log:
        pass_time(rig, 1800)
        assert the_incident(rig).state is IncidentState.RECURRING
        assert alarms(log) == 0
        pass_time(rig, 1800)
    assert alarms(log) == 1


@pytest.mark.parametrize("end", ["expired", "revoked"])
def test_a_token_that_leads_nowhere_opens_nothing(rig: Rig, end: str) -> None:
    """Its holder's report is kept. No incident would stay open for it, so that each report would be another alarm."""
    token = rig.world.client_token  # expired for years
    if end == "revoked":
        token = rig.store.tokens.add(
            "taken back", b"public", kind="client", organization_uid=rig.world.company.uid, location_uid=None,
            expires_ms=AT_MS + 10**9, max_uses=5, synthetic=False, now_ms=AT_MS,
        )  # fmt: skip
        rig.store.tokens.revoke(token.id, now_ms=AT_MS)
    holder: dict[str, Any] = {"signer_kind": "token", "signer_uid": token.id, "installation_uid": "i"}
    with structlog.testing.capture_logs() as log:
        for _ in range(5):
            journal(rig, report_of(rig.agent(), opened_one_sided(), at_ms=now_ms(rig), **holder))
            pass_time(rig, 60)
    assert len(rig.store.paths.reports()) == 5
    assert incidents(rig) == []
    assert alarms(log) == 0


def test_an_agent_that_is_expected_no_more_brings_nothing_back(rig: Rig) -> None:
    """What it reported before it was revoked, and what of that comes late."""
    agent = rig.agent()
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS))
    rig.drain()
    rig.store.agents.revoke(agent.agent_uid, why="stolen", code=Code.AGENT_REJECTED, now_ms=AT_MS)
    rig.drain()
    journal(rig, report_of(agent, opened_one_sided(), at_ms=now_ms(rig)))
    rig.drain()
    assert (the_incident(rig).state, the_incident(rig).recurrences) == (IncidentState.CLOSED, 0)


@pytest.mark.parametrize("kind", ["agent", "token"])
def test_one_key_confirms_nothing_by_itself(rig: Rig, kind: str) -> None:
    """However many installations its reports name; the next one who holds a key does."""
    liar, honest = rig.agent(), rig.agent()
    token = rig.store.tokens.add(
        "shared", b"public", kind="client", organization_uid=rig.world.company.uid, location_uid=rig.world.location.uid,
        expires_ms=AT_MS + 10**9, max_uses=5, synthetic=False, now_ms=AT_MS,
    )  # fmt: skip
    uid = liar.agent_uid if kind == "agent" else token.id
    for n in range(3):
        signer: dict[str, Any] = {"signer_kind": kind, "signer_uid": uid, "installation_uid": f"made up {n}"}
        journal(rig, report_of(liar, opened_one_sided(), at_ms=AT_MS + n, **signer))
    rig.drain()
    assert (the_incident(rig).state, the_incident(rig).reports) == (IncidentState.OPENED, 3)
    assert the_incident(rig).agents == (1 if kind == "agent" else 3)
    journal(rig, report_of(honest, opened_one_sided(), at_ms=AT_MS + 10))
    rig.drain()
    assert the_incident(rig).state is IncidentState.CONFIRMED


def test_nobody_ends_what_another_suffers_from(rig: Rig) -> None:
    """Sessions of one's own, as many as it likes, and reports of whatever else, prove nothing for another."""
    victim, liar = rig.agent(), rig.agent()
    journal(rig, report_of(victim, opened_one_sided(), at_ms=AT_MS))
    rig.drain()
    opened = the_incident(rig)
    for n in range(5):
        journal(rig, report_of(liar, opened_one_sided(), at_ms=AT_MS + n))
        journal(
            rig, report_of(liar, alone(), at_ms=AT_MS + n, counter=n + 1, finding=finding_of(Verdict.DIRECT))
        )
        begin_session(rig.store, liar, at_ms=now_ms(rig))
        pass_time(rig, 60)
    after = next(each for each in incidents(rig) if each.incident_id == opened.incident_id)
    assert after.is_open
    assert after.agents == 2
