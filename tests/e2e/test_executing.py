"""`fieldgate command send` against real processes: what an agent is asked for is done, and what it did is in the store."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store.events import JobSession
from protocol import Code, JobStatus
from tests.e2e.stage import Stage, stage_in, uid_of, until
from tests.helpers.provider import Process

RESTIC = shutil.which("restic")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in(tmp_path_factory.mktemp("executing"), heartbeat_s="1") as stage:
        stage.edge()
        stage.projector()
        yield stage


def asked(stage: Stage, state: Path, *arguments: str) -> Any:
    """What became of a command."""
    said = stage.fieldgate("command", "send", uid_of(state), *arguments, "--wait", "--ttl", "60s", "--json")
    found = json.loads(said.text.splitlines()[0])  # why it failed comes after it
    assert said.code == (0 if found["state"] == "succeeded" else 1), said.text
    return found


def test_a_connected_agent_does_what_it_is_asked(stage: Stage) -> None:
    """Collecting, an interval that is still there after a kill, a certificate; and logs only where that is allowed."""
    state = stage.enrolled()
    agent = stage.run_agent(state)
    assert asked(stage, state, "collect-now", "--mode", "full")["message"] == "collected, full"
    assert asked(stage, state, "set-interval", "--seconds", "60")["state"] == "succeeded"
    assert asked(stage, state, "renew-certificate")["message"].startswith("good until")
    refused = asked(stage, state, "collect-logs")
    assert (refused["state"], refused["code"]) == ("failed", "FG-5003")
    agent.kill()
    stage.run_agent(state)
    assert asked(stage, state, "collect-now")["message"] == "collected, quick"


def archived(path: Path) -> dict[str, str]:
    """The files of an archive by their names in it."""
    with tarfile.open(path) as tar:
        parts = {member.name: tar.extractfile(member) for member in tar}
        return {name: part.read().decode() for name, part in parts.items() if part is not None}


def test_logs_are_fetched_where_that_is_allowed(stage: Stage, tmp_path: Path) -> None:
    """From the agent's own log to a file in the operator's hand, with nothing of the agent's keys in it."""
    state = stage.enrolled()
    (state / "agent.toml").write_text('[commands]\nallow = ["collect-logs"]\n')
    stage.run_agent(state)
    ended = asked(stage, state, "collect-logs")
    assert (ended["state"], ended["percent"]) == ("succeeded", 100), ended
    shown = stage.fieldgate("command", "show", ended["uid"], "--json").json
    assert shown["file_state"] == "complete"
    assert Path(shown["file"]).stat().st_size == shown["file_bytes"]

    target = tmp_path / "logs.tar.gz"
    fetched = stage.fieldgate("command", "fetch", ended["uid"], "--to", str(target), "--by", "ada")
    assert fetched.code == 0, fetched.text
    parts = archived(target)
    assert sorted(parts) == ["agent-logs/agent.log", "agent-logs/doctor.json", "agent-logs/status.json"]
    events = [json.loads(line)["event"] for line in parts["agent-logs/agent.log"].splitlines()]
    assert "session open" in events
    assert json.loads(parts["agent-logs/status.json"])["agent_uid"] == uid_of(state)
    assert "PRIVATE KEY" not in "".join(parts.values())
    assert not list((state / "transfers").iterdir())

    again = stage.fieldgate("command", "fetch", ended["uid"], "--to", str(target))
    assert (again.code, "is there already" in again.text) == (2, True)
    Path(shown["file"]).write_bytes(b"something else")
    spoiled = stage.fieldgate("command", "fetch", ended["uid"], "--to", str(tmp_path / "other"))
    assert (spoiled.code, "FG-5025" in spoiled.text) == (1, True)
    assert not (tmp_path / "other").exists()
    with contextlib.closing(stage.store()) as store:
        assert [entry.who for entry in store.audit.list() if entry.action == "file fetched"] == ["ada"]

    said = stage.agent("logs", "--state", str(state), "--lines", "500")
    assert "session open" in said.text
    assert "session open" not in stage.agent("logs", "--state", str(state), "--level", "warning").text


class Restic:
    """A repository, something to back up, and the agent that does."""

    def __init__(self, folder: Path) -> None:
        self.repository, self.files = folder / "repository", folder / "files"
        self.password = folder / "password"
        self.password.write_text("secret\n")
        self.password.chmod(0o600)
        self.files.mkdir()
        self.fill(1)
        self.run("init")

    def fill(self, mib: int) -> None:
        """So much that was never backed up before."""
        for n in range(mib):
            (self.files / f"{n}.bin").write_bytes(os.urandom(1 << 20))

    def run(self, *arguments: str) -> str:
        words = (
            str(RESTIC),
            "--repo",
            str(self.repository),
            "--password-file",
            str(self.password),
            *arguments,
        )
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout

    def snapshots(self) -> list[str]:
        return [each["id"] for each in json.loads(self.run("snapshots", "--json"))]

    def settings(self, *more: str) -> str:
        """agent.toml."""
        lines = (
            "[[collector]]", 'kind = "restic"', f'repository = "{self.repository}"',
            f'password_file = "{self.password}"', *more, "[[job]]", 'name = "files"', f'paths = ["{self.files}"]',
        )  # fmt: skip
        return "\n".join(lines) + "\n"


SLOW = """#!/bin/sh
for word; do
    if [ "$word" = backup ]; then
        echo $$ > {folder}/pid
        exec {restic} --limit-upload 64 "$@"
    fi
done
exec {restic} "$@"
"""


def watching(stage: Stage, restic: Restic, *more: str) -> tuple[Path, Process]:
    """An agent that watches the repository, once its job is in the store."""
    token = stage.fieldgate("token", "create", "--company", "Northwind", "--json").json["token"]
    state = stage.next_state()
    said = stage.agent("enroll", "--state", str(state), "--token", token)
    assert said.code == 0, said.text
    assert (state / "agent.toml").read_text().startswith("# Settings of this agent.")
    (state / "agent.toml").write_text(restic.settings(*more))
    agent = stage.run_agent(state)
    # Asked for by its name, which has to be in the inventory first; until then it is taken for a uid.
    until(lambda: asked(stage, state, "enable-job", "--job", "files")["state"] == "succeeded", poll_s=0.2)
    return state, agent


def sessions(stage: Stage, state: Path) -> list[JobSession]:
    with contextlib.closing(stage.store()) as store:
        return store.events.job_sessions(uid_of(state))


@pytest.mark.skipif(RESTIC is None, reason="restic is not installed")
def test_a_backup_that_is_asked_for_is_made_and_reported(stage: Stage, tmp_path: Path) -> None:
    """The job session in the store has the snapshot's id, and the sizes, seconds after the command has ended."""
    restic = Restic(tmp_path)
    state, _ = watching(stage, restic)
    ended = asked(stage, state, "start-job", "--job", "files")
    [snapshot] = restic.snapshots()
    assert (ended["state"], snapshot in ended["message"]) == ("succeeded", True)

    [session] = until(lambda: sessions(stage, state), limit_s=10)
    assert session.session_uid == snapshot
    assert JobStatus(session.status) is JobStatus.SUCCESS
    assert session.processed_bytes == 1 << 20
    assert session.transferred_bytes >= 1 << 20


@pytest.mark.skipif(RESTIC is None, reason="restic is not installed")
def test_a_backup_in_whose_middle_the_agent_is_killed_was_interrupted(stage: Stage, tmp_path: Path) -> None:
    """With everything that it had started, as a service manager does; it is not begun again, and the next one works."""
    restic, program = Restic(tmp_path), tmp_path / "slow-restic"
    restic.fill(4)
    program.write_text(SLOW.format(folder=tmp_path, restic=RESTIC))
    program.chmod(0o755)
    state, agent = watching(stage, restic, f'program = "{program}"')
    sent = stage.fieldgate("command", "send", uid_of(state), "start-job", "--job", "files", "--json").json

    def shown() -> Any:
        return stage.fieldgate("command", "show", sent["uid"], "--json").json

    until(
        lambda: shown()["state"] == "running" and (tmp_path / "pid").exists(),
        lambda: str(shown()),
        limit_s=20,
    )
    agent.kill()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert shown()["state"] == "running"

    stage.run_agent(state)
    until(lambda: shown()["state"] == "interrupted")
    assert shown()["code"] == "FG-5005"
    [session] = until(lambda: sessions(stage, state))
    assert (JobStatus(session.status), session.code) == (JobStatus.FAILED, Code.JOB_RUN_INTERRUPTED)
    assert restic.snapshots() == []
