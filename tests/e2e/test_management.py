"""The management process beside a gateway at work: over real TLS, killed, and stopped in the middle of a write."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from certs import Token
from tests.e2e.stage import Stage, line_of, lines_of, stage_in, text_of, uid_of, until
from tests.e2e.stopping import ASKED
from tests.helpers.agent import TestAgent
from tests.helpers.provider import Process, wait_for_port


@attrs.frozen
class Plane:
    """A gateway with management, an agent that reports, and a key."""

    stage: Stage
    serve: Process
    agent: Path
    key: str
    ca: Path

    def curl(self, path: str, *words: str, key: str | None = None) -> "subprocess.CompletedProcess[str]":
        """What a person would type, with our CA in the environment."""
        given = ["-H", f"Authorization: Bearer {self.key if key is None else key}"] if key != "" else []
        url = f"https://127.0.0.1:{self.stage.provider.management_port}{path}"
        return subprocess.run(
            ["curl", "-s", "-S", "--max-time", "30", url, *given, *words],
            env=os.environ | {"CURL_CA_BUNDLE": str(self.ca)}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def ask(self, path: str, *words: str, **more: Any) -> Any:
        """The same, and what came is JSON."""
        done = self.curl(f"/api/v3{path}", *words, **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def pid(self) -> int:
        """Of the management process that runs now; 0 where it is not ready."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(
                json.loads((self.stage.provider.data / "run/process-management.json").read_bytes())["pid"]
            )
        return 0

    def session(self) -> str:
        """The agent's session, which another connection would replace."""
        with contextlib.closing(self.stage.store()) as store:
            [claim] = [each for each in store.directory().claims if each.agent_uid == uid_of(self.agent)]
        return claim.session_uid


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """One gateway for the module: what is done to its management is nothing to the agent, which is the point."""
    assert shutil.which("curl") is not None
    with stage_in(tmp_path_factory.mktemp("plane"), management_enabled="true") as stage:
        data = stage.provider.data
        serve = stage.start("serve", "--data", str(data), module="tests.e2e.stopping")
        wait_for_port(stage.provider.remote_port, serve)
        wait_for_port(stage.provider.management_port, serve)
        agent = stage.enrolled()
        stage.run_agent(agent, rate=50)
        made = stage.fieldgate("apikey", "create", "scripts", "--role", "read-only", "--json")
        assert made.code == 0, made.text
        ca = data.parent / "ca.pem"
        ca.write_text(stage.fieldgate("ca", "export").text)
        plane = Plane(stage, serve, agent, made.json["key"], ca)
        until(lambda: len(stage.stored(agent)) > 50, lambda: text_of(serve)[-3000:])
        yield plane


def test_its_certificate_leads_to_our_ca(plane: Plane) -> None:
    """Verified by a program that knows nothing but the CA; without it, the program refuses."""
    assert json.loads(plane.curl("/livez").stdout) == {"status": "alive"}
    stranger = attrs.evolve(plane, ca=Path("/etc/ssl/certs/ca-certificates.crt"))
    assert stranger.curl("/livez").returncode == 60  # CURLE_PEER_FAILED_VERIFICATION


def test_agents_are_listed(plane: Plane) -> None:
    """With what the gateway knows of them now; that an agent is there is told to the store a moment after it came."""
    path = "/infrastructure/managementAgents"
    until(
        lambda: plane.ask(path)["data"][0]["connectionStatus"] != "Unknown",
        lambda: text_of(plane.serve)[-3000:],
    )
    answer = plane.ask(path)
    [row] = answer["data"]
    assert row["instanceUid"] == uid_of(plane.agent)
    assert row["connectionStatus"] == "Online"
    assert answer["meta"]["pagingInfo"] == {"total": 1, "count": 1, "offset": 0, "totalIsExact": True}


def test_without_a_key_there_is_nothing(plane: Plane) -> None:
    """401, in the form of every refusal, and a word on how it is done."""
    [error] = plane.ask("/infrastructure/managementAgents", key="")["errors"]
    assert (error["code"], error["type"]) == (401, "security")
    assert "www-authenticate" in plane.curl("/api/v3/about", "-i", key="").stdout.lower()


def test_killing_it_ends_no_session(plane: Plane) -> None:
    """It is started again, and answers; the agent's session and its acknowledgements have noticed nothing."""
    before, count, pid = plane.session(), len(plane.stage.stored(plane.agent)), plane.pid()
    os.kill(pid, signal.SIGKILL)
    until(lambda: plane.pid() not in (0, pid), lambda: text_of(plane.serve)[-3000:])
    until(lambda: plane.curl("/livez").returncode == 0)

    until(lambda: len(plane.stage.stored(plane.agent)) > count + 50)
    assert plane.session() == before


async def acknowledged(agent: TestAgent, port: int) -> int:
    """How many records were acknowledged as durable on a connection of its own."""
    async with agent.session(port) as line:
        for _ in range(20):
            await agent.send(line, agent.cut())
        await agent.acknowledged(line)
    return agent.next_sequence - 1


def test_stopped_inside_a_write_it_keeps_nobody_waiting(plane: Plane) -> None:
    """It holds the store's write lock and does nothing: agents go on being acknowledged, and the supervisor makes an end of it."""
    port = plane.stage.provider.remote_port
    other = TestAgent(synthetic=True)
    trio.run(other.enroll, port, Token.parse(plane.stage.token()["token"]))
    before, pid = plane.session(), plane.pid()
    # A key that is used for the first time has that noted, which is a write.
    fresh = plane.stage.fieldgate("apikey", "create", "for a stop", "--role", "read-only", "--json").json[
        "key"
    ]
    (plane.stage.provider.data / ASKED).touch()
    stuck = subprocess.Popen(
        ["curl", "-s", "-m", "60", "-H", f"Authorization: Bearer {fresh}",
         f"https://127.0.0.1:{plane.stage.provider.management_port}/api/v3/infrastructure/managementAgents"],
        env=os.environ | {"CURL_CA_BUNDLE": str(plane.ca)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: is_stopped(pid), lambda: text_of(plane.serve)[-3000:])

    assert trio.run(acknowledged, other, port) == 20
    assert is_stopped(pid), "it was to be stopped all the while"
    line_of(plane.serve, event="silent, killed", child="management", code="FG-6011")
    stuck.wait(60)
    until(
        lambda: plane.pid() not in (0, pid) and plane.curl("/livez").returncode == 0,
        lambda: f"{plane.pid()} after {pid}: {text_of(plane.serve)[-3000:]}",
    )
    count = len(plane.stage.stored(plane.agent))
    until(lambda: len(plane.stage.stored(plane.agent)) > count + 50, lambda: text_of(plane.serve)[-3000:])
    assert plane.session() == before
    assert not [line for line in lines_of(plane.serve) if line.get("event") == "session crashed"]


def is_stopped(pid: int) -> bool:
    """Whether the kernel says so."""
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False
