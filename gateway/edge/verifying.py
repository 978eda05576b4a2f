"""Simulated agents read back what the store holds of them, so that a load test from afar can be verified.

Each session has one question under way at most, and all sessions together one thread: a thousand agents that compare wait for one
another, and no enrollment waits for them. An agent is shown its own rows; only simulated ones are offered the ability (`abilities`).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from gateway.store import StoredEvent, StoreError
from protocol import Action, Code, HeldEvent, Row, VerifyRequest, VerifyRows

if TYPE_CHECKING:
    from gateway.edge.services import Services
    from gateway.edge.session import Session

__all__ = ["ask", "fitting"]

BUSY_RETRY_MS: Final = 10_000

# Of the 1 MiB that a frame holds: the marks take 60 kB at most.
ROOM_BYTES: Final = 900 * 1024

# Ten integers of nine bytes, four lengths of texts of five.
_CELLS_BYTES: Final = 128

_CELLS: Final = tuple(field.name for field in attrs.fields(HeldEvent))


def ask(session: "Session", request: VerifyRequest) -> None:
    """Answer *request* once the store has, without waiting for it."""
    if session.reading:
        session.hang_up(Code.UNEXPECTED_MESSAGE, "asked again before the answer came")
        return
    session.reading = True
    session.services.spawn(_answer, session.services, session, request)


async def _answer(services: "Services", session: "Session", request: VerifyRequest) -> None:
    after = request.after_epoch, request.after_sequence, request.after_stream
    agent = session.agent
    try:
        async with services.read_back:
            held = await services.link.call(
                lambda: services.link.store.events.held(agent.uid, after=after, limit=request.rows + 1)
            )
    except StoreError as error:
        session.send_off(error.code, f"the gateway's store: {error}", Action.RETRY, BUSY_RETRY_MS)
        return
    finally:
        session.reading = False
    rows = tuple(fitting(held[: request.rows]))
    session.say(VerifyRows(rows=rows, more=len(rows) < len(held), marks=agent.marks()))


def fitting(held: Sequence[StoredEvent]) -> Iterator[Row]:
    """Rows of as many of them as a frame has room for; one at least, whatever its texts are: they are bounded."""
    room = ROOM_BYTES
    for event in held:
        row = tuple(getattr(event, cell) for cell in _CELLS)
        room -= _CELLS_BYTES + sum(len(cell.encode()) for cell in row if isinstance(cell, str))
        if room < 0:
            return
        yield row
