"""The agent as a process: what it does once a second."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from agent.bell import Bell
from agent.service import TICK_S, _collect
from agent.spool import OutboxFullError, Spool
from protocol import Code
from tests.agent.rig import Recorder, Rig
from tests.helpers.gateway import Gateway


class Listener(Recorder):
    """Also remembers what was mended."""

    def mended(self, code: Code | int, message: str) -> None:
        self.note("mended", code)


async def test_a_disk_that_stays_full_is_said_once(
    clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not once a second for as long as it lasts; and that there is room again is said, too."""
    rig = Rig.make(Gateway.make(), tmp_path)
    rig.facilities.observer = listener = Listener()
    full = True

    def flush(_spool: Spool) -> None:
        if full:
            raise OutboxFullError("no space left")

    monkeypatch.setattr(Spool, "flush", flush)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_collect, rig.facilities, rig.spool, Bell())
        await trio.sleep(100 * TICK_S)
        assert listener.seen == [("trouble", (Code.OUTBOX_FULL, "no space left"))]
        full = False
        await trio.sleep(100 * TICK_S)
        nursery.cancel_scope.cancel()
    assert listener.seen[1:] == [("mended", Code.OUTBOX_FULL)]
