"""Asks all collectors of an agent, and is to the rest of the agent one source (`agent.facts.Source`) of what they say.

Each collector has an attendant, a task that asks for events when it is time or when the collector calls `changed`, and then for its
inventory. An answer with events lies on the desk until the outbox has stored it, together with its cursor; only then is that collector
asked on. Nothing more is held, so an outbox that is full stops the asking.

The inventory that is reported is all collectors' last answers in one. A full one says what is gone by not naming it, so none is said
before every collector has answered once in this process: until then what is known is said as changes. A collector that fails keeps what it
said before, is shown in the status, and is asked again, at growing intervals.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import attrs
import structlog
import trio

from agent.bell import Bell
from agent.collector import Collector as Intake
from agent.collectors.contract import (
    Ability,
    Collector,
    CollectorError,
    Found,
    JobEnd,
    Progress,
    UnknownJobError,
)
from agent.collectors.estate import checked_events, checked_facts, difference, merged
from agent.cursors import Cursors
from agent.facts import Facts
from agent.failures import first_line, trace_of
from agent.observer import Observer
from agent.outbox import Outbox
from agent.spool import OutboxError, OutboxFullError
from protocol import AgentType, Code, InventoryMode, Row

T = TypeVar("T")

INVENTORY_S: Final = 600.0
"""So often a collector is asked for its inventory although nothing has happened: repositories fill by themselves."""

LOOK_S: Final = 900.0
"""One answer may take so long. Programs have limits of their own, which are shorter."""

RETRY_S: Final = 600.0
"""Longest wait before a collector that fails is asked again."""


@attrs.define(eq=False)
class Attendant:
    """Asks one collector."""

    collector: Collector
    cursor: str = ""
    """Of what is stored."""
    waiting: Found | None = None
    """Its last answer, until it is stored."""
    facts: Facts | None = None
    """Its last inventory; None before the first."""
    failing: dict[str, str] = attrs.field(factory=dict)
    """Why it failed the last time, by what was asked; empty if nothing does."""
    failures: int = 0
    """In a row."""
    asked_ms: int = 0
    """When it last answered."""
    events_at: float = -math.inf
    """When it is to be asked for events again; trio's clock."""
    inventory_at: float = -math.inf
    """Likewise for its inventory."""
    poked: bool = False
    """Since it was asked."""
    bell: Bell = attrs.field(factory=Bell)
    looking: trio.Lock = attrs.field(factory=trio.Lock)
    """One question at a time."""

    @property
    def due_at(self) -> float:
        """When it is asked next; for events not before its last answer is stored."""
        return min(self.inventory_at, self.events_at if self.waiting is None else math.inf)

    def poke(self) -> None:
        """The collector has something to say."""
        self.events_at = self.inventory_at = -math.inf
        self.poked = True
        self.bell.ring()

    def failed(self) -> None:
        """It is asked again after a while, which grows."""
        self.failures += 1
        poll_s = self.collector.poll_s
        at = trio.current_time() + min(poll_s * 2.0 ** min(self.failures, 16), max(RETRY_S, poll_s))
        if not self.poked:
            self.events_at = self.inventory_at = at


class Desk:
    """All collectors of one agent. Attach the intake, then `run`."""

    def __init__(
        self,
        collectors: Sequence[Collector],
        cursors: Cursors,
        *,
        now: Callable[[], int],
        host_name: str = "",
        agent_type: AgentType = AgentType.CLIENT,
        observer: Observer | None = None,
    ) -> None:
        """Put the collectors' cursors in their places.

        Raises:
            OutboxError: they cannot be read.
        """
        kept = cursors.read()
        self.attendants = [Attendant(each, kept.get(each.name, "")) for each in collectors]
        for attendant in self.attendants:
            attendant.collector.changed = attendant.poke
        self.host_name = host_name
        self.agent_type = agent_type
        self.inventory_s = INVENTORY_S
        """Seconds from one inventory of a collector to the next."""
        self.news = Bell()
        """Rung when there is something for the outbox."""
        self._observer = observer or Observer()
        self._bell = Bell()
        self._intake: Intake | None = None
        self._cursors = cursors
        self._now = now
        self._told = Facts()
        self._taken: list[Attendant] = []
        self._log = structlog.get_logger()

    def attach(self, intake: Intake, bell: Bell) -> None:
        """Who takes what is here into the outbox, and what wakes whoever sends it."""
        self._intake, self._bell = intake, bell

    @property
    def collectors(self) -> list[Collector]:
        """Everybody who is asked."""
        return [each.collector for each in self.attendants]

    async def run(self) -> None:
        """Ask, until cancelled.

        Raises:
            OutboxError: a cursor cannot be written.
        """
        async with trio.open_nursery() as nursery:
            for attendant in self.attendants:
                nursery.start_soon(self._attend, attendant)
                nursery.start_soon(self._accompany, attendant)

    # -- a source, to the intake -------------------------------------------------------------------------------

    def advance(self, _until_ms: int, limit: int = 0) -> list[Row]:
        """What lies here, whole answers of as many collectors as there is room for."""
        rows: list[Row] = []
        self._taken = []
        for attendant in self.attendants:
            found = attendant.waiting
            if found is not None and (not rows or len(rows) + len(found.rows) <= limit):
                rows += found.rows
                self._taken.append(attendant)
        return rows

    def skip(self, events: int) -> None:
        """Nothing: each collector goes on from its own cursor."""

    def cut(self, outbox: Outbox, rows: Sequence[Row]) -> tuple[int, int]:
        """Store what `advance` gave last, and the cursors that stand for it."""
        with self._cursors.together():
            place = outbox.cut_events(rows)
            taken = [(each.collector.name, each.waiting) for each in self._taken]
            self._cursors.keep({name: found.cursor for name, found in taken if found is not None})
        return place

    def stored(self) -> None:
        """They are in the outbox, with their cursors."""
        for attendant in self._taken:
            if attendant.waiting is not None:
                attendant.cursor = attendant.waiting.cursor
                if attendant.waiting.more:
                    attendant.events_at = -math.inf
                attendant.waiting = None
                attendant.bell.ring()
        self._taken = []

    @property
    def is_whole(self) -> bool:
        """Whether every collector's inventory is known."""
        return all(each.facts is not None for each in self.attendants)

    @property
    def is_ailing(self) -> bool:
        """Whether a collector fails."""
        return any(each.failing for each in self.attendants)

    def inventory(self) -> Facts:
        """Everything that is known; `changes` starts over from here."""
        self._told = merged(each.facts for each in self.attendants if each.facts is not None)
        return self._told

    def changes(self) -> Facts:
        """What has changed since `inventory` or `changes` was last called."""
        before = self._told
        return difference(before, self.inventory())

    # -- asking ------------------------------------------------------------------------------------------------

    async def collect_now(self, *, full: bool) -> None:
        """Ask everybody now, and report what they say: all of it (*full*), or what has changed."""
        async with trio.open_nursery() as nursery:
            for attendant in self.attendants:
                attendant.poke()
                nursery.start_soon(self._look, attendant)
        self._want(InventoryMode.FULL if full else InventoryMode.DELTA)

    def set_interval(self, inventory_s: float) -> None:
        """So often, in seconds, each collector is asked for its inventory from now on."""
        self.inventory_s = inventory_s
        for attendant in self.attendants:
            attendant.inventory_at = min(attendant.inventory_at, trio.current_time() + inventory_s)
            attendant.bell.ring()

    async def _attend(self, attendant: Attendant) -> None:
        while True:
            await self._look(attendant)
            with trio.move_on_at(attendant.due_at):
                await attendant.bell.wait()

    async def _look(self, attendant: Attendant) -> None:
        async with attendant.looking:
            attendant.poked = False
            if trio.current_time() < attendant.due_at:
                return  # the bell was rung for something else, and who is asked nothing has not answered
            if await self._guarded(attendant, "", lambda: self._ask(attendant)):
                attendant.asked_ms, attendant.failures = self._now(), 0
            else:
                attendant.failed()

    async def _ask(self, attendant: Attendant) -> None:
        collector = attendant.collector
        if attendant.waiting is None and trio.current_time() >= attendant.events_at:
            # Before it is asked: whatever it calls `changed` for meanwhile, it is asked for once more.
            attendant.events_at = trio.current_time() + collector.poll_s
            found = checked_events(await collector.events(attendant.cursor))
            if found.rows:
                attendant.waiting, attendant.inventory_at = found, -math.inf
                self.news.ring()
            elif found.cursor != attendant.cursor:
                self._cursors.keep({collector.name: found.cursor})
                attendant.cursor = found.cursor
        if trio.current_time() >= attendant.inventory_at:
            attendant.inventory_at = trio.current_time() + self.inventory_s
            before = attendant.facts
            attendant.facts = checked_facts(await collector.inventory())
            if attendant.facts != before:
                self._want(InventoryMode.DELTA)

    def _want(self, mode: InventoryMode) -> None:
        if self._intake is not None:
            self._intake.want(mode)
        self._bell.ring()
        self.news.ring()

    async def _accompany(self, attendant: Attendant) -> None:
        """What the collector does by itself; if that ends with an error it is begun again."""
        run = attendant.collector.run
        while not await self._guarded(attendant, "by itself", run, limit_s=math.inf):  # noqa: ASYNC110  # no event says that it works again
            await trio.sleep(attendant.collector.poll_s)

    async def _guarded(
        self,
        attendant: Attendant,
        what: str,
        ask: Callable[[], Awaitable[object]],
        *,
        limit_s: float = LOOK_S,
    ) -> bool:
        """Whether a question was answered. Whatever a collector raises is its own trouble, and not the agent's."""
        try:
            with trio.fail_after(limit_s):
                await ask()
        except OutboxFullError:
            return False  # who fills it says so
        except OutboxError:
            raise
        except CollectorError as error:
            self._failed(attendant, what, error.message, error.code)
            return False
        except trio.TooSlowError:
            self._failed(attendant, what, f"no answer within {limit_s:g} s", Code.COLLECTOR_FAILED)
            return False
        except Exception as error:  # noqa: BLE001  # see below
            # Somebody else's code: it must not take the agent and every other collector down with it.
            self._log.error("collector broke", collector=attendant.collector.name, trace=trace_of(error))
            self._failed(attendant, what, first_line(error), Code.COLLECTOR_FAILED)
            return False
        if attendant.failing.pop(what, None) is not None and not self.is_ailing:
            for code in (Code.COLLECTOR_FAILED, Code.COLLECTOR_INVALID):
                self._observer.mended(code, "all collectors answer again")
        return True

    def _failed(self, attendant: Attendant, what: str, message: str, code: Code) -> None:
        if attendant.failing.get(what) != message:
            attendant.failing[what] = message
            self._observer.trouble(code, f"collector {attendant.collector.name}: {message}")

    # -- what the gateway or a person asks for -----------------------------------------------------------------

    async def start_job(self, job_uid: str, progress: Progress) -> JobEnd:
        """Run a job once, to its end, whichever collector's it is. Raises as `Collector.start_job` does."""
        return await self._first(job_uid, lambda collector: collector.start_job(job_uid, progress))

    async def stop_job(self, job_uid: str) -> bool:
        """End its run; False if there is none. Raises as `Collector.stop_job` does."""
        return await self._first(job_uid, lambda collector: collector.stop_job(job_uid))

    async def enable_job(self, job_uid: str) -> None:
        """Let its schedule run again. Raises as `Collector.enable_job` does."""
        await self._first(job_uid, lambda collector: collector.enable_job(job_uid))

    async def disable_job(self, job_uid: str) -> None:
        """Keep its schedule from running. Raises as `Collector.disable_job` does."""
        await self._first(job_uid, lambda collector: collector.disable_job(job_uid))

    async def _first(self, job_uid: str, ask: Callable[[Collector], Awaitable[T]]) -> T:
        for attendant in self.attendants:
            if Ability.START_JOB in attendant.collector.abilities:
                try:
                    return await ask(attendant.collector)
                except UnknownJobError:
                    continue
        raise UnknownJobError(job_uid)

    def status(self) -> dict[str, str]:
        """How each collector is, in a line, by its name."""
        return {each.collector.name: self._line(each) for each in self.attendants}

    def _line(self, attendant: Attendant) -> str:
        if attendant.failing:
            return "fails: " + "; ".join(attendant.failing.values())
        if not attendant.asked_ms:
            return "not asked yet"
        ago_s = max(0, self._now() - attendant.asked_ms) // 1000
        more = attendant.collector.status()
        return f"answered {ago_s} s ago" + (f"; {more}" if more else "")
