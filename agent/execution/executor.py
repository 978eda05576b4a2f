"""Runs what is on the board: one task for each command, and one that begins, settles and tells.

Whatever a command raises is that command's failure. The exception is the outbox's: without it nothing can be promised to anybody, and the
agent ends.

Progress is said at once when a command begins, and then once a second at most, of each command the newest.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import attrs
import structlog
import trio

from agent.bell import Bell
from agent.collectors.contract import CollectorError, UnknownJobError
from agent.execution.board import Board, Stage, Task
from agent.execution.ledger import End, Ledger
from agent.failures import first_line
from agent.observer import Observer
from agent.spool import OutboxError, OutboxFullError
from protocol import CancelCommand, Code, Command, CommandProgress, Outcome, commands

RETRY_S: Final = 5.0
"""What finds no room in the outbox is tried again so often."""

PROGRESS_S: Final = 1.0


class Progress(Protocol):
    """Called with how far it is, in percent, and what is being done."""

    def __call__(self, percent: int, message: str, /) -> None: ...


@attrs.frozen
class Action:
    """What a kind does. *perform* may be cancelled anywhere, unless there is a gentler way to stop it."""

    perform: Callable[..., Awaitable[End]]
    """Called with the instruction and a Progress; and, as `command_uid`, with the command's uid where *by_uid* is set."""
    stop: Callable[[Any], Awaitable[bool]] | None = None
    """Makes *perform* return soon; False if there is nothing to stop, and it is to be cancelled."""
    by_uid: bool = False


class Executor:
    """The commands of one agent. `run` it; sessions call the rest."""

    def __init__(
        self,
        ledger: Ledger,
        actions: Mapping[type[commands.Instruction], Action],
        *,
        allowed: frozenset[str],
        now: Callable[[], int],
        bell: Bell,
        observer: Observer,
    ) -> None:
        """Take up what was unfinished.

        Args:
            ledger: has the commands.
            actions: what each kind does.
            allowed: the kinds that may run here.
            now: milliseconds since the epoch.
            bell: rung when there is something to send.
            observer: told of trouble.

        Raises:
            OutboxError: the ledger cannot be read.
        """
        self._actions = dict(actions)
        self._board = Board(
            ledger, kinds=[kind.kind for kind in actions], allowed=allowed, now=now, clock=trio.current_time
        )
        self._bell = bell
        self._observer = observer
        self._work = Bell()
        self._scopes: dict[str, trio.CancelScope] = {}
        self._stopping: list[Task] = []
        self._had_room = True
        self._tell_at = 0.0
        """No progress is let out before; trio's clock."""
        self._log = structlog.get_logger()

    def command(self, said: Command) -> None:
        """The gateway asks for something. Raises as `Board.command` does."""
        self._board.command(said)
        self._tell_at = 0.0
        self._bell.ring()
        self._work.ring()

    def cancel(self, said: CancelCommand) -> None:
        """The gateway takes something back. Raises as `Board.cancel` does."""
        if (task := self._board.cancel(said)) is not None:
            self._stopping.append(task)
        self._bell.ring()
        self._work.ring()

    def take_progress(self) -> CommandProgress | None:
        """Something to say of a command that runs, if there is anything."""
        now = trio.current_time()
        if now < self._tell_at:
            return None
        said = self._board.take_progress()
        if said is not None and not self._board.has_progress:
            self._tell_at = now + PROGRESS_S
        return said

    async def run(self) -> None:
        """Execute until cancelled. What runs then is taken up by the next process.

        Raises:
            OutboxError: the outbox can no longer be used.
        """
        async with trio.open_nursery() as nursery:
            while True:
                for task in self._stopping:
                    nursery.start_soon(self._stop, task)
                self._stopping.clear()
                begun = self._board.begin()
                self._settle()
                for task in begun:
                    self._scopes[task.uid] = trio.CancelScope()
                    self._log.info("command begins", command=task.uid, kind=task.kind)
                    nursery.start_soon(self._perform, task)
                    self._tell_at = 0.0
                self._bell.ring()
                with trio.move_on_at(self._look_at()):
                    await self._work.wait()

    def _look_at(self) -> float:
        """When there is something to do although nobody rang."""
        held = any(task.stage is not Stage.RUNNING for task in self._board.tasks.values())
        now = trio.current_time()
        at = min(self._board.next_at, now + RETRY_S) if held else float("inf")
        # What nobody has fetched by then waits for a session, and not for the clock.
        return min(at, self._tell_at) if self._board.has_progress and self._tell_at > now else at

    def _settle(self) -> None:
        try:
            self._board.settle()
        except OutboxFullError as error:
            if self._had_room:
                self._observer.trouble(error.code, str(error))
            self._had_room = False
        else:
            self._had_room = True

    async def _perform(self, task: Task) -> None:
        assert task.instruction is not None  # noqa: S101  # what can't be understood never begins
        action = self._actions[type(task.instruction)]
        end = End(Outcome.CANCELLED, "stopped", Code.COMMAND_CANCELLED.value)
        with self._scopes[task.uid]:
            end = await self._outcome(task, action)
        del self._scopes[task.uid]
        self._board.ended(task, end)
        assert task.end is not None  # noqa: S101  # it has just been given one
        self._log.info(
            "command ended", command=task.uid, kind=task.kind, outcome=task.end.outcome.name.lower(),
            message=task.end.message,
        )  # fmt: skip
        self._work.ring()

    async def _outcome(self, task: Task, action: Action) -> End:
        try:
            named = {"command_uid": task.uid} if action.by_uid else {}
            return await action.perform(
                task.instruction, lambda percent, message: self._report(task, percent, message), **named
            )
        except UnknownJobError as error:
            return End.failed(Code.COMMAND_INVALID.value, error.message)
        except CollectorError as error:
            return End.failed(error.code.value, error.message)
        except OutboxFullError as error:
            return End.failed(error.code.value, str(error))
        except OutboxError:
            raise
        except Exception as error:  # noqa: BLE001  # see below
            # A bug in one kind must not take the agent, its session and every other command down with it.
            self._log.exception("command broke", command=task.uid, kind=task.kind)
            return End.failed(0, first_line(error))

    def _report(self, task: Task, percent: int, message: str) -> None:
        self._board.report(task, percent, message)
        self._work.ring()

    async def _stop(self, task: Task) -> None:
        stop = self._actions[type(task.instruction)].stop if task.instruction is not None else None
        stopped = stop is not None and await stop(task.instruction)
        if not stopped and task.uid in self._scopes:
            self._scopes[task.uid].cancel()
