"""The supervisor, with real processes: restarts, order of stopping, and children that die with it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from gateway.datafolder import DataFolderError
from gateway.supervisor import only_one

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
        [sys.executable, "-c", program],
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # the tests may run under nohup
        stdout=subprocess.DEVNULL,
        start_new_session=True,
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
    def stop(*_):
        open(sys.argv[1] + "/stopped", "a").write(NAME + "\\n")
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_a_terminal_sends_reaches_the_supervisor_alone(tmp_path: Path, number: int) -> None:
    """Ctrl-C and a closed window go to the whole process group; the children are stopped in order all the same."""
    supervisor = run_supervisor(tmp_path, child("projector"), child("edge"))
    wait_for(tmp_path / "pids-projector")
    wait_for(tmp_path / "pids-edge")
    os.killpg(supervisor.pid, number)

    assert supervisor.wait(LIMIT_S) == 0
    assert wait_for(tmp_path / "stopped", 2) == ["edge", "projector"]


def test_a_child_that_is_still_importing_says_nothing_of_ctrl_c(tmp_path: Path) -> None:
    """A person who has pressed it knows; a traceback for each process would only frighten."""
    importing = """
        import sys, time
        open(sys.argv[1] + "/importing", "w").write("yes\\n")
        try:
            time.sleep(30)
        except KeyboardInterrupt:
            open(sys.argv[1] + "/interrupted", "w").write("yes\\n")
    """
    supervisor = run_supervisor(tmp_path, importing)
    wait_for(tmp_path / "importing")
    os.killpg(supervisor.pid, signal.SIGINT)

    assert supervisor.wait(LIMIT_S) == 0
    assert not (tmp_path / "interrupted").exists()


def test_the_next_one_waits_for_what_a_killed_one_left(tmp_path: Path) -> None:
    """As long as it is told that an edge may drain, and no longer; one that lives is not waited for."""
    lock = tmp_path / "run" / "serve.lock"
    program = """
import os, sys
from pathlib import Path
from gateway.supervisor import only_one
with only_one(Path(sys.argv[1]), orphans_s=0) as held:
    if os.fork():
        os.kill(os.getpid(), 9)
    print("forked", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"forked\n"
        holder.wait(LIMIT_S)
        with pytest.raises(DataFolderError, match="is being served already"), only_one(lock, orphans_s=0.1):
            pass
        holder.stdin.close()
        with (
            only_one(lock, orphans_s=LIMIT_S),
            pytest.raises(DataFolderError, match=f"process {os.getpid()}"),
            only_one(lock, orphans_s=LIMIT_S),
        ):
            pass


def test_a_child_that_cannot_run_ends_the_whole(tmp_path: Path) -> None:
    """Exit code 2 means that starting again would change nothing."""
    supervisor = run_supervisor(tmp_path, child("a"), "import sys; sys.exit(2)")

    assert supervisor.wait(LIMIT_S) == 2
