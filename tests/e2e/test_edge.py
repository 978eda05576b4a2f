"""The edge over real TLS: what an agent says is on disk before it is told so."""

from pathlib import Path

from protocol import Durability, Standing, batch_id
from tests.helpers.agent import TestAgent
from tests.helpers.edges import make_provider, running_edge


async def test_hello_welcome_batch_journal_ack(tmp_path: Path) -> None:
    """What was acknowledged is in the journal, as the very bytes that were sent."""
    provider = make_provider(tmp_path)
    async with running_edge(provider) as edge:
        agent = await TestAgent().enroll(edge.remote_port, provider.token())
        async with agent.session(edge.remote_port) as line:
            assert agent.welcome is not None
            assert agent.welcome.standing is Standing.VERIFIED
            payload = agent.cut()
            await agent.send(line, payload)
            ack = await agent.acknowledged(line)
        assert ack.durability is Durability.DISK
        assert [mark.batch_id for mark in ack.durable] == [batch_id(payload)]
        (record,) = provider.journaled()
        assert record.payload == payload
