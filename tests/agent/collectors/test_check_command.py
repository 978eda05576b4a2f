"""`fieldgate-agent collector check`, as a process: what it says while it asks, and what it leaves behind when it is ended."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from agent.state import StateFolder, enrollment_key
from tests.agent.rig import make_keeper
from tests.helpers.gateway import Gateway

DEAF = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(sys.argv[1], "w") as fifo:
    fifo.write(f"{os.getpid()}")
time.sleep(600)
"""

LIMIT_S = 60


def test_its_program_ends_with_it(tmp_path: Path) -> None:
    """One that ignores SIGTERM, and that nobody would ever end; and what was known by then has been said."""
    enrollment_key(tmp_path / "state")
    keeper = make_keeper(Gateway.make())
    StateFolder.create(tmp_path / "state", keeper.identity, keeper.credential)
    fifo, program = tmp_path / "fifo", tmp_path / "deaf.py"
    os.mkfifo(fifo)
    pipe = os.open(fifo, os.O_RDWR)
    program.write_text(DEAF)
    command = ", ".join(f'"{each}"' for each in (sys.executable, program, fifo))
    (tmp_path / "state" / "agent.toml").write_text(
        f'[[collector]]\nkind = "exec"\nname = "deaf"\ncommand = [{command}]\n'
    )
    check = subprocess.Popen(
        [sys.executable, "-m", "agent", "collector", "check", "deaf", "--state", str(tmp_path / "state")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert select.select([pipe], [], [], LIMIT_S)[0]
        pid = int(os.read(pipe, 100))  # it runs
        check.send_signal(signal.SIGTERM)
        out, err = check.communicate(timeout=LIMIT_S)
    finally:
        check.kill()
        os.close(pipe)
    assert (check.returncode, out.splitlines()) == (1, ["ok   says what it can do: inventory, jobs, usage"])
    assert "ended by SIGTERM" in err
    assert not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()
