"""A gateway that is away for a month, on a virtual clock: what the agent holds in memory and on the disk is bounded, and nothing is lost."""

import gc
import tracemalloc
from pathlib import Path
from typing import Final, NoReturn

import pytest
import trio
from trio.testing import MockClock

import agent.client
from agent.collector import TAKE
from agent.path import PathError
from agent.spool import RESERVE_BYTES
from protocol import Code, Row
from tests.agent.rig import Listed, Rig, event
from tests.helpers.gateway import NOW_MS, Gateway

DAY_S: Final = 86_400.0
DAYS: Final = 30

# A quarter of what happens in the month fits: the limit is reached in the second week.
LIMIT_BYTES: Final = 256 * 1024

# SQLite's log is written into the file when it has a thousand pages.
ON_DISK_BYTES: Final = round(1.3 * (LIMIT_BYTES + RESERVE_BYTES)) + 1100 * 4096

EVENTS_A_DAY: Final = 500

# One batch of the longest outage is 128 rows; a thousand events held in memory instead would be 0.4 MiB.
GROWTH_BYTES: Final = 160 * 1024

EVERY_S: Final = 3600.0


class Busy(Listed):
    """Jobs that run day and night, by trio's clock."""

    def advance(self, until_ms: int, limit: int = 1 << 30) -> list[Row]:
        due = int((until_ms - NOW_MS) / 1000 / DAY_S * EVENTS_A_DAY)
        rows = [event(n) for n in range(self.taken, min(due, self.taken + limit))]
        self.taken += len(rows)
        return rows


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


async def test_a_month_without_a_gateway_fills_neither_memory_nor_disk(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Collection pauses at the limit and keeps its place, and the agent goes on trying."""
    attempts = 0

    async def away(*_: object, **__: object) -> NoReturn:
        nonlocal attempts
        attempts += 1
        raise PathError(Code.CONNECTION_LOST, "nobody there", "192.0.2.1:6180")

    # Ten thousand connections to a port that refuses, each with its TLS, take a minute and show nothing more.
    monkeypatch.setattr(agent.client, "open_path", away)
    monkeypatch.setattr(agent.client, "client_context", lambda *_: None)
    rig = Rig.make(Gateway.make(), tmp_path, limit_bytes=LIMIT_BYTES)
    source = Busy()
    rig.facilities.collector.source = source
    rig.facilities.now = lambda: NOW_MS + round(trio.current_time() * 1000)
    rig.pump_s = EVERY_S
    rig.recorder.seen = Forgetful()
    held: list[int] = []
    async with rig.running():
        for day in range(DAYS):
            await trio.sleep(DAY_S)
            if day == DAYS - 7:
                tracemalloc.start()
            if day > DAYS - 7:
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert rig.facilities.collector.paused
        assert attempts > DAYS * DAY_S / 600  # five minutes apart on average, at most twice that

    assert max(held) - held[0] < GROWTH_BYTES
    assert rig.spool.used_bytes <= LIMIT_BYTES
    assert on_disk(tmp_path) < ON_DISK_BYTES
    assert rig.outbox.taken == rig.outbox.records
    assert (
        0 < source.taken - rig.outbox.taken <= TAKE
    )  # what could not be stored is held, and nothing behind it is taken
    assert source.taken < DAYS * EVENTS_A_DAY / 2  # it keeps its place, and holds what came after for later


class Forgetful(list[tuple[str, object]]):
    """What a recorder remembers would be the test's own growth."""

    def append(self, _entry: tuple[str, object]) -> None:
        """Nothing stays."""
