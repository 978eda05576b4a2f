"""What one who misbehaves has to hand: the agent itself, and the ways in which a part can be played with it.

A play ends with the FG code that the agent met with, or with None: it was survived, and what the agent had to say is in the store.
What actors say is in the ledger like everybody's, so a verification covers it; it is in no figure, for nobody measures by them.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import attrs
import trio

from agent.backoff import Backoff
from agent.client import Client, Stopped
from agent.collector import Collector
from agent.facilities import Facilities
from agent.identity import Credential, Keeper
from agent.marks import Ruling
from agent.observer import Ending, Observer
from agent.outbox import Outbox
from agent.service import now_ms
from agent.simulator.berths import Plot
from agent.simulator.ledger import Ledger
from agent.spool import Spool
from protocol import Code, Mark, Row, Welcome

EVENTS: Final = 5
"""What one report of an actor's holds."""

# Until something is in the store, or a session is open: a gateway under load takes its time, and a fleet is in front.
PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.02
_RECONNECT_S: Final = 0.5


class StageError(Exception):
    """A play did not come to its end; the message says why."""


class Notes(Observer):
    """What an actor is told, and its pages of the ledger."""

    def __init__(self, ledger: Ledger, agent_uid: str) -> None:
        self._ledger = ledger
        self._agent_uid = agent_uid
        self.opened = trio.Event()
        """A session is open, since this was last renewed."""
        self.rulings: list[Ruling] = []
        self.endings: list[Ending] = []

    def told(self, epoch: int, first_sequence: int, rows: Sequence[Row]) -> None:
        """Events are in the outbox."""
        self._ledger.said(self._agent_uid, epoch, first_sequence, rows)

    def welcomed(self, welcome: Welcome, address: str) -> None:
        """A session is open."""
        self.opened.set()

    def released(self, mark: Mark, ruling: Ruling) -> None:
        """Into the ledger, if it is a mark of ours."""
        self.rulings.append(ruling)
        if ruling is Ruling.RELEASED:
            self._ledger.told(self._agent_uid, mark)

    def ended(self, ending: Ending, wait_s: float) -> None:
        """A session, or the attempt at one, is over."""
        self.endings.append(ending)


@attrs.define(eq=False, kw_only=True)
class Stage:
    """One actor's.

    Attributes:
        folder: for files of its own.
        data: the provider's data folder, if it is on this machine.
    """

    plot: Plot
    agent: Facilities
    notes: Notes
    folder: Path
    data: Path | None = None

    @property
    def uid(self) -> str:
        """Whose part it is."""
        return self.agent.keeper.identity.agent_uid

    def with_outbox(self, spool: Spool, *, skip: int = 0) -> Facilities:
        """The same agent with another outbox; its estate goes on where that one is, or *skip* events later."""
        outbox = Outbox(spool, self.uid)
        estate = self.plot.estate()
        estate.skip(outbox.taken + skip)
        return self.copied(
            outbox=outbox, collector=Collector(source=estate, outbox=outbox, told=self.notes.told)
        )

    def copied(
        self,
        *,
        outbox: Outbox | None = None,
        collector: Collector | None = None,
        ahead_ms: int = 0,
        addresses: Sequence[str] = (),
        credential: Credential | None = None,
    ) -> Facilities:
        """Another machine with this one's disk: the same identity and credential, and no nonce of its own."""
        identity = self.agent.keeper.identity
        identity = attrs.evolve(identity, gateways=tuple(addresses) or identity.gateways)
        return Facilities(
            keeper=Keeper(identity, credential or self.agent.keeper.credential),
            outbox=outbox or self.agent.outbox,
            collector=collector or self.agent.collector,
            now=lambda: now_ms() + ahead_ms,
            observer=self.notes,
            source=self.agent.source,
        )

    def report(self, agent: Facilities | None = None, *, events: int = EVENTS) -> None:
        """Something has happened on the estate: it is in the outbox now."""
        agent = agent or self.agent
        agent.collector.collect(now_ms(), events)
        agent.collector.stored()
        agent.bell.ring()

    @asynccontextmanager
    async def living(self, agent: Facilities | None = None) -> AsyncIterator[None]:
        """The agent lives in the block as a real one does, with a session once it begins.

        Raises:
            StageError: no session opens, or the gateway says stop.
        """
        agent = agent or self.agent
        client = Client(agent, draw=random.random, backoff=Backoff(base_s=_RECONNECT_S))
        self.notes.opened = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._live, client)
            with trio.move_on_after(PATIENCE_S):
                await self.notes.opened.wait()
            if not self.notes.opened.is_set():
                nursery.cancel_scope.cancel()
                last = self.notes.endings[-1].message if self.notes.endings else "nothing came"
                raise StageError(f"no session within {PATIENCE_S:.0f} s: {last}")
            yield
            client.stop()

    async def _live(self, client: Client) -> None:
        farewell = await client.run()
        if farewell.why is not Stopped.ASKED and farewell.last is not None:
            raise StageError(f"the gateway said stop: FG-{int(farewell.last.code)} {farewell.last.message}")

    async def delivered(self, agent: Facilities | None = None) -> None:
        """Live until everything that was reported is in the store.

        Raises:
            StageError: that takes too long.
        """
        agent = agent or self.agent
        async with self.living(agent):
            with trio.move_on_after(PATIENCE_S):
                while agent.outbox.records:  # noqa: ASYNC110  # an outbox sets no event
                    await trio.sleep(_LOOK_S)
                return
            raise StageError(f"{agent.outbox.records} records are not in the store after {PATIENCE_S:.0f} s")


Play = Callable[[Stage], Awaitable[Code | int | None]]


@attrs.frozen(kw_only=True)
class Persona:
    """A part, what it meets with, and what a gateway notes of it."""

    name: str
    does: str
    """For the documentation, and the list of them: a sentence without a subject."""
    meets: tuple[Code, ...] = ()
    """FG codes that the agent meets with, any of which is right; none: it is survived."""
    noted: Code | None = None
    """FG code that the gateway ends a connection with, or logs."""
    play: Play
    needs_data: bool = False
    """It needs the provider's data folder."""
    again: bool = True
    """It can be played more than once with one agent."""
