"""Verification from afar: agents ask the gateway itself what its store holds of them, over the protocol, and compare.

Each agent is asked for over a connection of its own, after the fleet has left, so that the sessions that were measured are not the
ones that read back.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import trio

from agent.facilities import Facilities
from agent.hello import hello
from agent.observer import code_text
from agent.path import PathError, open_path
from agent.simulator.ledger import Ledger
from agent.simulator.verification import Result, compare
from certs import from_ms
from protocol import (
    MAX_VERIFY_ROWS,
    NEED_DATA,
    PEER_CLOSED,
    Capability,
    Code,
    Connection,
    Goodbye,
    HeldEvent,
    Message,
    Rejected,
    RemoteProtocolError,
    Role,
    VerifyRequest,
    VerifyRows,
    Welcome,
)
from transport import BrokenStreamError, TLSStream, client_context

# Each answer is one query of the gateway's store, and it takes one at a time.
AT_ONCE: Final = 8

ANSWER_S: Final = 60.0
_TRIES: Final = 4
_PAUSE_S: Final = 2.0
_LAST_WORD_S: Final = 2.0

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
        except ReadingError:
            if not left:
                raise
            await trio.sleep(_PAUSE_S)
    raise AssertionError("the last try returns or raises")


async def _rows(agent: Facilities) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    uid = agent.keeper.identity.agent_uid
    place, more = (0, 0, 0), True
    async with _session(agent) as line:
        while more:
            epoch, sequence, stream = place
            question = VerifyRequest(
                after_epoch=epoch, after_sequence=sequence, after_stream=stream, rows=MAX_VERIFY_ROWS
            )
            answer = await line.ask(question)
            rows += [{"agent_uid": uid} | dict(zip(_CELLS, row, strict=True)) for row in answer.rows]
            more = answer.more and bool(answer.rows)
            if more:
                last = HeldEvent.from_row(answer.rows[-1])
                place = last.epoch, last.sequence, last.stream_id
    return rows


@attrs.frozen
class _Line:
    """An open session that only asks."""

    stream: TLSStream
    connection: Connection

    async def ask(self, question: VerifyRequest) -> VerifyRows:
        await self.stream.send_all(self.connection.send(question))
        while True:
            if isinstance(message := await self.hear(), VerifyRows):
                return message

    async def hear(self) -> Message:
        with trio.move_on_after(ANSWER_S):
            while (event := self.connection.next_event()) is NEED_DATA:
                self.connection.receive_data(await self.stream.receive_some())
            if event is PEER_CLOSED:
                raise ReadingError("the gateway closed without a word")
            if isinstance(event, Rejected | Goodbye):
                raise ReadingError(f"{code_text(event.code)}: {event.message}")
            return event
        raise ReadingError(f"no answer within {ANSWER_S:.0f} s")


@asynccontextmanager
async def _session(agent: Facilities) -> AsyncIterator[_Line]:
    keeper = agent.keeper
    credential = keeper.credential
    try:
        path = await open_path(
            keeper.identity.gateways, context=client_context(credential.chain_pem, credential.key_pem),
            anchors=keeper.identity.anchors(), certified=True, at=from_ms(agent.now()), source=agent.source,
        )  # fmt: skip
    except PathError as error:
        raise ReadingError(str(error)) from error
    line = _Line(path.stream, Connection(Role.AGENT))
    try:
        greeting = hello(keeper, agent.outbox, now_ms=agent.now())
        greeting = attrs.evolve(greeting, capabilities=greeting.capabilities | Capability.VERIFY)
        await path.stream.send_all(line.connection.send(greeting))
        if isinstance(welcome := await line.hear(), Welcome):
            keeper.remember(welcome.nonce)
        if Capability.VERIFY not in line.connection.capabilities:
            raise ReadingError(
                "this gateway does not let agents read back: an older one, or no agent for simulation"
            )
        yield line
        goodbye = Goodbye(code=Code.GOODBYE, message="read back")
        await path.stream.send_last(line.connection.send(goodbye), within_s=_LAST_WORD_S)
    except (BrokenStreamError, RemoteProtocolError) as error:
        raise ReadingError(f"the connection ended: {error}") from error
    finally:
        await trio.aclose_forcefully(path.stream)
