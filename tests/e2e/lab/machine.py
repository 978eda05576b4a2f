"""The agents' machine, seen from the test: requests go out, answers come back, in any order."""

import itertools
import json
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tests.e2e.lab.ground import AGENT, Ground, Process

__all__ = ["Machine"]

LIMIT_S = 120.0


class Machine:
    """`agent_program` on a machine whose root store is *roots* (PEM) and nothing else."""

    def __init__(self, ground: Ground, folder: Path, roots: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = (folder / f"{name}.log").open("wb")
        self._popen = subprocess.Popen(
            ground.argv(AGENT, sys.executable, "-m", "tests.e2e.lab.agent_program"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=ground.environment(SSL_CERT_FILE=str(roots)),
        )  # fmt: skip
        ground.processes.append(Process(self._popen, folder / f"{name}.log"))
        self._waiting: dict[int, Future[Any]] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(self, do: str, **request: Any) -> "Future[Any]":
        """Ask for something; what is said to it comes later."""
        future: Future[Any] = Future()
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = future
            assert self._popen.stdin is not None
            self._popen.stdin.write(json.dumps({"id": number, "do": do, **request}).encode() + b"\n")
            self._popen.stdin.flush()
        return future

    def said(self, do: str, **request: Any) -> Any:
        """Ask, and wait for it."""
        return self.ask(do, **request).result(LIMIT_S)

    def close(self) -> None:
        """Let the program end."""
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        self._popen.wait(30)
        self._reader.join(30)
        assert self._popen.stdout is not None
        self._popen.stdout.close()
        self._log.close()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            answer = json.loads(line)
            future = self._waiting.pop(answer["id"])
            if "error" in answer:
                future.set_exception(RuntimeError(answer["error"]))
            else:
                future.set_result(answer["said"])
        for future in self._waiting.values():
            future.set_exception(RuntimeError("the agents' program ended"))
