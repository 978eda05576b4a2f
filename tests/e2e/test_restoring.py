"""Files come back out of real backups: a real restic, a real agent and a real gateway, and what the operator holds in the end is what was backed up."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.e2e.stage import Said, Stage, lines_of, stage_in, uid_of, until
from tests.helpers.provider import Process

pytestmark = pytest.mark.skipif(
    shutil.which("restic") is None, reason="restic is not installed: apt install restic"
)

BACKUP_HOST = "fileserver"
LARGE = 40_000_000


@attrs.define
class Host:
    """A machine whose files are in a repository, and its agent."""

    stage: Stage
    folder: Path
    state: Path
    edge: Process
    agent: Process

    @property
    def files(self) -> Path:
        return self.folder / "files"

    def restic(self, *words: str) -> str:
        environment = os.environ | {
            "RESTIC_REPOSITORY": str(self.folder / "repo"), "RESTIC_PASSWORD_FILE": str(self.folder / "password"),
            "RESTIC_CACHE_DIR": str(self.folder / "cache"),
        }  # fmt: skip
        done = subprocess.run(["restic", *words], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    def restore(self, verb: str, *words: str) -> Said:
        """`fieldgate restore VERB` of this machine's workload."""
        return self.stage.fieldgate(
            "restore", verb, uid_of(self.state), f"{BACKUP_HOST}: {self.files}", *words, "--json"
        )

    def log(self) -> list[dict[str, Any]]:
        """The log of restores."""
        found: list[dict[str, Any]] = self.stage.fieldgate("restore", "sessions", "--json").json
        return found

    def asked(self, verb: str, *words: str) -> Any:
        """What it says, as JSON."""
        said = self.restore(verb, *words)
        assert said.code == 0, said.text
        return said.json


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("host")
    with stage_in(folder, heartbeat_s="1", limits_drain_s="1") as stage:
        edge = stage.edge()
        stage.projector()
        state = stage.next_state()
        token = stage.fieldgate("token", "create", "--company", "Northwind", "--json").json["token"]
        assert stage.agent("enroll", "--state", str(state), "--token", token).code == 0
        host = Host(stage, folder, state, edge, edge)
        (folder / "password").write_text("secret")
        (folder / "password").chmod(0o600)
        (folder / "restored").mkdir()
        (host.files / "reports [old]").mkdir(parents=True)
        (host.files / "report.bin").write_bytes(os.urandom(300_000))
        (host.files / "large.bin").write_bytes(os.urandom(LARGE))
        (host.files / "reports [old]" / "über*.txt").write_text("Grüße")
        host.restic("init", "--quiet")
        host.restic("backup", "--quiet", "--host", BACKUP_HOST, str(host.files))
        (state / "agent.toml").write_text(
            f"""
            [restore]
            download = true
            targets = ["{folder}/files", "{folder}/restored"]
            [[collector]]
            kind = "restic"
            repository = "{folder}/repo"
            password_file = "{folder}/password"
            """
        )
        host.agent = stage.run_agent(state)
        store = stage.store()
        until(lambda: store.restores.workloads(uid_of(state), f"{BACKUP_HOST}: {host.files}"))
        store.close()
        yield host


def test_a_file_comes_back_as_it_was(host: Host, tmp_path: Path) -> None:
    """Restore points are listed, a folder of one is, and a file of that has the original's SHA-256."""
    [point] = host.asked("points")
    assert point["uid"] == json.loads(host.restic("snapshots", "--json"))[0]["id"]
    items = {item["path"]: item for item in host.asked("browse", point["uid"], str(host.files))}
    assert items == {item["path"]: item for item in host.asked("browse", "latest", str(host.files))}
    path = host.files / "report.bin"
    assert {path: item["type"] for path, item in items.items()} == {
        str(path): "file",
        str(host.files / "large.bin"): "file",
        str(host.files / "reports [old]"): "folder",
    }
    assert items[str(path)]["size_bytes"] == 300_000

    [found] = host.asked("search", point["uid"], "ÜBER*", "--below", str(host.files))
    assert found["path"] == str(host.files / "reports [old]" / "über*.txt")

    target = tmp_path / "report.bin"
    session = host.asked("start", point["uid"], str(path), "--to", str(target), "--by", "ada")
    assert target.read_bytes() == path.read_bytes()
    assert session["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_download_outlives_its_agent_and_its_edge(host: Host, tmp_path: Path) -> None:
    """Each is killed in the middle: the agent reads the item again, the edge has what has come, and the hash is right in the end."""
    [point] = host.asked("points")
    path, target = host.files / "large.bin", tmp_path / "large.bin"
    session = host.asked("start", "latest", str(path))
    assert session["point_uid"] == point["uid"]

    def received() -> int:
        part = host.stage.provider.data / "spool" / "edge" / f"{session['uid']}.part"
        return part.stat().st_size if part.exists() else 0

    until(received)
    host.agent.kill()
    before = received()
    assert before < LARGE
    host.agent = host.stage.run_agent(host.state)
    until(lambda: received() > before)
    host.edge.kill()
    host.edge = host.stage.edge()
    ended = until(
        lambda: [each for each in host.log() if each["uid"] == session["uid"] and each["finished_ms"]]
    )
    assert (ended[0]["state"], ended[0]["size_bytes"]) == ("succeeded", LARGE)
    fetched = host.stage.fieldgate("restore", "download", session["uid"], "--to", str(target))
    assert fetched.code == 0, fetched.text
    assert target.read_bytes() == path.read_bytes()
    offsets = [line["offset"] for line in lines_of(host.edge) if line.get("event") == "file begins"]
    assert offsets
    assert all(offset >= before for offset in offsets)
    assert not list((host.state / "transfers").iterdir())


def test_files_are_restored_onto_the_server_and_nowhere_else(host: Host) -> None:
    """In their place, beside what is there, or in another folder; and what its administrator has not named is left alone."""
    [point] = host.asked("points")
    report, old = host.files / "report.bin", host.files / "reports [old]"
    data = report.read_bytes()
    report.write_bytes(b"spoiled")
    shutil.rmtree(old)
    session = host.asked("start", point["uid"], str(report), str(old), "--mode", "in-place", "--wait")
    assert (session["state"], session["message"]) == ("succeeded", "restored: 1 new, 1 replaced")
    assert report.read_bytes() == data
    assert (old / "über*.txt").read_text() == "Grüße"

    report.write_bytes(b"mine")
    session = host.asked("start", point["uid"], str(report), "--mode", "keep-both", "--wait")
    assert report.read_bytes() == b"mine"
    [beside] = host.files.glob("report (restored *).bin")
    assert beside.read_bytes() == data
    assert str(beside) in session["message"]

    folder = host.folder / "restored"
    host.asked("start", point["uid"], str(old), "--mode", "in-place", "--folder", f"{folder}/deep", "--wait")
    assert (folder / "deep" / old.name / "über*.txt").read_text() == "Grüße"

    (host.folder / "elsewhere").mkdir()
    refused = host.restore(
        "start",
        point["uid"],
        str(report),
        "--mode",
        "in-place",
        "--folder",
        f"{host.folder}/elsewhere",
        "--wait",
    )
    assert (refused.code, "FG-5044" in refused.text) == (1, True)
    assert list((host.folder / "elsewhere").iterdir()) == []
    whole = host.restore("start", point["uid"], "--everything", "--mode", "in-place", "--wait")
    assert (whole.code, "FG-5003" in whole.text) == (1, True)
    assert not [*host.files.glob(".fieldgate*"), *folder.glob(".fieldgate*")]

    log = host.log()
    assert [each["mode"] for each in log][:4] == ["in-place", "in-place", "in-place", "keep-both"]
    assert {each["created_by"] for each in log} >= {"ada"}
