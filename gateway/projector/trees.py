"""What the store knows of one (agent, epoch), read once in a transaction and kept up to date within it.

Nothing here outlives its transaction. So a decision never rests on what another process may have changed since.
"""

import attrs

from gateway.projector.placement import Batch, continued_by
from gateway.store import Gap, GapState, ProjectedAgent, Projection, StoredBatch, StoredStream


@attrs.define(kw_only=True)
class AgentAtWork:
    """An agent, and how much of the store is its.

    Attributes:
        parked: its parked batches.
        waiting: its gaps that wait for a batch; None while nobody has counted.
        shown: its gaps that are there to be seen; None while nobody has counted.
    """

    stored: ProjectedAgent
    key: bytes
    parked: int
    waiting: int | None = None
    shown: int | None = None

    @property
    def agent_id(self) -> int:
        """The store's number for it."""
        return self.stored.agent_id

    @property
    def agent_uid(self) -> str:
        """Its uid."""
        return self.stored.agent_uid


class Tree:
    """The branches of an (agent, epoch), and its holes."""

    def __init__(
        self, p: Projection, agent: AgentAtWork, epoch: int, *, streams: list[StoredStream], gaps: list[Gap]
    ) -> None:
        self.agent = agent
        self.epoch = epoch
        self.streams = streams
        self.gaps: dict[bytes, Gap] = {gap.missing: gap for gap in gaps}
        """By what is missing; but those that are filled."""
        self._p = p
        self._moved: set[int] = set()
        self._known: dict[bytes, StoredBatch | None] = {}

    def stream(self, stream_id: int) -> StoredStream:
        """The stream of that id."""
        return next(stream for stream in self.streams if stream.stream_id == stream_id)

    def open(
        self, *, base: int, held_from: int, next_sequence: int, tip: bytes, predecessor: bytes, opened_ms: int
    ) -> StoredStream:
        """Begin a stream."""
        stream_id = self._p.streams.open(
            self.agent.agent_id,
            self.epoch,
            base=base,
            held_from=held_from,
            next_sequence=next_sequence,
            tip=tip,
            predecessor=predecessor,
            opened_ms=opened_ms,
        )
        stream = StoredStream(
            stream_id=stream_id, base=base, held_from=held_from, next_sequence=next_sequence, tip=tip
        )
        self.streams.append(stream)
        return stream

    def move(self, stream_id: int, next_sequence: int, tip: bytes) -> None:
        """Move a stream's mark; `take_moved` hands it out to be written."""
        for index, old in enumerate(self.streams):
            if old.stream_id == stream_id:
                self.streams[index] = StoredStream(
                    stream_id=stream_id,
                    base=old.base,
                    held_from=old.held_from,
                    next_sequence=next_sequence,
                    tip=tip,
                )
        self._moved.add(stream_id)

    def take_moved(self) -> list[tuple[int, int, bytes]]:
        """The marks that have moved since the last call: (stream, next sequence, tip) each."""
        moved, self._moved = self._moved, set()
        return [(s.stream_id, s.next_sequence, s.tip) for s in self.streams if s.stream_id in moved]

    def known(self, batch_id: bytes) -> StoredBatch | None:
        """What is applied under that id, be it in this transaction."""
        if batch_id not in self._known:
            key = (self.agent.agent_id, self.epoch, batch_id)
            self._known[batch_id] = self._p.batches.find([key]).get(key)
        return self._known[batch_id]

    def learn(self, batch_id: bytes, stored: StoredBatch | None) -> None:
        """Remember what is applied under an id: as the store has just said, or because we have just applied it."""
        self._known[batch_id] = stored

    def before(self, batch: Batch) -> StoredBatch | None:
        """What is applied, or declared lost, under the id that *batch* follows; None where placement does not ask."""
        if batch.first_sequence == 1 or continued_by(batch, self.streams) is not None:
            return None
        gap = self.gaps.get(batch.previous)
        if gap is not None and gap.state is GapState.LOST:
            return StoredBatch(
                stream_id=0,
                held_from=gap.to_sequence,
                first_sequence=gap.from_sequence,
                next_sequence=gap.to_sequence,
                tombstone=False,
            )
        return self.known(batch.previous)

    def reload_gap(self, missing: bytes) -> None:
        """Read the gap of that id again, after it was written."""
        gap = self._p.gaps.find(self.agent.agent_id, self.epoch, missing)
        if gap is None or gap.state is GapState.FILLED:
            self.gaps.pop(missing, None)
        else:
            self.gaps[missing] = gap
