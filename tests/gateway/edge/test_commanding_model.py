"""The life of commands against everything that can go wrong around it.

Real: the store, the edges' directories and what they decide to say. Played: agents that keep to the protocol (docs/protocol.md, section
7), lines that lose what is on them, and the order in which journals are projected. After every step nothing that was final has
changed and nothing was done twice; and from every state everything comes to an end once the world is kind again.
"""

import functools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from prometheus_client import CollectorRegistry, Counter

from gateway.edge.commanding import NOTHING_HANDED, Commanding, Handed
from gateway.edge.directory import Agent, Directory
from gateway.store import (
    Body,
    CommandPending,
    CommandState,
    Conflict,
    Finish,
    Store,
    StoredCommand,
    open_store,
)
from protocol import CancelCommand, Capability, Command, CommandProgress, Outcome, Standing, State, commands
from tests.helpers.stores import enroll, make_world

JOB, RENEW = commands.StartJob(job_uid="job"), commands.RenewCertificate()
RANK = {CommandState.QUEUED: 0, CommandState.DELIVERED: 1, CommandState.RUNNING: 2}
FINAL = 3
SETTLED_IN = 10


@functools.cache
def template() -> tuple[tempfile.TemporaryDirectory[str], Path]:
    """A store with two agents, to copy: making one takes longer than a whole run of the machine."""
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name, "store.sqlite")
    store = open_store(f"sqlite:///{path}", create=True)
    make_world(store)
    for key in range(2):
        enroll(store, key=key)
    store.close()
    return folder, path


@attrs.define(eq=False)
class Line:
    """A session, as the edge sees it, and what is on its way to the agent."""

    agent: Agent
    handed: dict[str, Handed] = NOTHING_HANDED
    ending: object | None = None
    standing: Standing = Standing.VERIFIED
    on_the_way: list[Command | CancelCommand] = attrs.field(factory=list)
    told: list[tuple[str, type]] = attrs.field(factory=list)
    state: State = State.OPEN
    capabilities: Capability = Capability.COMMANDS

    @property
    def connection(self) -> "Line":
        return self

    def say(self, message: Command | CancelCommand) -> None:
        self.told.append((message.command_uid, type(message)))
        self.on_the_way.append(message)


class Edge:
    """One life of an edge."""

    def __init__(self, store: Store, name: str, now: Any) -> None:
        self.store, self.name = store, name
        self.directory = Directory()
        snapshot = store.directory()
        known: Iterator[Body] = chain(snapshot.agents, snapshot.commands)
        for body in known:
            self.directory.apply(body)
        self.seen = snapshot.last_change_id
        counter = Counter("x", "x", registry=CollectorRegistry())
        self.commanding = Commanding(store=store, edge_uid=name, now=now, delivered=counter)
        self.lines: list[Line] = []

    def read(self) -> None:
        """Follow the feed."""
        for change in self.store.changes.after(self.seen):
            self.seen = change.id
            agent = self.directory.apply(change.body)
            if agent is not None and isinstance(change.body, CommandPending):
                for line in self.lines:
                    if line.agent is agent:
                        self.commanding.offer(line)  # type: ignore[arg-type]  # plays a session

    def claim(self, *, answer_is_lost: bool = False) -> None:
        """Claim what is due, and say what was won."""
        batch = self.commanding.take_due()
        wanted = [delivery for _, delivery in batch]
        outcomes = self.commanding.claim(wanted) if wanted else []
        if not answer_is_lost:
            for (line, delivery), outcome in zip(batch, outcomes, strict=True):
                self.commanding.answered(line, delivery, outcome)


@attrs.define
class Known:
    """What an agent has on its disk of a command, and how often it began."""

    kind: str
    fence: int
    begun: int = 0
    running: bool = False
    outcome: Outcome | None = None


@attrs.define(eq=False)
class PlayedAgent:
    """An agent that keeps to the protocol."""

    uid: str
    edge: Edge | None = None
    line: Line | None = None
    disk: dict[str, Known] = attrs.field(factory=dict)
    results: list[tuple[str, int, Outcome]] = attrs.field(factory=list)

    def hear(self, said: Command | CancelCommand) -> None:
        """Store first, then act."""
        known = self.disk.get(said.command_uid)
        if known is None:
            kind = said.kind if isinstance(said, Command) else ""
            known = self.disk[said.command_uid] = Known(kind, said.fence)
            if isinstance(said, Command) and said.ttl_ms == 0:
                self.end(said.command_uid, Outcome.EXPIRED)
        elif said.fence <= known.fence:
            return
        known.fence = said.fence
        if known.outcome is not None:
            self.results.append((said.command_uid, said.fence, known.outcome))
        elif isinstance(said, CancelCommand):
            self.end(said.command_uid, Outcome.CANCELLED)
        elif known.running:
            self.progress(said.command_uid)

    @property
    def ready(self) -> list[str]:
        return [uid for uid, known in self.disk.items() if known.outcome is None and not known.running]

    @property
    def running(self) -> list[str]:
        return [uid for uid, known in self.disk.items() if known.running]

    def begin(self, uid: str) -> None:
        self.disk[uid].begun += 1
        self.disk[uid].running = True
        self.progress(uid)

    def end(self, uid: str, outcome: Outcome) -> None:
        known = self.disk[uid]
        known.running, known.outcome = False, outcome
        self.results.append((uid, known.fence, outcome))

    def progress(self, uid: str) -> None:
        if self.line is not None and self.edge is not None and self.line.ending is None:
            said = CommandProgress(command_uid=uid, percent=50)
            self.edge.commanding.heard(self.line, said)  # type: ignore[arg-type]  # plays a session

    def crash(self) -> None:
        """What ran is interrupted, or may be begun again."""
        for uid, known in self.disk.items():
            if known.running:
                known.running = False
                if not commands.KINDS[known.kind].idempotent:
                    self.end(uid, Outcome.INTERRUPTED)


WHO = st.integers(0, 1)


class CommandLife(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.scratch = tempfile.TemporaryDirectory()
        path = Path(self.scratch.name, "store.sqlite")
        shutil.copy(template()[1], path)
        self.store = open_store(f"sqlite:///{path}")
        self.at_ms = 1_000
        uids = [agent.uid for agent in self.store.agents.list(now_ms=0)]
        self.agents = [PlayedAgent(uid) for uid in uids]
        self.edges = [self.new_edge(name) for name in "ab"]
        self.journaled: list[tuple[str, str, int, Outcome]] = []
        self.projected: list[tuple[str, str, int, Outcome]] = []
        self.before: dict[str, StoredCommand] = {}
        self.asked: list[str] = []
        for who in range(2):
            self.connect(who, who, False)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.settle()
            self.store.close()
            self.scratch.cleanup()

    def now(self) -> int:
        return self.at_ms

    def new_edge(self, name: str) -> Edge:
        return Edge(self.store, name, self.now)

    @rule(stages=st.integers(2, 8), skipped=st.integers(0, 9))
    def all_goes_well(self, stages: int, skipped: int) -> None:
        """So far, and but for one thing perhaps: what one rule at a time would hardly ever come to."""
        for who, agent in enumerate(self.agents):
            if all(c.state.is_final for c in self.before.values() if c.agent_uid == agent.uid):
                self.ask(who, JOB, 5_000)
        for number, stage in enumerate(self.stages()[:stages]):
            if number != skipped:
                stage()

    def stages(self) -> tuple[Callable[[], None], ...]:
        """The way of a command, if nothing comes between."""
        return (
            self.read, self.claim, self.hear, self.begin, self.note, self.end, self.journal, self.project_all,
        )  # fmt: skip

    def read(self) -> None:
        for edge in self.edges:
            edge.read()

    def claim(self) -> None:
        for edge in self.edges:
            edge.claim()

    def hear(self) -> None:
        for agent in self.agents:
            while agent.line is not None and agent.line.on_the_way:
                agent.hear(agent.line.on_the_way.pop(0))

    def begin(self) -> None:
        for agent in self.agents:
            for uid in agent.ready:
                agent.begin(uid)

    def note(self) -> None:
        for edge in self.edges:
            said = list(edge.commanding._said.values())
            edge.commanding._said.clear()
            edge.commanding.note(said)

    def end(self) -> None:
        for agent in self.agents:
            for uid in agent.running:
                agent.end(uid, Outcome.SUCCEEDED)

    def journal(self) -> None:
        for agent in self.agents:
            if agent.line is not None:
                self.journaled += [(agent.uid, *result) for result in agent.results]
                agent.results.clear()

    def project_all(self) -> None:
        for result in self.journaled:
            assert self.project(*result) is not Finish.NOT_GIVEN
        # Each may lie in another journal as well.
        self.projected += self.journaled
        self.journaled.clear()

    # -- operators and time ------------------------------------------------------------------------------------

    @rule(who=WHO, instruction=st.sampled_from([JOB, RENEW]), ttl_ms=st.sampled_from([50, 5_000]))
    def ask(self, who: int, instruction: commands.Instruction, ttl_ms: int) -> None:
        self.at_ms += 1  # uids are random: what is drawn must not depend on how they sort
        asked = self.store.commands.enqueue(
            self.agents[who].uid, instruction, who="ada", ttl_ms=ttl_ms, now_ms=self.at_ms
        )
        self.asked.append(asked.uid)

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        uid = data.draw(st.sampled_from(self.asked))
        try:
            self.store.commands.cancel(uid, who="bob", now_ms=self.at_ms)
        except Conflict:
            assert self.before[uid].state.is_final

    @rule(ms=st.sampled_from([1, 40, 4_000]))
    def time_passes(self, ms: int) -> None:
        self.at_ms += ms
        with self.store.projection() as p:
            p.commands.expire(self.at_ms)

    # -- lines -------------------------------------------------------------------------------------------------

    @rule(who=WHO, where=WHO, half_open=st.booleans(), looks=st.integers(0, 2))
    def connect(self, who: int, where: int, half_open: bool, looks: int = 0) -> None:
        """Anew, to either edge; each may look into the store before anything else happens."""
        agent, edge = self.agents[who], self.edges[where]
        self.lose_line(agent, half_open=half_open)
        known = edge.directory.find(agent.uid)
        assert known is not None
        agent.edge, agent.line = edge, Line(known)
        edge.lines.append(agent.line)
        edge.commanding.offer(agent.line)  # type: ignore[arg-type]  # plays a session
        for _ in range(looks):
            self.read()
            self.claim()

    def lose_line(self, agent: PlayedAgent, *, half_open: bool) -> None:
        """The agent is gone; a half-open connection is one that its edge has not noticed to be dead."""
        if agent.line is not None and agent.edge is not None and not half_open:
            agent.line.ending = "lost"
            agent.edge.lines.remove(agent.line)
        agent.edge = agent.line = None

    @rule(who=WHO, half_open=st.booleans())
    def disconnect(self, who: int, half_open: bool) -> None:
        self.lose_line(self.agents[who], half_open=half_open)

    @precondition(lambda self: any(agent.line and agent.line.on_the_way for agent in self.agents))
    @rule(data=st.data())
    def message_arrives(self, data: st.DataObject) -> None:
        agent = data.draw(st.sampled_from([a for a in self.agents if a.line and a.line.on_the_way]))
        assert agent.line is not None
        agent.hear(agent.line.on_the_way.pop(0))

    # -- edges -------------------------------------------------------------------------------------------------

    @rule(where=WHO)
    def edge_reads(self, where: int) -> None:
        self.edges[where].read()

    @rule(where=WHO, answer_is_lost=st.booleans())
    def edge_claims(self, where: int, answer_is_lost: bool) -> None:
        self.edges[where].claim(answer_is_lost=answer_is_lost)

    @rule(where=WHO, claims_first=st.booleans())
    def edge_crashes(self, where: int, claims_first: bool) -> None:
        edge = self.edges[where]
        if claims_first:
            edge.claim(answer_is_lost=True)
        for agent in self.agents:
            if agent.edge is edge:
                self.lose_line(agent, half_open=True)
        self.edges[where] = self.new_edge(edge.name)

    # -- agents ------------------------------------------------------------------------------------------------

    @precondition(lambda self: any(agent.ready for agent in self.agents))
    @rule(data=st.data())
    def agent_begins(self, data: st.DataObject) -> None:
        agent, uid = data.draw(st.sampled_from([(a, uid) for a in self.agents for uid in a.ready]))
        agent.begin(uid)

    @precondition(lambda self: any(agent.running for agent in self.agents))
    @rule(data=st.data(), outcome=st.sampled_from([Outcome.SUCCEEDED, Outcome.FAILED, Outcome.REFUSED]))
    def agent_ends(self, data: st.DataObject, outcome: Outcome) -> None:
        agent, uid = data.draw(st.sampled_from([(a, uid) for a in self.agents for uid in a.running]))
        agent.end(uid, outcome)

    @rule(who=WHO)
    def agent_crashes(self, who: int) -> None:
        self.lose_line(self.agents[who], half_open=True)
        self.agents[who].crash()

    # -- journals and projector --------------------------------------------------------------------------------

    @precondition(lambda self: self.journaled)
    @rule(data=st.data())
    def one_is_projected(self, data: st.DataObject) -> None:
        """In any order, for there are two journals."""
        result = data.draw(st.sampled_from(self.journaled))
        self.journaled.remove(result)
        self.projected.append(result)
        assert self.project(*result) is not Finish.NOT_GIVEN

    @precondition(lambda self: self.projected)
    @rule(data=st.data())
    def one_is_projected_again(self, data: st.DataObject) -> None:
        """It lies in the other journal, too."""
        self.at_ms += 1
        assert self.project(*data.draw(st.sampled_from(self.projected))) is Finish.REPEATED

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def a_result_of_somebody_elses_is_projected(self, data: st.DataObject) -> None:
        command = self.before[data.draw(st.sampled_from(self.asked))]
        (other,) = (agent.uid for agent in self.agents if agent.uid != command.agent_uid)
        assert self.project(other, command.uid, command.fence, Outcome.SUCCEEDED) is Finish.NOT_GIVEN

    def project(self, agent_uid: str, uid: str, _fence: int, outcome: Outcome) -> Finish:
        with self.store.projection() as p:
            return p.commands.finish(
                uid, agent_uid, outcome=outcome, code=0, message=outcome.name, now_ms=self.at_ms
            )

    # -- what always holds -------------------------------------------------------------------------------------

    @invariant()
    def nothing_goes_back_and_what_is_final_stays(self) -> None:
        now = {view.command.uid: view.command for view in self.store.commands.list()}
        for uid, command in now.items():
            was = self.before.get(uid)
            if was is not None:
                assert command == was or not was.state.is_final
                assert RANK.get(command.state, FINAL) >= RANK.get(was.state, FINAL)
                assert command.fence >= was.fence
        assert now.keys() >= self.before.keys()
        self.before = now

    @invariant()
    def nothing_is_done_twice_or_behind_the_gateways_back(self) -> None:
        for agent in self.agents:
            for uid, known in agent.disk.items():
                command = self.before[uid]
                assert command.agent_uid == agent.uid
                assert known.begun <= 1 or commands.KINDS[known.kind].idempotent
                # What the gateway itself has ended, the agent has never had.
                assert not command.state.is_final or command.outcome is not None, (
                    "ended, though an agent has it"
                )
                assert command.outcome in (None, known.outcome)

    @invariant()
    def a_session_is_told_each_thing_once(self) -> None:
        for edge in self.edges:
            for line in edge.lines:
                assert len(set(line.told)) == len(line.told)

    # -- and in the end ----------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Once lines hold and time goes on, every command ends, and every edge knows it."""
        for who in range(2):
            self.connect(who, who, False)
        for _ in range(SETTLED_IN):
            for stage in self.stages():
                stage()
            self.time_passes(1_000)
        self.read()
        for edge in self.edges:
            assert all(not agent.commands for agent in edge.directory.agents.values())
        self.nothing_goes_back_and_what_is_final_stays()
        self.nothing_is_done_twice_or_behind_the_gateways_back()
        assert all(command.state.is_final for command in self.before.values())


TestCommandLife = CommandLife.TestCase
TestCommandLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
