"""Which commands there are, and what is to be done with each. Nothing waits in here, so a test can drive it step by step.

    Command ──▶ waiting ──begin──▶ running ──ended──▶ settling ──settle──▶ in the ledger, and its result in the outbox
                   │                                     ▲
                   └──── not allowed, unknown, expired, cancelled

*Waiting* is in memory only: an agent that is killed then has not begun, and is given the command again in its next session. There is
little to wait for: room for the answer, and others when very many run. *Running* is in the ledger. *Settling* lasts until the outbox has
room for the result.

After a restart the ledger's unfinished commands are taken up first: a kind that may run again runs again; of any other it is
said that it was interrupted. Whatever fence comes with a later delivery is the one that its result will have.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Final

import attrs

from agent.execution.ledger import EXPIRED, INTERRUPTED, End, Ledger
from agent.spool import OutboxFullError
from protocol import CancelCommand, Code, Command, CommandProgress, Outcome, commands

TOGETHER: Final = 16
"""So many run at once; jobs that run for hours are the reason why there are several."""

WAITING: Final = 256
"""More than a gateway lets one agent have unfinished. What comes beyond that is not taken, and given again later."""


class Stage(Enum):
    """Where a command is."""

    WAITING = "waiting"
    RUNNING = "running"
    SETTLING = "settling"


@attrs.define(eq=False, kw_only=True)
class Task:
    """A command that has not ended, or whose end is not written down yet."""

    uid: str
    kind: str
    payload: bytes
    instruction: commands.Instruction | None
    """None if it can't be understood; it never begins."""
    fence: int
    deadline: float
    """It begins before that or not at all; the board's clock."""
    is_begun: bool = False
    """It is in the ledger."""
    stage: Stage = Stage.WAITING
    cancelling: bool = False
    percent: int = 0
    message: str = ""
    end: End | None = None


class Board:
    """One agent's commands."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        kinds: Iterable[str],
        allowed: Iterable[str],
        now: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        """Take up what was unfinished when the agent ended.

        Args:
            ledger: has them.
            kinds: what this agent can do.
            allowed: what it may do.
            now: milliseconds since the epoch.
            clock: seconds of a clock that nobody sets.

        Raises:
            OutboxError: the ledger cannot be read.
        """
        self._ledger = ledger
        self._kinds = frozenset(kinds)
        self._allowed = frozenset(allowed)
        self._now = now
        self._clock = clock
        self._tasks: dict[str, Task] = {}
        self._progress: dict[str, CommandProgress] = {}
        """To be said, of each command the newest."""
        for entry in ledger.unfinished():
            task = self._judged(entry.uid, entry.kind, entry.payload, entry.fence, deadline=float("inf"))
            task.is_begun = True
            if task.end is None and task.instruction is not None and not task.instruction.idempotent:
                self._end(task, INTERRUPTED)

    @property
    def tasks(self) -> Mapping[str, Task]:
        """By uid."""
        return self._tasks

    # -- what the gateway says ---------------------------------------------------------------------------------

    def command(self, said: Command) -> None:
        """Take it, or answer with what is known of it.

        Raises:
            OutboxFullError: no room for that answer; the gateway asks again.
            OutboxError: the ledger cannot be used.
        """
        deadline = self._clock() + said.ttl_ms / 1000
        if (task := self._tasks.get(said.command_uid)) is not None:
            if said.fence > task.fence:
                task.fence = said.fence
                if not task.is_begun:
                    task.deadline = deadline
                elif task.stage is Stage.RUNNING:
                    self._say(task)
        elif not self._answered(said.command_uid, said.fence) and len(self._tasks) < WAITING:
            task = self._judged(said.command_uid, said.kind, said.payload, said.fence, deadline=deadline)
            if task.end is None and not said.ttl_ms:
                self._end(task, EXPIRED)

    def cancel(self, said: CancelCommand) -> Task | None:
        """Take it back, whether it is known or not yet; the task, if it runs and is to be stopped.

        Raises:
            OutboxFullError: no room for the answer; the gateway asks again.
            OutboxError: the ledger cannot be used.
        """
        task = self._tasks.get(said.command_uid)
        if task is None:
            if not self._answered(said.command_uid, said.fence) and len(self._tasks) < WAITING:
                task = self._add(said.command_uid, "", b"", None, said.fence, deadline=float("inf"))
                self._end(task, _cancelled("taken back before it came"))
            return None
        if said.fence < task.fence:
            return None
        task.fence = said.fence
        if task.stage is Stage.WAITING:
            self._end(task, _cancelled("taken back before it began"))
        if task.stage is not Stage.RUNNING or task.cancelling:
            return None
        task.cancelling = True
        return task

    def _answered(self, uid: str, fence: int) -> bool:
        """Whether it has ended, and that is said under *fence* as well."""
        entry = self._ledger.find(uid)
        if entry is None:
            return False
        if fence > entry.fence:
            self._ledger.answer_again(entry, fence)
        return True

    def _judged(self, uid: str, kind: str, payload: bytes, fence: int, *, deadline: float) -> Task:
        """A new task; one that may not or cannot run has ended already."""
        try:
            instruction = commands.parse(kind, payload)
        except commands.InvalidCommand as error:
            task = self._add(uid, kind, b"", None, fence, deadline=deadline)
            unknown = error.code is Code.COMMAND_UNSUPPORTED
            outcome = Outcome.UNSUPPORTED if unknown else Outcome.FAILED
            self._end(task, End(outcome, error.message[:1024], error.code.value))
            return task
        task = self._add(uid, kind, payload, instruction, fence, deadline=deadline)
        if kind not in self._allowed:
            message = f"agent.toml of this server does not allow {kind}"
            self._end(task, End(Outcome.REFUSED, message, Code.COMMAND_NOT_ALLOWED.value))
        elif kind not in self._kinds:
            message = f"this agent cannot do {kind}"
            self._end(task, End(Outcome.UNSUPPORTED, message, Code.COMMAND_UNSUPPORTED.value))
        return task

    def _add(
        self,
        uid: str,
        kind: str,
        payload: bytes,
        instruction: commands.Instruction | None,
        fence: int,
        *,
        deadline: float,
    ) -> Task:
        task = self._tasks[uid] = Task(
            uid=uid, kind=kind, payload=payload, instruction=instruction, fence=fence, deadline=deadline
        )
        return task

    # -- running -----------------------------------------------------------------------------------------------

    def begin(self) -> list[Task]:
        """What is to be begun now, each in the ledger already. Call `settle` as well.

        Raises:
            OutboxError: the ledger cannot be written.
        """
        begun: list[Task] = []
        active = sum(task.stage is not Stage.WAITING for task in self._tasks.values())
        now = self._clock()
        for task in [each for each in self._tasks.values() if each.stage is Stage.WAITING]:
            if now >= task.deadline and not task.is_begun:
                self._end(task, EXPIRED)
            elif active < TOGETHER and self._ledger.has_room(active + 1) and self._written(task):
                task.stage = Stage.RUNNING
                active += 1
                begun.append(task)
                self._say(task)
        return begun

    def _written(self, task: Task) -> bool:
        if not task.is_begun:
            try:
                self._ledger.begin(task.uid, task.kind, task.payload, task.fence)
            except OutboxFullError:
                return False
            task.is_begun = True
        return True

    def ended(self, task: Task, end: End) -> None:
        """It has come to an end, in this way; what was stopped because it was taken back has been cancelled."""
        if task.cancelling and end.outcome is not Outcome.SUCCEEDED:
            end = _cancelled(end.message or "stopped")
        self._end(task, end)

    def _end(self, task: Task, end: End) -> None:
        task.end, task.stage = end, Stage.SETTLING
        self._progress.pop(task.uid, None)

    def settle(self) -> None:
        """Write down what has ended, and cut the results.

        Raises:
            OutboxFullError: no room for one; the others wait with it.
            OutboxError: the ledger cannot be written.
        """
        for task in [each for each in self._tasks.values() if each.end is not None]:
            assert task.end is not None  # noqa: S101  # the line above
            self._ledger.finish(task.uid, task.kind, task.fence, task.end, self._now())
            del self._tasks[task.uid]

    @property
    def next_at(self) -> float:
        """When the next one that waits expires; the board's clock."""
        waiting = (task.deadline for task in self._tasks.values() if task.stage is Stage.WAITING)
        return min(waiting, default=float("inf"))

    # -- progress ----------------------------------------------------------------------------------------------

    def report(self, task: Task, percent: int, message: str) -> None:
        """How far a command that runs has come; what was not said yet of it is not said any more."""
        task.percent, task.message = max(0, min(100, percent)), message[:1024]
        self._say(task)

    def _say(self, task: Task) -> None:
        if task.stage is Stage.RUNNING:
            self._progress[task.uid] = CommandProgress(
                command_uid=task.uid, percent=task.percent, message=task.message
            )

    @property
    def has_progress(self) -> bool:
        """Whether there is something to say."""
        return bool(self._progress)

    def take_progress(self) -> CommandProgress | None:
        """Something to say to the gateway, if there is anything."""
        if not self._progress:
            return None
        return self._progress.pop(next(iter(self._progress)))


def _cancelled(message: str) -> End:
    return End(Outcome.CANCELLED, message[:1024], Code.COMMAND_CANCELLED.value)
