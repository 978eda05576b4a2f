"""Batches that wait for one that has not come, and what is missing: gaps, from their opening to their end.

A gap is known by the id of the batch that is missing. Its row appears with the first batch that waits for it, and goes
when that batch comes. In between its agent is asked, by itself; and an operator may say that nobody holds the batch any more:
then a stream is opened behind the hole, as if the missing batch had been its tip, and what waits is placed there. An agent that was
revoked or rejected can't be asked, and nobody need say so.

An agent that goes astray opens a gap with every batch. Beyond its share of gaps a batch is left out: no row is written, no mark
moves, and the edges are told of an overrun. They send the agent away for a while, and forget what they have of it on their disks, so
that it comes back with everything that was not released, in order.
"""

from gateway.projector.items import Item, Outcome
from gateway.projector.placement import Batch, missing_from
from gateway.projector.trees import AgentAtWork, Tree
from gateway.store import Gap, GapState, Overrun, Parking, Projection, Standing
from protocol import Code, ResyncScope, Sequenced, decode

# Longer than a batch takes through the other edge's journal, short enough for a person who watches.
FIRST_ASK_MS = 10_000

# An agent that does not answer is asked half as often each time; one that comes back after a holiday is asked at connect.
LONGEST_ASK_MS = 10 * 60 * 1000

# An honest agent has one for every journal that its records are missing from, and one for every bad place on such a disk. What it
# has beyond this is asked for by those that are open, or comes back by the overrun.
MAX_OPEN_GAPS = 64

# What a tombstone stands for is shown to an operator; that the original still counts does not depend on it.
MAX_SET_ASIDE = 256

# At each look, once a second: some 50 ms of work, and every agent of a lost journal's ten thousand within half a minute.
ASKS_AT_ONCE = 500
ASKS_OF_ONE_AGENT = 16
GIVEN_UP_AT_ONCE = 64

DESERTERS = (Standing.REVOKED, Standing.REJECTED)
WAITING = (GapState.OPEN, GapState.DECLARED)
SHOWN = (GapState.SET_ASIDE, GapState.FILLED)


class Holes:
    """The gaps of one transaction's agents."""

    def __init__(self, p: Projection, outcome: Outcome, *, now_ms: int) -> None:
        self._p = p
        self._outcome = outcome
        self._now_ms = now_ms
        self._overruns: dict[str, int] = {}

    def park(self, tree: Tree, batch: Batch, item: Item) -> None:
        """Keep a batch until the one before it comes, and write down what is missing."""
        agent = tree.agent
        arrived = tree.gaps.get(batch.batch_id)
        if arrived is not None and arrived.state not in WAITING:
            arrived = None
        if arrived is None and item.parked is None and self._one_gap_too_many(tree, batch):
            self._leave_out(tree, item)
            return
        parked = Parking.KNOWN if item.parked is not None else self._add_parked(tree, batch, item)
        if parked is Parking.FULL:
            self._outcome.counts["dropped"] += 1
            self._outcome.alarm(
                "parked batches dropped", Code.PARKED_OVERFLOW, agent.agent_uid, epoch=tree.epoch
            )
            if self._anything_awaited(tree):
                return
        opened_ms = self._now_ms
        if arrived is not None and parked is not Parking.FULL:
            # What was missing has come, and misses something itself: the hole ends earlier now.
            self._p.gaps.delete(arrived)
            del tree.gaps[batch.batch_id]
            self._count(agent, -1)
            opened_ms = arrived.opened_ms
        if self._is_awaited(tree, batch.previous):
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
        self._count(agent, 1)
        tree.reload_gap(batch.previous)

    def settle(self, tree: Tree, batch: Batch) -> None:
        """Close the gap that waited for this batch, if one did."""
        gap = tree.gaps.get(batch.batch_id)
        if gap is None or (batch.tombstone and gap.state not in WAITING):
            return
        if gap.state in WAITING:
            self._p.gaps.delete(gap)
            self._count(tree.agent, -1)
        else:
            self._p.gaps.settle(gap, GapState.FILLED, now_ms=self._now_ms)
        del tree.gaps[batch.batch_id]
        self._answered(tree)

    def keep_place(self, tree: Tree, batch: Batch) -> None:
        """A tombstone has come: show the operator what its agent has set aside."""
        agent = tree.agent
        if agent.shown is None:
            agent.shown = self._p.gaps.count(agent.agent_id, SHOWN, up_to=MAX_SET_ASIDE)
        if agent.shown < MAX_SET_ASIDE:
            agent.shown += 1
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
        """Go on behind the hole: an operator has declared it, or its agent is gone. Ask the agent for all that it has."""
        tree.open(
            base=gap.to_sequence,
            held_from=gap.to_sequence,
            next_sequence=gap.to_sequence,
            tip=gap.missing,
            predecessor=gap.missing,
            opened_ms=self._now_ms,
        )
        self._p.gaps.settle(gap, GapState.LOST, now_ms=self._now_ms)
        self._count(tree.agent, -1)
        tree.reload_gap(gap.missing)
        self._answered(tree)
        agent = tree.agent.stored
        if agent.standing not in DESERTERS:
            self._p.ask(agent, scope=ResyncScope.FULL, epoch=0, from_sequence=1, now_ms=self._now_ms)
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

    def finish(self) -> None:
        """Tell the edges of agents that have overrun their share."""
        for agent_uid, received_ms in self._overruns.items():
            self._p.publish(Overrun(agent_uid=agent_uid, received_ms=received_ms))
        self._overruns = {}

    def _one_gap_too_many(self, tree: Tree, batch: Batch) -> bool:
        """Whether parking the batch would open a gap beyond the agent's share."""
        agent = tree.agent
        if self._is_awaited(tree, batch.previous):
            return False
        if agent.waiting is None:
            agent.waiting = self._p.gaps.count(agent.agent_id, WAITING, up_to=MAX_OPEN_GAPS)
        return agent.waiting >= MAX_OPEN_GAPS

    def _is_awaited(self, tree: Tree, batch_id: bytes) -> bool:
        """Whether that batch is missing already, or parked behind one that is."""
        if batch_id in tree.gaps:
            return True
        # Where no gap is open nothing is parked, and nothing need be looked up.
        waits = self._anything_awaited(tree) and self._p.parked.find(
            tree.agent.agent_id, tree.epoch, batch_id
        )
        return bool(waits)

    def _leave_out(self, tree: Tree, item: Item) -> None:
        agent_uid = tree.agent.agent_uid
        self._outcome.counts["dropped"] += 1
        self._outcome.alarm("too many gaps", Code.PARKED_OVERFLOW, agent_uid, epoch=tree.epoch)
        self._overruns[agent_uid] = max(item.received_ms, self._overruns.get(agent_uid, 0))

    def _count(self, agent: AgentAtWork, more: int) -> None:
        if agent.waiting is not None:
            agent.waiting += more

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
