"""Commands on their way: from the store through a real edge to an agent, and back through journal and projector."""

import time
from typing import Any

import pytest
import trio

from gateway.edge import commanding
from gateway.projector import Clock, Metrics, Projector
from gateway.store import CommandState, Standing, StoredCommand, StoreLocked
from gateway.store.commands import Commands
from protocol import (
    CancelCommand,
    Capability,
    Code,
    Command,
    CommandProgress,
    CommandResult,
    Outcome,
    batch_id,
    commands,
    encode,
)
from tests.helpers.agent import Line, TestAgent, enrolled
from tests.helpers.edges import DAY_MS, Provider, RunningEdge, running_edge

JOB = commands.StartJob(job_uid="job-1")
ABLE = {"capabilities": Capability.COMMANDS.value}
A_WHILE_S = 0.3


def queue(provider: Provider, agent: TestAgent, *, ttl_ms: int = 60_000) -> StoredCommand:
    """An operator asks for something."""
    command = provider.store.commands.enqueue(
        agent.uid, JOB, who="ada", ttl_ms=ttl_ms, now_ms=provider.clock()
    )
    provider.ring()
    return command


def cancel(provider: Provider, command: StoredCommand) -> None:
    """And thinks better of it."""
    provider.store.commands.cancel(command.uid, who="ada", now_ms=provider.clock())
    provider.ring()


def stored(provider: Provider, command: StoredCommand) -> StoredCommand:
    return provider.store.commands.get(command.uid).command


def state(provider: Provider, command: StoredCommand) -> CommandState:
    return stored(provider, command).state


async def said_nothing(line: Line) -> bool:
    """Whether no command comes for a while, as far as the edge has any say."""
    with trio.move_on_after(A_WHILE_S):
        await line.expect(Command | CancelCommand)  # type: ignore[arg-type]  # isinstance takes a union
        return False
    return True


async def answer(agent: TestAgent, line: Line, said: Command | CancelCommand, outcome: Outcome) -> None:
    """The agent's last word about a command, durable in the journal."""
    payload = encode(
        CommandResult(
            epoch=agent.epoch, first_sequence=agent.next_sequence, count=1, previous=agent.previous,
            command_uid=said.command_uid, fence=said.fence, outcome=outcome,
        )
    )  # fmt: skip
    agent.next_sequence += 1
    agent.previous = batch_id(payload)
    await line.say_payload(CommandResult.tag, payload)
    await agent.acknowledged(line)


def project(provider: Provider) -> None:
    """What the projector does with the journals as they are."""
    clock = Clock(now_ms=provider.clock, monotonic=time.monotonic)
    projector = Projector(
        provider.store, provider.data / "journals", bell=provider.ring, clock=clock, metrics=Metrics(clock.monotonic)
    )  # fmt: skip
    projector.start()
    while projector.step():
        pass
    projector.finish()


async def pending(edge: RunningEdge, agent: TestAgent, count: int) -> None:
    """Until the edge has heard of so many unfinished commands of the agent."""
    await edge.until(lambda: len(edge.agent(agent.uid).commands) == count)


async def test_a_connected_agent_is_told_at_once_and_its_word_ends_it(provider: Provider) -> None:
    """Delivered, running, succeeded; and the next session hears nothing of it."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port, **ABLE) as line:
            command = queue(provider, agent)
            said = await line.expect(Command)
            assert (said.command_uid, said.kind) == (command.uid, "start-job")
            assert said.fence == stored(provider, command).fence
            assert commands.parse(said.kind, said.payload) == JOB
            assert 0 < said.ttl_ms <= 60_000
            assert state(provider, command) is CommandState.DELIVERED

            await line.say(CommandProgress(command_uid=command.uid, percent=0))
            await line.say(CommandProgress(command_uid=command.uid, percent=30, message="reading"))
            await edge.until(lambda: state(provider, command) is CommandState.RUNNING)
            assert (stored(provider, command).percent, stored(provider, command).progress) == (30, "reading")

            await answer(agent, line, said, Outcome.SUCCEEDED)
            project(provider)
            assert state(provider, command) is CommandState.SUCCEEDED
            await pending(edge, agent, 0)
        async with agent.session(edge.remote_port, **ABLE) as line:
            assert await said_nothing(line)


async def test_an_agent_that_was_away_is_told_when_it_returns(provider: Provider) -> None:
    """In the order in which they were asked; also by an edge that has just started."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        first = queue(provider, agent)
    second = queue(provider, agent)
    async with running_edge(provider) as edge:
        async with agent.session(edge.remote_port, **ABLE) as line:
            told = [await line.expect(Command), await line.expect(Command)]
        assert [command.command_uid for command in told] == [first.uid, second.uid]


async def test_a_lost_session_is_made_up_for_by_the_next(provider: Provider) -> None:
    """Under a higher fence, in which alone progress counts; a result counts under any."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        command = queue(provider, agent)
        async with agent.session(edge.remote_port, **ABLE) as line:
            first = await line.expect(Command)
        async with agent.session(edge.remote_port, **ABLE) as line:
            second = await line.expect(Command)
            assert second.command_uid == command.uid
            assert second.fence > first.fence
            await answer(agent, line, first, Outcome.INTERRUPTED)
            project(provider)
            assert state(provider, command) is CommandState.INTERRUPTED
            await answer(agent, line, second, Outcome.SUCCEEDED)
            project(provider)
            assert state(provider, command) is CommandState.INTERRUPTED
            assert provider.store.events.quarantined() == []


async def test_a_command_crosses_to_another_edge_and_back_without_end(provider: Provider) -> None:
    """Each session is handed it once, however often the other edge's fences come by the feed."""
    async with running_edge(provider, "a") as a, running_edge(provider, "b") as b:
        agent = await enrolled(a)
        await b.until(lambda: b.services.directory.find(agent.uid))
        command = queue(provider, agent)
        async with agent.session(a.remote_port, **ABLE) as line_a:
            first = await line_a.expect(Command)
            async with agent.session(b.remote_port, **ABLE) as line_b:
                second = await line_b.expect(Command)
                assert second.fence > first.fence
                await a.until(lambda: a.agent(agent.uid).commands[command.uid].fence == second.fence)
                assert await said_nothing(line_b)
        assert stored(provider, command).fence == second.fence


async def test_a_cancel_reaches_whoever_has_the_command(provider: Provider) -> None:
    """Once, under a fence of its own, which the agent's last word carries."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        command = queue(provider, agent)
        async with agent.session(edge.remote_port, **ABLE) as line:
            said = await line.expect(Command)
            cancel(provider, command)
            taken_back = await line.expect(CancelCommand)
            assert taken_back.command_uid == command.uid
            assert taken_back.fence > said.fence
            assert state(provider, command) is CommandState.DELIVERED
            await line.say(CommandProgress(command_uid=command.uid, percent=50, message="stopping"))
            await edge.until(lambda: stored(provider, command).progress == "stopping")
            await answer(agent, line, taken_back, Outcome.CANCELLED)
            project(provider)
            assert state(provider, command) is CommandState.CANCELLED


async def test_what_was_taken_back_meanwhile_is_not_begun(provider: Provider) -> None:
    """An agent that comes back hears of the cancel and not of the command; what was never delivered, of neither."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        given = queue(provider, agent)
        async with agent.session(edge.remote_port, **ABLE) as line:
            said = await line.expect(Command)
        never = queue(provider, agent)
        await pending(edge, agent, 2)
        for command in (given, never):
            cancel(provider, command)
        await pending(edge, agent, 1)
        async with agent.session(edge.remote_port, **ABLE) as line:
            message = await line.expect(Command | CancelCommand)  # type: ignore[arg-type]  # isinstance takes a union
            assert isinstance(message, CancelCommand)
            assert message.command_uid == given.uid
            assert message.fence > said.fence
            assert await said_nothing(line)


async def test_what_is_too_late_is_said_without_time_to_begin(provider: Provider) -> None:
    """Only the agent knows whether it has begun: it is asked, and begins nothing with a time of 0."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        queue(provider, agent)
        never = queue(provider, agent)
        async with agent.session(edge.remote_port, **ABLE) as line:
            told = [await line.expect(Command), await line.expect(Command)]
            assert all(said.ttl_ms > 0 for said in told)
        fresh = queue(provider, agent)
        await pending(edge, agent, 3)
        provider.clock.ahead_ms = 120_000
        async with agent.session(edge.remote_port, **ABLE) as line:
            told = [await line.expect(Command), await line.expect(Command)]
            assert [said.ttl_ms for said in told] == [0, 0]
            assert never.uid in {said.command_uid for said in told}
            assert await said_nothing(line)  # what nobody was given in time is nobody's
            project(provider)
            assert state(provider, fresh) is CommandState.EXPIRED


async def test_an_agent_that_knows_no_commands_is_given_none(provider: Provider) -> None:
    """An older one would answer UNSUPPORTED; better that it waits for its upgrade."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        command = queue(provider, agent)
        await pending(edge, agent, 1)
        async with agent.session(edge.remote_port) as line:
            assert agent.welcome is not None
            assert agent.welcome.capabilities == 0
            assert await said_nothing(line)
        assert state(provider, command) is CommandState.QUEUED


async def test_an_agent_that_waits_for_acceptance_is_given_none_before(provider: Provider) -> None:
    """It is given what was asked of it once it is accepted, in the middle of its session; a revoked one never."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        command = queue(provider, agent)
        provider.store.agents.reject(agent.uid, code=Code.AGENT_REJECTED)
        provider.ring()
        await edge.until(lambda: edge.agent(agent.uid).entry.standing is Standing.REJECTED)
        await agent.refused(edge.remote_port, **ABLE)
        provider.store.agents.accept(agent.uid, organization_uid=provider.company.uid, location_uid=None)
        provider.ring()
        await edge.until(lambda: edge.agent(agent.uid).entry.standing is Standing.VERIFIED)
        async with agent.session(edge.remote_port, **ABLE) as line:
            assert (await line.expect(Command)).command_uid == command.uid
            provider.store.agents.revoke(
                agent.uid, why="stolen", code=Code.CLIENT_CERT_REVOKED, now_ms=provider.clock()
            )
            provider.ring()
            await line.hear_the_end()
        assert state(provider, command) is CommandState.INTERRUPTED
        await pending(edge, agent, 0)


async def test_an_agent_is_told_when_it_is_accepted(provider: Provider) -> None:
    """Its session was open before, and could not be given anything."""
    async with running_edge(provider) as edge:
        agent = await TestAgent().enroll(edge.remote_port, provider.token(expires_in_ms=-DAY_MS))
        async with agent.session(edge.remote_port, **ABLE) as line:
            provider.store.agents.accept(agent.uid, organization_uid=provider.company.uid, location_uid=None)
            command = queue(provider, agent)
            assert (await line.expect(Command)).command_uid == command.uid


async def test_progress_of_what_was_not_given_is_not_believed(provider: Provider) -> None:
    """Neither another agent's command, nor one's own of another session."""
    async with running_edge(provider) as edge:
        agent, other = await enrolled(edge), await enrolled(edge)
        command = queue(provider, agent)
        async with agent.session(edge.remote_port, **ABLE) as line:
            await line.expect(Command)
            async with other.session(edge.remote_port, **ABLE) as others:
                await others.say(CommandProgress(command_uid=command.uid, percent=99))
                await others.heartbeat()
                await edge.until(lambda: edge.agent(other.uid).session.seen_ms)  # type: ignore[union-attr]  # it is open
                await trio.sleep(commanding.PROGRESS_S + 0.2)
        assert state(provider, command) is CommandState.DELIVERED


async def test_commands_wait_for_the_store(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, log: list[dict[str, Any]]
) -> None:
    """A locked store delays them and nothing else; the log says so once."""
    monkeypatch.setattr(commanding, "RETRY_S", 0.05)
    real, failures = Commands.claim, iter(range(3))

    def claim(self: Commands, *args: Any, **kwargs: Any) -> Any:
        if next(failures, None) is not None:
            raise StoreLocked("database is locked")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Commands, "claim", claim)
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port, **ABLE) as line:
            queue(provider, agent)
            assert (await line.expect(Command)).kind == JOB.kind
    waits = [line for line in log if str(line["event"]).startswith("commands wait for the store")]
    assert [line["code"] for line in waits] == ["FG-1012"]
