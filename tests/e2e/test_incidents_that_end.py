"""Real agents, an edge and a projector: when all is well again, no incident says otherwise."""

import functools
import socket
import time
from pathlib import Path
from typing import Any

import attrs
import pytest
import structlog
import trio

from agent import commands
from agent.cli import main
from agent.inspection.keep import Keep
from agent.state import StateFolder
from certs.inspection import Delivery
from gateway.projector import Clock, Metrics, Projector
from gateway.store import Incident, IncidentState
from tests.agent.inspection.peers import listening, relay, resetting, silent
from tests.e2e.test_agent_paths import LIMIT_S, Walker, port_of
from tests.helpers.edges import Provider, running_edge
from tests.helpers.reporting import box, recorded, report_key

MINUTE_MS = 60_000


def project(provider: Provider, *, later_s: float = 0) -> list[Any]:
    """A projector runs for a moment, *later_s* from now; what it says of incidents."""

    def now_ms() -> int:
        return provider.clock() + int(later_s * 1000)

    clock = Clock(now_ms=now_ms, monotonic=time.monotonic)
    projector = Projector(
        provider.store,
        provider.data / "journals",
        bell=lambda: None,
        clock=clock,
        metrics=Metrics(clock.monotonic),
    )
    with structlog.testing.capture_logs() as log:
        projector.start()
        while projector.step():
            pass
    return [line["event"] for line in log if "incident" in line["event"]]


def incidents(provider: Provider) -> list[Incident]:
    return [view.incident for view in provider.store.incidents.list(closed=True)]


@pytest.mark.parametrize("wrong_ms", [0, -45 * MINUTE_MS], ids=["right clock", "wrong clock"])
@pytest.mark.parametrize("kept_ms", [0, 5 * MINUTE_MS], ids=["at once", "five minutes later"])
@pytest.mark.parametrize("trouble", [silent, resetting], ids=["silent", "rst"])
async def test_a_report_that_was_kept_is_no_trouble_of_today(
    provider: Provider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Any,
    kept_ms: int,
    wrong_ms: int,
) -> None:
    """The path breaks, the agent is started anew and mended, has its session, and says what it kept: nobody is called, then or later."""
    monkeypatch.setattr("agent.path.DIAL_S", 0.5)
    async with running_edge(provider) as edge, listening(trouble, LIMIT_S * 2) as hole:
        walker = await Walker.enrolled(edge, tmp_path)
        walker.now = lambda: provider.clock() + wrong_ms
        walker.go_by(port_of(hole))
        async with walker.running():
            while not walker.keep.waiting:  # noqa: ASYNC110  # a file
                await trio.sleep(0.05)
        [kept] = walker.keep.kept()
        provider.clock.ahead_ms += kept_ms
        walker.go_by(edge.remote_port)
        async with walker.running():
            assert await walker.recorder.until("reported") == (1, (), 0)
        said = project(provider)  # the session's claim may not have been written yet

    (record,) = recorded(provider)
    assert record.delivered_by is (Delivery.LATER if kept_ms else Delivery.OTHER_ADDRESS)
    for later_s in (0, 90, 700):
        said += project(provider, later_s=later_s)
    [report] = provider.store.paths.reports()
    assert abs(report.happened_ms - (kept.at_ms - wrong_ms)) < 2_000, (
        "what the session knows of the clock, to a round trip"
    )
    assert not any(incident.is_open for incident in incidents(provider))
    assert "path incident" not in said


async def test_a_box_that_kept_an_agent_from_enrolling_is_over_when_it_has(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two tries through a box, from processes of their own, are one installation's; it is exempted, and the third one's session ends it."""
    monkeypatch.setattr(commands, "now_ms", provider.clock)
    state = tmp_path / "agent"
    async with running_edge(provider) as edge, box(edge.remote_port) as inspected:
        way = [f"127.0.0.1:{inspected}"]

        async def firewall(sock: socket.socket) -> None:
            await relay(sock, way[-1])

        async with listening(firewall, LIMIT_S * 2) as address:
            token = attrs.evolve(
                provider.token(), gateways=(address,), report_key=report_key(provider).raw
            ).encode()
            words = ["enroll", "--state", str(state), "--token", token, "--proxy", "none"]
            enroll = functools.partial(trio.to_thread.run_sync, main, words)
            assert await enroll() == 1
            provider.clock.ahead_ms += 11 * MINUTE_MS  # what is the same is said again
            assert await enroll() == 1
            said = project(provider)
            [incident] = incidents(provider)
            assert (incident.agents, incident.reports, incident.is_open) == (1, 2, True)
            assert said.count("path incident") == 1

            way.append(f"127.0.0.1:{edge.remote_port}")
            provider.clock.ahead_ms += MINUTE_MS
            assert await enroll() == 0, capsys.readouterr().err
            project(provider)
            assert incidents(provider)[0].is_open, "it has not had a session yet"

            walker = Walker(folder=state, keeper=StateFolder.load(state), now=provider.clock)
            walker.go_by(port_of(address))
            async with walker.running():
                await walker.recorder.until("welcomed")
                await edge.until(lambda: provider.store.agents.list(now_ms=provider.clock())[0].address)
    project(provider)
    [incident] = incidents(provider)
    assert (incident.state, incident.closed_why) == (
        IncidentState.CLOSED,
        "every agent concerned has had a session since",
    )
    assert Keep(state).waiting == 0
