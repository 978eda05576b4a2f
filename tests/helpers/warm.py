"""Real processes without the second or two that importing everything takes: forked from one that has imported it already.

A test that starts a hundred processes would spend most of its time on imports. `Warm` is a process that imports the modules it is
told and then waits; asked to, it forks, and the child runs `python -m MODULE ARGUMENTS…` from its first own line on, in a process of
its own that can be signalled, killed and waited for like any other. There are no threads in it before the fork, and Python and
OpenSSL give each child other random numbers.

The children die with it, and it ends when its owner does.
"""

import contextlib
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import attrs

POLL_S = 0.005


class Warm:
    """The owner's side. Use with `with`.

    Args:
        modules: what to import.
        env: added to the environment, of the children too.
    """

    def __init__(self, modules: Sequence[str], *, env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.warm", *modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | (env or {}),
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def start(self, module: str, arguments: Sequence[str], log: Path) -> "Forked":
        """Run *module* in a process of its own, its output in *log*."""
        return Forked(self, self.ask({"module": module, "arguments": [*arguments], "log": str(log)}))

    def ask(self, request: dict[str, Any]) -> Any:
        """One question, one answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@attrs.define(eq=False)
class Forked:
    """A child, with as much of `subprocess.Popen` as tests use."""

    _warm: Warm
    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that ended it; None while it runs."""
        if self.returncode is None:
            self.returncode = self._warm.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it runs still.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if timeout is not None and deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(POLL_S)
        return code

    def send_signal(self, number: int) -> None:
        """Nothing happens when it has ended: its pid is kept from others until it was polled."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)


def serve() -> None:
    """The process's side: answer requests from standard input until it ends, and end the children."""
    children: set[int] = set()
    answer: int | None
    try:
        for line in sys.stdin.buffer:
            request = json.loads(line)
            if "poll" in request:
                answer = _poll(request["poll"], children)
            else:
                answer = _fork(request)
                children.add(answer)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
    finally:
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _poll(pid: int, children: set[int]) -> int | None:
    done, status = os.waitpid(pid, os.WNOHANG)
    if not done:
        return None
    children.discard(pid)
    return os.waitstatus_to_exitcode(status)


def _fork(request: dict[str, Any]) -> int:
    if pid := os.fork():
        return pid
    code = 1
    try:
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for fd, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(fd, target)
        sys.argv = [request["module"], *request["arguments"]]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # whatever it is, it must not reach the parent's code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        importlib.import_module(name)
    serve()
