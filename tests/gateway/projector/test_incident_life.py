"""The life of incidents, whatever the order: reports late, twice, through other edges, between sessions that come and go.

Two claims. *At every moment*, what an incident says of itself follows from the reports that it counts and the sessions that
there were: a machine plays days and looks. *In the end*, the same reports lead to the same incidents in whatever order they came.
"""

import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import hypothesis
import structlog
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from certs.inspection import PATH_TAG, Finding, PathRecord, judge
from gateway.journal import Record
from gateway.store import AgentEntry, Incident, IncidentState, StoredReport, open_store
from tests.gateway.projector.rig import START_MS, Rig
from tests.helpers.paths import begin_session, opened_one_sided, report_of

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
EDGES = ("north", "south")
EVIDENCE = opened_one_sided(chain=None, clock_offset_ms=0)
FINDING = judge(opened_one_sided())


def finding_of(box: int) -> Finding:
    return attrs.evolve(FINDING, interceptor=f"{box:064x}")


class Play:
    """Agents behind boxes, the edges that hear them, and a projector."""

    def __init__(self, folder: Path, template: Path, agents: int = 3) -> None:
        shutil.copy(template, folder / "store.sqlite")
        self.store = open_store(f"sqlite:///{folder}/store.sqlite")
        self.rig = Rig(self.store, folder)
        self.agents = [self.rig.agent() for _ in range(agents)]
        self.records: list[PathRecord] = []
        self.said: list[Any] = []
        self.closings = 0

    @property
    def now_ms(self) -> int:
        return START_MS + int(self.rig.at_s * 1000)

    def journal(self, record: PathRecord, edge: str) -> None:
        body = Record(
            agent_uid=UUID(record.signer_uid).bytes,
            received_ms=record.at_ms,
            tag=PATH_TAG,
            payload=record.encode(),
        )
        self.rig.writer(edge).append(body.encode())
        self.rig.writer(edge).sync()

    def report(self, agent: AgentEntry, box: int, *, age_s: int = 0, later: bool = False) -> PathRecord:
        """A report that comes now, of what happened *age_s* ago."""
        made = report_of(
            agent, EVIDENCE, at_ms=self.now_ms, happened_ms=self.now_ms - age_s * SECOND_MS, counter=len(self.records) + 1,
            finding=finding_of(box), delivered_by="later" if later else "other-address",
        )  # fmt: skip
        self.records.append(made)
        return made

    def settle(self, seconds: float = 1.5) -> None:
        """The projector reads all there is, and looks after what nobody asks for."""
        with structlog.testing.capture_logs() as log:
            self.rig.at_s += seconds
            while self.rig.projector.step():
                pass
            self.rig.at_s += 1.5
            self.rig.projector.step()
        self.said += [{**line, "at_ms": self.now_ms} for line in log if line["event"] == "path incident"]
        self.closings += len([line for line in log if line["event"] == "path incident closed"])

    def befall(self, what: str, which: int, edge: str) -> None:
        """What is nobody's doing."""
        if what == "again":
            for record in self.records[-which:][:1]:
                self.journal(record, edge)
        elif what == "pause":
            self.rig.at_s += 120 + 2 * which
        else:
            if what == "reread":  # as after the journals were restored from an older copy
                with self.store._db.write() as connection:
                    connection.exec_driver_sql("DELETE FROM cursors")
            self.rig.new_projector()

    def incidents(self) -> list[Incident]:
        return [view.incident for view in self.store.incidents.list(closed=True)]

    def incident_behind(self, box: int) -> Incident | None:
        """The one of that box."""
        return next((each for each in self.incidents() if each.subject == finding_of(box).interceptor), None)

    def began_ms(self) -> dict[str, int]:
        """When the last session of each agent began."""
        with self.store._db.read() as connection:
            rows = connection.exec_driver_sql("SELECT agent_uid, claimed_ms FROM claims")
            return {row.agent_uid: row.claimed_ms for row in rows}

    def waiting(self) -> set[int]:
        """The reports that are not counted yet."""
        with self.store._db.read() as connection:
            rows = connection.exec_driver_sql("SELECT id FROM path_reports WHERE wait_until_ms IS NOT NULL")
            return set(rows.scalars())

    def close(self) -> None:
        self.rig.close()
        self.store.close()


@contextlib.contextmanager
def played(template: Path, agents: int = 3) -> Iterator[Play]:
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(Play(Path(folder), template, agents)) as play,
    ):
        yield play


def check(play: Play) -> None:
    """Everything that an incident says of itself, against the reports and the sessions."""
    assert play.store.events.quarantined() == []
    reports = play.store.paths.reports()
    assert len(reports) == len({record.counter for record in play.records})
    began = play.began_ms()
    waiting = play.waiting()
    for report in reports:
        if report.incident_id is None and report.report_id not in waiting:
            assert began[report.reporter.uid] > report.happened_ms
    incidents = play.incidents()
    for incident in incidents:
        check_one(
            incident, [report for report in reports if report.incident_id == incident.incident_id], began
        )
        check_alarms(play, incident)
    assert sum(incident.recurrences for incident in incidents) <= play.closings


def check_alarms(play: Play, incident: Incident) -> None:
    """One when it opened, and one for each time that it came back; but an hour between two, and none for what ended meanwhile."""
    alarms = [line["at_ms"] for line in play.said if line["incident"] == incident.incident_id]
    assert 1 <= len(alarms) <= 1 + incident.recurrences
    assert all(later - earlier >= HOUR_MS - 5 * SECOND_MS for earlier, later in itertools.pairwise(alarms))
    if incident.is_open and incident.alarmed_ms is None:
        assert play.now_ms - 5 * SECOND_MS < incident.alarm_due_ms <= alarms[-1] + 24 * HOUR_MS


def check_one(incident: Incident, counted: list[StoredReport], began: dict[str, int]) -> None:
    who = {report.reporter.uid for report in counted}
    assert (incident.reports, incident.agents) == (len(counted), len(who))
    times = [report.happened_ms for report in counted]
    assert (incident.first_ms, incident.last_ms) == (min(times), max(times))
    suffering = {
        uid
        for uid in who
        if began.get(uid, 0) <= max(report.happened_ms for report in counted if report.reporter.uid == uid)
    }
    assert incident.is_open == bool(suffering)
    assert (incident.confirmed_ms is not None) == (len(who) > 1)
    if incident.is_open and incident.recurrences:
        assert incident.state is IncidentState.RECURRING
    elif incident.is_open:
        confirmed = incident.confirmed_ms is not None
        assert incident.state is (IncidentState.CONFIRMED if confirmed else IncidentState.OPENED)


def report(play: Play, agent: AgentEntry, box: int, *, age_s: int, later: bool, edge: str) -> None:
    """A report comes, and does no more than it may."""
    record = play.report(agent, box, age_s=age_s, later=later)
    happened_ms = play.now_ms - age_s * SECOND_MS
    before, said = play.incident_behind(box), len(play.said)
    put_off = {each.incident_id for each in play.incidents() if each.is_open and each.alarmed_ms is None}
    is_well = play.began_ms().get(record.signer_uid, 0) > happened_ms
    waiting = play.waiting()  # one that is counted in the same moment may bring the incident back first
    play.journal(record, edge)
    play.settle()
    if is_well:
        assert {line["incident"] for line in play.said[said:]} <= put_off
    elif before is not None and before.closed_ms is not None and age_s < 10 and not waiting:
        after = play.incident_behind(box)
        assert after is not None
        assert after.recurrences - before.recurrences == (happened_ms > before.closed_ms)


def machine(template: Path) -> type[RuleBasedStateMachine]:
    """The machine on fresh copies of an empty store."""

    class Life(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self._open = contextlib.ExitStack()
            self.play = self._open.enter_context(played(template))

        def teardown(self) -> None:
            self._open.close()

        @invariant()
        def nobody_is_forgotten_or_counted_twice(self) -> None:
            check(self.play)

        @rule(
            what=st.sampled_from(["report"] * 5 + ["session"] * 4 + ["again", "pause", "restart", "reread"]),
            agent=st.sampled_from([0, 0, 0, 1, 2]),
            box=st.sampled_from([0, 0, 0, 1]),
            age_s=st.sampled_from([0, 0, 3, 5, 5, 60, 3600]),
            later=st.booleans(),
            edge=st.sampled_from(EDGES),
        )
        def moment(self, what: str, agent: int, box: int, age_s: int, later: bool, edge: str) -> None:
            """One rule and not one for each thing: Hypothesis switches rules off at random within a run."""
            play = self.play
            if what == "report":
                report(play, play.agents[agent], box, age_s=age_s, later=later, edge=edge)
            elif what == "session":
                play.rig.at_s += 1
                begin_session(play.store, play.agents[agent], at_ms=play.now_ms)
            else:
                play.befall(what, age_s, edge)
            play.settle()

    return Life


def test_what_an_incident_says_follows_from_reports_and_sessions(sqlite_template: Path) -> None:
    """Open is who still suffers, counts are counts, and an alarm is given once for each time that it begins, if not too often."""
    settings = hypothesis.settings(
        max_examples=40, stateful_step_count=20, suppress_health_check=list(hypothesis.HealthCheck)
    )
    run_state_machine_as_test(machine(sqlite_template), settings=settings)


REPORTED = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.sampled_from([0, 1, 60, 7200])), min_size=1, max_size=8
)


@hypothesis.given(data=st.data(), reported=REPORTED, well=st.sets(st.integers(0, 2)))
@hypothesis.settings(max_examples=40, suppress_health_check=list(hypothesis.HealthCheck))
def test_the_order_of_arrival_changes_nothing_in_the_end(
    sqlite_template: Path, data: st.DataObject, reported: list[tuple[int, int, int]], well: set[int]
) -> None:
    """Nor do duplicates, nor which of two edges heard it: the same incidents, as sure, as long, with the same agents."""
    numbered = list(enumerate(reported))
    shuffled = data.draw(st.permutations([*numbered, *data.draw(st.lists(st.sampled_from(numbered)))]))
    outcomes = []
    for order in (numbered, shuffled):
        with played(sqlite_template) as play:
            play.rig.at_s = 10_000
            made = [play.report(play.agents[agent], box, age_s=age_s) for agent, box, age_s in reported]
            for place, (number, _) in enumerate(order):
                play.journal(made[number], EDGES[place % 2 if order is shuffled else 0])
                if data.draw(st.booleans()):
                    play.settle(0)
            play.settle(0)
            play.settle(120)
            for agent in well:
                begin_session(play.store, play.agents[agent], at_ms=play.now_ms)
            play.settle()
            check(play)
            outcomes.append(
                sorted(
                    (each.subject, each.state, each.reports, each.agents, each.first_ms, each.last_ms)
                    for each in play.incidents()
                )
            )
    assert outcomes[0] == outcomes[1]
    assert outcomes[0]
