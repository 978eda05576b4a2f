"""How a supervisor notices that a process which has not ended does nothing any more: stopped, stuck in a loop, deadlocked.

The process writes a byte into a pipe once a second, from the loop that serves its clients: what keeps that from turning keeps the byte from
coming. A port that accepts connections says nothing of the kind, because the kernel does that for a process that is stopped.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Final, Self

import attrs

__all__ = ["BEAT_VARIABLE", "Listener", "beat_of_supervisor"]

BEAT_VARIABLE: Final = "FIELDGATE_BEAT_FD"
"""Tells a child where to write."""
FIRST_S: Final = 60.0
"""Until the first byte: a start has much to load, and a busy machine takes its time."""


@attrs.define
class Listener:
    """The supervisor's side, of one life of a child."""

    silent_s: float
    """How long it may be silent once it has begun."""
    writes: int
    """The descriptor that the child inherits."""
    _reads: int
    _monotonic: Callable[[], float]
    _heard_at: float
    _has_begun: bool = False

    @classmethod
    def open(cls, silent_s: float, monotonic: Callable[[], float] = time.monotonic) -> Self:
        """Before the child is started."""
        reads, writes = os.pipe()
        os.set_blocking(reads, False)
        return cls(silent_s, writes, reads, monotonic, monotonic())

    def started(self) -> None:
        """The child has its end; ours of it is closed, lest we hear of ourselves."""
        os.close(self.writes)

    def is_silent(self) -> bool:
        """Whether it has said nothing for too long."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._reads, 1024):
                self._heard_at, self._has_begun = self._monotonic(), True
        limit_s = self.silent_s if self._has_begun else FIRST_S
        return self._monotonic() - self._heard_at > limit_s

    def close(self) -> None:
        """The child has ended."""
        os.close(self._reads)


@contextlib.contextmanager
def beat_of_supervisor() -> Iterator[Callable[[], None]]:
    """The child's side: what to call once a second. Does nothing where nobody listens."""
    fd = os.environ.get(BEAT_VARIABLE, "")
    if not fd.isdecimal():
        yield lambda: None
        return
    number = int(fd)
    os.set_blocking(number, False)

    def beat() -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):  # a stopped supervisor, one that is gone
            os.write(number, b".")

    yield beat
