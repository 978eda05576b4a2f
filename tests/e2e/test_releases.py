"""An agent that is out of date is told so by its gateway, goes on working, and is counted."""

import attrs
import pytest

from gateway.config import Agents, Config
from protocol import Code, Notice
from tests.helpers.agent import enrolled
from tests.helpers.edges import Provider, RunningEdge, running_edge


def counted(edge: RunningEdge) -> tuple[float, float]:
    """Those who are told of another version, and those below the minimum."""
    lines = dict(
        line.split() for line in edge.services.metrics.render().decode().splitlines() if line.startswith("fieldgate_agents_")
    )  # fmt: skip
    return float(lines["fieldgate_agents_out_of_date"]), float(lines["fieldgate_agents_below_minimum"])


async def test_it_is_told_after_its_welcome(provider: Provider) -> None:
    """And works on; one that is new enough hears nothing of it."""

    def change(config: Config) -> Config:
        return attrs.evolve(config, agents=Agents(current="1.2.0", minimum="0.9"))

    async with running_edge(provider, change=change) as edge:
        old, new = await enrolled(edge), await enrolled(edge)
        async with (
            old.session(edge.remote_port) as one,
            new.session(edge.remote_port, agent_version="1.2.0") as two,
        ):
            notice = await one.expect(Notice)
            assert notice == Notice(
                code=Code.AGENT_OUT_OF_DATE, message="version 1.2.0 is due, this agent is 1.0"
            )
            for agent, line in ((old, one), (new, two)):
                await agent.send(line, agent.cut())
                await agent.acknowledged(line)
            assert not any(isinstance(message, Notice) for message in two.heard)
            assert counted(edge) == (1, 0)


@pytest.mark.parametrize("first", [True, False])
async def test_a_reload_tells_those_who_are_connected(provider: Provider, first: bool) -> None:
    """Those whose stage it is, without ending a session."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            assert counted(edge) == (0, 0)
            company = edge.services.directory.agents[agent.uid].entry.organization_uid
            agents = Agents(current="2.0", first_percent=0, first=(company,) if first else ("another",))
            changes, _ = await edge.edge.reload(attrs.evolve(edge.edge.config, agents=agents))
            assert "agents.current" in changes.live
            if first:
                assert (await line.expect(Notice)).message == "version 2.0 is due, this agent is 1.0"
            await agent.send(line, agent.cut())
            await agent.acknowledged(line)
            assert any(isinstance(message, Notice) for message in line.heard) is first
            assert counted(edge) == (float(first), 0)
