"""SIGHUP: the end of a terminal, or a wish to have the settings read again."""

import contextlib
import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import attrs
import pytest

from gateway.config import LIVE, Config, Limits, difference
from gateway.hangup import Terminal
from gateway.processes import announced, running
from tests.gateway.test_supervisor import LIMIT_S, child, wait_for

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("had", "ignores", "looks", "gone"),
    [
        (False, False, [], False),
        (True, True, [], False),
        (True, False, [True, True], False),
        (True, False, [True, False], True),
        (True, False, [False, False], True),
    ],
    ids=["a service", "nohup", "somebody sent it", "its shell is on its way out", "the window was closed"],
)
def test_who_sent_it(had: bool, ignores: bool, looks: list[bool], gone: bool) -> None:
    """Only a process that has lost its terminal ends."""
    naps: list[float] = []
    look = iter(looks)
    assert Terminal(had, ignores, lambda: next(look), naps.append).has_gone() is gone


SUPERVISOR = """
import sys
from gateway.hangup import Hangups
from gateway.supervisor import ChildSpec, supervise
hangups = Hangups()
def hung_up():
    if not hangups.take():
        return None
    return not hangups.terminal.has_gone()
sys.exit(supervise(
    [ChildSpec(name="a", argv=[sys.executable, sys.argv[1] + "/child.py", sys.argv[1]], stop_s=5.0)], hung_up=hung_up
))
"""
LISTENS = "    import signal\n    signal.signal(signal.SIGHUP, lambda *_: open(sys.argv[1] + '/reloaded', 'a').write('a\\n'))\n"


def start(folder: Path, *, terminal: int | None = None) -> "subprocess.Popen[bytes]":
    source = child("a").replace(
        "    signal.signal(signal.SIGTERM, stop)\n", "    signal.signal(signal.SIGTERM, stop)\n" + LISTENS
    )
    (folder / "child.py").write_text("\n".join(line[4:] for line in source.splitlines()), encoding="utf-8")

    def take_terminal() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
        if terminal is not None:
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    return subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(folder)], cwd=ROOT, start_new_session=True, preexec_fn=take_terminal,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=() if terminal is None else (terminal,),
    )  # fmt: skip


def test_without_a_terminal_it_is_passed_on(tmp_path: Path) -> None:
    """As from a service manager; nothing ends."""
    supervisor = start(tmp_path)
    wait_for(tmp_path / "pids-a")
    supervisor.send_signal(signal.SIGHUP)
    wait_for(tmp_path / "reloaded")
    assert supervisor.poll() is None
    supervisor.terminate()
    assert supervisor.wait(LIMIT_S) == 0


def test_with_a_terminal_it_is_passed_on_until_that_is_closed(tmp_path: Path) -> None:
    """Somebody types `kill -HUP` in the next window; then the window of the gateway is closed."""
    ours, theirs = pty.openpty()
    supervisor = start(tmp_path, terminal=theirs)
    os.close(theirs)
    wait_for(tmp_path / "pids-a")
    supervisor.send_signal(signal.SIGHUP)
    wait_for(tmp_path / "reloaded")
    assert supervisor.poll() is None
    os.close(ours)
    assert supervisor.wait(LIMIT_S) == 0
    assert wait_for(tmp_path / "stopped") == ["a"]


def test_a_child_that_is_not_ready_for_it_ignores_it(tmp_path: Path) -> None:
    """By default it would end a process."""
    program = "import signal; print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
    spawned = f"import sys; from gateway.supervisor import spawn; sys.exit(spawn([sys.executable, '-c', {program!r}]).wait())"
    done = subprocess.run(
        [sys.executable, "-c", spawned], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"


def test_what_is_live_changes_and_the_rest_waits() -> None:
    """The settings to go on with are a mixture, and both parts are named with their values."""
    found = Config(
        names=("a.example",), heartbeat_s=10.0, log_level="debug", limits=Limits(lag_s=5.0, drain_s=99.0)
    )
    changes = difference(Config(names=("a.example",)), found)
    assert changes.live == {"limits.lag_s": (30.0, 5.0), "log_level": ("info", "debug")}
    assert changes.restart == {"heartbeat_s": (30.0, 10.0), "limits.drain_s": (30.0, 99.0)}
    assert changes.config == attrs.evolve(
        Config(names=("a.example",)), log_level="debug", limits=Limits(lag_s=5.0)
    )


def test_a_store_that_changed_is_named_without_its_password() -> None:
    """The answer of a reload is printed."""
    from typed_settings import SecretStr

    changes = difference(Config(), Config(store=SecretStr("postgresql+psycopg://u:s3cret@h/d")))
    assert "s3cret" not in str(changes.restart)
    assert "store" in changes.restart


def test_a_process_is_concerned_by_its_own_settings_only() -> None:
    """A projector has nothing to say of an edge's limits."""
    changes = difference(
        Config(), Config(log_level="error", limits=Limits(lag_s=5.0)), concerns={"log_level"}
    )
    assert changes.live.keys() == {"log_level"}
    assert changes.config.limits == Limits()


def test_the_page_names_what_is_live() -> None:
    """All of it, and nothing else."""
    section = OPERATIONS.partition("## Reload")[2].partition("\n## ")[0]
    line = next(line for line in section.splitlines() if line.startswith("Live are "))
    words = {word.strip("`,. ") for word in line.split("`")[1::2]}
    assert words == LIVE


def test_a_process_runs_as_long_as_its_lock(tmp_path: Path) -> None:
    """What a killed one left behind is nobody, whoever has its pid now."""
    with announced(tmp_path, "edge", "north") as announcement:
        announcement.reloaded({"changed": {"log_level": ["info", "debug"]}})
        announcement.reloaded({"changed": {}})
        [found] = running(tmp_path)
        assert (found.kind, found.name, found.pid) == ("edge", "north", os.getpid())
        assert found.reload == {"number": 2, "changed": {}}
    assert running(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 1


def test_a_second_process_of_the_name_does_not_speak_for_the_first(tmp_path: Path) -> None:
    """It is about to be refused by a lock that matters."""
    with announced(tmp_path, "projector") as first:
        with announced(tmp_path, "projector") as second:
            second.reloaded({"changed": {}})
        [found] = running(tmp_path)
        assert found == first.about
        assert found.reload is None


def test_a_process_of_a_newer_version_is_seen(tmp_path: Path) -> None:
    """What it says beyond our words is left out."""
    with announced(tmp_path, "projector"):
        path = tmp_path / "process-projector.json"
        with path.open("r+b") as file:
            content = file.read().rstrip(b"}\n")
            file.write(b"")
            file.seek(0)
            file.write(content + b', "mood": "good"}\n')
        assert [each.kind for each in running(tmp_path)] == ["projector"]


def test_a_full_disk_costs_an_answer_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process goes on."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with contextlib.ExitStack() as stack:
        announcement = stack.enter_context(announced(tmp_path, "projector"))
        monkeypatch.setattr(os, "pwrite", full)
        announcement.reloaded({"changed": {}})
