"""What a person sees of an agent: one line for each attempt, and a status that does not forget trouble at the next dial."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
from trio.testing import MockClock

from agent.watch import Watch
from protocol import Code, Goodbye
from tests.agent.rig import Rig
from tests.helpers.gateway import NOW_MS, Gateway


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway.make().listening() as gateway:
        yield gateway


def watched(rig: Rig, folder: Path) -> Watch:
    """What the agent writes as a process, instead of a recorder."""
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
