"""`make demo` is the first thing that anybody runs."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from gateway.cli import main
from gateway.cli.common import now_ms
from gateway.cli.demo import COMPANIES
from gateway.cli.demo_ports import Ports, program
from protocol import JobStatus
from tests.helpers.provider import TestProvider, free_ports
from tests.helpers.stores import opened

AGENTS = 6
ALL = AGENTS + (shutil.which("restic") is not None)
"""With the real backup host."""
LIMIT_S = 90.0


@attrs.define
class Demo:
    """A demo's folder, with ports of its own."""

    data: Path
    ports: Ports

    def argv(self, *words: str) -> list[str]:
        return [
            sys.executable,
            "-m",
            "gateway",
            "demo",
            "--data",
            str(self.data),
            "--agents",
            str(AGENTS),
            *words,
        ]

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """In a session of its own, as a window is; its words go to a pipe."""
        return subprocess.Popen(
            self.argv(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> list[str]:
        """What runs on the folder, whoever's child it is."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue  # it has ended meanwhile
            if any(word.startswith(str(self.data).encode()) for word in words):
                found.append(b" ".join(words).decode())
        return found

    def host_reported(self) -> int:
        """Job sessions of the real host."""
        with opened(self.data) as store:
            real = [agent for agent in store.agents.list(now_ms=now_ms()) if not agent.synthetic]
            return sum(len(store.events.job_sessions(agent.uid)) for agent in real)

    def said(self, *words: str) -> str:
        """What a command on the folder printed."""
        argv = [sys.executable, "-m", "gateway", *words, "--data", str(self.data)]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=LIMIT_S).stdout

    def mapped(self) -> set[str]:
        """The names of the companies that have a cloud tenant."""
        with opened(self.data) as store:
            companies = store.organizations.list_companies()
            return {each.name for each in companies if store.mappings.of_company(each.uid)}

    def uids(self) -> set[str]:
        with opened(self.data) as store:
            return {agent.uid for agent in store.agents.list(now_ms=now_ms())}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("demo") / "demo", Ports(*free_ports(4)))


@pytest.fixture(scope="module")
def first(demo: Demo) -> Iterator[list[str]]:
    """What the first run said, from its start to its end, which is when everybody has reported; or its own, if they do not."""
    with demo.start(*str(demo.ports).split(), "--duration", str(LIMIT_S)) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line.rstrip())
            if (
                f"{ALL} agents, {ALL} online; " in line
                and demo.host_reported() >= ALL - AGENTS
                and demo.mapped()
            ):
                process.terminate()
        yield said
        assert process.wait(LIMIT_S) == 0


def test_it_ends_by_itself(demo: Demo, first: list[str]) -> None:
    """When its time is up, in order."""
    ended = subprocess.run(
        demo.argv("--duration", "1"), capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert (ended.returncode, demo.processes()) == (0, [])
    assert ended.stdout.splitlines()[-1] == "stopping; agents first, then their gateway"


def until_reports(process: "subprocess.Popen[str]") -> list[str]:
    """The lines up to the one that counts events."""
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line.rstrip())
        if re.search(r"\b[1-9]\d* events", line):
            return said
    raise AssertionError("\n".join(said))


def test_without_a_terminal_it_shows_progress_and_the_way_on_while_it_runs(
    demo: Demo, first: list[str]
) -> None:
    """Then the table of agents and events, and nothing that runs on."""
    said = "\n".join(first)
    hints, progress, table = (
        said.index(words)
        for words in ("events tail --data", f"{ALL} agents, {ALL} online; ", "organization ")
    )
    assert hints < progress < table
    assert said.startswith(f"a new fleet of {AGENTS} agents")
    assert "Harbour Logistics" in said
    counted = [line.split() for line in first if line.startswith("newest of ")]
    assert int(counted[0][2]) > 0
    assert demo.processes() == []


def test_its_companies_have_their_cloud_tenants(demo: Demo, first: list[str]) -> None:
    """As its simulated site reported them, so that usage is somebody's."""
    assert demo.mapped() == set(COMPANIES)


REFERENCE = {
    "organizations/companies/sites/backupResources/usage": "usedStorageQuota",
    "licensing/backupServers/usage/companies": "counters",
    "licensing/vbm365Servers/usage/companies": "counters",
}
"""The three requests of the reference description, and what a row of each is about."""


def test_the_requests_of_the_reference_description_have_figures(
    demo: Demo, first: list[str], tmp_path: Path
) -> None:
    """As they stand there, but for host and key, by a curl that knows nothing but the demo's CA."""
    with demo.start() as running:
        until_reports(running)
        key = demo.said("apikey", "create", "scripts", "--role", "read-only", "--json")
        (tmp_path / "ca.pem").write_text(demo.said("ca", "export"))
        header = f"Authorization: Bearer {json.loads(key)['key']}"

        def rows(path: str) -> list[dict[str, Any]]:
            url = f"https://127.0.0.1:{demo.ports.management}/api/v3/{path}"
            done = subprocess.run(
                ["curl", "-s", "-X", "GET", url, "-H", header], env=os.environ | {"CURL_CA_BUNDLE": str(tmp_path / "ca.pem")},
                capture_output=True, text=True, check=True, timeout=30,
            )  # fmt: skip
            found: list[dict[str, Any]] = json.loads(done.stdout)["data"]
            return found

        deadline = time.monotonic() + LIMIT_S
        while not all(map(rows, REFERENCE)):
            assert time.monotonic() < deadline, {path: rows(path) for path in REFERENCE}
            time.sleep(0.5)
        for path, about in REFERENCE.items():
            for row in rows(path):
                assert row[about]
                assert row["quality"]["synthetic"] == (row["companyName"] in COMPANIES), (
                    "but for the real host"
                )
        running.terminate()
        assert running.wait(LIMIT_S) == 0


@pytest.mark.skipif(ALL == AGENTS, reason="restic is not installed: apt install restic")
def test_this_computer_is_backed_up_and_watched(demo: Demo, first: list[str]) -> None:
    """It is in the table, and its backup in the store; the repository has gone with the demo."""
    assert any(line.startswith("This computer (restic) ") for line in first)
    with opened(demo.data) as store:
        [host] = [agent for agent in store.agents.list(now_ms=now_ms()) if not agent.synthetic]
        sessions = store.events.job_sessions(host.uid)
    assert [session.status for session in sessions] == [JobStatus.SUCCESS] * len(sessions)
    assert len(sessions) >= 1
    assert sorted(path.name for path in (demo.data / "restic-host").iterdir()) == ["agent"]


@pytest.mark.parametrize(
    "end", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL], ids=lambda s: s.name
)
def test_it_goes_on_where_it_was_and_leaves_nothing_behind(
    demo: Demo, first: list[str], end: signal.Signals
) -> None:
    """Stopped, its window closed, Ctrl-C, or killed: its processes end, and the same agents come back, no others."""
    before = demo.uids()
    with demo.start() as process:
        said = until_reports(process)
        assert said[0] == f"{AGENTS} agents come back from the last time, 0 are new"
        process.send_signal(end)
        assert process.wait(LIMIT_S) == (-signal.SIGKILL if end is signal.SIGKILL else 0)
    deadline = time.monotonic() + LIMIT_S
    while demo.processes() and time.monotonic() < deadline:
        time.sleep(0.1)

    assert demo.processes() == []
    assert demo.uids() == before
    assert len(before) == ALL


def test_a_second_one_on_the_same_folder_is_refused(demo: Demo, first: list[str]) -> None:
    """At once, and so is one on a folder that `serve` runs on; the first goes on."""
    with demo.start() as running:
        until_reports(running)
        second = subprocess.run(demo.argv(), capture_output=True, text=True, timeout=LIMIT_S, check=False)
        running.terminate()
        assert running.wait(LIMIT_S) == 0
    provider = TestProvider(
        demo.data, demo.ports.remote, demo.ports.co_located, demo.ports.monitor, demo.ports.management
    )
    serving = provider.serve()
    third = subprocess.run(demo.argv(), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    serving.terminate()

    for refused in (second, third):
        assert refused.returncode == 2
        assert "is being served already" in refused.stderr
        assert "FG-1005" in refused.stderr


def test_a_folder_keeps_its_ports(demo: Demo, first: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Its agents dial them, so asking for others is not passed over in silence."""
    assert main([*demo.argv("--port", "7000")[3:]]) == 2

    assert f"was made with {demo.ports}: leave them out" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("which", range(5))
def test_a_port_that_is_taken_is_named_with_a_way_that_works(
    which: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also the monitors' and REST's, which nobody has chosen; the folder is not made."""
    ports = Ports(*free_ports(4))
    taken = ports.all[which]
    with socket.create_server(("127.0.0.1", taken)):
        assert main(["demo", "--data", str(tmp_path / "demo"), *str(ports).split()]) == 2
    said = capsys.readouterr().err

    assert f"port {taken}: Address already in use" in said
    assert "FG-1006" in said
    assert not (tmp_path / "demo").exists()
    advice = next(line for line in said.splitlines() if " demo --data " in line).split()
    assert advice[-9] == str(tmp_path / f"demo-on-{advice[-7]}")
    for port in Ports(*map(int, advice[-7::2])).all:
        socket.create_server(("127.0.0.1", port)).close()


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A provider's own gets no simulated agents, and a folder with a thesis in it no provider."""
    TestProvider.make(tmp_path / "own")
    ports = str(Ports(*free_ports(4))).split()

    assert main(["demo", "--data", str(tmp_path / "own")]) == 2
    assert "is a provider's own folder" in capsys.readouterr().err
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").touch()
    assert main(["demo", "--data", str(tmp_path / "thesis"), *ports]) == 2
    assert "is not empty and no data folder" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("called", "typed"),
    [
        (".venv/bin/fieldgate", ".venv/bin/fieldgate"),
        ("{here}/.venv/bin/fieldgate", ".venv/bin/fieldgate"),
        ("/usr/bin/fieldgate", "/usr/bin/fieldgate"),
        ("/x/gateway/__main__.py", f"{sys.executable} -m gateway"),
    ],
)
def test_what_it_advises_to_type_is_how_it_was_called(
    called: str, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By make, by its path, by Python."""
    monkeypatch.setattr(sys, "argv", [called.format(here=Path.cwd()), "demo"])

    assert program() == typed
