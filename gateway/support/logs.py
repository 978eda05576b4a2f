"""Log lines without what they say of anybody: events, codes, numbers and uids stay.

A line of ours is an object. Its `event` is a sentence of our own code; the values that may hold a name, an address or somebody's words are
texts under other keys, and go. A line that is no object may be anything, and only counts.
"""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gateway.support.scrub import scrubbed

__all__ = ["reduced_lines"]

# Texts that are words of our own or uids.
KEPT = frozenset(
    {
        "action", "agent_uid", "child", "code", "edge_uid", "event", "journal_uid", "kind", "level", "process", "session",
        "session_uid", "signal", "standing", "timestamp",
    }
)  # fmt: skip
MAX_LINES = 20_000
MAX_TEXT = 200
_PRIORITY = re.compile(r"^<\d>")
_FRAME = re.compile(
    r'^\s*File ".*?/((?:gateway|agent|protocol|certs|transport)/[\w/]+\.py|[\w.]+\.py)", line \d+, in \w+$'
)
_RAISED = re.compile(
    r"^((?:gateway|agent|protocol|certs|transport|trio|sqlalchemy|OpenSSL)\.[A-Za-z0-9_.]+"
    r"|[A-Z][A-Za-z]*(?:Error|Exception|Exit|Group|Interrupt))(?=[:\s]|$)"
)


def reduced_lines(place: Path) -> Iterator[str]:
    """The newest lines of a log file, or of the files in a folder (``*.log``, ``*.json``, ``*.jsonl``), reduced.

    Raises:
        OSError: it can't be read.
    """
    files = (
        sorted(path for path in place.iterdir() if path.suffix in (".log", ".json", ".jsonl"))
        if place.is_dir()
        else [place]
    )
    for file in files:
        yield json.dumps({"file": file.name})
        dropped = 0
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in deque(lines, MAX_LINES):
                reduced = _reduced(line)
                if reduced is None:
                    dropped += 1
                else:
                    yield json.dumps(reduced)
        if dropped:
            yield json.dumps({"lines_left_out": dropped})


def _reduced(line: str) -> dict[str, Any] | None:
    try:
        said = json.loads(_PRIORITY.sub("", line))
    except ValueError:
        return None
    if not isinstance(said, dict) or not isinstance(said.get("event"), str):
        return None
    kept: dict[str, Any] = {}
    for key, value in said.items():
        if not re.fullmatch(r"[a-z_]{1,40}", key):
            continue
        if isinstance(value, bool | int | float) or value is None:
            kept[key] = value
        elif key == "exception" and isinstance(value, str):
            kept[key] = list(_frames(value.splitlines()))
        elif key in KEPT and isinstance(value, str):
            kept[key] = scrubbed(value[:MAX_TEXT])
        else:
            kept[key] = "[removed]"
    return kept


def _frames(lines: Iterable[str]) -> Iterator[str]:
    """Where a traceback leads through our own files, and what was raised; not what it said."""
    for line in lines:
        if found := _FRAME.match(line):
            yield line.strip().replace(line[line.index('"') + 1 : line.index(found[1])], "")
        elif found := _RAISED.match(line):
            yield found[1]
