"""An agent that opens a gap with every batch, over real TLS, into a real journal, before a real projector: it harms nobody else."""

import contextlib
import secrets
import threading
import time
from collections.abc import AsyncIterator

import pytest
import trio

from gateway.edge import flow
from gateway.edge.overruns import FIRST_S
from gateway.projector import Clock, Metrics, Projector
from gateway.projector.holes import MAX_OPEN_GAPS
from protocol import Ack, Action, Code, Credit, EventBatch, Rejected, State, encode
from tests.helpers.agent import Line, TestAgent, enrolled, job_event
from tests.helpers.edges import Provider, RunningEdge, running_edge, wall_ms
from transport import BrokenStreamError


@contextlib.asynccontextmanager
async def running_projector(provider: Provider) -> AsyncIterator[None]:
    """A projector in a thread of its own, until the end of the block."""
    projector = Projector(
        provider.store, provider.data / "journals", bell=provider.ring,
        clock=Clock(now_ms=wall_ms, monotonic=time.monotonic), metrics=Metrics(time.monotonic),
    )  # fmt: skip
    stop = threading.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, projector.run, stop)
        try:
            yield
        finally:
            stop.set()


def stray() -> bytes:
    """A batch of an epoch that nobody has heard of, behind a batch that never was."""
    return encode(
        EventBatch(
            epoch=secrets.randbelow(2**62) + 1, first_sequence=2, count=1, previous=secrets.token_bytes(16),
            rows=[job_event().to_row()],
        )
    )  # fmt: skip


async def flood(line: Line) -> Rejected:
    """Send such batches as fast as they are taken, until it is told something about it: what that is."""

    async def send() -> None:
        with contextlib.suppress(BrokenStreamError, trio.ClosedResourceError):
            while line.connection.state is State.OPEN:
                payload = stray()
                if line.connection.credit < len(payload):
                    await trio.sleep(0.01)
                else:
                    await line.say_payload(EventBatch.tag, payload)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        rejected = await line.expect(Rejected)
        nursery.cancel_scope.cancel()
    return rejected


async def say_and_hear(agent: TestAgent, line: Line, *, times: int) -> float:
    """Send batches and wait until each is in the store; the longest that took, in seconds."""
    longest = 0.0
    for _ in range(times):
        began = trio.current_time()
        await agent.send(line, agent.cut())
        mark = agent.next_sequence
        await line.expect(Ack, lambda ack: any(each.next_sequence == mark for each in ack.released))  # noqa: B023  # called at once
        longest = max(longest, trio.current_time() - began)
    return longest


async def test_a_flood_of_gaps_harms_nobody_else(provider: Provider, log: list[dict[str, object]]) -> None:
    """Others' records go on into the store; it has its 64 gaps, is sent away for half a minute, and may not come back before."""
    async with running_edge(provider) as edge, running_projector(provider):
        honest, liar = await enrolled(edge), await enrolled(edge)
        async with honest.session(edge.remote_port) as line, liar.session(edge.remote_port) as hostile:
            told = list[Rejected]()

            async def attack() -> None:
                told.append(await flood(hostile))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(attack)
                longest = await say_and_hear(honest, line, times=10)
            [rejected] = told
            again = await liar.refused(edge.remote_port)
            assert edge.services.valve.open
        await edge.until(lambda: not edge.agent(liar.uid).share.batches)
        assert not edge.agent(liar.uid).durable
        assert len(provider.store.gaps.list()) == MAX_OPEN_GAPS

    for refusal in (rejected, again):
        assert (refusal.code, refusal.action) == (Code.PARKED_OVERFLOW, Action.RETRY)
        assert 0 < refusal.retry_after_ms <= FIRST_S * 1000
    assert longest < 5
    assert not [event for event in log if event.get("code") == str(Code.BACK_PRESSURE)]


async def test_who_overran_comes_back_with_all_that_it_holds(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that has lost its oldest batches for good, and more of them than may be open: the rest is taken again, once."""
    monkeypatch.setattr("gateway.edge.overruns.FIRST_S", 0.1)
    monkeypatch.setattr("gateway.projector.holes.MAX_OPEN_GAPS", 1)
    async with running_edge(provider) as edge, running_projector(provider):
        agent = await enrolled(edge)
        batches = [agent.cut() for _ in range(6)]
        async with agent.session(edge.remote_port) as line:
            for n in (1, 3, 5):
                await agent.send(line, batches[n])
            assert (await line.expect(Rejected)).code == Code.PARKED_OVERFLOW
        await trio.sleep(0.2)
        async with agent.session(edge.remote_port) as line:
            assert agent.welcome is not None
            assert agent.welcome.durable == ()
            for payload in batches:
                await agent.send(line, payload)
            await line.expect(Ack, lambda ack: any(each.next_sequence == 7 for each in ack.released))
    assert len(list(provider.store.events.export(agent.uid))) == 6
    assert provider.store.gaps.list() == []


async def caught_up(edge: RunningEdge) -> None:
    """The projector has read all that was journaled."""
    async with running_projector(edge.provider):
        await edge.until(
            lambda: not any(agent.share.batches for agent in edge.services.directory.agents.values())
        )


async def test_one_agents_backlog_costs_that_agent_its_credit(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets none while the projector has its share to read yet, in no session; others do; and then its debt is paid."""
    monkeypatch.setattr(flow, "MAX_UNREAD_BATCHES", 10)
    window = 2 * 1024 * 1024
    async with running_edge(provider) as edge:
        busy, other = await enrolled(edge), await enrolled(edge)
        async with busy.session(edge.remote_port) as line:
            for _ in range(10):
                await busy.send(
                    line, busy.cut_rows([job_event(n, message="x" * 850).to_row() for n in range(60)])
                )
            await busy.acknowledged(line)
            assert edge.agent(busy.uid).session is not None
            await trio.sleep(1.2)  # in which debts are paid
            assert not [message for message in line.heard if isinstance(message, Credit)]
        async with busy.session(edge.remote_port) as line, other.session(edge.remote_port):
            assert busy.welcome is not None
            assert other.welcome is not None
            assert (busy.welcome.credit, other.welcome.credit) == (0, window)
            await caught_up(edge)
            assert (await line.expect(Credit)).bytes == window
            assert edge.services.valve.open
