"""`fieldgate-agent logs`: the newest lines of the agent's own log."""

import os
import sys
from collections import deque
from collections.abc import Generator
from enum import StrEnum
from pathlib import Path
from time import sleep
from typing import Annotated, Any, Final

from cyclopts import Parameter

from agent.exits import UNUSABLE, CommandError
from agent.logfile import FOLDER, LEVELS, NAME, event_of, read_lines
from agent.options import Json, State
from protocol import printable

POLL_S: Final = 0.5

_FIRST: Final = ("timestamp", "level", "event")


class Level(StrEnum):
    """The least that is shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def logs(
    *,
    state: State,
    lines: int = 50,
    level: Level = Level.INFO,
    follow: Annotated[bool, Parameter(name=("--follow", "-f"), negative="")] = False,
    json_: Json = False,
) -> None:
    """Show the newest lines of the agent's own log.

    Parameters
    ----------
    state
        The agent's state folder.
    lines
        How many.
    level
        Nothing less than debug, info, warning or error.
    follow
        Go on with what is logged from now on, until Ctrl-C.
    """
    if lines < 0:
        raise CommandError("--lines is a number of lines, 0 or more", UNUSABLE)
    if not state.is_dir():
        raise CommandError(f"there is no folder {state}", UNUSABLE)
    following = tail(state) if follow else ()
    try:
        wanted = (line for line in read_lines(state) if _is_wanted(line, level))
        for line in deque(wanted, lines):
            _show(line, as_json=json_)
        for line in following:
            if _is_wanted(line, level):
                _show(line, as_json=json_)
                sys.stdout.flush()
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise CommandError(f"cannot read the log: {error}", UNUSABLE) from None


def tail(state: Path) -> Generator[str]:
    """What is logged from the first call on, line by line, without end; a file that is put aside is read to its end first."""
    path = state / FOLDER / NAME
    file = path.open(encoding="utf-8", errors="replace") if path.exists() else None
    if file is not None:
        file.seek(0, 2)
    return _growing(path, file)


def _growing(path: Path, file: Any) -> Generator[str]:
    rest = ""
    try:
        while True:
            moved = path.exists() and (file is None or not _is_same(path, file))
            if file is not None:
                rest += file.read()
                *whole, rest = rest.split("\n")
                yield from whole
            if moved:
                if file is not None:
                    file.close()
                file = path.open(encoding="utf-8", errors="replace")
            else:
                sleep(POLL_S)
    finally:
        if file is not None:
            file.close()


def _is_same(path: Path, file: Any) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return True


def _is_wanted(line: str, level: Level) -> bool:
    said = event_of(line).get("level")
    return said not in LEVELS or LEVELS.index(said) >= LEVELS.index(level)


def _show(line: str, *, as_json: bool) -> None:
    fields = event_of(line)
    if as_json:
        sys.stdout.write(line + "\n")
        return
    rest = " ".join(f"{name}={value}" for name, value in fields.items() if name not in _FIRST)
    time, level, event = (fields.get(name, "") for name in _FIRST)
    sys.stdout.write(printable(f"{str(time)[:19]:19} {level:8} {event}  {rest}".rstrip()) + "\n")
