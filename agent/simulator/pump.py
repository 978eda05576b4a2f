"""What brings the estates' events into the outboxes: one pump for a process's agents, one commit for many.

*Open loop.* Events are due at the ticks of a schedule that does not wait for anybody: each agent has its tick, once a second. A
pump that is late makes up for what it missed, and what it brings in then is timed from when it was due.

*Closed loop.* An agent's next batch is cut when the last one is in the journal: as much as the gateway takes.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

import attrs
import trio

from agent.collector import TAKE
from agent.simulator.members import TICK_S, FleetOptions, Member, Phase
from agent.simulator.tally import Tally
from agent.spool import OutboxFullError, Spool

# Between two looks who has been acknowledged: a commit's time, so that one commit serves all who were meanwhile.
_LOOK_S: Final = 0.005

# While nothing is produced, inventories are looked for so often.
_IDLE_S: Final = TICK_S


@attrs.define(eq=False, kw_only=True)
class Pump:
    """Of the *members* of a fleet.

    Attributes:
        phase: what the fleet is about, now.
        rate: events a second for each agent, now; never more than the options'.
    """

    spool: Spool
    options: FleetOptions
    tally: Tally
    members: Sequence[Member]
    phase: Callable[[], Phase]
    rate: Callable[[], float]

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            OutboxError: the outbox cannot be written.
        """
        if self.options.batch_events:
            await self._closed()
        else:
            await self._open()

    async def _open(self) -> None:
        period_s = min(
            max(1.0, len(self.members) / self.options.collects_per_s), TAKE / max(self.options.rate, 1e-9)
        )
        ticks = math.ceil(period_s / TICK_S)
        due_at, number = trio.current_time(), 0
        while True:
            members = self.members[number % ticks :: ticks]
            if self.phase() is Phase.PRODUCING:
                for member in members:
                    gain = self.rate() * ticks * TICK_S
                    member.allowance = min(member.allowance + gain, float(TAKE))
                    member.tally.due_at = due_at
            self._collect(members)
            due_at, number = due_at + TICK_S, number + 1
            await trio.sleep_until(due_at)

    async def _closed(self) -> None:
        idle_at = trio.current_time()
        while True:
            now = trio.current_time()
            if self.phase() is Phase.PRODUCING:
                ready = [member for member in self.members if not member.tally.waits_for_ack]
                for member in ready:
                    member.allowance = float(self.options.batch_events)
                    member.tally.due_at = now
                self._collect(ready)
            elif now >= idle_at:
                self._collect(self.members)
                idle_at = now + _IDLE_S
            await trio.sleep(_LOOK_S)

    def _collect(self, members: Sequence[Member]) -> None:
        """Bring in what is due of some estates, in one commit."""
        if self.phase() in (Phase.DELIVERING, Phase.STOPPING):
            members = [member for member in members if member.facilities.collector.paused]
        if not members:
            return
        before = [member.facilities.outbox.taken for member in members]
        try:
            with self.spool.writing():
                for member in members:
                    member.facilities.collector.collect(member.facilities.now(), int(member.allowance))
        except OutboxFullError:
            self.tally.counts.troubles["FG-4007"] += 1
            return
        for member, taken in zip(members, before, strict=True):
            if member.facilities.collector.stored():
                member.allowance -= member.facilities.outbox.taken - taken
                member.facilities.bell.ring()
