"""What a person sees of an agent: one line for each attempt, and a status that does not forget trouble at the next dial."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from trio.testing import MockClock

from agent.backoff import SUSTAINED_S
from agent.observer import Ending
from agent.watch import REFRESH_S, Watch
from protocol import Code, Drain, Goodbye, Notice
from tests.agent.rig import Rig, event
from tests.helpers.gateway import NOW_MS, Gateway


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway.make().listening() as gateway:
        yield gateway


def watched(rig: Rig, folder: Path) -> Watch:
    """What the agent writes as a process, instead of a recorder."""
    rig.pump_s = REFRESH_S
    watch = Watch(folder / "status.json", lambda: NOW_MS)
    rig.facilities.observer = watch
    watch.attach(rig.facilities)
    return watch


def status(folder: Path) -> dict[str, Any]:
    """What `fieldgate-agent status` reads."""
    found: dict[str, Any] = json.loads((folder / "status.json").read_bytes())
    return found


async def test_an_attempt_that_reaches_nobody_is_one_line(
    clock: MockClock, gateway: Gateway, tmp_path: Path
) -> None:
    """It says why, where, and when the next one is due."""
    rig = Rig.make(gateway, tmp_path, gateways=("127.0.0.1:1",))
    watched(rig, tmp_path)
    with structlog.testing.capture_logs() as log:
        async with rig.running():
            await trio.sleep(3)  # half of the first wait: 0.5 × 8 s

    (line,) = log
    assert (line["event"], line["log_level"]) == ("no gateway", "warning")
    assert line["code"] in {"FG-2004", "FG-2005"}
    assert line["address"] == "127.0.0.1:1"
    assert line["next_s"] == 4.0
    assert line["reason"]


async def test_a_session_that_ends_is_one_line(clock: MockClock, gateway: Gateway, tmp_path: Path) -> None:
    """The same for one that was open."""
    rig = Rig.make(gateway, tmp_path)
    watched(rig, tmp_path)
    with structlog.testing.capture_logs() as log:
        async with rig.running():
            peer = await gateway.peer()
            await gateway.heard(1)
            await peer.hang_up(Goodbye(code=Code.GATEWAY_STOPPED, message="the gateway stops"))
            await trio.sleep(1)

    assert [line["event"] for line in log] == ["session open", "session ended"]
    assert (log[1]["code"], log[1]["reason"]) == ("FG-2124", "the gateway stops")


async def test_the_status_remembers_trouble_until_a_session_has_lasted(
    clock: MockClock, gateway: Gateway, tmp_path: Path
) -> None:
    """Its code, when, and how often: also while the next session has just been opened."""
    rig = Rig.make(gateway, tmp_path)
    watch = watched(rig, tmp_path)
    async with trio.open_nursery() as nursery, rig.running():
        nursery.start_soon(watch.refresh)
        for number in range(2):
            peer = await gateway.peer(number)
            await gateway.heard(number + 1)
            await peer.hang_up(Goodbye(code=Code.GATEWAY_STOPPED, message="the gateway stops"))
        await gateway.peer(2)
        await gateway.heard(3)

        seen = status(tmp_path)
        assert seen["state"] == "connected"
        assert seen["trouble"] == "FG-2124: the gateway stops"
        assert (seen["trouble_times"], seen["trouble_last_ms"]) == (2, NOW_MS)

        await trio.sleep(SUSTAINED_S + REFRESH_S)
        assert not [name for name in status(tmp_path) if name.startswith("trouble")]
        nursery.cancel_scope.cancel()


async def test_trouble_of_the_session_itself_stays_while_it_lasts(
    clock: MockClock, gateway: Gateway, tmp_path: Path
) -> None:
    """That another machine uses this identity is not over because a minute has passed."""
    rig = Rig.make(gateway, tmp_path)
    watch = watched(rig, tmp_path)
    async with trio.open_nursery() as nursery, rig.running():
        nursery.start_soon(watch.refresh)
        peer = await gateway.peer()
        await peer.say(Notice(code=Code.CLONE_HELD, message="another machine"))
        await trio.sleep(3 * SUSTAINED_S)
        assert status(tmp_path)["trouble"] == "FG-2106: another machine"

        await peer.hang_up(Drain(reconnect_in_ms=1000, window_ms=1000))
        await gateway.peer(1)
        assert status(tmp_path)["trouble"] == "FG-2106: another machine"
        await trio.sleep(SUSTAINED_S + REFRESH_S)
        assert "trouble" not in status(tmp_path)
        nursery.cancel_scope.cancel()


async def test_a_full_outbox_is_trouble_until_there_is_room(gateway: Gateway, tmp_path: Path) -> None:
    """However good the session; and that there is room again says nothing about any other trouble."""
    rig = Rig.make(gateway, tmp_path, limit_bytes=10)
    watch = watched(rig, tmp_path)
    rig.report(event(1))
    assert rig.facilities.collector.paused
    watch.trouble(Code.OUTBOX_FULL, "no room")
    watch.ended(Ending(code=Code.CONNECTION_LOST, message="gone", lasted_s=2 * SUSTAINED_S), 1.0)
    watch.ended(Ending(code=Code.GOODBYE, message="done", lasted_s=2 * SUSTAINED_S), 1.0)

    seen = status(tmp_path)
    assert (seen["trouble"], seen["trouble_times"]) == ("FG-2004: gone", 1)
    watch.mended(Code.CONNECTION_LOST, "back")
    assert status(tmp_path)["trouble"] == "FG-4007: no room"
    watch.mended(Code.OUTBOX_FULL, "room")
    assert "trouble" not in status(tmp_path)


async def test_a_status_that_cannot_be_written_stops_nobody(gateway: Gateway, tmp_path: Path) -> None:
    """Not even if the folder is gone; the log says so."""
    rig = Rig.make(gateway, tmp_path)
    with structlog.testing.capture_logs() as log:
        watch = Watch(tmp_path / "nowhere" / "status.json", lambda: NOW_MS)
        watch.attach(rig.facilities)
    assert [line["event"] for line in log] == ["status not written"]
