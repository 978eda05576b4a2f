"""What a fleet's agents report as used: each once an hour, one after the other, as agents of their own would.

The first reports come while the fleet produces, a few a second, so that a small fleet has said everything within seconds and a large
one is not measured by its usage.
"""

from collections.abc import Callable, Sequence
from typing import Final

import attrs
import trio

from agent.metering import LISTED_EVERY, USAGE_S, composed
from agent.simulator.members import TICK_S, Member, Phase
from agent.simulator.tally import Tally
from agent.spool import OutboxFullError
from protocol import Capability

REPORTS_PER_S: Final = 5.0
"""Of a process: 2,500 agents have reported after eight minutes, at some 250 rows a second."""


@attrs.define(eq=False, kw_only=True)
class Metering:
    """Of the *members* of a fleet; *phase* is what the fleet is about, now."""

    members: Sequence[Member]
    tally: Tally
    phase: Callable[[], Phase]

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            OutboxError: the outbox cannot be written.
        """
        number = 0
        while True:
            began_at = trio.current_time()
            for member in self.members:
                while self.phase() is not Phase.PRODUCING:  # noqa: ASYNC110  # a phase is a value that its fleet sets
                    await trio.sleep(TICK_S)
                self._report(member, listed=number % LISTED_EVERY == 0)
                await trio.sleep(1 / REPORTS_PER_S)
            number += 1
            await trio.sleep_until(began_at + USAGE_S)

    def _report(self, member: Member, *, listed: bool) -> None:
        facilities = member.facilities
        agreed, now_ms = facilities.usage_agreed, facilities.now()
        if Capability.USAGE not in agreed:
            return
        agent_uid = facilities.keeper.identity.agent_uid
        rows = composed(
            member.estate.usage(now_ms), agent_uid=agent_uid, listed=listed, agreed=agreed, now_ms=now_ms
        )
        try:
            facilities.outbox.cut_usage(rows, "")
        except OutboxFullError:
            self.tally.counts.troubles["FG-4007"] += 1
        else:
            facilities.bell.ring()
