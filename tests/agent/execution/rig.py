"""A board over a real file, which can be killed at any moment: what is on the disk then is what the next one finds."""

import shutil
from pathlib import Path

import attrs

from agent.execution import Board, End, Ledger
from agent.outbox import Outbox
from agent.spool import LIMIT_BYTES, Spool
from protocol import CancelCommand, Command, CommandResult, Outcome, commands, decode
from protocol.commands import Instruction

ALLOWED = frozenset(commands.KINDS) - {"collect-logs"}
DONE = End(Outcome.SUCCEEDED, "done")


def command(uid: str, said: Instruction, *, fence: int = 1, ttl_ms: int = 60_000) -> Command:
    return Command(command_uid=uid, kind=said.kind, fence=fence, ttl_ms=ttl_ms, payload=said.payload())


def cancel(uid: str, *, fence: int = 1) -> CancelCommand:
    return CancelCommand(command_uid=uid, fence=fence)


@attrs.define(eq=False)
class Life:
    """One process's worth of a board."""

    folder: Path
    number: int = 0
    limit_bytes: int = LIMIT_BYTES
    clock: float = 0.0
    is_over: bool = False
    spool: Spool = attrs.field(init=False)
    outbox: Outbox = attrs.field(init=False)
    ledger: Ledger = attrs.field(init=False)
    board: Board = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.spool = Spool.open(self.folder / f"outbox-{self.number}.sqlite", limit_bytes=self.limit_bytes)
        self.outbox = Outbox(self.spool, "me")
        self.ledger = Ledger(self.spool, self.outbox, "me")
        self.board = Board(
            self.ledger, kinds=commands.KINDS, allowed=ALLOWED, now=lambda: 1_000, clock=lambda: self.clock
        )

    def close(self) -> None:
        """Once more does no harm."""
        if not self.is_over:
            self.is_over = True
            self.spool.close()

    def killed(self) -> "Life":
        """The process is gone; another one finds the files as they are on the disk at this moment."""
        here = self.folder / f"outbox-{self.number}.sqlite"
        there = self.folder / f"outbox-{self.number + 1}.sqlite"
        for suffix in ("", "-wal"):
            if Path(f"{here}{suffix}").exists():
                shutil.copy(f"{here}{suffix}", f"{there}{suffix}")
        self.close()
        return Life(self.folder, self.number + 1, self.limit_bytes, self.clock)

    def results(self) -> list[CommandResult]:
        """All that were cut, oldest first."""
        found, position = [], 0
        while (batch := self.outbox.next_batch(position)) is not None:
            message = decode(batch.tag, batch.payload)
            assert isinstance(message, CommandResult)
            found.append(message)
            position = batch.position
        return found

    def said(self) -> list[tuple[str, int, Outcome]]:
        """The same, briefly."""
        return [(each.command_uid, each.fence, each.outcome) for each in self.results()]
