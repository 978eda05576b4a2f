"""Those whose identity is not what it was: copied, set back, early, or gone half-way."""

import shutil
from datetime import timedelta
from typing import Final

import trio

from agent.marks import Ruling
from agent.simulator.line import Line, line_of
from agent.simulator.personas.stage import EVENTS, Persona, Stage, StageError
from agent.spool import Spool
from protocol import Code

# A server whose battery has died: years behind would make its own certificates of tomorrow.
_SKEW_MS: Final = int(timedelta(days=3).total_seconds() * 1000)

# So far a reverted machine's second life differs from its first one.
_OTHER_LIFE: Final = 50


async def _clone(stage: Stage) -> Code | int | None:
    """The copy dials while the original has a session."""
    copy = stage.copied()
    async with stage.living():
        line = await Line.dial(copy)
        try:
            await line.greet(copy)
        finally:
            await trio.aclose_forcefully(line.stream)
    raise StageError("the copy was welcomed beside the original")


async def _skewed(stage: Stage) -> Code | int | None:
    """It connects with its wrong clock, and reports."""
    skewed = stage.copied(ahead_ms=_SKEW_MS)
    skewed.keeper.nonces = stage.agent.keeper.nonces
    stage.report(skewed)
    await stage.delivered(skewed)
    stage.agent.keeper.nonces = skewed.keeper.nonces
    return None


async def _half_open(stage: Stage) -> Code | int | None:
    """Its first connection is still open, as far as the gateway knows, when it comes back by another one."""
    async with line_of(stage.agent) as dead:
        async with line_of(stage.agent) as line:
            await line.leave()
        return await dead.hear_the_end()


async def _reverted(stage: Stage) -> Code | int | None:
    """It delivers, is set back to before that, and says something else under the same numbers."""
    path, snapshot = (stage.folder / f"{stage.uid}-{name}.sqlite" for name in ("outbox", "snapshot"))
    with Spool.open(path) as spool:
        first = stage.with_outbox(spool)
        stage.report(first)
        await stage.delivered(first)
    shutil.copy(path, snapshot)
    with Spool.open(path) as spool:
        lost = stage.with_outbox(spool)
        stage.report(lost)
        await stage.delivered(lost)
    shutil.move(snapshot, path)
    stage.notes.rulings.clear()
    with Spool.open(path) as spool:
        second = stage.with_outbox(spool, skip=_OTHER_LIFE * EVENTS)
        stage.report(second)
        await stage.delivered(second)
    path.unlink()
    if Ruling.REVERTED not in stage.notes.rulings:
        raise StageError("nobody told it that it was set back")
    return Code.FORK_FOLLOWED


PERSONAS: Final = (
    Persona(
        name="clone", does="copies a machine with its identity, and connects beside the original",
        meets=(Code.CLONE_HELD,), noted=Code.CLONE_HELD, play=_clone,
    ),
    Persona(
        name="skewed-clock", does="has a clock that is three days ahead; it is told the time, and reports",
        play=_skewed,
    ),
    Persona(
        name="half-open", does="comes back while the gateway still holds its old connection, which is given up at once",
        meets=(Code.SUPERSEDED,), noted=Code.SUPERSEDED, play=_half_open,
    ),
    Persona(
        name="reverted-snapshot",
        does="is set back to a snapshot and says other records under numbers that it had used; both histories are kept",
        meets=(Code.FORK_FOLLOWED,), play=_reverted,
    ),
)  # fmt: skip
