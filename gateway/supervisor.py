"""One machine's processes under one parent: ``fieldgate serve``.

The edge and the projector are processes of their own, so that one's crash, hang or heap is not the other's. The
supervisor starts them, starts them again when they end (with a growing pause), and stops them in order: the edge
first, so that its agents are drained while the projector still runs, then the projector.

Children die with a killed supervisor: the kernel sends each SIGTERM when its parent is gone (``spawn``), so a ``kill -9``
of the supervisor leaves no half of a gateway behind. Ending takes them as long as an edge drains, and the next supervisor
waits for that: the lock that makes it the only one of its data folder (``only_one``) is inherited by the children, and
free when the last of them is gone. A terminal's Ctrl-C, and its end, reach the supervisor alone, which stops the
children in their turn. SIGHUP that means something else (`gateway.hangup` says when) is passed on to them; one that is not ready for it
yet ignores it, and reads its settings later than that anyway. A child that says it can't run at all (exit code 2: configuration, a port in use, another process in the data folder) is not started again:
the whole ends with that code, and the reason is the last thing in the log. One that is to beat (`gateway.beats`) and is silent for too
long is killed, and started again.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

import attrs
import structlog

from gateway.beats import BEAT_VARIABLE, Listener
from gateway.datafolder import DataFolderError
from protocol import Code

__all__ = ["CANNOT_RUN", "ChildSpec", "only_one", "spawn", "stop_signals", "supervise"]

log = structlog.get_logger()

CANNOT_RUN = 2  # exit code of a child for which starting again would change nothing
POLL_S = 0.2
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0  # a child that lived this long starts from the first pause again
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


@attrs.frozen(kw_only=True)
class ChildSpec:
    """What to run, and how long it may take to stop after SIGTERM."""

    name: str
    argv: Sequence[str]
    stop_s: float
    inherits: Sequence[int] = ()
    """Descriptors that stay open in it."""
    silent_s: float | None = None
    """How long it may be without a beat before it is taken for stuck; None: it has none."""


@attrs.define
class _Child:
    spec: ChildSpec
    process: subprocess.Popen[bytes] | None = None
    listener: Listener | None = None
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    start_at: float = 0.0

    def start(self) -> None:
        if self.spec.silent_s is None:
            self.process = spawn(self.spec.argv, inherits=self.spec.inherits)
        else:
            self.listener = Listener.open(self.spec.silent_s)
            self.process = spawn(
                self.spec.argv,
                inherits=(*self.spec.inherits, self.listener.writes),
                environment={BEAT_VARIABLE: str(self.listener.writes)},
            )
            self.listener.started()
        self.started_at = time.monotonic()
        log.info("started", child=self.spec.name, pid=self.process.pid)

    def ended(self) -> int | None:
        """The exit code, once; None while it runs or waits for its next start."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self._gone()
        if time.monotonic() - self.started_at >= STEADY_S:
            self.pause_s = FIRST_PAUSE_S
        self.start_at = time.monotonic() + self.pause_s
        return code

    def end_if_silent(self) -> None:
        """Kill it when it does nothing any more; SIGTERM would be noted by a loop that does not turn."""
        if self.process is not None and self.listener is not None and self.listener.is_silent():
            log.error(
                "silent, killed",
                child=self.spec.name,
                code=str(Code.PROCESS_SILENT),
                limit_s=self.spec.silent_s,
            )
            self.process.kill()
            self.process.wait()

    def hang_up(self) -> None:
        """Have it read its settings again."""
        if self.process is not None:
            self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(self.spec.stop_s)
        except subprocess.TimeoutExpired:
            log.error("did not stop in time, killed", child=self.spec.name, limit_s=self.spec.stop_s)
            self.process.kill()
            self.process.wait()
        self._gone()

    def _gone(self) -> None:
        self.process = None
        if self.listener is not None:
            self.listener.close()
            self.listener = None


def spawn(
    argv: Sequence[str],
    *,
    inherits: Sequence[int] = (),
    output: IO[bytes] | None = None,
    environment: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a program that is ours to stop: it ends, with SIGTERM, when this process is gone, whatever became of it.

    A process group of its own keeps it from what a terminal sends to ours: Ctrl-C, and the hang-up when it is closed. It begins with
    SIGHUP ignored, and does something about it when it is ready to.

    Args:
        argv: the program and its arguments.
        inherits: descriptors that stay open in it.
        output: where its standard output and error go; None: where ours go.
        environment: what it has beside ours.
    """
    parent = os.getpid()
    # Loaded here: between fork and exec as little as can be happens.
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def tie() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # gone before the kernel knew whom to tell
            os._exit(0)

    return subprocess.Popen(
        argv, pass_fds=inherits, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0,
        env=None if environment is None else os.environ | environment,
        preexec_fn=tie,  # whoever spawns has no threads
    )  # fmt: skip


@contextlib.contextmanager
def only_one(lock: Path, *, orphans_s: float) -> Iterator[int]:
    """Be the only holder of *lock*, a file in a data folder's `run`; gives the descriptor for children to inherit.

    Args:
        lock: the file, made when it is not there.
        orphans_s: how long the children of a killed holder may take to end.

    Raises:
        DataFolderError: another one runs, or the children of one that was killed do not end.
        OSError: the folder can't be written.
    """
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(fd, lock.parent.parent, orphans_s)
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        yield fd
    finally:
        os.close(fd)


def _lock(fd: int, data: Path, orphans_s: float) -> None:
    deadline = time.monotonic() + orphans_s
    waits = False
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 20, 0).decode(errors="replace")
            if _lives(holder) or time.monotonic() > deadline:
                raise DataFolderError(
                    f"{data} is being served already, by process {holder}: stop it, or name another folder",
                    Code.DATA_FOLDER_IN_USE,
                ) from None
        else:
            return
        if not waits:
            log.warning(
                "a killed process's children are ending, waiting for them", was=holder, limit_s=orphans_s
            )
            waits = True
        time.sleep(POLL_S)


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def supervise(specs: Sequence[ChildSpec], *, hung_up: Callable[[], bool | None] | None = None) -> int:
    """Run the children until SIGTERM, SIGINT or the terminal's end; return the exit code of the whole.

    They are started in order and stopped in reverse.

    Args:
        hung_up: asked all the time whether a SIGHUP has come: true to pass it on to the children, false when the terminal has gone,
            None for no. Without it, the supervisor takes every SIGHUP for the terminal's end.
    """
    children = [_Child(spec) for spec in specs]
    with stop_signals(hangup=hung_up is None) as stopping:
        try:
            return _watch(children, stopping, hung_up or (lambda: None))
        finally:
            for child in reversed(children):
                child.stop()


def _watch(children: list[_Child], stopping: list[int], hung_up: Callable[[], bool | None]) -> int:
    while not stopping:
        match hung_up():
            case True:
                for child in children:
                    child.hang_up()
            case False:
                stopping.append(signal.SIGHUP)
                continue
        for child in children:
            child.end_if_silent()
            code = child.ended()
            if code == CANNOT_RUN:
                log.error("can't run, see its last lines", child=child.spec.name, exit_code=code)
                return code
            if code is not None:
                log.error("ended, starts again", child=child.spec.name, exit_code=code, pause_s=child.pause_s)
                child.pause_s = min(child.pause_s * 2, LONGEST_PAUSE_S)
            if child.process is None and time.monotonic() >= child.start_at:
                child.start()
        time.sleep(POLL_S)
    log.info("stopping", signal=signal.Signals(stopping[0]).name)
    return 0


@contextlib.contextmanager
def stop_signals(*, hangup: bool = True) -> Iterator[list[int]]:
    """Note what asks this process to stop, instead of ending at once; gives the list, empty until it is asked.

    Args:
        hangup: that a terminal was closed counts, unless it was to be ignored (``nohup``).
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)

    numbers = [signal.SIGTERM, signal.SIGINT]
    if hangup and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
