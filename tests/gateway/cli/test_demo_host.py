"""The demo's real backup host, when it is ended in the middle of its preparations."""

import os
import subprocess
import time
from pathlib import Path

import psutil

from gateway.cli.demo_host import host_argv

LIMIT_S = 30.0


def test_who_is_ended_while_it_prepares_leaves_nobody_behind(tmp_path: Path) -> None:
    """A restic that goes on would make the repository anew that the demo has just cleared away."""
    restic = tmp_path / "bin" / "restic"
    restic.parent.mkdir()
    restic.write_text(
        f'#!/bin/sh\necho $$ > "{tmp_path}/begun"\nmv "{tmp_path}/begun" "{tmp_path}/pid"\nexec sleep 100\n'
    )
    restic.chmod(0o700)
    agent = tmp_path / "demo" / "restic-host" / "agent"
    agent.mkdir(parents=True)
    (agent / "identity.json").touch()  # it has been enrolled before
    environment = os.environ | {"PATH": f"{restic.parent}{os.pathsep}{os.environ['PATH']}"}

    with subprocess.Popen(host_argv(tmp_path / "demo"), env=environment) as host:
        deadline = time.monotonic() + LIMIT_S
        while not (tmp_path / "pid").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        started = psutil.Process(int((tmp_path / "pid").read_text()))
        host.terminate()
        host.wait(LIMIT_S)

    assert not started.is_running()
