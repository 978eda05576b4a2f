"""Closes months when their time has come, whoever is asleep: `fieldgate usage close`, again and again, as a process of its own.

A month of a large provider's is minutes of computing, and gigabytes may be read for it: not beside answers that somebody waits for. The command finds
what is due by itself, so it does not matter when it runs, or that it was killed with this process.
"""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

__all__ = ["closing_months"]

log = structlog.get_logger()

FIRST_S: Final = 60.0
"""After the start, which has enough to do."""
EVERY_S: Final = 6 * 3600.0
LOOK_S: Final = 1.0
STOP_S: Final = 5.0
BY: Final = "fieldgate"
"""Who closes, for the audit."""


@contextmanager
def closing_months(data: Path, *, first_s: float = FIRST_S, every_s: float = EVERY_S) -> Iterator[None]:
    """Inside the block, months are closed; what runs at its end is stopped."""
    stopped = threading.Event()
    argv = [sys.executable, "-m", "gateway", "usage", "close", "--by", BY, "--data", str(data)]

    def run() -> None:
        wait_s = first_s
        while not stopped.wait(wait_s):
            _close(argv, stopped.wait)
            wait_s = every_s

    thread = threading.Thread(target=run, name="closing months", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(STOP_S)


def _close(argv: Sequence[str], stopped: Callable[[float], bool]) -> None:
    """Run the command to its end, or until *stopped*."""
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    except OSError as error:
        log.warning("months not closed", reason=str(error))
        return
    with process:
        while process.poll() is None:
            if stopped(LOOK_S):
                process.terminate()
                return
        assert process.stderr is not None  # noqa: S101  # asked for
        said = process.stderr.read(2000).decode(errors="replace").strip()
    if process.returncode:
        log.warning("months not closed", exit_code=process.returncode, reason=said)
