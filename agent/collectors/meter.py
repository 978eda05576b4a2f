"""Measures usage, once an hour and when asked, and puts it into the outbox: one report for all collectors.

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
from agent.outbox import Outbox
from agent.spool import OutboxFullError
from protocol import Row

USAGE_S: Final = 3600.0

FIRST_S: Final = 5.0
"""After the start: collectors are busy with their first inventory."""

WHY_LIMIT: Final = 1024


class Meter:
    """Of one agent; `run` it beside its desk."""

    def __init__(self, desk: Desk, outbox: Outbox, *, bell: Bell, agreed: Callable[[], bool]) -> None:
        """Put it together.

        Args:
            desk: has the collectors.
            outbox: takes the reports.
            bell: rung when there is one.
            agreed: whether a gateway would take them.
        """
        self._desk = desk
        self._outbox = outbox
        self._bell = bell
        self._agreed = agreed
        self._busy = trio.Lock()
        self.every_s = USAGE_S

    async def run(self) -> None:
        """Measure, until cancelled.

        Raises:
            OutboxError: the outbox cannot be written.
        """
        await trio.sleep(FIRST_S)
        while True:
            try:
                await self.measure()
            except OutboxFullError:
                await trio.sleep(FIRST_S)
            else:
                await trio.sleep(self.every_s)

    async def measure(self) -> bool:
        """Measure now; whether there was anything to report, and somebody who takes it.

        Raises:
            OutboxFullError: there is no room for the report.
            OutboxError: the outbox cannot be written.
        """
        if not self._agreed():
            return False
        async with self._busy:
            rows: dict[tuple[object, ...], Row] = {}
            why: list[str] = []
            for collector in self._desk.collectors:
                if Ability.USAGE not in collector.abilities:
                    continue
                measured = await _measured(collector)
                if measured.incomplete_why:
                    why.append(f"{collector.name}: {measured.incomplete_why}")
                for row in measured.rows:
                    rows.setdefault((row[0], row[1], row[3]), row)  # subject's kind and uid, metric
            if len(rows) > USAGE_LIMIT:
                why.append(f"{len(rows)} rows, the first {USAGE_LIMIT} are reported")
            if not rows and not why:
                return False
            self._outbox.cut_usage(list(rows.values())[:USAGE_LIMIT], "; ".join(why)[:WHY_LIMIT])
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
