"""Programs of others, run on a leash.

Whatever a program does, the agent stays bounded: its output has a limit, its run has one, and when either is passed, or whoever waits
for it is cancelled, the program and all that it started are asked to end and then ended. It has no standard input, no shell around it, a
process group of its own, and an environment of a few variables.

When the agent itself is killed, nobody is left to do that. On Linux the kernel then ends the program (`setpriv --pdeathsig`, part of
util-linux). That signal is tied to the thread that starts the program, which is therefore the main one and no worker of trio's. Elsewhere the
program ends when it next writes.
"""

import contextlib
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from agent.collectors.contract import CollectorError
from protocol import Code, printable

OUTPUT_LIMIT: Final = 16 * 1024 * 1024
LINE_LIMIT: Final = 1024 * 1024
LAST_WORDS: Final = 4096
"""Of standard error, the end is kept."""

POLITE_S: Final = 10.0
"""From the polite signal to SIGKILL: restic writes what it has in hand and removes its lock."""

# What outlives its parent may still hold the pipe; it is not waited for.
_STRAGGLER_S: Final = 1.0
# Nor is what it still holds, once whoever takes it has had time for the rest: a pipe's worth.
_REST_S: Final = 60.0
_READ: Final = 64 * 1024

OnLine = Callable[[bytes], None]
OnData = Callable[[bytes], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Ran:
    """A program that has ended."""

    code: int
    """Its exit code, or minus the number of the signal that ended it."""
    output: bytes
    """Its standard output; empty if somebody else took it."""
    errors: str
    """The end of its standard error, safe to print."""

    @property
    def last_words(self) -> str:
        """Its last line that says something, for a person."""
        lines = [line.strip() for line in self.errors.splitlines() if line.strip()]
        return lines[-1][:300] if lines else ""


def bare_environment(**more: str) -> dict[str, str]:
    """What every program needs, and *more*; nothing else of the agent's own environment."""
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR", "TZ") if name in os.environ}
    return {"PATH": os.defpath, "LANG": "C.UTF-8"} | kept | more


def find_program(name: str) -> str:
    """Where a program is.

    Raises:
        CollectorError: it is nowhere, or may not be run.
    """
    found = shutil.which(name, path=bare_environment()["PATH"])
    if found is None:
        raise CollectorError(f"there is no program {name!r} that this agent's user may run")
    return found


async def run_program(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    limit_s: float = math.inf,
    output_limit: int = OUTPUT_LIMIT,
    on_line: OnLine | None = None,
    on_data: OnData | None = None,
    polite: signal.Signals = signal.SIGTERM,
    started: Callable[[int], None] = lambda _pid: None,
    folder: Path | None = None,
) -> Ran:
    """Run a program to its end.

    Args:
        argv: the program, as `find_program` gives it, and its arguments.
        environment: all of it.
        limit_s: how long it may take.
        output_limit: bytes of standard output.
        on_line: called with each line of it instead, without its end; lines have a limit of their own, and all together none.
        on_data: called with it instead, piece by piece, and waited for; what it raises ends the program. No limit either.
        polite: how it is asked to end.
        started: called with its process id.
        folder: where it runs; default: the root folder.

    Raises:
        CollectorError: it cannot be started, takes too long, or says too much.
    """
    name = Path(argv[0]).name
    if sys.platform == "win32":
        raise CollectorError(f"cannot run {name}: collectors that run programs do not work on Windows yet")
    process, out, err = _start(name, argv, environment, polite, folder)
    collected, tail = bytearray(), bytearray()
    trouble: list[str] = []
    # Its output is closed after it has ended: one that writes into a closed pipe dies without removing its locks.
    async with out, err:
        try:
            started(process.pid)
            with trio.move_on_after(limit_s) as limit:
                async with trio.open_nursery() as nursery:

                    async def read_out() -> None:
                        if on_data is not None:
                            trouble.append("left its output open")
                            await _hand_over(out, on_data)
                            trouble.clear()
                            return
                        reading = _lines(out, on_line) if on_line else _gather(out, collected, output_limit)
                        if why := await reading:
                            trouble.append(why)
                            nursery.cancel_scope.cancel()

                    nursery.start_soon(read_out)
                    nursery.start_soon(_tail, err, tail)
                    await _ended(process)
                    rest_s = _STRAGGLER_S if on_data is None else _REST_S
                    nursery.cancel_scope.deadline = trio.current_time() + rest_s
            if limit.cancelled_caught:
                trouble.append(f"did not end within {limit_s:g} s")
        finally:
            await _end(process, polite)
    if trouble:
        raise CollectorError(
            f"{name} {trouble[0]}",
            Code.COLLECTOR_FAILED if limit.cancelled_caught else Code.COLLECTOR_INVALID,
        )
    assert process.returncode is not None  # noqa: S101  # _end has waited for it
    text = printable_lines(tail.decode(errors="replace"))
    return Ran(code=process.returncode, output=bytes(collected), errors=text)


def printable_lines(text: str) -> str:
    """Text of others that steers no terminal, its lines kept."""
    return "\n".join(map(printable, text.splitlines()))


def _start(
    name: str,
    argv: Sequence[str],
    environment: Mapping[str, str],
    polite: signal.Signals,
    folder: Path | None,
) -> "tuple[subprocess.Popen[bytes], trio.lowlevel.FdStream, trio.lowlevel.FdStream]":
    tie = shutil.which("setpriv", path="/usr/bin:/bin") if sys.platform == "linux" else None
    if tie is not None and threading.current_thread() is threading.main_thread():
        argv = [tie, "--pdeathsig", polite.name.removeprefix("SIG"), "--", *argv]
    with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
        ends = []
        for _ in range(2):
            read, write = os.pipe()
            theirs.callback(os.close, write)
            ours.callback(os.close, read)
            ends.append((read, write))
        try:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=ends[0][1], stderr=ends[1][1], env=dict(environment),
                cwd=folder or "/", start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise CollectorError(f"cannot run {name}: {getattr(error, 'strerror', None) or error}") from error
        ours.pop_all()
    return process, trio.lowlevel.FdStream(ends[0][0]), trio.lowlevel.FdStream(ends[1][0])


async def _gather(stream: "trio.lowlevel.FdStream", into: bytearray, limit: int) -> str:
    async for data in stream:
        into += data
        if len(into) > limit:
            return f"printed more than {limit} bytes"
    return ""


async def _hand_over(stream: "trio.lowlevel.FdStream", on_data: OnData) -> None:
    async for data in stream:
        await on_data(bytes(data))


async def _lines(stream: "trio.lowlevel.FdStream", on_line: OnLine) -> str:
    buffer = bytearray()
    async for data in stream:
        buffer += data
        *lines, rest = buffer.split(b"\n")
        for line in lines:
            on_line(bytes(line))
        if len(rest) > LINE_LIMIT:
            return f"printed a line of more than {LINE_LIMIT} bytes"
        buffer = bytearray(rest)
    if buffer:
        on_line(bytes(buffer))
    return ""


async def _tail(stream: "trio.lowlevel.FdStream", into: bytearray) -> None:
    async for data in stream:
        into += data
        del into[:-LAST_WORDS]


async def _ended(process: "subprocess.Popen[bytes]") -> None:
    """Wait until it has ended; where the system can, without reaping it, so that its group stays ours to signal."""
    if sys.platform == "linux":
        fd = os.pidfd_open(process.pid)
        try:
            await trio.lowlevel.wait_readable(fd)
        finally:
            os.close(fd)
    else:
        while process.poll() is None:  # noqa: ASYNC110  # no event where there is no pidfd
            await trio.sleep(0.05)


async def _end(process: "subprocess.Popen[bytes]", polite: signal.Signals) -> None:
    """End it and all of its group, whatever state it is in, and reap it."""
    with trio.CancelScope(shield=True):
        _signal(process, polite)
        with trio.move_on_after(POLITE_S):
            await _ended(process)
        _signal(process, signal.SIGKILL)  # it, or whoever is left of its group
        await _ended(process)
        process.wait()


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
