"""A real provider in a temporary folder: real commands, real processes, loopback ports of its own."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from tests.helpers.warm import Forked, Warm

READY_S = 90.0
COMMAND_S = 60.0
TRIES = 100


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, and not on the next one either (a projector's monitor takes that); all different.

    They are below Linux's ephemeral range, so that no outgoing connection takes one while its owner is dead.
    """
    found: list[int] = []
    with contextlib.ExitStack() as stack:
        for _ in range(TRIES):
            port = random.SystemRandom().randrange(11_000, 32_000, 2)
            pair = [stack.enter_context(socket.socket()) for _ in range(2)]
            with contextlib.suppress(OSError):
                for offset, each in enumerate(pair):
                    each.bind(("127.0.0.1", port + offset))
                found.append(port)
            if len(found) == count:
                return found
    raise AssertionError(f"no {count} free ports in {TRIES} tries")


@attrs.define
class Process:
    """One process that a test started; its output lies in *log*."""

    popen: "subprocess.Popen[bytes] | Forked"
    log: Path

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.popen.kill()
        self.popen.wait()

    def terminate(self, limit_s: float = 60.0) -> int:
        """SIGTERM; the exit code."""
        self.popen.terminate()
        return self.popen.wait(limit_s)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.popen.poll() is None


@attrs.define
class TestProvider:
    """A data folder with listeners on loopback."""

    __test__ = False  # a helper, whatever its name looks like

    data: Path
    remote_port: int
    co_located_port: int
    monitor_port: int
    management_port: int
    processes: list[Process] = attrs.field(factory=list)

    @classmethod
    def make(cls, folder: Path, **settings: str) -> "TestProvider":
        """Init a provider in *folder*; *settings* are extra TOML lines of the section [fieldgate].

        Names that begin with `limits_` or `management_` go into those tables. Management runs where `management_enabled` is "true".
        """
        provider = cls.plan(folder, **settings)
        provider.command("init", "--organization", "Example Provider")
        return provider

    @classmethod
    def plan(cls, folder: Path, **settings: str) -> "TestProvider":
        """Write the settings of `make`, and leave the init to the caller."""
        remote, co_located, monitor, management = free_ports(4)
        folder.mkdir(parents=True, exist_ok=True)
        tables: dict[str, dict[str, str]] = {"limits": {}, "management": {"enabled": "false"}}
        own: dict[str, str] = {}
        for key, value in settings.items():
            table, _, name = key.partition("_")
            tables.get(table, own)[name if table in tables else key] = value
        lines = [
            "[fieldgate]",
            'names = ["127.0.0.1", "localhost"]',
            f"monitor_port = {monitor}",
            *(f"{key} = {value}" for key, value in own.items()),
            "[fieldgate.limits]",
            *(f"{key} = {value}" for key, value in tables["limits"].items()),
            "[fieldgate.management]",
            f'host = "127.0.0.1"\nport = {management}',
            *(f"{key} = {value}" for key, value in tables["management"].items()),
            "[[fieldgate.listeners]]",
            f'host = "127.0.0.1"\nport = {remote}',
            "[[fieldgate.listeners]]",
            f'host = "127.0.0.1"\nport = {co_located}\nkind = "co-located"',
        ]
        (folder / "fieldgate.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return cls(
            data=folder,
            remote_port=remote,
            co_located_port=co_located,
            monitor_port=monitor,
            management_port=management,
        )

    def command(self, *arguments: str, expect: int = 0) -> str:
        """Run `fieldgate …` on this data folder; its standard output."""
        done = self.try_command(*arguments)
        assert done.returncode == expect, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def try_command(self, *arguments: str, module: str = "gateway") -> "subprocess.CompletedProcess[str]":
        """Run `fieldgate …` on this data folder, whatever comes of it."""
        argv = [sys.executable, "-m", module, *arguments, "--data", str(self.data)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=COMMAND_S, check=False)

    def json(self, *arguments: str) -> Any:
        """Run a command with --json."""
        return json.loads(self.command(*arguments, "--json"))

    def start(
        self,
        *arguments: str,
        module: str = "gateway",
        env: dict[str, str] | None = None,
        warm: Warm | None = None,
    ) -> Process:
        """Start a long-running command; forked from *warm* if there is one."""
        log = self.data.parent / f"{self.data.name}-{len(self.processes)}-{arguments[0]}.log"
        popen: subprocess.Popen[bytes] | Forked
        if warm is not None:
            popen = warm.start(module, arguments, log)
        else:
            with log.open("wb") as output:
                popen = subprocess.Popen(
                    [sys.executable, "-m", module, *arguments],
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=os.environ | (env or {}),
                )
        process = Process(popen, log)
        self.processes.append(process)
        return process

    def serve(self) -> Process:
        """`fieldgate serve`, ready for agents."""
        process = self.start("serve", "--data", str(self.data))
        wait_for_port(self.remote_port, process)
        return process

    def stop(self) -> None:
        """End whatever still runs."""
        for process in reversed(self.processes):
            if process.running:
                process.popen.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.popen.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for_port(port: int, process: Process, limit_s: float = READY_S) -> None:
    """Return when *port* accepts connections; fail with the process's log when it ended or never did."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.running, f"ended with {process.popen.returncode}:\n{process.log.read_text()}"
        time.sleep(0.05)
    raise AssertionError(f"port {port} is silent after {limit_s} s:\n{process.log.read_text()}")


@contextlib.contextmanager
def provider_in(folder: Path, **settings: str) -> Iterator[TestProvider]:
    """A provider whose processes end with the block."""
    provider = TestProvider.make(folder, **settings)
    try:
        yield provider
    finally:
        provider.stop()
