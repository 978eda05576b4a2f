"""What SIGHUP means, and what a process does about it.

The signal has two senders. A terminal that goes away sends it to say so, and who was started from it is to end, as ever. A
service manager or a person sends it to have the configuration read again (``ExecReload=kill -HUP $MAINPID``). They are told
apart by the terminal:

- A process that never had a controlling terminal (systemd, a container, ``setsid``) can't lose one: *reload*.
- One that was started with SIGHUP ignored (``nohup``) is not to end with its terminal: *reload*.
- One that has a terminal, and finds it still there half a second later, was sent the signal by somebody: *reload*. A shell that
  passes it to its jobs as it exits has gone by then, and its terminal with it.
- One whose terminal has gone: *end*, in order, as after SIGTERM.

From its first line on a process notes the signal, so that one which comes while it still starts ends nothing and is not lost.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any, Self

import attrs
import structlog

from gateway.config import Config, ConfigError, Difference, difference, load_config
from gateway.logs import configure_logs
from gateway.processes import Announcement
from protocol import Code

__all__ = ["LOG_SETTINGS", "EdgeHangups", "Hangups", "Terminal", "outcome_of", "reload_settings"]

log = structlog.get_logger()

GOING_S = 0.5
LOG_SETTINGS = frozenset({"log_format", "log_level"})


def has_terminal() -> bool:
    """Whether this process has a controlling terminal now."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


@attrs.define
class Terminal:
    """The rule, with what must be known from the start of the process.

    Args:
        had: whether it began with a controlling terminal.
        ignores: whether SIGHUP was to be ignored.
    """

    had: bool
    ignores: bool
    _look: Callable[[], bool] = has_terminal
    _sleep: Callable[[float], None] = time.sleep

    def has_gone(self) -> bool:
        """Whether a SIGHUP that has just come was the terminal's last; takes half a second where that is a question."""
        if self.ignores or not self.had:
            return False
        if self._look():
            self._sleep(GOING_S)
        return not self._look()


class Hangups:
    """The SIGHUPs of this process, from its first line on; what comes is kept until somebody asks. Use with `with`."""

    def __init__(self) -> None:
        self.terminal = Terminal(has_terminal(), signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)
        self._pending = False
        self._act: Callable[[], None] | None = None
        self._before = signal.signal(signal.SIGHUP, self._note)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGHUP, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._pending = True
        if self._act is not None:
            self._act()

    def take(self) -> bool:
        """Whether one has come since the last call."""
        pending, self._pending = self._pending, False
        return pending

    def act_beside(self, act: Callable[[], None]) -> None:
        """Run *act* in a thread for every one that comes, and for one that has come.

        Not in the signal's handler, which may have interrupted a line that is being logged.
        """
        self._act = lambda: threading.Thread(target=act, name="hangup", daemon=True).start()
        if self._pending:
            self._act()


@attrs.frozen
class EdgeHangups:
    """What an edge is given to act on SIGHUP (`gateway.edge.Hangups`)."""

    _hangups: Hangups
    _announcement: Announcement
    _load: Callable[[], Config]

    def take(self) -> bool:
        """Whether one came while the process was starting."""
        return self._hangups.take()

    def is_the_end(self) -> bool:
        """Whether the terminal has gone; may take half a second."""
        return self._hangups.terminal.has_gone()

    def load(self) -> Config:
        """The settings as they are now.

        Raises:
            ConfigError: they can't be used.
        """
        return self._load()

    def refused(self, code: Code, reason: str) -> None:
        """Nothing was changed."""
        refuse(self._announcement, code, reason)

    def reloaded(self, changes: Difference, **notes: Any) -> None:
        """That is in force."""
        if LOG_SETTINGS & changes.live.keys():
            config = changes.config
            configure_logs(config.log_format, process="edge", log_level=config.log_level)
        report(self._announcement, changes, **notes)


def reload_settings(
    config: Config, announcement: Announcement, *, process: str, concerns: Collection[str]
) -> Config:
    """What the supervisor and the projector do: read the settings again, and take what is live. Never raises.

    Returns the settings to go on with.
    """
    try:
        changes = difference(config, load_config(config.data), concerns=concerns)
    except ConfigError as error:
        refuse(announcement, error.code, str(error))
        return config
    configure_logs(changes.config.log_format, process=process, log_level=changes.config.log_level)
    report(announcement, changes)
    return changes.config


def refuse(announcement: Announcement, code: Code, reason: str) -> None:
    """Say that a reload changed nothing, and why."""
    log.error(
        "reload refused, the settings stay as they were",
        code=str(Code.RELOAD_REFUSED),
        reason=reason,
        why=str(code),
    )
    announcement.reloaded({"refused": reason, "code": int(code)})


def report(announcement: Announcement, changes: Difference, **notes: Any) -> None:
    """Say what a reload changed, and what takes a restart."""
    log.info("reloaded", changed=sorted(changes.live), **notes)
    if changes.restart:
        log.warning(
            "settings take a restart", code=str(Code.RESTART_NEEDED), settings=sorted(changes.restart)
        )
    announcement.reloaded(outcome_of(changes, notes))


def outcome_of(changes: Difference, notes: dict[str, Any]) -> dict[str, Any]:
    """A reload as `fieldgate reload` reads it."""
    return {
        "changed": {key: list(map(_shown, values)) for key, values in changes.live.items()},
        "restart": {key: list(map(_shown, values)) for key, values in changes.restart.items()},
        **notes,
    }


def _shown(value: object) -> object:
    return (
        value
        if isinstance(value, int | float | str)
        else ", ".join(map(str, value))
        if isinstance(value, tuple)
        else str(value)
    )
