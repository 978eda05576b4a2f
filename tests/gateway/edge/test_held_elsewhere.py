"""A copy of an agent is held wherever its original has the session, but never for long on old evidence."""

from pathlib import Path

import pytest
import trio

from gateway.edge.clones import ELSEWHERE_MS
from gateway.edge.storelink import LEASE_MS, StoreLink
from protocol import Code
from tests.helpers.agent import TestAgent
from tests.helpers.edges import make_provider, running_edge


async def test_where_only_the_store_speaks_for_the_original_the_copy_may_ask_again_soon(
    tmp_path: Path,
) -> None:
    """What the store says is as old as a lease: it may be the agent itself, reverted, whose edge was killed."""
    provider = make_provider(tmp_path)
    async with running_edge(provider, "a") as here, running_edge(provider, "b") as there:
        agent = await TestAgent().enroll(here.remote_port, provider.token())
        copy = agent.copy()
        async with agent.session(here.remote_port):
            await there.until(lambda: agent.uid in there.services.directory.agents)
            await there.until(lambda: there.agent(agent.uid).claim is not None)
            refused = await copy.refused(there.remote_port)

    assert (refused.code, refused.retry_after_ms) == (Code.CLONE_HELD, ELSEWHERE_MS)
    assert ELSEWHERE_MS > LEASE_MS


async def test_an_agent_whose_edge_died_before_it_wrote_its_claim_is_no_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It returns the nonce before as well, which is the one that the store knows: it is not held, whatever still seems to live."""
    provider = make_provider(tmp_path)
    write = StoreLink._flush_claims

    async def write_unless_killed(link: StoreLink) -> None:
        if link.name != "killed":
            await write(link)

    monkeypatch.setattr(StoreLink, "_flush_claims", write_unless_killed)
    async with running_edge(provider, "a") as here, running_edge(provider, "b") as there:
        agent = await TestAgent().enroll(here.remote_port, provider.token())
        async with agent.session(here.remote_port):
            await there.until(lambda: agent.uid in there.services.directory.agents)
            await there.until(lambda: there.agent(agent.uid).claim is not None)
            known = there.agent(agent.uid).claim
            async with running_edge(provider, "killed") as killed, agent.session(killed.remote_port):
                pass
            assert there.agent(agent.uid).claim == known
            started = trio.current_time()
            async with agent.session(there.remote_port) as line:
                assert trio.current_time() - started < 2
                await agent.send(line, agent.cut())
                await agent.acknowledged(line)
