"""Any order of deliveries, cancellations, ends and kills: what was promised about commands holds."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.execution import End
from protocol import Outcome, commands
from tests.agent.execution.rig import ALLOWED, DONE, Life, cancel, command

UIDS = [f"c{n}" for n in range(4)]
SAID = {
    "c0": commands.StartJob(job_uid="job-1"),
    "c1": commands.CollectNow(),
    "c2": commands.CollectLogs(),
    "c3": commands.StopJob(job_uid="job-1"),
}
FAILED = End.failed(1, "no")


class Commands(RuleBasedStateMachine):
    """A gateway that says what it likes, and an agent that is killed when it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.room = tempfile.TemporaryDirectory()
        self.life = Life(Path(self.room.name))
        self.fences = dict.fromkeys(UIDS, 0)
        self.heard: dict[str, int] = {}
        """The newest fence that this process heard of each."""
        self.begun: list[str] = []
        self.outcomes: dict[str, Outcome] = {}

    def teardown(self) -> None:
        self.life.close()
        self.room.cleanup()

    def _hear(self, uid: str, *, again: bool) -> int:
        if not again or not self.fences[uid]:
            self.fences[uid] += 1
        self.heard[uid] = self.fences[uid]
        return self.fences[uid]

    @rule(uid=st.sampled_from(UIDS), again=st.booleans(), ttl_ms=st.sampled_from([0, 5_000]))
    def deliver(self, uid: str, again: bool, ttl_ms: int) -> None:
        fence = self._hear(uid, again=again)
        self.life.board.command(command(uid, SAID[uid], fence=fence, ttl_ms=ttl_ms))

    @rule(uid=st.sampled_from(UIDS), again=st.booleans())
    def take_back(self, uid: str, again: bool) -> None:
        self.life.board.cancel(cancel(uid, fence=self._hear(uid, again=again)))

    @rule()
    def begin(self) -> None:
        for task in self.life.board.begin():
            assert task.kind in ALLOWED
            assert self.life.ledger.find(task.uid) is not None
            self.begun.append(task.uid)

    @rule(data=st.data(), end=st.sampled_from([DONE, FAILED]))
    def end(self, data: Any, end: End) -> None:
        running = [task for task in self.life.board.tasks.values() if task.is_begun and task.end is None]
        running = [task for task in running if task.stage.value == "running"]
        if running:
            self.life.board.ended(data.draw(st.sampled_from(running)), end)

    @rule()
    def settle(self) -> None:
        self.life.board.settle()

    @rule(seconds=st.sampled_from([1.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.life.clock += seconds

    @rule()
    def kill(self) -> None:
        self.life = self.life.killed()
        self.heard.clear()

    @invariant()
    def what_is_not_to_be_done_twice_is_begun_once(self) -> None:
        for uid, said in SAID.items():
            assert said.idempotent or self.begun.count(uid) <= 1

    @invariant()
    def a_uid_has_one_outcome_under_rising_fences(self) -> None:
        for uid in UIDS:
            said = [(fence, outcome) for known, fence, outcome in self.life.said() if known == uid]
            fences = [fence for fence, _ in said]
            assert fences == sorted(set(fences))
            assert (
                {outcome for _, outcome in said} <= {self.outcomes.setdefault(uid, said[0][1])} if said else 1
            )

    @invariant()
    def a_result_is_in_the_outbox_if_the_ledger_has_the_end(self) -> None:
        newest = {uid: fence for uid, fence, _ in self.life.said()}
        for uid in UIDS:
            entry = self.life.ledger.find(uid)
            if entry is not None and entry.end is not None:
                assert newest[uid] == entry.fence
            else:
                assert uid not in newest

    @precondition(lambda self: self.heard)
    @rule()
    def left_alone_everything_heard_is_answered(self) -> None:
        """Under the newest fence that the process heard of each."""
        self.life.clock += 10.0
        for task in self.life.board.begin():
            self.begun.append(task.uid)
        for task in list(self.life.board.tasks.values()):
            if task.end is None:
                self.life.board.ended(task, DONE)
        self.life.board.settle()
        newest = {uid: fence for uid, fence, _ in self.life.said()}
        for uid, fence in self.heard.items():
            assert newest[uid] >= fence


Commands.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestCommands = Commands.TestCase
