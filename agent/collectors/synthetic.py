"""The synthetic workload as a collector: what an agent that was enrolled with `--synthetic` reports, and no other may.

It is deterministic: its cursor is the number of events that were taken. Asked from an older one, it is built again and passes over that
many. It catches up with its history at a rate, an event or more a second, and goes on in real time.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

import attrs

from agent.collectors.config import SettingError, read_options
from agent.collectors.contract import (
    EVENTS_LIMIT,
    Ability,
    Collector,
    CollectorSettings,
    Found,
    Measured,
    Surroundings,
    Take,
    Write,
)
from agent.collectors.synthetic_backups import Backups
from agent.facts import Facts
from agent.workload import Estate, Site
from protocol import AgentType, listing

# A synthetic estate has been running for a month when its agent enrolls, so that there is something to see at once.
HISTORY_MS: Final = 30 * 24 * 3600 * 1000

DEFAULT_RATE: Final = 5.0


@attrs.frozen(kw_only=True)
class Options:
    """Of a [[collector]] of kind synthetic: none."""


def make(settings: CollectorSettings, around: Surroundings) -> "Synthetic":
    """For the registry."""
    read_options(Options, settings.options, f"collector {settings.name}")
    if not around.synthetic:
        raise SettingError(
            f"collector {settings.name}: synthetic is for agents that were enrolled with --synthetic"
        )
    return Synthetic(settings.name, around)


def estate_of(agent_uid: str, agent_type: AgentType, since_ms: int) -> Estate | Site:
    """What an agent plays: always the same for the same agent."""
    seed = int(agent_uid.replace("-", ""), 16) % 2**62
    estate = Site if agent_type is AgentType.SITE else Estate
    return estate(seed, since_ms - HISTORY_MS)


class Synthetic(Collector):
    """The estate that belongs to this agent, the same one every time."""

    abilities: ClassVar[frozenset[Ability]] = frozenset(
        {Ability.INVENTORY, Ability.JOBS, Ability.USAGE, Ability.BROWSE, Ability.RESTORE}
    )
    poll_s = 1.0

    def __init__(self, name: str, around: Surroundings, *, rate: float = DEFAULT_RATE) -> None:
        super().__init__(name)
        self._rate = rate
        self._now: Callable[[], int] = around.now
        self._make: Callable[[], Estate | Site] = partial(
            estate_of, around.agent_uid, around.agent_type, around.since_ms
        )
        self._estate = self._make()
        self._backups = Backups(lambda: self._estate.inventory())
        self._taken = 0
        self._allowance = 0.0
        self._asked_ms = around.now() - 1000

    async def events(self, since: str) -> Found:
        """As many as the rate allows for the time since it was asked last; at least one."""
        stored = int(since or 0)
        if stored < self._taken:
            self._estate, self._taken = self._make(), 0
        self._estate.skip(stored - self._taken)
        now_ms = self._now()
        gain = self._rate * max(0, now_ms - self._asked_ms) / 1000
        self._allowance = min(self._allowance + gain, float(EVENTS_LIMIT))
        rows = self._estate.advance(now_ms, max(1, int(self._allowance)))
        self._allowance -= len(rows)
        self._asked_ms, self._taken = now_ms, stored + len(rows)
        return Found(rows=rows, cursor=str(self._taken))

    async def inventory(self) -> Facts:
        """The estate, as of the last event."""
        return self._estate.inventory()

    async def usage(self) -> Measured:
        """What lies in the repositories, who is protected, and what cloud tenants use of their quotas."""
        return Measured(rows=self._estate.usage(self._now()))

    async def restore_points(self, workload_uid: str) -> Sequence[listing.Point]:
        """As many as the inventory says."""
        return self._backups.points(workload_uid)

    async def browse(self, workload_uid: str, point_uid: str, path: str, take: Take) -> None:
        """Folders as people keep them."""
        await self._backups.give(workload_uid, point_uid, path, take)

    async def walk(self, workload_uid: str, point_uid: str, path: str, take: Take) -> None:
        """All that is below one."""
        await self._backups.give(workload_uid, point_uid, path, take, deep=True)

    async def read(self, workload_uid: str, point_uid: str, path: str, write: Write) -> str:
        """The same bytes every time."""
        return await self._backups.read(workload_uid, point_uid, path, write)

    async def roots(self, workload_uid: str, point_uid: str) -> Sequence[str]:
        """The folders at the top."""
        return [item.path for item in self._backups.tree(workload_uid, point_uid).items("/")]

    async def restore(self, workload_uid: str, point_uid: str, paths: Sequence[str], into: Path) -> None:
        """As files."""
        await self._backups.restore(workload_uid, point_uid, paths, into)
