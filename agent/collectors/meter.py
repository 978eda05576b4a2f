"""Measures usage, once an hour and when asked, and puts it into the outbox: one report for all collectors (`agent.metering`).

A collector that cannot say leaves the report incomplete, and the report says why: a figure that looks complete and is not is worse than
none. What was measured while the outbox was full is measured again.
"""

from collections.abc import Callable
from typing import Final

import trio

from agent.bell import Bell
from agent.collectors.contract import Ability, Collector, CollectorError, Measured
from agent.collectors.desk import LOOK_S, Desk
from agent.collectors.estate import USAGE_LIMIT, checked_usage
from agent.failures import first_line
from agent.metering import LISTED_EVERY, USAGE_S, composed
from agent.outbox import Outbox
from agent.spool import OutboxFullError
from protocol import Capability, Row

FIRST_S: Final = 5.0
"""After the start: collectors are busy with their first inventory."""

WHY_LIMIT: Final = 1024


class Meter:
    """Of one agent; `run` it beside its desk."""

    def __init__(
        self,
        desk: Desk,
        outbox: Outbox,
        *,
        agent_uid: str,
        bell: Bell,
        agreed: Callable[[], Capability],
        now: Callable[[], int],
    ) -> None:
        """Put it together.

        Args:
            desk: has the collectors.
            outbox: takes the reports.
            agent_uid: whose they are.
            bell: rung when there is one.
            agreed: what of usage a gateway would take.
            now: milliseconds since the epoch.
        """
        self._desk = desk
        self._outbox = outbox
        self._agent_uid = agent_uid
        self._bell = bell
        self._agreed = agreed
        self._now = now
        self._busy = trio.Lock()
        self.every_s = USAGE_S

    async def run(self) -> None:
        """Measure, until cancelled.

        Raises:
            OutboxError: the outbox cannot be written.
        """
        await trio.sleep(FIRST_S)
        reports = 0
        while True:
            try:
                await self.measure(listed=reports % LISTED_EVERY == 0)
            except OutboxFullError:
                await trio.sleep(FIRST_S)
            else:
                reports += 1
                await trio.sleep(self.every_s)

    async def measure(self, *, listed: bool = True) -> bool:
        """Measure now; whether there was anything to report, and somebody who takes it.

        Args:
            listed: whether the report lists single workloads.

        Raises:
            OutboxFullError: there is no room for the report.
            OutboxError: the outbox cannot be written.
        """
        agreed = self._agreed()
        if Capability.USAGE not in agreed:
            return False
        able = [each for each in self._desk.collectors if Ability.USAGE in each.abilities]
        if not able:
            return False
        async with self._busy:
            rows: dict[tuple[object, ...], Row] = {}
            why: list[str] = []
            for collector in able:
                measured = await _measured(collector)
                if measured.incomplete_why:
                    why.append(f"{collector.name}: {measured.incomplete_why}")
                for row in measured.rows:
                    rows.setdefault((row[0], row[1], row[3]), row)  # subject's kind and uid, metric
            said = composed(
                rows.values(), agent_uid=self._agent_uid, listed=listed, agreed=agreed, now_ms=self._now()
            )
            if len(said) > USAGE_LIMIT:
                why.append(f"{len(said)} rows, the first {USAGE_LIMIT} are reported")
            if not said and not why:
                return False
            self._outbox.cut_usage(said[:USAGE_LIMIT], "; ".join(why)[:WHY_LIMIT])
        self._bell.ring()
        return True


async def _measured(collector: Collector) -> Measured:
    try:
        with trio.fail_after(LOOK_S):
            return checked_usage(await collector.usage())
    except CollectorError as error:
        return Measured(incomplete_why=error.message)
    except trio.TooSlowError:
        return Measured(incomplete_why=f"no answer within {LOOK_S:g} s")
    except Exception as error:  # noqa: BLE001  # somebody else's code; the report says that it is not complete
        return Measured(incomplete_why=first_line(error))
