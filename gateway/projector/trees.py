"""What the store knows of one (agent, epoch), read once in a transaction and kept up to date within it.

Nothing here outlives its transaction. So a decision never rests on what another process may have changed since.
"""

import attrs

from gateway.projector.placement import Batch, continued_by
from gateway.store import Gap, GapState, ProjectedAgent, Projection, StoredBatch, StoredStream


@attrs.define(kw_only=True)
class AgentAtWork:
    """An agent, and how many of its batches are parked."""

    stored: ProjectedAgent
    key: bytes
    parked: int

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

    def __init__(self, p: Projection, agent: AgentAtWork, epoch: int) -> None:
        self.agent = agent
        self.epoch = epoch
        self.streams: list[StoredStream] = p.streams.of(agent.agent_id, epoch)
        self.gaps: dict[bytes, Gap] = {gap.missing: gap for gap in p.gaps.of(agent.agent_id, epoch)}
        """By what is missing; but those that are filled."""
        self._p = p
        self._moved: set[int] = set()

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
        """Move a stream's mark; written by `save`."""
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

    def save(self) -> None:
        """Write the marks that have moved."""
        for stream in self.streams:
            if stream.stream_id in self._moved:
                self._p.streams.move(stream.stream_id, next_sequence=stream.next_sequence, tip=stream.tip)
        self._moved.clear()

    def known(self, batch_id: bytes) -> StoredBatch | None:
        """What is applied under that id."""
        return self._p.batches.find(self.agent.agent_id, self.epoch, batch_id)

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
