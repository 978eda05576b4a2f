"""An event as one line for a journal: a priority, then the event with its fields as JSON.

Who reads a service's standard error splits it at line ends, and takes a leading ``<4>`` for the line's priority (sd-daemon(3),
``logger --prio-prefix``). What a stranger said may stand in a field. So that it can begin no line of its own, an event is one line of
ASCII whatever is in it, and short enough that no reader on the way cuts it in two: the rest of a cut line is a line as well.
"""

import json
from collections.abc import Mapping
from typing import Final

# rsyslog takes 8 KiB of a message with its header, the journal 48 KiB of a line.
LINE_BYTES: Final = 8_000

# What a reader looks for first; every other field follows in the order of the alphabet.
_FIRST: Final = ("timestamp", "event", "process", "level", "code")

# syslog(3)
_PRIORITY: Final = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}

_CUTS: Final = (4_096, 1_024, 256, 64)


def log_line(event: Mapping[str, object]) -> str:
    """*event* as ``<N>{"event": …}``: at most `LINE_BYTES` of printable ASCII.

    The priority is that of its field ``level``, "error" if it has none that we know. Values that make the line too long are cut where a "…"
    stands; if that is not enough, only the first fields stay, and the line says how many were left out.
    """
    prefix = f"<{_PRIORITY.get(str(event.get('level')), _PRIORITY['error'])}>"
    first = [key for key in _FIRST if key in event]
    ordered = {key: event[key] for key in (*first, *sorted(event.keys() - set(first)))}
    line = prefix + json.dumps(ordered, default=repr)
    for length in _CUTS:
        if len(line) <= LINE_BYTES:
            return line
        line = prefix + json.dumps(
            {key: _cut(key, value, length) for key, value in ordered.items()}, default=repr
        )
    if len(line) <= LINE_BYTES:
        return line
    few: dict[str, object] = {key: _cut(key, str(event[key]), _CUTS[-1]) for key in first}
    return prefix + json.dumps(few | {"fields_left_out": len(event) - len(few)})


def _cut(key: str, value: object, length: int) -> object:
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    if len(text) <= length:
        return value
    return "…" + text[-length:] if key == "exception" else text[:length] + "…"  # what was raised stands last


def is_journal(journal_stream: str, device: int, inode: int) -> bool:
    """Whether the file *device*, *inode* is the one that systemd's variable JOURNAL_STREAM names.

    A process may have inherited the variable and been given another standard error since; then it is not.
    """
    return journal_stream == f"{device}:{inode}"
