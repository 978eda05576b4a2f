"""Reading back over the protocol: a simulated agent sees its own rows, nobody else does, and a load test from afar verifies by it."""

import json
from pathlib import Path

import pytest
import trio

from agent.simulator.reading import _CELLS as ASKED
from gateway.edge.verifying import _CELLS as ANSWERED
from gateway.edge.verifying import ROOM_BYTES, fitting
from gateway.store import StoredEvent
from protocol import Capability, Code, Goodbye, Rejected, VerifyRequest, VerifyRows, Welcome, encode
from tests.e2e.stage import stage_in
from tests.helpers.agent import TestAgent, job_event
from tests.helpers.edges import Provider, RunningEdge, running_edge
from tests.helpers.stores import apply_batch, open_stream

FIRST = VerifyRequest(after_epoch=0, after_sequence=0, rows=10)


def hold(edge: RunningEdge, agent: TestAgent, count: int) -> list[tuple[object, ...]]:
    """What a projector would have made of its events."""
    rows = [list(job_event(n).to_row()) for n in range(1, count + 1)]
    entry = edge.agent(agent.uid).entry
    with edge.provider.store.projection() as p:
        stream = open_stream(p, entry, epoch=agent.epoch)
        apply_batch(p, entry, epoch=agent.epoch, stream_id=stream, first=1, rows=rows, batch_id=b"b" * 16)
    return [(*row, agent.epoch, n, stream, 5000) for n, row in enumerate(rows, 1)]


async def test_a_simulated_agent_sees_its_own_rows_and_no_others(provider: Provider) -> None:
    """Page by page, as they are stored."""
    async with running_edge(provider) as edge:
        token = provider.token(synthetic=True)
        agent, other = [await TestAgent(synthetic=True).enroll(edge.remote_port, token) for _ in range(2)]
        stored = hold(edge, agent, 25)
        hold(edge, other, 5)
        seen: list[tuple[object, ...]] = []
        async with agent.session(edge.remote_port, capabilities=int(Capability.VERIFY)) as line:
            question = FIRST
            while True:
                await line.say(question)
                answer = await line.expect(VerifyRows)
                seen += answer.rows
                if not answer.more:
                    break
                epoch, sequence, stream, _ = answer.rows[-1][-4:]
                question = VerifyRequest(
                    after_epoch=epoch, after_sequence=sequence, after_stream=stream, rows=10
                )
        assert seen == stored


async def test_a_real_agent_is_not_offered_to_read_back(provider: Provider) -> None:
    """Whatever it says that it can; and one that asks all the same is sent away."""
    async with running_edge(provider) as edge:
        agent = await TestAgent().enroll(edge.remote_port, provider.token())
        line, answer = await agent.greet(edge.remote_port, capabilities=int(Capability.VERIFY))
        assert isinstance(answer, Welcome)
        assert answer.capabilities & Capability.VERIFY == 0
        payload = encode(FIRST)
        await line.stream.send_all(len(payload).to_bytes(4, "big") + bytes([FIRST.tag]) + payload)
        last = (await line.hear_the_end())[-1]
        assert isinstance(last, Rejected)
        assert last.code == Code.UNEXPECTED_MESSAGE
        line.stream.close()


async def test_one_question_at_a_time(provider: Provider) -> None:
    """Who asks again before the answer has come is hung up on: the store is asked no faster than it answers."""
    async with running_edge(provider) as edge:
        agent = await TestAgent(synthetic=True).enroll(edge.remote_port, provider.token(synthetic=True))
        async with agent.session(edge.remote_port, capabilities=int(Capability.VERIFY)) as line:
            async with edge.services.read_back:
                await line.say(FIRST)
                await line.say(FIRST)
                last = (await line.hear_the_end())[-1]
            assert isinstance(last, Goodbye)
            assert last.code == Code.UNEXPECTED_MESSAGE
        await trio.testing.wait_all_tasks_blocked()


def test_an_answer_fits_its_frame() -> None:
    """Rows of the longest texts: fewer come, and `more` says so."""
    long = "日" * 1024
    event = StoredEvent(
        agent_uid="a", epoch=2**63 - 1, stream_id=2**62, sequence=2**62, received_ms=2**47, time_ms=2**47, kind=1, job_uid="j" * 64,
        session_uid="s" * 64, workload_uid="w" * 64, status=1, attempt=2**62, duration_ms=2**62, processed_bytes=2**62,
        transferred_bytes=2**62, code=2**62, message=long,
    )  # fmt: skip
    rows = tuple(fitting([event] * 1000))
    assert 0 < len(rows) < 1000
    assert ROOM_BYTES / 2 < len(encode(VerifyRows(rows=rows, more=True))) < 1024 * 1024


def test_both_sides_name_the_cells_alike() -> None:
    assert ASKED == ANSWERED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("afar")


def test_a_simulation_from_afar_is_verified_and_needs_consent(folder: Path) -> None:
    """With a token for simulation it verifies over the protocol; with any other the gateway does not consent."""
    with stage_in(folder, limits_drain_s="1") as stage:
        stage.edge()
        stage.projector()
        address = f"127.0.0.1:{stage.provider.remote_port}"
        words = (
            "simulate",
            "--gateway",
            address,
            "--count",
            "6",
            "--duration",
            "2",
            "--rate",
            "20",
            "--verify",
            "--json",
        )
        said = stage.agent(*words, "--token", stage.token()["token"])
        assert said.code == 0, said.text
        result = json.loads(said.text[said.text.index("{") :])
        verification = result["verification"]
        assert verification["over"] == "protocol"
        assert result["load"]["target"] == address
        assert verification["said"] == verification["stored"] == verification["released"] > 100
        assert {agent["synthetic"] for agent in stage.fieldgate("agent", "list", "--json").json} == {True}

        real = stage.fieldgate("token", "create", "--company", "Northwind", "--json").json["token"]
        said = stage.agent(*words, "--token", real)
        assert said.code == 2
        assert "FG-2211" in said.text
        assert "token create --simulation" in said.text
