"""A projector over real journals and a real store, with a clock in the hand, and agents that are lists of batches."""

import itertools
from pathlib import Path
from uuid import UUID

import attrs

from gateway.journal import JournalWriter, Record, RecordFlags
from gateway.projector import Clock, Metrics, Projector
from gateway.store import AgentEntry, Body, ReleasedMark, ResyncWanted, Store
from protocol import NO_BATCH, EventBatch, EventKind, JobStatus, Row, batch_id, decode, encode
from tests.helpers.stores import World, enroll, make_world

START_MS = 1_700_000_000_000


def row(text: str) -> Row:
    """A job event that nobody confuses with another."""
    return (1, EventKind.NOTICE.value, "job", "session", "", JobStatus.NONE.value, 0, 0, 0, 0, 0, text)


@attrs.define
class Chain:
    """The batches of an agent in one epoch; a fork is another chain with the same beginning."""

    epoch: int = 7
    next_sequence: int = 1
    tip: bytes = NO_BATCH

    def cut(self, *texts: str) -> bytes:
        """The payload of the next batch, with an event for each text."""
        payload = encode(
            EventBatch(
                epoch=self.epoch,
                first_sequence=self.next_sequence,
                count=len(texts),
                previous=self.tip,
                rows=tuple(row(text) for text in texts),
            )
        )
        self.next_sequence += len(texts)
        self.tip = batch_id(payload)
        return payload

    def fork(self) -> "Chain":
        """The same agent, as it was at this moment."""
        return attrs.evolve(self)


def tombstone_of(payload: bytes) -> bytes:
    """What an agent sends in the place of a batch that nobody could decode."""
    batch = decode(EventBatch.tag, payload)
    assert isinstance(batch, EventBatch)
    return encode(
        EventBatch(
            epoch=batch.epoch,
            first_sequence=batch.first_sequence,
            count=batch.count,
            previous=batch.previous,
            replaces=batch_id(payload),
            rows=(),
        )
    )


class Rig:
    """A data folder with a store, journals, and a projector that steps when told to."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.at_s = 0.0
        self.rings = 0
        self.world: World = make_world(store)
        self._keys = itertools.count()
        self._seen = store.changes.last_id()
        self.writers: dict[str, JournalWriter] = {}
        self.projector = self.new_projector()

    def new_projector(self) -> Projector:
        """A projector that has just started."""
        clock = Clock(now_ms=lambda: START_MS + int(self.at_s * 1000), monotonic=lambda: self.at_s)
        self.metrics = Metrics(clock.monotonic)
        self.projector = Projector(
            self.store, self.folder / "journals", bell=self._ring, clock=clock, metrics=self.metrics
        )
        self.projector.start()
        return self.projector

    def _ring(self) -> None:
        self.rings += 1

    def agent(self) -> AgentEntry:
        """An agent that has just enrolled."""
        return enroll(self.store, key=next(self._keys))

    def agent_by(self, token_id: str, *, installation_uid: str) -> AgentEntry:
        """An agent that has just enrolled by a token of the test's own."""
        return enroll(
            self.store, token_id, key=next(self._keys), agent_kind="client", listener_kind="remote",
            installation_uid=installation_uid, now_ms=START_MS,
        )  # fmt: skip

    def writer(self, name: str = "north") -> JournalWriter:
        """The journal of an edge."""
        if name not in self.writers:
            self.writers[name] = JournalWriter(self.folder / "journals" / name)
        return self.writers[name]

    def journal(
        self, agent: AgentEntry, *payloads: bytes, edge: str = "north", tag: int = EventBatch.tag
    ) -> None:
        """What an edge does with batches."""
        for payload in payloads:
            record = Record(
                agent_uid=UUID(agent.agent_uid).bytes,
                received_ms=START_MS + int(self.at_s * 1000),
                tag=tag,
                flags=RecordFlags.NONE,
                payload=payload,
            )
            self.writer(edge).append(record.encode())
        self.writer(edge).sync()

    def drain(self, seconds: float = 2.0) -> None:
        """Step until nothing is left, and *seconds* more."""
        until = self.at_s + seconds
        while self.projector.step() or self.at_s < until:
            self.at_s += 0.05

    def texts(self, agent: AgentEntry) -> list[str]:
        """The events of an agent, in the order of streams and sequence numbers."""
        return [event.message for event in self.store.events.export(agent.agent_uid)]

    def told(self) -> list[Body]:
        """What the edges have been told since the last call."""
        changes = self.store.changes.after(self._seen)
        self._seen = max([self._seen, *(change.id for change in changes)])
        return [change.body for change in changes]

    def marks(self) -> list[tuple[int, int, int, bytes, bool]]:
        """The marks among them: epoch, first, next, batch id, whether it is an echo."""
        return [
            (body.epoch, body.first_sequence, body.next_sequence, body.batch_id, body.echo)
            for body in self.told()
            if isinstance(body, ReleasedMark)
        ]

    def resyncs(self) -> list[ResyncWanted]:
        """The resyncs among them."""
        return [body for body in self.told() if isinstance(body, ResyncWanted)]

    def close(self) -> None:
        """Let go of the journals."""
        for writer in self.writers.values():
            writer.close()
