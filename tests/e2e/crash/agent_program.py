"""The agent that the crash test kills: the real client, session, sender and outbox, with a ledger beside them.

    python -m tests.e2e.crash.agent_program NAME --folder STATE --ledger FILE --quiet FILE --seed N --token TOKEN

What differs from `fieldgate-agent run`: its events are random and never the same twice, also after a revert, so that a
record which is counted twice cannot hide behind an equal one; it cuts bursts of small batches, so that there is always
something under way; it comes back within a second; and each life begins with a gateway of its own choice.
It enrolls with TOKEN when its folder is empty, and collects nothing more once the file QUIET exists.
"""

import argparse
import random
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
import trio

from agent.backoff import Backoff
from agent.client import Client, Stopped
from agent.collector import Collector
from agent.enrollment import Applicant, enroll
from agent.facilities import Facilities
from agent.facts import Facts
from agent.marks import Ruling
from agent.observer import Ending, Observer
from agent.outbox import Outbox
from agent.service import now_ms
from agent.spool import Spool
from agent.state import NotEnrolledError, StateFolder, enrollment_key, installation_uid
from agent.stored import Stored
from certs import Token
from protocol import (
    AgentType,
    Code,
    EventKind,
    InventoryMode,
    JobEvent,
    JobStatus,
    Mark,
    Row,
    Server,
    ServerKind,
    Welcome,
    decode,
)
from tests.e2e.crash.ledger import Batch, Ledger, digest, mark_fields

# Bursts, and the pause between them: some 300 events a second, nearly always a few batches on their way.
BURST_BATCHES: Final = 16
BATCH_EVENTS: Final = 6
PAUSE_S: Final = (0.02, 0.16)

# Every tenth burst or so is followed by an inventory: the chain of batches runs through all kinds.
INVENTORY_ONE_IN: Final = 10

TEXT: Final = "Backup of Größe 4 – ok ☃ \U0001f5c4 / retry; 'quoted' \"twice\" \\ \t"


class Source:
    """Inventory that changes with every look; the collector cuts it. Events are cut by `report`."""

    agent_type = AgentType.CLIENT

    def __init__(self, name: str, rng: random.Random) -> None:
        self.host_name = name
        self._rng = rng

    def advance(self, _until_ms: int, _limit: int = 0) -> list[Row]:
        """Nothing: see `report`."""
        return []

    def skip(self, events: int) -> None:
        """Nothing is ever told again."""

    def inventory(self) -> Facts:
        """One server."""
        return Facts(servers=(self._server(),))

    def changes(self) -> Facts:
        """The same server, changed."""
        return self.inventory()

    def _server(self) -> Row:
        return Server(
            uid=self.host_name, name=self.host_name, kind=ServerKind.BACKUP_SERVER,
            memory_bytes=self._rng.getrandbits(40),
        ).to_row()  # fmt: skip


def random_event(rng: random.Random) -> Row:
    """An event like no other: its session uid occurs once in the world."""
    length = rng.randrange(200)
    return JobEvent(
        time_ms=now_ms(), kind=rng.choice(list(EventKind)), job_uid=f"job-{rng.randrange(20)}",
        session_uid=str(uuid.uuid4()), workload_uid="", status=rng.choice(list(JobStatus)), attempt=rng.randrange(4),
        duration_ms=rng.getrandbits(24), processed_bytes=rng.getrandbits(50), transferred_bytes=rng.getrandbits(44),
        code=rng.randrange(100), message="".join(rng.choices(TEXT, k=length)),
    ).to_row()  # fmt: skip


class NotedOutbox(Outbox):
    """The real outbox; what it cuts is in the ledger before it is committed, and once more after."""

    __slots__ = ("_cutting", "_digests", "_ledger", "_position")

    def __init__(self, spool: Spool, name: str, ledger: Ledger) -> None:
        super().__init__(spool, name)
        self._ledger = ledger
        self._digests: list[str] = []
        self._cutting = False
        self._position = 0
        while (held := self.next_batch(self._position)) is not None:
            self._position = held.position

    @contextmanager
    def together(self) -> Iterator[None]:
        """A block whose batches are committed together."""
        if self._cutting:
            yield
            return
        self._cutting = True
        try:
            with self._spool.writing():
                yield
                cut = list(self._new_batches())
                self._ledger.note("intent", batches=[attrs.asdict(batch) for batch in cut])
        finally:
            self._cutting = False
            self._digests.clear()
        self._ledger.note("cut", ids=[batch.id for batch in cut])

    def _new_batches(self) -> Iterator[Batch]:
        while (stored := self.next_batch(self._position)) is not None:
            self._position = stored.position
            message = decode(stored.tag, stored.payload)
            n = len(getattr(message, "rows", ()))
            digests, self._digests = tuple(self._digests[:n]), self._digests[n:]
            yield Batch(
                id=stored.batch_id.hex(), previous=getattr(message, "previous", b"").hex(), epoch=stored.epoch,
                first=stored.first_sequence, next=stored.next_sequence, digests=digests,
            )  # fmt: skip

    def cut_events(self, rows: Sequence[Row]) -> tuple[int, int]:
        """As it is, and noted: the digests are of what was given, not of what was stored."""
        with self.together():
            self._digests += map(digest, rows)
            return super().cut_events(rows)

    def cut_inventory(self, facts: Facts, mode: InventoryMode, now_ms: int) -> int:
        """As it is, and noted."""
        with self.together():
            return super().cut_inventory(facts, mode, now_ms)


class Witness(Observer):
    """Writes down what the client tells."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def welcomed(self, welcome: Welcome, address: str) -> None:
        """A session."""
        self._ledger.note("opened", address=address, session=welcome.session_uid)

    def sent(self, batch: Stored) -> None:
        """Its bytes go to the socket next."""
        self._ledger.note("sent", id=batch.batch_id.hex())

    def durable(self, mark: Mark) -> None:
        """The first promise."""
        self._ledger.note("durable", **mark_fields(mark))

    def released(self, mark: Mark, ruling: Ruling) -> None:
        """The second."""
        self._ledger.note("released", ruling=ruling.value, **mark_fields(mark))

    def trouble(self, code: Code | int, message: str) -> None:
        """Should not happen here."""
        self._ledger.note("trouble", code=int(code), message=message)

    def ended(self, ending: Ending, wait_s: float) -> None:
        """Why, and when it tries again."""
        self._ledger.note("ended", code=int(ending.code), message=ending.message, wait_s=wait_s)


async def report(
    facilities: Facilities, outbox: NotedOutbox, rng: random.Random, ledger: Ledger, quiet: trio.Path
) -> None:
    """Cut bursts until told to be quiet; say once when all of it was released."""
    while not await quiet.exists():
        with outbox.together():
            for _ in range(rng.randint(1, BURST_BATCHES)):
                outbox.cut_events([random_event(rng) for _ in range(rng.randint(1, BATCH_EVENTS))])
            facilities.collector.collect(now_ms())
        facilities.collector.stored()
        if rng.randrange(INVENTORY_ONE_IN) == 0:
            facilities.collector.want(InventoryMode.DELTA)
        facilities.bell.ring()
        await trio.sleep(rng.uniform(*PAUSE_S))
    while outbox.records:  # noqa: ASYNC110  # the outbox rings no bell when it is empty
        await trio.sleep(0.05)
    ledger.note("empty")


async def stop_on(signals: AsyncIterator[int], client: Client) -> None:
    """End in order when asked to."""
    async for _ in signals:
        client.stop()


async def keeper_of(folder: Path, name: str, token: str) -> StateFolder:
    """The enrolled agent in *folder*; enrolls it first where there is none."""
    try:
        return StateFolder.load(folder)
    except NotEnrolledError:
        applicant = Applicant(
            installation_uid=installation_uid(folder), host_name=name, agent_type=AgentType.CLIENT, synthetic=False,
            key_pem=enrollment_key(folder),
        )  # fmt: skip
        enrollment = await enroll(Token.parse(token), applicant, now=now_ms)
        return StateFolder.create(folder, enrollment.identity, enrollment.credential)


async def live(arguments: argparse.Namespace) -> int:
    """One life, until SIGTERM or kill -9."""
    rng, ledger = random.Random(arguments.seed), Ledger(arguments.ledger)
    ledger.note("start")
    keeper = await keeper_of(arguments.folder, arguments.name, arguments.token)
    gateways = list(keeper.identity.gateways)
    rng.shuffle(gateways)
    keeper.change(attrs.evolve(keeper.identity, gateways=tuple(gateways)))
    with Spool.open(arguments.folder / "outbox.sqlite") as spool:
        outbox = NotedOutbox(spool, keeper.identity.agent_uid, ledger)
        facilities = Facilities(
            keeper=keeper, outbox=outbox, now=now_ms, observer=Witness(ledger),
            collector=Collector(source=Source(arguments.name, rng), outbox=outbox),
        )  # fmt: skip
        client = Client(facilities, draw=rng.random, backoff=Backoff(base_s=0.2, ceiling_s=0.8))
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(report, facilities, outbox, rng, ledger, trio.Path(arguments.quiet))
                nursery.start_soon(stop_on, signals, client)
                farewell = await client.run()
                nursery.cancel_scope.cancel()
    if farewell.why is Stopped.ASKED:
        return 0
    sys.stderr.write(f"{farewell}\n")
    return 1


def main() -> int:
    """Read the command line and live."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    for name in ("--folder", "--ledger", "--quiet"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--token", required=True)
    return trio.run(live, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
