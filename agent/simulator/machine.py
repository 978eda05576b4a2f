"""What machine it is, and what a gateway on it takes: read from /proc, so on Linux only; elsewhere nothing is known, and none told.

A gateway's processes are found by what they hold: the edge listens on the port that agents dial, the projector has its lock's file
open. So it does not matter who started them, and after a restart they are found again.
"""

import contextlib
import os
import platform
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from agent.simulator.result import GatewayUse, Machine, ProcessUse

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"


def this_machine() -> Machine:
    """Where we are."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        host=socket.gethostname(),
        cpu=_cpu_model(),
        cores=os.cpu_count() or 1,
        memory_bytes=pages,
        os=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in (_PROC / "cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def available_bytes() -> int | None:
    """Memory that programs can still have; None where that is not known."""
    with contextlib.suppress(OSError, ValueError):
        for line in (_PROC / "meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def listener_of(port: int) -> int | None:
    """The process that listens on a TCP port of this machine; None if nobody of ours does."""
    return _holder_of({f"socket:[{inode}]" for inode in _listening_inodes(port)})


def holder_of(path: Path) -> int | None:
    """The process that has a file open; None if nobody of ours has."""
    return _holder_of({str(path.resolve())})


def _holder_of(wanted: set[str]) -> int | None:
    if sys.platform != "linux" or not wanted:
        return None
    # A supervisor's children have what it has; the youngest is the one that uses it.
    return max((pid for pid in _pids() if not wanted.isdisjoint(_links(pid))), default=None)


def _listening_inodes(port: int) -> Iterator[str]:
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (_PROC / "net" / name).read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                    yield words[9]


def _pids() -> list[int]:
    return [int(each.name) for each in _PROC.iterdir() if each.name.isdigit()]


def _links(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):  # another user's, or gone
        for each in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield os.readlink(each)


@attrs.define
class _Watched:
    find: Callable[[], int | None]
    pid: int | None = None
    cpu_s: float = 0.0
    """Of that process, so far."""
    taken: dict[int, tuple[float, int]] = attrs.field(factory=dict)
    """By second: CPU seconds in it, resident bytes at its end."""


class GatewayWatch:
    """Watches processes of this machine, by name and how each is found. `look` once a second."""

    def __init__(self, finders: Mapping[str, Callable[[], int | None]]) -> None:
        self._watched = {name: _Watched(find) for name, find in finders.items()}

    def look(self, second: int) -> None:
        """Note what each process took in *second*, which is just over."""
        for each in self._watched.values():
            used = None if each.pid is None else _use_of(each.pid)
            if used is None:
                each.pid = each.find()
                used = None if each.pid is None else _use_of(each.pid)
                each.cpu_s = used[0] if used is not None else 0.0
            if used is not None:
                each.taken[second] = (used[0] - each.cpu_s, used[1])
                each.cpu_s = used[0]

    def find(self, name: str) -> int | None:
        """That process, as it is now; None if there is none."""
        return self._watched[name].find() if name in self._watched else None

    def result(self, begin: int, end: int) -> GatewayUse | None:
        """What they took from second *begin* to before *end*; None if none of them was ever seen."""
        uses = []
        for name, each in self._watched.items():
            taken = [each.taken.get(second, (0.0, 0)) for second in range(begin, end)]
            if any(rss for _, rss in taken):
                cpu_ms = tuple(round(cpu_s * 1000) for cpu_s, _ in taken)
                uses.append(
                    ProcessUse(
                        name=name,
                        cpu_s=round(sum(cpu_s for cpu_s, _ in taken), 3),
                        cpu_ms=cpu_ms,
                        rss_bytes=tuple(rss for _, rss in taken),
                    )
                )
        return GatewayUse(processes=tuple(uses)) if uses else None


def _use_of(pid: int) -> tuple[float, int] | None:
    """CPU seconds so far and resident bytes; None if it is gone."""
    try:
        words = (
            (_PROC / str(pid) / "stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()
        )
        pages = int((_PROC / str(pid) / "statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return None
    if words[0] in ("Z", "X"):
        return None
    ticks = int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE")
