"""Which processes of a gateway run on a data folder, what version each is, and what it said of its last reload.

A process announces itself in ``DATA/run/process-NAME.json`` and holds a lock on that file for as long as it lives. The lock, not
the file, says that it runs: the kernel drops it with the process, so what a killed one left behind is nobody, and a pid that
somebody else has meanwhile is never signalled.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import structlog

from gateway.store import SCHEMA_VERSION
from gateway.version import gateway_version

__all__ = ["Announcement", "Running", "announced", "running"]

log = structlog.get_logger()

PREFIX = "process-"
# Who looks holds the lock for microseconds.
TRIES = 50
TRY_S = 0.01


@attrs.frozen(kw_only=True)
class Running:
    """A process that lives."""

    kind: str
    """edge, projector or serve."""
    name: str
    """The edge's, else the kind."""
    pid: int
    parent_pid: int
    version: str
    schema: int
    """The version of the store's schema that its code is written for."""
    started_ms: int
    reload: dict[str, Any] | None = None
    """What came of its last reload, with a number that rises."""


@attrs.define
class Announcement:
    """The process's own side."""

    about: Running
    _fd: int | None

    def reloaded(self, outcome: dict[str, Any]) -> None:
        """Say what came of a reload, for whoever asked for it."""
        number = (self.about.reload or {}).get("number", 0) + 1
        self.about = attrs.evolve(self.about, reload={"number": number, **outcome})
        self.write()

    def write(self) -> None:
        """Put it into the file: one line, so that a reader can tell a whole one."""
        if self._fd is None:
            return
        line = json.dumps(attrs.asdict(self.about), default=str).encode() + b"\n"
        try:
            os.pwrite(self._fd, line, 0)
            os.ftruncate(self._fd, len(line))
        except OSError as error:  # a full disk: it costs a command its answer, and this process nothing
            log.warning("can't say what came of it", error=str(error))


@contextlib.contextmanager
def announced(run: Path, kind: str, name: str = "") -> Iterator[Announcement]:
    """Be among the `running` of *run*, a data folder's `run`, while the block lasts.

    A second process of the same name is about to be refused by a lock that matters; this one it does without.

    Raises:
        OSError: the folder can't be written.
    """
    about = Running(
        kind=kind, name=name or kind, pid=os.getpid(), parent_pid=os.getppid(), version=gateway_version(),
        schema=SCHEMA_VERSION, started_ms=time.time_ns() // 1_000_000,
    )  # fmt: skip
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = run / f"{PREFIX}{f'edge.{about.name}' if kind == 'edge' else kind}.json"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        announcement = Announcement(about, fd if _lock(fd) else None)
        announcement.write()
        yield announcement
    finally:
        os.close(fd)


def _lock(fd: int) -> bool:
    for _ in range(TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(TRY_S)
    return False


def running(run: Path) -> list[Running]:
    """The processes that live, by name.

    Raises:
        OSError: the folder can't be read.
    """
    return [found for path in sorted(run.glob(f"{PREFIX}*.json")) if (found := _read(path)) is not None]


def _read(path: Path) -> Running | None:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(TRIES):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None  # nobody holds it
            line, end, _ = os.pread(fd, 1 << 20, 0).partition(b"\n")
            with contextlib.suppress(ValueError, TypeError):  # it is being written
                if end:
                    said = json.loads(line)
                    return Running(**{a.name: said[a.name] for a in attrs.fields(Running) if a.name in said})
            time.sleep(TRY_S)
    finally:
        os.close(fd)
    return None
