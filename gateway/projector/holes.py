"""Batches that wait for one that has not come, and what is missing: gaps, from their opening to their end.

A gap is known by the id of the batch that is missing. Its row appears with the first batch that waits for it, and goes
when that batch comes. In between its agent is asked, by itself; and an operator may say that nobody holds the batch any more:
then a stream is opened behind the hole, as if the missing batch had been its tip, and what waits is placed there.
"""

from gateway.projector.items import Item, Outcome
from gateway.projector.placement import Batch, missing_from
from gateway.projector.trees import Tree
from gateway.store import Gap, GapState, Parking, Projection
from protocol import Code, ResyncScope, Sequenced, decode

# Longer than a batch takes through the other edge's journal, short enough for a person who watches.
FIRST_ASK_MS = 10_000

# An agent that does not answer is asked half as often each time; one that comes back after a holiday is asked at connect.
LONGEST_ASK_MS = 10 * 60 * 1000

WAITING = (GapState.OPEN, GapState.DECLARED)


class Holes:
    """The gaps of one transaction's agents."""

    def __init__(self, p: Projection, outcome: Outcome, *, now_ms: int) -> None:
        self._p = p
        self._outcome = outcome
        self._now_ms = now_ms

    def park(self, tree: Tree, batch: Batch, item: Item) -> None:
        """Keep a batch until the one before it comes, and write down what is missing."""
        agent = tree.agent
        parked = Parking.KNOWN if item.parked is not None else self._add_parked(tree, batch, item)
        if parked is Parking.FULL:
            self._outcome.counts["dropped"] += 1
            self._outcome.alarm(
                "parked batches dropped", Code.PARKED_OVERFLOW, agent.agent_uid, epoch=tree.epoch
            )
            if self._anything_awaited(tree):
                return
        opened_ms = self._now_ms
        arrived = tree.gaps.get(batch.batch_id)
        if arrived is not None and arrived.state in WAITING and parked is not Parking.FULL:
            # What was missing has come, and misses something itself: the hole ends earlier now.
            self._p.gaps.delete(arrived)
            del tree.gaps[batch.batch_id]
            opened_ms = arrived.opened_ms
        if batch.previous in tree.gaps:
            return
        if self._p.parked.find(agent.agent_id, tree.epoch, batch.previous) is not None:
            return
        self._p.gaps.open(
            agent.agent_id,
            tree.epoch,
            batch.previous,
            from_sequence=missing_from(tree.streams, batch.first_sequence),
            to_sequence=batch.first_sequence,
            state=GapState.OPEN,
            ask_ms=opened_ms + FIRST_ASK_MS,
            now_ms=opened_ms,
        )
        tree.reload_gap(batch.previous)

    def settle(self, tree: Tree, batch: Batch) -> None:
        """Close the gap that waited for this batch, if one did."""
        gap = tree.gaps.get(batch.batch_id)
        if gap is None or (batch.tombstone and gap.state not in WAITING):
            return
        if gap.state in WAITING:
            self._p.gaps.delete(gap)
        else:
            self._p.gaps.settle(gap, GapState.FILLED, now_ms=self._now_ms)
        del tree.gaps[batch.batch_id]
        self._answered(tree)

    def keep_place(self, tree: Tree, batch: Batch) -> None:
        """A tombstone has come: show the operator what its agent has set aside."""
        self._p.gaps.open(
            tree.agent.agent_id,
            tree.epoch,
            batch.batch_id,
            from_sequence=batch.first_sequence,
            to_sequence=batch.next_sequence,
            state=GapState.SET_ASIDE,
            ask_ms=self._now_ms,
            now_ms=self._now_ms,
        )
        tree.reload_gap(batch.batch_id)
        self._outcome.alarm(
            "agent set a batch aside",
            Code.TOMBSTONE,
            tree.agent.agent_uid,
            epoch=tree.epoch,
            sequence=batch.first_sequence,
        )

    def give_up(self, tree: Tree, gap: Gap) -> None:
        """Do what an operator has declared: go on behind the hole, and ask the agent for all that it has."""
        tree.open(
            base=gap.to_sequence,
            held_from=gap.to_sequence,
            next_sequence=gap.to_sequence,
            tip=gap.missing,
            predecessor=gap.missing,
            opened_ms=self._now_ms,
        )
        self._p.gaps.settle(gap, GapState.LOST, now_ms=self._now_ms)
        tree.reload_gap(gap.missing)
        self._answered(tree)
        self._p.ask(tree.agent.stored, scope=ResyncScope.FULL, epoch=0, from_sequence=1, now_ms=self._now_ms)
        self._outcome.counts["lost"] += 1
        self._outcome.alarm(
            "gap declared lost",
            Code.GAP_DECLARED_LOST,
            gap.agent_uid,
            epoch=gap.epoch,
            from_sequence=gap.from_sequence,
            to_sequence=gap.to_sequence,
        )

    def ask(self, tree: Tree, gap: Gap) -> None:
        """Ask the agent for all that its outbox holds of the epoch.

        From 1 on, and not from the mark: in a tree the hole may begin below it, and what is released the agent no longer
        holds.
        """
        self._p.ask(
            tree.agent.stored,
            scope=ResyncScope.RANGE,
            epoch=gap.epoch,
            from_sequence=1,
            now_ms=self._now_ms,
        )
        pause_ms = min(FIRST_ASK_MS << min(gap.asks + 1, 10), LONGEST_ASK_MS)
        self._p.gaps.asked(gap, next_ask_ms=self._now_ms + pause_ms)
        self._outcome.counts["asked"] += 1
        if not gap.asks:
            self._outcome.alarm(
                "gap open",
                Code.GAP_OPEN,
                gap.agent_uid,
                epoch=gap.epoch,
                from_sequence=gap.from_sequence,
                to_sequence=gap.to_sequence,
            )

    def _add_parked(self, tree: Tree, batch: Batch, item: Item) -> Parking:
        agent_id, epoch = tree.agent.agent_id, tree.epoch
        stand_in = self._p.parked.find(agent_id, epoch, batch.batch_id)
        if stand_in is not None:
            # Its tombstone has no right to the place once the batch itself is here.
            lies = decode(stand_in.tag, stand_in.payload)
            if batch.tombstone or not isinstance(lies, Sequenced) or not lies.replaces:
                return Parking.KNOWN
            self._p.parked.remove(stand_in)
            tree.agent.parked -= 1
        parked = self._p.parked.add(
            agent_id,
            epoch,
            batch.batch_id,
            first_sequence=batch.first_sequence,
            count=batch.next_sequence - batch.first_sequence,
            previous=batch.previous,
            tag=item.tag,
            flags=item.flags,
            received_ms=item.received_ms,
            payload=item.payload,
        )
        if parked is Parking.PARKED:
            tree.agent.parked += 1
        return parked

    def _answered(self, tree: Tree) -> None:
        if not self._anything_awaited(tree):
            self._p.answered(tree.agent.stored, scope=ResyncScope.RANGE, epoch=tree.epoch)

    def _anything_awaited(self, tree: Tree) -> bool:
        return any(gap.state in WAITING for gap in tree.gaps.values())
