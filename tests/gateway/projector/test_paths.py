"""Path reports and sightings become rows, each once, and incidents that live as long as somebody suffers."""

from typing import Any
from uuid import UUID

import attrs
import pytest
import structlog

from certs.inspection import PATH_TAG, Join, PathRecord, SignerKind, Verdict, judge
from gateway.journal import Record
from gateway.projector.documents import read_evidence
from gateway.projector.whence import network_of
from gateway.store import AgentEntry, Halves, Incident, IncidentState, Reporter
from protocol import Code
from tests.certs.inspection.scenes import AT_MS, alone, beyond_a_box
from tests.gateway.projector.rig import START_MS, Chain, Rig
from tests.helpers.paths import (
    begin_session,
    opened_by,
    opened_one_sided,
    opened_two_sided,
    report_of,
    sighting_of,
)

MINUTE_MS = 60_000
NOBODY = bytes(16)


@pytest.fixture
def rig(rig: Rig) -> Rig:
    """The clock shows the moment at which the scenes play."""
    rig.at_s = (AT_MS - START_MS) / 1000
    rig.new_projector()
    return rig


def journal(rig: Rig, *records: PathRecord, edge: str = "north") -> None:
    """What an edge does with records of paths."""
    for record in records:
        uid = UUID(record.signer_uid).bytes if record.signer_kind is SignerKind.AGENT else NOBODY
        body = Record(agent_uid=uid, received_ms=record.at_ms, tag=PATH_TAG, payload=record.encode())
        rig.writer(edge).append(body.encode())
    rig.writer(edge).sync()


def incidents(rig: Rig) -> list[Incident]:
    """All of them, open or closed."""
    return [view.incident for view in rig.store.incidents.list(closed=True)]


def the_incident(rig: Rig) -> Incident:
    """The only one."""
    [incident] = incidents(rig)
    return incident


def said(log: list[Any]) -> list[str]:
    """What the log has of incidents."""
    return [line["event"] for line in log if "incident" in line["event"]]


def pass_time(rig: Rig, seconds: float) -> None:
    """Nothing happens for so long, and then the projector looks."""
    rig.at_s += seconds
    rig.drain()


def now_ms(rig: Rig) -> int:
    return START_MS + int(rig.at_s * 1000)


def test_a_report_becomes_a_row_and_an_incident(rig: Rig) -> None:
    """With what is known of both, and an alarm with the code that is explained."""
    agent = rig.agent()
    with structlog.testing.capture_logs() as log:
        journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS))
        rig.drain()
    [report] = rig.store.paths.reports()
    assert report.reporter == Reporter(
        kind="agent", uid=agent.agent_uid, installation_uid=f"installation of {agent.host_name}"
    )
    assert (report.verdict, report.halves, report.network) == (
        "inspected-untrusted",
        Halves.AGENT,
        "198.51.100.0/24",
    )
    incident = the_incident(rig)
    assert report.incident_id == incident.incident_id
    assert (incident.state, incident.reports, incident.agents) == (IncidentState.OPENED, 1, 1)
    assert (incident.organization_uid, incident.location_uid) == (agent.organization_uid, agent.location_uid)
    assert incident.subject == judge(opened_one_sided()).interceptor
    alarms = [line for line in log if line["event"] == "path incident"]
    assert [(line["log_level"], line["code"], line["incident"]) for line in alarms] == [
        ("warning", str(Code.PATH_INCIDENT), incident.incident_id)
    ]
    assert incident.alarmed_ms is not None


def test_a_report_has_no_epoch_and_no_mark(rig: Rig) -> None:
    """It stands between an agent's batches, and those go on as if it were not there."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a"))
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS))
    rig.journal(agent, chain.cut("b"))
    rig.drain()
    assert rig.texts(agent) == ["a", "b"]
    assert [mark[2] for mark in rig.marks()] == [3]
    assert rig.store.events.quarantined() == []


def test_a_report_counts_once(rig: Rig) -> None:
    """However often it is journaled, by however many edges."""
    record = report_of(rig.agent(), opened_one_sided(), at_ms=AT_MS)
    journal(rig, record, record)
    journal(rig, record, edge="south")
    rig.drain()
    assert len(rig.store.paths.reports()) == 1
    assert the_incident(rig).reports == 1


def test_forty_agents_are_one_incident_and_one_alarm(rig: Rig) -> None:
    """The second one confirms it."""
    agents = [rig.agent() for _ in range(40)]
    with structlog.testing.capture_logs() as log:
        for n, agent in enumerate(agents):
            journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS + n))
            rig.drain(0.1)
    incident = the_incident(rig)
    assert (incident.state, incident.reports, incident.agents) == (IncidentState.CONFIRMED, 40, 40)
    assert (incident.first_ms, incident.last_ms) == (AT_MS, AT_MS + 39)
    assert said(log) == ["path incident", "path incident confirmed"]
    assert {member.host_name for member in rig.store.incidents.members(incident.incident_id)} == {
        agent.host_name for agent in agents
    }


def test_both_ends_confirm_it(rig: Rig) -> None:
    """The gateway's half of the very connection is worth a second agent."""
    journal(rig, report_of(rig.agent(), opened_two_sided(), at_ms=AT_MS))
    rig.drain()
    assert the_incident(rig).state is IncidentState.CONFIRMED


def test_two_boxes_are_two_incidents(rig: Rig) -> None:
    """And so are two locations, whatever they share."""
    agent = rig.agent()
    journal(
        rig,
        report_of(agent, opened_by("One"), at_ms=AT_MS),
        report_of(agent, opened_by("Another"), at_ms=AT_MS + 1),
        report_of(agent, opened_by("One"), at_ms=AT_MS + 2, location_uid="elsewhere"),
    )
    rig.drain()
    assert [incident.reports for incident in incidents(rig)] == [1, 1, 1]


# -- how it ends -------------------------------------------------------------------------------------------------------


def test_it_closes_when_everybody_has_had_a_session(rig: Rig) -> None:
    """One who is well again is not all; a session that began before the last report is none."""
    first, second = rig.agent(), rig.agent()
    begin_session(rig.store, second, at_ms=AT_MS - 1)
    journal(
        rig,
        report_of(first, opened_one_sided(), at_ms=AT_MS),
        report_of(second, opened_one_sided(), at_ms=AT_MS),
    )
    rig.drain()
    begin_session(rig.store, first, at_ms=AT_MS + MINUTE_MS)
    rig.drain()
    assert the_incident(rig).state is IncidentState.CONFIRMED
    begin_session(rig.store, second, at_ms=AT_MS + MINUTE_MS)
    rig.drain()
    incident = the_incident(rig)
    assert incident.state is IncidentState.CLOSED
    assert incident.closed_why == "every agent concerned has had a session since"


def test_what_ended_may_come_back(rig: Rig) -> None:
    """It is the same incident, it says that it recurs, and gives its alarm again."""
    agent = rig.agent()
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS))
    rig.drain()
    begin_session(rig.store, agent, at_ms=AT_MS + 1)
    pass_time(rig, 3600)
    again_ms = now_ms(rig)
    with structlog.testing.capture_logs() as log:
        journal(rig, report_of(agent, opened_one_sided(), at_ms=again_ms))
        rig.drain()
    incident = the_incident(rig)
    assert (incident.state, incident.recurrences, incident.reports) == (IncidentState.RECURRING, 1, 2)
    assert [(line["event"], line["again"]) for line in log if "incident" in line["event"]] == [
        ("path incident", True)
    ]
    begin_session(rig.store, agent, at_ms=again_ms + 1)
    rig.drain()
    assert the_incident(rig).state is IncidentState.CLOSED


def test_what_was_never_over_for_one_is_no_recurrence(rig: Rig) -> None:
    """A report of before the end, by somebody who is still shut out, came late: the incident goes on, and says nothing twice."""
    first, slow = rig.agent(), rig.agent()
    journal(rig, report_of(first, opened_one_sided(), at_ms=AT_MS))
    rig.drain()
    begin_session(rig.store, first, at_ms=AT_MS + 1)
    rig.drain()
    with structlog.testing.capture_logs() as log:
        journal(rig, report_of(slow, opened_one_sided(), at_ms=AT_MS + 1))
        rig.drain()
    incident = the_incident(rig)
    assert (incident.state, incident.recurrences) == (IncidentState.CONFIRMED, 0)
    assert "path incident" not in said(log)


def test_a_report_of_somebody_who_is_well_again_brings_nothing_back(rig: Rig) -> None:
    """It tells of a time after the end and before the agent's newest session: it is counted, and nobody is called."""
    agent = rig.agent()
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS))
    rig.drain()
    begin_session(rig.store, agent, at_ms=AT_MS + 1)
    rig.drain()
    happened_ms = now_ms(rig) + MINUTE_MS
    begin_session(rig.store, agent, at_ms=happened_ms + 1)
    with structlog.testing.capture_logs() as log:
        journal(rig, report_of(agent, opened_one_sided(), at_ms=happened_ms))
        rig.drain()
    incident = the_incident(rig)
    assert (incident.state, incident.recurrences, incident.reports) == (IncidentState.CLOSED, 0, 2)
    assert said(log) == []


def test_a_report_of_somebody_who_is_well_again_opens_nothing(rig: Rig) -> None:
    """It is kept, and counted by nobody."""
    agent = rig.agent()
    begin_session(rig.store, agent, at_ms=AT_MS + 5)
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS))
    rig.drain()
    assert incidents(rig) == []
    [report] = rig.store.paths.reports()
    assert report.incident_id is None


def test_a_report_delivered_later_waits_for_its_agents_session(rig: Rig) -> None:
    """The path by which it came carries one within the minute: nobody is called."""
    agent = rig.agent()
    record = report_of(
        agent, opened_one_sided(), at_ms=AT_MS, happened_ms=AT_MS - 60 * MINUTE_MS, delivered_by="later"
    )
    journal(rig, record)
    rig.drain()
    begin_session(rig.store, agent, at_ms=AT_MS + 500)
    pass_time(rig, 90)
    assert incidents(rig) == []


def test_a_report_delivered_later_counts_when_no_session_follows(rig: Rig) -> None:
    """As one that a person brought, from a server that nothing lets out."""
    agent = rig.agent()
    record = report_of(
        agent, opened_one_sided(), at_ms=AT_MS, happened_ms=AT_MS - 60 * MINUTE_MS, delivered_by="file"
    )
    journal(rig, record)
    rig.drain()
    assert incidents(rig) == []
    pass_time(rig, 90)
    incident = the_incident(rig)
    assert (incident.state, incident.first_ms) == (IncidentState.OPENED, AT_MS - 60 * MINUTE_MS)


KEPT: dict[str, Any] = {
    "delivered_by": "other-address",
    "happened_ms": AT_MS - 4 * MINUTE_MS,
    "counter": AT_MS - 4 * MINUTE_MS + 12_000,
}
"""Of a report that was sealed at once, kept for four minutes, and said to an edge that may not know that."""


@pytest.mark.parametrize("wrong_ms", [0, -120 * MINUTE_MS, 120 * MINUTE_MS])
@pytest.mark.parametrize("order", ["session first", "report first"])
def test_a_kept_report_of_an_agent_that_was_started_anew_opens_nothing(
    rig: Rig, order: str, wrong_ms: int
) -> None:
    """It knows of no offset, and comes after the session that it comes beside; it tells of a time before, also by a wrong clock."""
    agent = rig.agent()
    happened_ms = KEPT["happened_ms"]
    record = report_of(
        agent, opened_one_sided(), at_ms=AT_MS,
        **KEPT | {"happened_ms": happened_ms + wrong_ms, "counter": KEPT["counter"] + wrong_ms},
    )  # fmt: skip
    with structlog.testing.capture_logs() as log:
        if order == "report first":
            journal(rig, record)
            rig.drain()
        begin_session(rig.store, agent, at_ms=AT_MS - 2_000, clock_offset_ms=wrong_ms)
        journal(rig, record)
        rig.drain()
        pass_time(rig, 90)
        pass_time(rig, 700)
    assert incidents(rig) == []
    assert said(log) == []
    [report] = rig.store.paths.reports()
    assert report.happened_ms == happened_ms


def test_a_kept_report_joins_what_is_open_and_ends_with_its_agents_session(rig: Rig) -> None:
    """The incident of its neighbours counts it, and it holds nothing open."""
    neighbour, agent = rig.agent(), rig.agent()
    journal(rig, report_of(neighbour, opened_one_sided(), at_ms=AT_MS - 4 * MINUTE_MS))
    rig.drain()
    begin_session(rig.store, agent, at_ms=AT_MS - 2_000)
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS, **KEPT))
    rig.drain()
    pass_time(rig, 90)
    assert (the_incident(rig).agents, the_incident(rig).is_open) == (2, True)
    begin_session(rig.store, neighbour, at_ms=AT_MS)
    rig.drain()
    assert the_incident(rig).closed_why == "every agent concerned has had a session since"


def test_what_was_near_a_kept_reports_arrival_is_not_its_connection(rig: Rig) -> None:
    """By a wrong clock and its arrival it seemed to be that one; a session tells better, and finds the one that it was."""
    agent = rig.agent()
    wrong: dict[str, Any] = {name: KEPT[name] + 120 * MINUTE_MS for name in ("happened_ms", "counter")}
    seen = attrs.evolve(beyond_a_box(), exporter=b"y" * 32)
    journal(
        rig,
        sighting_of(beyond_a_box(), at_ms=AT_MS - 10_000),
        sighting_of(seen, at_ms=KEPT["happened_ms"] + 5_000),
        report_of(agent, opened_one_sided(), at_ms=AT_MS, **KEPT | wrong),
    )
    rig.drain()
    assert exporter_beside(rig) == b"x" * 32
    begin_session(rig.store, agent, at_ms=AT_MS - 2_000, clock_offset_ms=120 * MINUTE_MS)
    pass_time(rig, 90)
    assert exporter_beside(rig) == b"y" * 32
    assert incidents(rig) == []


def exporter_beside(rig: Rig) -> bytes | None:
    """Of the connection that the only report was joined with."""
    documents = rig.store.paths.documents(1)
    assert documents is not None
    evidence = read_evidence(documents.evidence)
    assert evidence is not None
    assert evidence.gateway is not None
    return evidence.gateway.exporter


@pytest.mark.parametrize("wrong_ms", [-120 * MINUTE_MS, 120 * MINUTE_MS])
def test_a_report_by_a_wrong_clock_without_a_session_is_of_now(rig: Rig, wrong_ms: int) -> None:
    """What it says of the time is nothing; it was well long ago, and is not now."""
    agent = rig.agent()
    begin_session(rig.store, agent, at_ms=AT_MS - 60 * MINUTE_MS)
    record = report_of(
        agent,
        opened_one_sided(),
        at_ms=AT_MS,
        happened_ms=AT_MS + wrong_ms,
        counter=AT_MS + wrong_ms + 12_000,
    )
    journal(rig, record)
    rig.drain()
    assert incidents(rig) == []
    pass_time(rig, 90)
    assert (the_incident(rig).is_open, the_incident(rig).first_ms) == (True, AT_MS - 12_000)


def test_an_agent_that_is_expected_no_more_holds_nothing_open(rig: Rig) -> None:
    """A server that was taken out of service never has a session again."""
    agent = rig.agent()
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS))
    rig.drain()
    rig.store.agents.revoke(agent.agent_uid, why="gone", code=Code.CLIENT_CERT_REVOKED, now_ms=AT_MS)
    rig.drain()
    incident = the_incident(rig)
    assert (incident.state, incident.closed_why) == (
        IncidentState.CLOSED,
        "no agent concerned is expected any more",
    )


def test_who_holds_a_token_is_well_when_the_agent_that_it_enrolls_is(rig: Rig) -> None:
    """Before enrollment there is no agent; afterwards it is the one of the same installation."""
    token = rig.store.tokens.add(
        "long", b"public", kind="client", organization_uid=rig.world.company.uid, location_uid=None,
        expires_ms=AT_MS + 10**9, max_uses=5, synthetic=False, now_ms=AT_MS,
    )  # fmt: skip
    waiting = rig.agent()
    record = report_of(
        waiting,
        opened_one_sided(),
        at_ms=AT_MS,
        signer_kind="token",
        signer_uid=token.id,
        installation_uid="i",
    )
    journal(rig, record)
    rig.drain()
    assert the_incident(rig).is_open
    enrolled = rig.agent_by(token.id, installation_uid="i")
    rig.drain()
    assert the_incident(rig).is_open
    begin_session(rig.store, enrolled, at_ms=AT_MS + 5)
    rig.drain()
    assert not the_incident(rig).is_open


def test_a_code_opens_nothing_and_counts_where_something_is_open(rig: Rig) -> None:
    """Who has a code is a person who looks at the answer."""
    agent = rig.agent()
    by_code: dict[str, Any] = {"signer_kind": "code", "installation_uid": ""}
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS, signer_uid="one", **by_code))
    rig.drain()
    assert incidents(rig) == []
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS + 1))
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS + 2, signer_uid="two", **by_code))
    rig.drain()
    assert (the_incident(rig).agents, the_incident(rig).state) == (2, IncidentState.CONFIRMED)
    begin_session(rig.store, agent, at_ms=AT_MS + 3)
    rig.drain()
    assert not the_incident(rig).is_open


# -- both halves -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["report first", "sighting first"])
def test_the_halves_are_joined_in_either_order(rig: Rig, order: str) -> None:
    """By time and address, and judged again; the incident is confirmed by it."""
    agent = rig.agent()
    records = [
        report_of(agent, opened_one_sided(), at_ms=AT_MS),
        sighting_of(beyond_a_box(), at_ms=AT_MS + 20_000),
    ]
    for record in records if order == "report first" else reversed(records):
        journal(rig, record)
        rig.drain()
    [report] = rig.store.paths.reports()
    assert report.halves is Halves.NEAR
    assert the_incident(rig).state is IncidentState.CONFIRMED
    assert len(rig.store.paths.sightings()) == 1


@pytest.mark.parametrize("order", ["report first", "sighting first"])
@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"source": "203.0.113.9:40000"}, 20),
        ({"source": "198.51.100.7:40000"}, 200),
        ({"listener": "203.0.113.10:443"}, 20),
    ],
    ids=["where", "when", "a control experiment"],
)
def test_other_connections_are_not_joined(
    rig: Rig, changes: dict[str, Any], seconds: int, order: str
) -> None:
    """Another network's, or another time's; or the agent's own, by which it saw whether the gateway is up."""
    seen = attrs.evolve(beyond_a_box(), **changes)
    records = [
        report_of(rig.agent(), opened_one_sided(), at_ms=AT_MS),
        sighting_of(seen, at_ms=AT_MS + seconds * 1000),
    ]
    journal(rig, *(records if order == "report first" else reversed(records)))
    rig.drain()
    [report] = rig.store.paths.reports()
    assert report.halves is Halves.AGENT


def test_a_better_half_that_comes_with_a_duplicate_is_taken(rig: Rig) -> None:
    """The agent sent it over the connection itself, had no answer, and sent it again elsewhere: the edges were read in the
    other order.
    """
    agent = rig.agent()
    journal(
        rig,
        report_of(agent, opened_one_sided(), at_ms=AT_MS, counter=7),
        report_of(agent, opened_two_sided(), at_ms=AT_MS, counter=7),
    )
    rig.drain()
    [report] = rig.store.paths.reports()
    assert report.halves is Halves.CARRYING
    assert (the_incident(rig).reports, the_incident(rig).state) == (1, IncidentState.CONFIRMED)


def test_a_report_that_is_judged_anew_moves_to_its_incident(rig: Rig) -> None:
    """What it had opened is over, and says why."""
    agent = rig.agent()
    one_sided = alone(last_io=None, chain=None, negotiated=None, handshake_complete=None, exporter=None)
    journal(rig, report_of(agent, one_sided, at_ms=AT_MS, counter=7))
    rig.drain()
    first = the_incident(rig)
    journal(rig, report_of(agent, opened_two_sided(), at_ms=AT_MS, counter=7))
    rig.drain()
    [report] = rig.store.paths.reports()
    rejudged = rig.store.paths.documents(report.report_id)
    assert rejudged is not None
    now_open = [incident for incident in incidents(rig) if incident.is_open]
    if report.verdict == first.verdict:
        pytest.fail("the scene does not change the verdict")
    assert [incident.verdict for incident in now_open] == [report.verdict]
    assert {incident.closed_why for incident in incidents(rig) if not incident.is_open} == {
        "its reports were judged anew, and belong to another"
    }


def test_the_customers_firewall_names_the_vendor_that_a_chain_hides(rig: Rig) -> None:
    """A corporate sub-CA says nothing of the product; what was recorded at onboarding does."""
    agent = rig.agent()
    rig.store.organizations.set_firewall(rig.world.location.uid, "fortinet")
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS))
    rig.drain()
    assert the_incident(rig).vendor == "fortinet"


# -- whose fault -------------------------------------------------------------------------------------------------------


def finding_of(verdict: Verdict) -> Any:
    return attrs.evolve(judge(opened_one_sided()), verdict=verdict, interceptor="", vendor="")


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict.DIRECT,
        Verdict.PROXIED_INTACT,
        Verdict.NOT_AN_AGENT,
        Verdict.GATEWAY_CERT_ROTATED,
        Verdict.GATEWAY_RESTART,
        Verdict.AGENT_REFUSED,
    ],
)
def test_what_is_planned_or_right_is_no_incident(rig: Rig, verdict: Verdict) -> None:
    """A rotation that agents notice, a restart, a path that is direct after all."""
    journal(rig, report_of(rig.agent(), alone(), at_ms=AT_MS, finding=finding_of(verdict)))
    pass_time(rig, 700)
    assert len(rig.store.paths.reports()) == 1
    assert incidents(rig) == []


def test_a_fault_of_the_providers_is_one_incident_of_its_own(rig: Rig) -> None:
    """Whoever's agents report it: the customers' networks are clean."""
    agent = rig.agent()
    finding = finding_of(Verdict.CERT_EXPIRED)
    journal(
        rig,
        report_of(agent, alone(), at_ms=AT_MS, finding=finding),
        report_of(
            rig.agent(), alone(), at_ms=AT_MS, finding=finding, organization_uid="another", location_uid="x"
        ),
    )
    rig.drain()
    incident = the_incident(rig)
    assert incident.organization_uid == rig.world.provider.uid
    assert (incident.location_uid, incident.family, incident.agents) == ("", "provider", 2)


def test_what_may_pass_by_itself_is_no_alarm_for_ten_minutes(rig: Rig) -> None:
    """Unexplained, or the server's own clock: the row is there at once, the alarm when it still holds."""
    with structlog.testing.capture_logs() as log:
        journal(rig, report_of(rig.agent(), alone(), at_ms=AT_MS, finding=finding_of(Verdict.UNEXPLAINED)))
        rig.drain()
        assert the_incident(rig).alarmed_ms is None
        assert said(log) == []
        pass_time(rig, 601)
    assert said(log) == ["path incident"]


def test_sessions_that_are_cut_are_mended_by_one_that_lasts(rig: Rig) -> None:
    """Each of them opens well, so that the next one opens proves nothing."""
    agent = rig.agent()
    journal(rig, report_of(agent, alone(), at_ms=AT_MS, finding=finding_of(Verdict.SESSION_CUT)))
    rig.drain()
    begin_session(rig.store, agent, at_ms=AT_MS + 1, lasted_ms=MINUTE_MS)
    rig.drain()
    assert the_incident(rig).is_open
    begin_session(rig.store, agent, at_ms=AT_MS + 2, lasted_ms=6 * MINUTE_MS)
    rig.drain()
    assert not the_incident(rig).is_open


# -- overrides ---------------------------------------------------------------------------------------------------------


def silence(rig: Rig, **what: Any) -> int:
    fields = {"who": "Ada", "why": "known", "expires_ms": now_ms(rig) + 10 * MINUTE_MS, "now_ms": now_ms(rig)}
    return rig.store.overrides.add(**{**fields, **what}).override_id


@pytest.mark.parametrize(
    "what",
    [{}, {"location_uid": True}, {"network": "198.51.0.0/16"}, {"verdict": "inspected-untrusted"}],
    ids=["organization", "location", "network", "verdict"],
)
def test_an_override_keeps_the_alarm_quiet_until_it_expires(rig: Rig, what: dict[str, Any]) -> None:
    """The incident is there all the same; when the override ends, the alarm is given."""
    agent = rig.agent()
    if what.get("location_uid"):
        what = {"location_uid": agent.location_uid}
    whose = {} if "network" in what else {"organization_uid": agent.organization_uid}
    override_id = silence(rig, **whose, **what)
    with structlog.testing.capture_logs() as log:
        journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS))
        rig.drain()
        incident = the_incident(rig)
        assert (incident.alarmed_ms, incident.silenced_by) == (None, override_id)
        assert said(log) == []
        pass_time(rig, 601)
    assert the_incident(rig).alarmed_ms is not None
    assert said(log) == ["path incident"]


@pytest.mark.parametrize(
    ("what", "ended"),
    [({"network": "203.0.113.0/24"}, False), ({"verdict": "downgraded"}, False), ({}, True)],
    ids=["network", "verdict", "ended"],
)
def test_an_override_of_something_else_silences_nothing(rig: Rig, what: dict[str, Any], ended: bool) -> None:
    """Nor does one that was taken back."""
    agent = rig.agent()
    override_id = silence(rig, organization_uid=agent.organization_uid, **what)
    if ended:
        rig.store.overrides.end(override_id, who="Ada", now_ms=now_ms(rig))
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS))
    rig.drain()
    assert the_incident(rig).alarmed_ms is not None


# -- what is wrong stalls nobody ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"version": 2}', b"\xff" * 9])
def test_a_record_that_cannot_be_read_is_set_apart(rig: Rig, payload: bytes) -> None:
    """And those beside it are projected."""
    agent = rig.agent()
    body = Record(agent_uid=NOBODY, received_ms=AT_MS, tag=PATH_TAG, payload=payload)
    rig.writer().append(body.encode())
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS))
    rig.drain()
    assert len(rig.store.paths.reports()) == 1
    [kept] = rig.store.events.quarantined()
    assert (kept.tag, kept.payload) == (PATH_TAG, payload)


def test_a_record_that_raises_is_set_apart_alone(rig: Rig) -> None:
    """A sighting that saw nothing is none of ours."""
    agent, chain = rig.agent(), Chain()
    nothing = attrs.evolve(sighting_of(beyond_a_box(), at_ms=AT_MS), evidence=alone())
    journal(rig, report_of(agent, opened_one_sided(), at_ms=AT_MS), nothing)
    rig.journal(agent, chain.cut("a"))
    rig.drain()
    assert rig.texts(agent) == ["a"]
    assert len(rig.store.paths.reports()) == 1
    [kept] = rig.store.events.quarantined()
    assert (kept.payload, "without a gateway's half" in kept.reason) == (nothing.encode(), True)


def test_nobody_opens_incidents_without_end(rig: Rig) -> None:
    """Who holds a key can invent boxes: beyond a hundred of a kind they are kept and open nothing, and that is said."""
    agents: list[AgentEntry] = [rig.agent() for _ in range(15)]
    finding = finding_of(Verdict.INSPECTED_UNTRUSTED)
    with structlog.testing.capture_logs() as log:
        for n in range(105):
            made_up = attrs.evolve(finding, interceptor=f"{n:064x}")
            journal(rig, report_of(agents[n % 15], alone(), at_ms=AT_MS + n, finding=made_up))
        rig.drain()
    assert len(incidents(rig)) == 100
    assert len(rig.store.paths.reports()) == 105
    assert {line["code"] for line in log if line["event"] == "too many path incidents"} == {"FG-3107"}


def test_what_came_of_paths_is_counted_by_verdict(rig: Rig) -> None:
    """For the monitor."""
    agent = rig.agent()
    journal(
        rig,
        report_of(agent, opened_one_sided(), at_ms=AT_MS),
        sighting_of(attrs.evolve(beyond_a_box(), source="203.0.113.9:1"), at_ms=AT_MS),
    )
    rig.drain()
    text = rig.metrics.render().decode()
    assert 'fieldgate_projector_path_reports_total{verdict="inspected-untrusted"} 1.0' in text
    assert "fieldgate_projector_path_sightings_total{" in text
    assert 'fieldgate_path_incidents_total{became="opened",verdict="inspected-untrusted"} 1.0' in text
    assert 'fieldgate_path_incidents_open{verdict="inspected-untrusted"} 1.0' in text


def test_old_documents_are_let_go_and_their_reports_still_count_once(rig: Rig) -> None:
    """The row is what keeps a report from being taken a second time."""
    record = report_of(rig.agent(), opened_one_sided(), at_ms=AT_MS)
    journal(rig, record, sighting_of(attrs.evolve(beyond_a_box(), source="203.0.113.9:1"), at_ms=AT_MS))
    rig.drain()
    rig.at_s += 200 * 24 * 3600
    journal(rig, record, edge="south")
    rig.drain()
    [report] = rig.store.paths.reports()
    assert rig.store.paths.documents(report.report_id) is None
    assert rig.store.paths.sightings() == []


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("198.51.100.7:50123", "198.51.100.0/24"),
        ("198.51.100.7", "198.51.100.0/24"),
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("[2001:db8:1:2:3::4]:6180", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
        ("[::ffff:198.51.100.7]:6180", "198.51.100.0/24"),
        ("", ""),
        ("gateway.example:6180", ""),
        ("not an address", ""),
    ],
)
def test_an_address_is_counted_under_its_network(source: str, network: str) -> None:
    """However it is written."""
    assert network_of(source) == network


def test_a_joined_half_says_how_it_was_joined(rig: Rig) -> None:
    """It is never taken for the very connection."""
    journal(
        rig,
        sighting_of(beyond_a_box(), at_ms=AT_MS),
        report_of(rig.agent(), opened_one_sided(), at_ms=AT_MS),
    )
    rig.drain()
    documents = rig.store.paths.documents(1)
    assert documents is not None
    evidence = read_evidence(documents.evidence)
    assert evidence is not None
    assert evidence.gateway is not None
    assert evidence.gateway.join is Join.TIME_AND_ADDRESS
