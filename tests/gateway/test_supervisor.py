"""The supervisor, with real processes: restarts, order of stopping, and children that die with it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

LIMIT_S = 20.0


def run_supervisor(tmp_path: Path, *children: str) -> "subprocess.Popen[bytes]":
    """Supervise one Python child per source text; each child may write to the folder it is given as argv[1]."""
    for number, source in enumerate(children):
        (tmp_path / f"child{number}.py").write_text(textwrap.dedent(source), encoding="utf-8")
    program = f"""
import sys
from gateway.supervisor import ChildSpec, supervise
sys.exit(supervise([
    ChildSpec(name=f"child{{n}}", argv=[sys.executable, f"{tmp_path}/child{{n}}.py", "{tmp_path}"], stop_s=5.0)
    for n in range({len(children)})
]))
"""
    return subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )


def wait_for(path: Path, lines: int = 1) -> list[str]:
    """The lines of *path*, as soon as there are *lines* of them; an absolute limit stands behind."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        found = path.read_text().split() if path.exists() else []
        if len(found) >= lines:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{path.name} has not {lines} lines after {LIMIT_S} s")


CHILD = """
    import os, signal, sys, time
    from gateway.supervisor import be_child_of
    def stop(*_):
        open(sys.argv[1] + "/stopped", "a").write(NAME + "\\n")
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    be_child_of(int(sys.argv[sys.argv.index("--parent") + 1]))
    open(sys.argv[1] + "/pids-" + NAME, "a").write(f"{os.getpid()}\\n")
    while True:
        time.sleep(0.05)
"""


def child(name: str) -> str:
    return CHILD.replace("NAME", repr(name))


def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    """kill -9 of a child costs one child, once."""
    supervisor = run_supervisor(tmp_path, child("a"))
    first = int(wait_for(tmp_path / "pids-a")[0])
    os.kill(first, signal.SIGKILL)

    second = int(wait_for(tmp_path / "pids-a", 2)[1])

    assert second != first
    supervisor.terminate()
    assert supervisor.wait(LIMIT_S) == 0


def test_children_stop_in_reverse_order(tmp_path: Path) -> None:
    """What was started last is stopped first."""
    supervisor = run_supervisor(tmp_path, child("projector"), child("edge"))
    wait_for(tmp_path / "pids-projector")
    wait_for(tmp_path / "pids-edge")
    supervisor.terminate()
    supervisor.wait(LIMIT_S)

    assert wait_for(tmp_path / "stopped", 2) == ["edge", "projector"]


def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    """kill -9 of the supervisor leaves no half of a gateway behind."""
    supervisor = run_supervisor(tmp_path, child("projector"), child("edge"))
    wait_for(tmp_path / "pids-projector")
    wait_for(tmp_path / "pids-edge")
    supervisor.kill()
    supervisor.wait(LIMIT_S)

    assert sorted(wait_for(tmp_path / "stopped", 2)) == ["edge", "projector"]


def test_a_child_that_cannot_run_ends_the_whole(tmp_path: Path) -> None:
    """Exit code 2 means that starting again would change nothing."""
    supervisor = run_supervisor(tmp_path, child("a"), "import sys; sys.exit(2)")

    assert supervisor.wait(LIMIT_S) == 2
