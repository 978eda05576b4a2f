"""The agent's own log on its disk: the newest lines, within a bound, for `fieldgate-agent logs` and for collect-logs.

    STATE/logs/agent.log      what is being written
    STATE/logs/agent.log.1    what was before, up to agent.log.4, the oldest

Five files of 2 MiB: some weeks of a quiet agent, a day of one in trouble. Standard error has the same events, for the service manager. A disk that
takes no line costs that line and nothing else.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import structlog

from agent.scrub import scrubbed

FOLDER: Final = "logs"
NAME: Final = "agent.log"
FILES: Final = 5
FILE_BYTES: Final = 2 * 1024 * 1024

# A message of a collector or a gateway is bounded; a traceback is not.
LINE_LIMIT: Final = 8 * 1024

_STAMP: Final = structlog.processors.TimeStamper(fmt="iso", utc=True)

LEVELS: Final = ("debug", "info", "warning", "error", "critical")


class LogFile:
    """A structlog processor that passes everything on, and writes it down.

    Args:
        state: the agent's folder.
        file_bytes: a file that has so much is put aside.
    """

    def __init__(self, state: Path, *, file_bytes: int = FILE_BYTES) -> None:
        self._folder = state / FOLDER
        self._path = self._folder / NAME
        self._file_bytes = file_bytes

    def __call__(self, _: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """Write one event down as a line of JSON."""
        self.write(structlog.processors.format_exc_info(None, "", _STAMP(None, "", dict(event))))
        return event

    def write(self, event: structlog.typing.EventDict) -> None:
        """The same; what the disk refuses is not worth stopping for."""
        line = json.dumps({key: _clean(value) for key, value in event.items()}, default=str)
        with contextlib.suppress(OSError):
            self._append(line.encode() + b"\n")

    def _append(self, line: bytes) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size + len(line) > self._file_bytes:
            for n in reversed(range(1, FILES)):
                before = self._path if n == 1 else self._path.with_name(f"{NAME}.{n - 1}")
                if before.exists():
                    before.replace(self._path.with_name(f"{NAME}.{n}"))
        with open(self._path, "ab", opener=_private) as file:  # Path.open takes no opener
            file.write(line)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _clean(value: Any) -> Any:
    return scrubbed(value[:LINE_LIMIT]) if isinstance(value, str) else value


def log_files(state: Path) -> list[Path]:
    """Those that are there, oldest first."""
    path = state / FOLDER / NAME
    older = [path.with_name(f"{NAME}.{n}") for n in reversed(range(1, FILES))]
    return [each for each in (*older, path) if each.exists()]


def read_lines(state: Path) -> Iterator[str]:
    """Every line that is there, oldest first; a file that is put aside meanwhile is passed over.

    Raises:
        OSError: one can't be read.
    """
    for path in log_files(state):
        try:
            file = path.open(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        with file:
            yield from (line.rstrip("\n") for line in file)


def event_of(line: str) -> dict[str, Any]:
    """A line's fields; one that was cut short by a kill is an event by itself."""
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    return fields if isinstance(fields, dict) else {"event": line, "level": "info"}
