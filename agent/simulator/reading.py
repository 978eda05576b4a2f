"""Verification from afar: agents ask the gateway itself what its store holds of them, over the protocol, and compare.

Each agent is asked for over a connection of its own, after the fleet has left, so that the sessions that were measured are not the
ones that read back.
"""

from collections.abc import Sequence
from typing import Any, Final

import attrs
import trio

from agent.facilities import Facilities
from agent.path import PathError
from agent.simulator.ledger import Ledger
from agent.simulator.line import Line, LineError, line_of
from agent.simulator.verification import Result, compare
from protocol import MAX_VERIFY_ROWS, Capability, HeldEvent, VerifyRequest, VerifyRows

# Each answer is one query of the gateway's store, and it takes one at a time.
AT_ONCE: Final = 8

_TRIES: Final = 4
_PAUSE_S: Final = 2.0

_CELLS: Final = tuple(field.name for field in attrs.fields(HeldEvent))


class ReadingError(Exception):
    """The gateway did not say what it holds; the message says why."""


async def read_back(agents: Sequence[Facilities], ledger: Ledger) -> Result:
    """Hold what a gateway's store has of *agents* against their ledger.

    Raises:
        ReadingError: of one of them it was not to be had.
    """
    whole = Result(said=0, released=0)
    limiter = trio.CapacityLimiter(AT_ONCE)
    failures: list[ReadingError] = []

    async def one(agent: Facilities) -> None:
        uid = agent.keeper.identity.agent_uid
        async with limiter:
            try:
                rows = await _rows_patiently(agent)
            except ReadingError as error:
                failures.append(error)
                nursery.cancel_scope.cancel()
                return
            whole.take(compare(ledger.of(uid), rows))

    async with trio.open_nursery() as nursery:
        for agent in agents:
            nursery.start_soon(one, agent)
    if failures:
        raise failures[0]
    return whole


async def _rows_patiently(agent: Facilities) -> list[dict[str, Any]]:
    for left in reversed(range(_TRIES)):
        try:
            return await _rows(agent)
        except (LineError, PathError) as error:
            if not left:
                raise ReadingError(str(error)) from error
            await trio.sleep(_PAUSE_S)
    raise AssertionError("the last try returns or raises")


async def _rows(agent: Facilities) -> list[dict[str, Any]]:
    uid = agent.keeper.identity.agent_uid
    rows: list[dict[str, Any]] = []
    place, more = (0, 0, 0), True
    async with line_of(agent, abilities=Capability.VERIFY) as line:
        if Capability.VERIFY not in line.connection.capabilities:
            raise ReadingError("this gateway lets no agent read back: it is an older one")
        while more:
            answer = await _ask(line, place)
            rows += [{"agent_uid": uid} | dict(zip(_CELLS, row, strict=True)) for row in answer.rows]
            more = answer.more and bool(answer.rows)
            if more:
                last = HeldEvent.from_row(answer.rows[-1])
                place = last.epoch, last.sequence, last.stream_id
        await line.leave()
    return rows


async def _ask(line: Line, place: tuple[int, int, int]) -> VerifyRows:
    epoch, sequence, stream = place
    await line.say(
        VerifyRequest(after_epoch=epoch, after_sequence=sequence, after_stream=stream, rows=MAX_VERIFY_ROWS)
    )
    while not isinstance(answer := await line.hear(), VerifyRows):
        pass
    return answer
