"""The work of one transaction: every batch to its place, and what follows from it.

`read_ahead` asks the store about all items at once, `apply` takes one item through the table of placement.py, and `finish`
writes what was collected: events, batches and marks. So a transaction is some ten statements, however many batches are in
it. A statement for each batch cost five times as much on SQLite as the batch's rows, and a round trip each on PostgreSQL.

What is to be said when the transaction has committed (marks, counts, alarms) is collected in `outcome`; parked batches that
have found their predecessor are handed out by `take_ready`, to be applied next.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from gateway.projector.holes import Holes
from gateway.projector.items import Item, Outcome
from gateway.projector.paths import Paths
from gateway.projector.placement import STREAMS_A_DAY, Batch, Placement, Verdict, place
from gateway.projector.rows import Place, project, quarantine
from gateway.projector.trees import AgentAtWork, Tree
from gateway.store import Projection, ReleasedMark, StoredBatch
from protocol import Code, Sequenced

DAY_MS = 24 * 60 * 60 * 1000

MISFIT = "its numbers contradict the batch that it follows"
"""Why a MISFIT is in quarantine, whole."""

AgentEpoch = tuple[int, int]
"""The store's number for an agent, and an epoch."""


def applied(batch: Batch, stream_id: int, held_from: int) -> StoredBatch:
    """What the store knows of a batch that was just applied."""
    return StoredBatch(
        stream_id=stream_id,
        held_from=held_from,
        first_sequence=batch.first_sequence,
        next_sequence=batch.next_sequence,
        tombstone=batch.tombstone,
    )


class Work:
    """A working copy of what one transaction has read of the store, and its verbs."""

    def __init__(self, p: Projection, *, now_ms: int) -> None:
        self.outcome = Outcome()
        self.paths = Paths(p, self.outcome, now_ms=now_ms)
        self.holes = Holes(p, self.outcome, now_ms=now_ms)
        self.now_ms = now_ms
        self._p = p
        self._agents: dict[bytes, AgentAtWork | None] = {}
        self._trees: dict[tuple[int, int], Tree] = {}
        self._events: list[tuple[Any, ...]] = []
        self._batches: list[tuple[Any, ...]] = []
        self._ready: list[Item] = []

    def read_ahead(self, items: Iterable[Item]) -> None:
        """Ask the store at once what placing *items* will need of it; what it can't foresee is asked when it is needed."""
        placeable = [
            (item.agent_key, item.message.epoch, item.batch)
            for item in items
            if item.message is not None and item.batch is not None
        ]
        self._meet({key for key, _, _ in placeable})
        known = [(agent, epoch, batch) for key, epoch, batch in placeable if (agent := self._agents[key])]
        self._plant({(agent.agent_id, epoch): agent for agent, epoch, _ in known})
        ids = {(agent.agent_id, epoch, batch.batch_id) for agent, epoch, batch in known}
        found = self._p.batches.find(ids) if ids else {}
        for key in ids:
            self._trees[key[:2]].learn(key[2], found.get(key))

    def apply(self, item: Item, *, poison: str = "") -> None:
        """Place one batch and project it.

        Args:
            poison: Why the batch cannot be projected: it is placed, and kept whole in quarantine.
        """
        if item.path is not None and not poison:
            self.paths.take(item.path, item.payload)
            return
        message, batch = item.message, item.batch
        if message is None or batch is None:
            self.set_apart(item, poison or item.problem)
            return
        agent = self.agent(item.agent_key)
        if agent is None:
            self.set_apart(item, "the store does not know this agent")
            return
        tree = self.tree(agent, message.epoch)
        placement = place(
            batch, streams=tree.streams, known=tree.known(batch.batch_id), before=tree.before(batch)
        )
        held = placement.opens and self._opened_enough(agent, item)
        self.outcome.counts["held" if held else placement.verdict.value] += 1
        if held:
            self.outcome.alarm(
                "agent opens too many streams", Code.STREAMS_HELD, agent.agent_uid, epoch=tree.epoch
            )
        elif placement.verdict is Verdict.GAP:
            self.holes.park(tree, batch, item)
            return
        elif placement.verdict is Verdict.DUPLICATE:
            self._echo(tree, batch, placement)
        elif placement.verdict is Verdict.FILL:
            self._fill(tree, batch, placement, item, message, poison)
        else:
            self._take(tree, batch, placement, item, message, poison)
        if item.parked is not None:
            self._p.parked.remove(item.parked)
            agent.parked -= 1

    def set_apart(self, item: Item, reason: str) -> None:
        """Keep a batch that has no place. No mark moves, so its agent keeps it as well."""
        agent_uid = str(UUID(bytes=item.agent_key))
        self._p.quarantine.add(
            agent_uid,
            epoch=0,
            batch_id=hashlib.sha256(item.payload).digest()[:16],
            tag=item.tag,
            sequence=0,
            reason=reason,
            payload=item.payload,
            received_ms=item.received_ms,
        )
        if item.parked is not None:
            self._p.parked.remove(item.parked)
        self.outcome.counts["set apart"] += 1
        self.outcome.alarm("batch set apart", Code.RECORD_QUARANTINED, agent_uid, reason=reason)

    def take_ready(self) -> list[Item]:
        """The parked batches whose predecessor has come since the last call, in the order in which to apply them."""
        ready, self._ready = self._ready, []
        return ready

    def finish(self) -> None:
        """Write what was collected."""
        if self._events:
            self._p.events.insert(self._events)
            self._events = []
        self._save_batches()
        self.paths.finish()
        self.holes.finish()
        self._p.streams.move([mark for tree in self._trees.values() for mark in tree.take_moved()])

    def agent(self, key: bytes) -> AgentAtWork | None:
        """The agent of that uid, if the store knows it."""
        if key not in self._agents:
            self._meet([key])
        return self._agents[key]

    def tree(self, agent: AgentAtWork, epoch: int) -> Tree:
        """What is known of one of its epochs."""
        key = (agent.agent_id, epoch)
        if key not in self._trees:
            self._plant({key: agent})
        return self._trees[key]

    def tree_of(self, agent_uid: str, epoch: int) -> Tree:
        """The same by the uid of an agent that the store knows."""
        agent = self.agent(UUID(agent_uid).bytes)
        assert agent is not None  # noqa: S101  # a gap's row refers to its agent's
        return self.tree(agent, epoch)

    def release(self, tree: Tree, missing: bytes) -> None:
        """What is parked behind that batch can be placed now."""
        if tree.agent.parked:
            waiting = self._p.parked.after(tree.agent.agent_id, tree.epoch, missing)
            self._ready += [Item.of_parked(tree.agent.key, batch) for batch in waiting]

    def _meet(self, keys: Iterable[bytes]) -> None:
        """Read the agents of those uids that were not met yet."""
        new = {str(UUID(bytes=key)): key for key in keys if key not in self._agents}
        found = self._p.agents(new) if new else {}
        for uid, key in new.items():
            stored = found.get(uid)
            self._agents[key] = (
                None if stored is None else AgentAtWork(stored=stored, key=key, parked=stored.parked)
            )

    def _plant(self, wanted: Mapping[AgentEpoch, AgentAtWork]) -> None:
        """Read those trees that were not read yet."""
        new = {key: agent for key, agent in wanted.items() if key not in self._trees}
        if new:
            streams, gaps = self._p.streams.of(new), self._p.gaps.of(new)
            for key, agent in new.items():
                self._trees[key] = Tree(self._p, agent, key[1], streams=streams[key], gaps=gaps[key])

    def _remember(self, tree: Tree, batch: Batch, stream_id: int, held_from: int, item: Item) -> None:
        """Note that the batch is in: a row of BATCH_COLUMNS."""
        self._batches.append(
            (
                tree.agent.agent_id, tree.epoch, batch.batch_id, stream_id, batch.first_sequence,
                batch.next_sequence, item.tag, item.received_ms, batch.tombstone,
            )
        )  # fmt: skip
        tree.learn(batch.batch_id, applied(batch, stream_id, held_from))

    def _save_batches(self) -> None:
        if self._batches:
            self._p.batches.add(self._batches)
            self._batches = []

    def _take(
        self, tree: Tree, batch: Batch, placement: Placement, item: Item, message: Sequenced, poison: str
    ) -> None:
        """NEXT, OPEN, FORK, MISFIT: the batch is new and has a place."""
        agent = tree.agent
        if placement.stream_id is None:
            stream_id = tree.open(
                base=batch.first_sequence,
                held_from=placement.held_from,
                next_sequence=batch.next_sequence,
                tip=batch.batch_id,
                predecessor=batch.previous,
                opened_ms=item.received_ms,
            ).stream_id
        else:
            stream_id = placement.stream_id
            tree.move(stream_id, batch.next_sequence, batch.batch_id)
        self._remember(tree, batch, stream_id, placement.held_from, item)
        if placement.verdict is Verdict.MISFIT:
            poison = MISFIT
        elif placement.verdict is Verdict.FORK:
            self.outcome.alarm(
                "fork followed",
                Code.FORK_FOLLOWED,
                agent.agent_uid,
                epoch=tree.epoch,
                sequence=batch.first_sequence,
            )
        self.holes.settle(tree, batch)
        if batch.tombstone:
            self.holes.keep_place(tree, batch)
        else:
            self._project(tree, batch, stream_id, item, message, poison)
        self._tell(tree, stream_id, batch, placement.held_from, echo=False)
        self.release(tree, batch.batch_id)

    def _fill(
        self, tree: Tree, batch: Batch, placement: Placement, item: Item, message: Sequenced, poison: str
    ) -> None:
        """The original of a tombstone has come after all."""
        assert placement.stream_id is not None  # noqa: S101  # FILL is about a batch that has a stream
        # The tombstone may be of this very transaction.
        self._save_batches()
        self._p.batches.fill(tree.agent.agent_id, tree.epoch, batch.batch_id)
        tree.learn(batch.batch_id, applied(batch, placement.stream_id, placement.held_from))
        self._project(tree, batch, placement.stream_id, item, message, poison)
        self.holes.settle(tree, batch)
        self._echo(tree, batch, placement)

    def _project(
        self, tree: Tree, batch: Batch, stream_id: int, item: Item, message: Sequenced, poison: str
    ) -> None:
        target = Place(
            p=self._p,
            agent=tree.agent.stored,
            stream_id=stream_id,
            batch_id=batch.batch_id,
            received_ms=item.received_ms,
            events=self._events,
        )
        if poison:
            quarantine(target, message, sequence=0, reason=poison)
            bad = message.count
        else:
            bad = project(target, message)
        self.outcome.counts["records"] += message.count - bad
        if bad:
            self.outcome.counts["quarantined"] += bad
            self.outcome.alarm(
                "records quarantined",
                Code.RECORD_QUARANTINED,
                tree.agent.agent_uid,
                epoch=tree.epoch,
                sequence=batch.first_sequence,
                records=bad,
                reason=poison or "invalid rows",
            )

    def _echo(self, tree: Tree, batch: Batch, placement: Placement) -> None:
        assert placement.stream_id is not None  # noqa: S101  # what is in has a stream
        at_tip = tree.stream(placement.stream_id).tip == batch.batch_id
        self._tell(tree, placement.stream_id, batch, placement.held_from, echo=not at_tip)

    def _tell(self, tree: Tree, stream_id: int, batch: Batch, held_from: int, *, echo: bool) -> None:
        self.outcome.tell(
            ReleasedMark(
                agent_uid=tree.agent.agent_uid,
                stream_id=stream_id,
                epoch=tree.epoch,
                first_sequence=held_from,
                next_sequence=batch.next_sequence,
                batch_id=batch.batch_id,
                echo=echo,
            )
        )

    def _opened_enough(self, agent: AgentAtWork, item: Item) -> bool:
        """Whether the agent has opened its streams of the day that ends with this batch.

        Judged by receive times, so that journals which are read again a month later lead to the same answers.
        """
        return self._p.streams.opened_since(agent.agent_id, item.received_ms - DAY_MS) >= STREAMS_A_DAY
