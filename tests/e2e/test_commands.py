"""`fieldgate command` against real processes: an edge, a projector and the reference agent, killed as needed."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import LIMIT_S, Stage, stage_in, text_of, uid_of, until
from tests.helpers.provider import Process


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in(tmp_path_factory.mktemp("commands"), heartbeat_s="1") as stage:
        yield stage


def shown(stage: Stage, uid: str) -> Any:
    return stage.fieldgate("command", "show", uid, "--json").json


def ask(stage: Stage, state: Path) -> str:
    """A command that no agent can do, and every agent answers: its job does not exist."""
    sent = stage.fieldgate("command", "send", uid_of(state), "stop-job", "--job", "no-such-job", "--json")
    assert sent.code == 0, sent.text
    uid: str = sent.json["uid"]
    return uid


@contextlib.contextmanager
def running(process: Process) -> Iterator[Process]:
    """The process, until the block ends."""
    try:
        yield process
    finally:
        process.kill()


def test_an_operator_waits_for_a_connected_agents_word(stage: Stage) -> None:
    """It is there within the wait, with the reason; the exit code says that it did not succeed."""

    def listed() -> Any:
        return stage.fieldgate("command", "list", "--agent", uid_of(state), "--json").json

    with running(stage.edge()):
        state = stage.enrolled()
        with running(stage.run_agent(state)) as agent:
            until(lambda: '"online"' in stage.fieldgate("agent", "list", "--json").text)
            # Without a projector nobody knows the agent's jobs yet, so that what is asked for a job that it lacks goes to the agent.
            words = (uid_of(state), "stop-job", "--job", "no-such-job", "--wait", "--ttl", "60s")
            asking = stage.start("command", "send", *words, "--data", str(stage.provider.data))
            until(listed, lambda: text_of(asking))
            with running(stage.projector()):
                assert asking.popen.wait(LIMIT_S) == 1, text_of(asking)
            assert "queued for" in text_of(asking)
            assert "FG-500" in text_of(asking)
            assert agent.running
        [command] = listed()
        assert command["state"] == "failed"
        audit = stage.fieldgate("inspection", "audit", "--json").json
        deeds = [entry["action"] for entry in audit if command["uid"] in entry["about"]][::-1]
        # A slow machine hears that it has begun before it hears that there is no such job.
        assert [deed for deed in deeds if deed != "command begun"] == [
            "command queued",
            "command delivered",
            "command failed",
        ]


@pytest.mark.parametrize("words", [("collect-now", "--mode", "full"), ("renew-certificate",)], ids=" ".join)
def test_an_agent_does_what_it_is_asked(stage: Stage, words: tuple[str, ...]) -> None:
    """And the exit code says so; in JSON there is one object, at the end."""
    with running(stage.edge()), running(stage.projector()):
        state = stage.enrolled()
        with running(stage.run_agent(state)):
            said = stage.fieldgate("command", "send", uid_of(state), *words, "--wait", "--json")
            assert said.code == 0, said.text
            assert (said.json["state"], said.json["outcome"], said.json["percent"]) == (
                "succeeded",
                "succeeded",
                100,
            )


def test_kills_on_the_way_delay_a_command_and_nothing_else(stage: Stage) -> None:
    """Edge and agent are killed around its delivery, and the projector is away: it ends once, when all are back."""
    with running(stage.edge()):
        state = stage.enrolled()
    uid = ask(stage, state)
    with running(stage.edge()) as edge, running(stage.run_agent(state)):
        until(lambda: shown(stage, uid)["state"] == "delivered")
        edge.kill()
    with running(stage.edge()), running(stage.projector()), running(stage.run_agent(state)):
        until(lambda: shown(stage, uid)["state"] == "failed")
    assert [
        c["uid"] for c in stage.fieldgate("command", "list", "--agent", uid_of(state), "--json").json
    ] == [uid]


def test_an_agent_that_stays_away_is_asked_nothing(stage: Stage) -> None:
    """The command expires without an edge, and an agent that comes later hears nothing of it."""
    with running(stage.edge()):
        state = stage.enrolled()
    with running(stage.projector()):
        said = stage.fieldgate(
            "command", "send", uid_of(state), "renew-certificate", "--ttl", "1s", "--wait", "--json"
        )
        assert said.code == 1
        assert json.loads(said.text.splitlines()[0])["code"] == "FG-5004"
