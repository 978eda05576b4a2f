"""A real backup host: restic's repository, a real agent beside it, and what the provider sees of both."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from gateway.store import JobSession, StoredEvent
from protocol import Code, JobStatus
from tests.e2e.stage import Stage, stage_in, text_of, uid_of, until
from tests.helpers.provider import Process

pytestmark = pytest.mark.skipif(
    shutil.which("restic") is None, reason="restic is not installed: apt install restic"
)


@attrs.define
class Host:
    """A machine with files, a repository, and an agent."""

    stage: Stage
    folder: Path
    state: Path

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "RESTIC_REPOSITORY": str(self.folder / "repo"), "RESTIC_PASSWORD_FILE": str(self.folder / "password"),
            "RESTIC_CACHE_DIR": str(self.folder / "cache"),
        }  # fmt: skip

    def restic(self, *words: str) -> str:
        done = subprocess.run(
            ["restic", *words], env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def locks(self) -> list[str]:
        """In the repository; not one that is still being written."""
        return [name for name in os.listdir(self.folder / "repo" / "locks") if "-" not in name]

    def run(self) -> Process:
        return self.stage.start("run", "--state", str(self.state), "--reconnect-s", "0.5", module="agent")

    def sessions(self) -> dict[str, JobSession]:
        """Job sessions in the provider's store, by their id."""
        with contextlib.closing(self.stage.store()) as store:
            return {session.session_uid: session for session in store.events.job_sessions(uid_of(self.state))}

    def events(self) -> list[StoredEvent]:
        with contextlib.closing(self.stage.store()) as store:
            return list(store.events.export(uid_of(self.state)))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("host")
    with stage_in(folder, limits_drain_s="1") as stage:
        stage.edge()
        stage.projector()
        state = stage.next_state()
        token = stage.fieldgate("token", "create", "--company", "Northwind", "--json").json["token"]
        said = stage.agent("enroll", "--state", str(state), "--token", token)
        assert said.code == 0, said.text
        host = Host(stage, folder, state)
        (folder / "password").write_text("secret")
        (folder / "password").chmod(0o600)
        (folder / "files").mkdir()
        (folder / "files" / "report.txt").write_bytes(os.urandom(200_000))
        host.restic("init", "--quiet")
        host.restic("backup", "--quiet", str(folder / "files"))
        with (folder / "huge").open("wb") as file:
            file.truncate(100 * 10**9)  # takes longer to read than any test, and no room
        (state / "agent.toml").write_text(
            f"""
            [[collector]]
            kind = "restic"
            name = "nas"
            repository = "{folder}/repo"
            password_file = "{folder}/password"
            [[job]]
            name = "documents"
            paths = ["{folder}/files/report.txt"]
            schedule = "every 6h"
            """
        )
        yield host


def test_a_backup_host_and_its_provider(host: Host) -> None:
    """What was there is seen, what the agent backs up is a job session with the snapshot's id and its sizes, and usage comes with it."""
    agent = host.run()
    sessions = until(
        lambda: (found := host.sessions()).values() and len(found) == 2 and found, lambda: text_of(agent)
    )
    snapshots: list[dict[str, Any]] = json.loads(host.restic("snapshots", "--json"))
    assert set(sessions) == {snapshot["id"] for snapshot in snapshots}
    [ours] = [snapshot for snapshot in snapshots if "tags" in snapshot]
    session = sessions[ours["id"]]
    assert (session.status, session.processed_bytes) == (JobStatus.SUCCESS, 200_000)
    assert session.transferred_bytes > 0

    usage = until(lambda: host.stage.fieldgate("usage", "list", "--json").json, lambda: text_of(agent))
    points = {
        (row["subject"], row["metric"]): row["value"] for row in usage if row["subject"] == "repository"
    }
    assert points["repository", "restore-points"] == 2
    assert points["repository", "storage-bytes"] > 200_000
    status = host.stage.agent("status", "--state", str(host.state), "--json").json
    assert set(status["collectors"]) == {"machine", "nas"}
    before = host.events()
    agent.kill()

    # Killed, it tells nothing twice.
    agent = host.run()
    until(lambda: '"session open"' in text_of(agent))
    host.restic("backup", "--quiet", str(host.folder / "files"))
    until(lambda: len(host.sessions()) == 3, lambda: text_of(agent))
    assert host.events()[: len(before)] == before
    assert len(host.events()) == len(before) + 3

    # And whenever the provider says so.
    said = host.stage.fieldgate(
        "command", "send", uid_of(host.state), "start-job", "--job", "documents", "--wait", "--json"
    )
    assert said.code == 0, said.text
    sessions = until(lambda: len(found := host.sessions()) == 4 and found, lambda: text_of(agent))
    assert set(sessions) == {snapshot["id"] for snapshot in json.loads(host.restic("snapshots", "--json"))}
    agent.terminate()


def test_a_backup_that_is_killed_with_its_agent_was_interrupted(host: Host) -> None:
    """At the agent's next start, as a job session of its own; restic has ended, and left no lock."""
    settings = (host.state / "agent.toml").read_text()
    text = settings.replace("/files/report.txt", "/huge").replace("documents", "everything")
    (host.state / "agent.toml").write_text(text)
    book = host.state / "collectors" / "nas" / "jobs.json"

    def running() -> Any:
        return next(
            (run for run in json.loads(book.read_text())["runs"] if run["pid"] and not run["number"]), None
        )

    agent = host.run()
    run = until(running, lambda: text_of(agent))
    until(host.locks)
    agent.kill()
    until(lambda: not Path(f"/proc/{run['pid']}").exists())

    (host.state / "agent.toml").write_text(text.replace("every 6h", "manual"))
    agent = host.run()
    session = until(lambda: host.sessions().get(run["run_uid"]), lambda: text_of(agent))
    assert (session.status, session.code) == (JobStatus.FAILED, Code.JOB_RUN_INTERRUPTED)
    assert session.message.startswith("interrupted: ")
    agent.terminate()
    assert host.locks() == []
