"""What is in a snapshot: listing its folders, and writing out what is in them.

restic is asked for a snapshot by its whole id and for a path that it takes literally. It keeps the items of a folder in the order of their
names' bytes and says them one by one, so a folder is never held here, however large, and whoever has heard enough ends restic. A name
that is no UTF-8 is said with U+FFFD in the place of its bytes: it can be seen, and come by in its folder, but not asked for by itself.
"""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import trio

from agent.collectors.contract import (
    CollectorError,
    Take,
    UnknownItemError,
    UnknownPointError,
    UnknownWorkloadError,
    Write,
)
from agent.collectors.restic.report import Reporter
from agent.collectors.restic.snapshots import Shelf, Snapshot, fit, time_ms
from agent.collectors.restic.tool import ASK_S, strange
from agent.failures import unwrapped
from protocol import listing

TYPES: Final[Mapping[str, str]] = {"file": listing.FILE, "dir": listing.FOLDER, "symlink": listing.LINK}


@attrs.frozen(eq=False)
class Browser:
    """Looks into the snapshots of one repository."""

    shelf: Shelf
    report: Reporter

    async def points(self, workload_uid: str) -> Sequence[listing.Point]:
        """The snapshots of a source, the newest first. Raises as `Collector.restore_points` does."""
        found = await self._snapshots(workload_uid)
        return [
            listing.Point(
                uid=each.id, time_ms=each.time_ms, size_bytes=self.shelf.sizes.get(each.id, 0),
                name=fit(f"{each.host}: {', '.join(each.paths)}"),
            )
            for each in reversed(found)
        ]  # fmt: skip

    async def browse(
        self, workload_uid: str, point_uid: str, path: str, take: Take, *, deep: bool = False
    ) -> None:
        """The items of a folder, or everything below it. Raises as `Collector.browse` does."""
        await self._require(workload_uid, point_uid)
        below = "/" if path == "/" else f"{path}/"
        itself: list[str] = [listing.FOLDER] if path == "/" else []

        def hear(item: listing.Item) -> bool:
            if item.path == path:
                itself.append(item.type)
            elif item.path.startswith(below) and (deep or "/" not in item.path[len(below) :]):
                return take(item)
            return True

        await self._list(point_uid, path, hear, deep=deep)
        if not itself:
            raise UnknownItemError(path)
        if itself[0] != listing.FOLDER:
            raise UnknownItemError(path, "is no folder")

    async def read(self, workload_uid: str, point_uid: str, path: str, write: Write) -> str:
        """A file, or a folder as tar. Raises as `Collector.read` does."""
        await self._require(workload_uid, point_uid)
        kind = listing.FOLDER if path == "/" else await self._type_of(point_uid, path)
        if kind not in (listing.FILE, listing.FOLDER):
            raise UnknownItemError(path, "is neither a file nor a folder")
        with unwrapped():
            ran = await self.shelf.restic.run(
                "dump", "--no-lock", "--quiet", "--", point_uid, path, on_data=write
            )
        if ran.code != 0:
            raise CollectorError(f"restic dump: {ran.last_words or f'exit code {ran.code}'}")
        return kind

    async def roots(self, workload_uid: str, point_uid: str) -> Sequence[str]:
        """What was backed up. Raises as `Collector.roots` does."""
        await self._require(workload_uid, point_uid)
        [snapshot] = [each for each in await self._snapshots(workload_uid) if each.id == point_uid]
        return [path.rstrip("/") or "/" for path in snapshot.paths]

    async def restore(self, workload_uid: str, point_uid: str, paths: Sequence[str], into: Path) -> None:
        """Items, as files below *into*. Raises as `Collector.restore` does."""
        await self._require(workload_uid, point_uid)
        includes = [word for path in paths for word in ("--include", _literally(path))]
        ran = await self.shelf.restic.run(
            "restore", "--no-lock", "--quiet", *includes, "--target", str(into), "--", point_uid
        )
        if ran.code != 0:
            raise CollectorError(f"restic restore: {ran.last_words or f'exit code {ran.code}'}")

    async def _type_of(self, point_uid: str, path: str) -> str:
        found: list[str] = []

        def hear(item: listing.Item) -> bool:
            if item.path == path:
                found.append(item.type)
            return not found

        await self._list(point_uid, path, hear)
        if not found:
            raise UnknownItemError(path)
        return found[0]

    async def _list(
        self, point_uid: str, path: str, hear: Callable[[listing.Item], bool], *, deep: bool = False
    ) -> None:
        """What restic says of a path: itself, and what is directly in it, or all that is below it."""
        more = ("--recursive",) if deep else ()
        with trio.CancelScope() as enough:

            def line(said: bytes) -> None:
                item = _item(said)
                if item is not None and not enough.cancel_called and not hear(item):
                    enough.cancel()

            with unwrapped():
                ran = await self.shelf.restic.run(
                    "ls",
                    "--json",
                    "--no-lock",
                    "--quiet",
                    *more,
                    "--",
                    point_uid,
                    path,
                    limit_s=ASK_S,
                    on_line=line,
                )
            if ran.code != 0:
                raise CollectorError(f"restic ls: {ran.last_words or f'exit code {ran.code}'}")

    async def _require(self, workload_uid: str, point_uid: str) -> None:
        if point_uid not in {each.id for each in await self._snapshots(workload_uid)}:
            raise UnknownPointError(point_uid)

    async def _snapshots(self, workload_uid: str) -> list[Snapshot]:
        snapshots = await self.shelf.look()
        found = [each for each in snapshots if self.report.workload_uid(each.source) == workload_uid]
        own = (self.report.workload_uid(job.source) for job in self.report.jobs)
        if not found and workload_uid not in own:
            raise UnknownWorkloadError(workload_uid)
        return found


def _literally(path: str) -> str:
    """A pattern of restic's that fits this path alone."""
    return "".join(f"\\{char}" if char in "\\*?[]" else char for char in path)


def _item(line: bytes) -> listing.Item | None:
    """An item of a snapshot; None for what else restic says."""
    try:
        said: Any = json.loads(line)
        if said.get("struct_type", "node") != "node" or "path" not in said:
            return None
        at_ms = 0
        with contextlib.suppress(
            ValueError
        ):  # a file may bear any time, and years that nothing of ours can show
            at_ms = time_ms(said["mtime"])
        return listing.Item(
            path=str(said["path"]), type=TYPES.get(said["type"], listing.OTHER), size_bytes=int(said.get("size", 0)),
            modified_ms=at_ms,
        )  # fmt: skip
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise strange("ls") from error
