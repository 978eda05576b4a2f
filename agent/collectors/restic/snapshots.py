"""What is in a repository: its id, its snapshots, their sizes.

A folder on this machine names its snapshots in `snapshots/`, so one look costs a directory listing as long as nothing has changed there; any
other repository is asked each time. How large the source of a snapshot was stands in it from restic 0.17 on; before that it is worked out
by restic from all of its trees, which takes a while: for a few new ones at a time.
"""

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import attrs
import trio

from agent.collectors.contract import CollectorError
from agent.collectors.restic.tool import Restic, strange

SIZES_AT_ONCE: Final = 8
ID_DIGITS: Final = 64


@attrs.frozen(kw_only=True)
class Snapshot:
    """One restore point."""

    id: str
    time_ms: int
    """When its backup began."""
    host: str
    paths: tuple[str, ...]
    tags: frozenset[str] = frozenset()
    end_ms: int = 0
    """When it was done; 0 where that is not known."""
    processed_bytes: int = 0
    added_bytes: int = 0

    @property
    def source(self) -> tuple[str, tuple[str, ...]]:
        """What it protects."""
        return self.host, self.paths


@attrs.define(eq=False)
class Shelf:
    """Looks into one repository."""

    restic: Restic
    uid: str = ""
    """The repository's own id; empty before the first look."""
    snapshots: tuple[Snapshot, ...] | None = None
    """As of the last look, oldest first."""
    sizes: dict[str, int] = attrs.field(factory=dict)
    """Bytes of their sources, by snapshot, as far as they are known."""
    _names: frozenset[str] | None = None

    async def look(self) -> tuple[Snapshot, ...]:
        """All snapshots, oldest first.

        Raises:
            CollectorError: the repository cannot be read.
        """
        names = await trio.to_thread.run_sync(self._listed)
        if names is not None and names == self._names and self.snapshots is not None:
            return self.snapshots
        if not self.uid:
            self.uid = _uid(await self.restic.ask("cat", "config"))
        said = await self.restic.ask("snapshots")
        try:
            found = sorted(map(_snapshot, said or ()), key=lambda each: each.time_ms)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise strange("snapshots") from error
        self.snapshots = tuple(found)
        known = frozenset(each.id for each in found)
        self._names = names if names == known else None
        self.sizes = {each: size for each, size in self.sizes.items() if each in known}
        return self.snapshots

    async def measure(self, snapshots: Iterable[Snapshot]) -> None:
        """Find out how large their sources were, of a few at most; see `sizes`."""
        unknown = []
        for each in snapshots:
            if each.processed_bytes:
                self.sizes[each.id] = each.processed_bytes
            elif each.id not in self.sizes:
                unknown.append(each.id)
        for snapshot_id in unknown[:SIZES_AT_ONCE]:
            try:
                said = await self.restic.ask("stats", "--mode", "restore-size", snapshot_id)
            except CollectorError:
                return  # it was forgotten meanwhile; or the repository is away, which the next look says
            self.sizes[snapshot_id] = _count(said, "total_size", "stats")

    async def stored_bytes(self) -> int:
        """What the repository holds, compressed and each piece once.

        Raises:
            CollectorError: the repository cannot be read.
        """
        return _count(await self.restic.ask("stats", "--mode", "raw-data"), "total_size", "stats")

    def _listed(self) -> frozenset[str] | None:
        folder = self.restic.options.local
        if folder is None:
            return None
        try:
            names = os.listdir(folder / "snapshots")
        except OSError:
            return None  # restic says it better
        return frozenset(name for name in names if len(name) == ID_DIGITS)


def time_ms(text: str) -> int:
    """A time as restic writes it, with nanoseconds, as milliseconds since the epoch.

    Raises:
        ValueError: it is none.
    """
    return max(0, round(datetime.fromisoformat(text).timestamp() * 1000))


def fit(text: object, limit: int = 255) -> str:
    """Text of a backup product, so that it can be reported."""
    return str(text).replace("\0", "").encode(errors="replace").decode()[:limit]


def _snapshot(said: Mapping[str, Any]) -> Snapshot:
    summary = said.get("summary") or {}
    snapshot_id = str(said["id"])
    if len(snapshot_id) != ID_DIGITS:
        raise ValueError("an id that is none")
    began = time_ms(summary.get("backup_start") or said["time"])
    return Snapshot(
        id=snapshot_id, time_ms=began, host=fit(said.get("hostname", "")), paths=tuple(map(fit, said["paths"])),
        tags=frozenset(map(str, said.get("tags") or ())),
        end_ms=time_ms(summary["backup_end"]) if "backup_end" in summary else 0,
        processed_bytes=int(summary.get("total_bytes_processed", 0)),
        added_bytes=int(summary.get("data_added_packed", summary.get("data_added", 0))),
    )  # fmt: skip


def _uid(said: Any) -> str:
    uid = said.get("id") if isinstance(said, Mapping) else None
    if not isinstance(uid, str) or len(uid) != ID_DIGITS:
        raise strange("cat config")
    return uid


def _count(said: Any, key: str, command: str) -> int:
    value = said.get(key) if isinstance(said, Mapping) else None
    if type(value) is not int or value < 0:
        raise strange(command)
    return value
