"""`fieldgate edge` gets SIGTERM: everybody is told when to come back, and the process is gone in time."""

import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio

from certs import Token
from gateway.edge.drain import FIRST_SLOT_MS
from protocol import Code, Drain, Goodbye
from tests.e2e.stage import Stage, line_of, stage_in
from tests.helpers.agent import TestAgent

AGENTS = 5
DRAIN_S = 2
MARGIN_S = 8  # to close the ports, write the last of it, and end an interpreter, on a busy machine


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path, limits_drain_s=str(DRAIN_S)) as stage:
        yield stage


async def test_sigterm_gives_everybody_a_slot_of_its_own_and_ends_the_process(stage: Stage) -> None:
    """Agents leave at once and come back spread over the window: the process waits for the former, not for the latter."""
    port, token = stage.provider.remote_port, Token.parse(stage.token()["token"])
    edge = await trio.to_thread.run_sync(stage.edge)
    async with AsyncExitStack() as stack:
        agents = [await TestAgent(synthetic=True).enroll(port, token) for _ in range(AGENTS)]
        lines = [await stack.enter_async_context(agent.session(port)) for agent in agents]
        started = time.monotonic()
        edge.popen.terminate()
        drains = [await line.expect(Drain) for line in lines]
        for line in lines:
            await line.say(Goodbye(code=Code.GATEWAY_DRAINING))
        code = await trio.to_thread.run_sync(edge.popen.wait, DRAIN_S + MARGIN_S)
        lasted_s = time.monotonic() - started

    assert code == 0
    assert lasted_s < DRAIN_S + MARGIN_S
    window_ms = DRAIN_S * 1000
    assert {drain.window_ms for drain in drains} == {window_ms}
    assert sorted(drain.reconnect_in_ms for drain in drains) == [
        FIRST_SLOT_MS + window_ms * n // AGENTS for n in range(AGENTS)
    ]
    assert line_of(edge, event="draining")["sessions"] == AGENTS
    assert line_of(edge, event="edge stopped")
