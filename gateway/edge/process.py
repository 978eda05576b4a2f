"""The edge as a process: its signals, its exit code, and what it reads again at SIGHUP.

A reload is all or nothing. The settings and the certificates are read first, by the rules of a start; when any of it can't be used the
edge says so and goes on with what it had. Then the new values take the place of the old ones where the next connection, or the
next second, will look. No session is told, and none ends: what a session has was promised to its agent.
"""

import contextlib
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

import structlog
import trio

from certs import AuthorityError, OwnCertificateError
from gateway.config import Config, ConfigError, Difference
from gateway.edge.server import Edge, wall_clock_ms
from gateway.edge.storelink import LeaseLostError
from gateway.journal import JournalFailed
from protocol import Code

__all__ = ["Hangups", "serve_edge"]

log = structlog.get_logger()

# Beside a saturated loop a worker thread waits for the interpreter's lock, 5 ms by default, at every step it takes.
SWITCH_INTERVAL_S = 0.0005

FAILED = 1


class Hangups(Protocol):
    """What SIGHUP means here, from whoever starts the process."""

    def take(self) -> bool:
        """Whether one came while the process was starting."""

    def is_the_end(self) -> bool:
        """Whether the one that has just come means that the terminal has gone. May take a second."""

    def load(self) -> Config:
        """The settings as they are now.

        Raises:
            ConfigError: they can't be used.
        """

    def refused(self, code: Code, reason: str) -> None:
        """Nothing was changed."""

    def reloaded(self, changes: Difference, **notes: Any) -> None:
        """That is in force."""


async def serve_edge(
    config: Config, *, hangups: Hangups | None = None, now: Callable[[], int] = wall_clock_ms
) -> int:
    """Run an edge until SIGTERM or SIGINT drains it; returns the process's exit code.

    Args:
        hangups: what to do at SIGHUP; None leaves that signal as it is.
        now: milliseconds since the epoch.

    Raises:
        ConfigError, JournalError, StoreError: it can't start; says why.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    edge = Edge(config, now=now)
    ends = [signal.SIGTERM, signal.SIGINT]
    with trio.open_signal_receiver(*ends, *([signal.SIGHUP] if hangups else [])) as signals:
        try:
            async with trio.open_nursery() as nursery:
                wanted, hung_up = trio.open_memory_channel[None](1)
                nursery.start_soon(_obey, edge, signals, wanted)
                await nursery.start(_run_to_the_end, edge, nursery.cancel_scope)
                _keep_for_good()
                if hangups is not None:
                    nursery.start_soon(_reload_when_told, edge, hangups, hung_up)
        except BaseExceptionGroup as group:
            return _explain(group)
    return 0


async def _run_to_the_end(
    edge: Edge, surroundings: trio.CancelScope, *, task_status: trio.TaskStatus[None]
) -> None:
    await edge.run(task_status=task_status)
    surroundings.cancel()


def _keep_for_good() -> None:
    """Let the garbage collector pass over what is there when the edge is ready: modules, settings, the directory.

    A full collection stops the loop for as long as it looks at them, 60 ms for the modules alone, and finds nothing.
    """
    gc.collect()
    gc.freeze()


async def _obey(edge: Edge, signals: AsyncIterator[int], wanted: trio.MemorySendChannel[None]) -> None:
    async for number in signals:
        if number == signal.SIGHUP:
            with contextlib.suppress(trio.WouldBlock):  # one waits already, and will see what this one would
                wanted.send_nowait(None)
            continue
        log.info("stopping", signal=signal.Signals(number).name)
        edge.stop()


async def _reload_when_told(edge: Edge, hangups: Hangups, hung_up: trio.MemoryReceiveChannel[None]) -> None:
    """One reload after the other, also for a signal from before the edge was ready."""
    if hangups.take():
        await _reload(edge, hangups)
    async for _ in hung_up:
        if await trio.to_thread.run_sync(hangups.is_the_end):
            log.info("stopping", signal="SIGHUP", reason="the terminal has gone")
            edge.stop()
        else:
            await _reload(edge, hangups)


async def _reload(edge: Edge, hangups: Hangups) -> None:
    """Read everything again, or go on as before."""
    try:
        changes, notes = await edge.reload(await trio.to_thread.run_sync(hangups.load))
    except (ConfigError, OwnCertificateError) as error:
        hangups.refused(getattr(error, "code", Code.OWN_CERTIFICATE_REJECTED), str(error))
    except (AuthorityError, OSError, ValueError) as error:
        hangups.refused(Code.AUTHORITY_UNUSABLE, str(error))
    else:
        hangups.reloaded(changes, **notes)


def _explain(group: BaseExceptionGroup[BaseException]) -> int:
    """The exit code for what ended the edge; raises what somebody else explains better."""
    errors = list(_leaves(group))
    for error in errors:
        if isinstance(error, JournalFailed):
            text = "journal failed, nothing more is acknowledged"
            log.critical(text, code=str(Code.FSYNC_FAILED), error=str(error))
            return FAILED
        if isinstance(error, LeaseLostError):
            log.critical("lease lost", code=str(Code.CLAIM_LOST), error=str(error))
            return FAILED
        if isinstance(error, OwnCertificateError):
            raise ConfigError(str(error), Code.OWN_CERTIFICATE_REJECTED) from error
    if len(errors) == 1:
        raise errors[0]
    raise group


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error
