"""Restore points of a synthetic estate: as many as its inventory says, a day apart, with what `agent.workload.files` makes up.

A restore point's uid is its time, so that one which was listed is still the same when the next backup has been made.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from agent.collectors.contract import Take, UnknownItemError, UnknownPointError, UnknownWorkloadError, Write
from agent.facts import Facts
from agent.workload.files import DAY_MS, Tree
from protocol import Workload, listing

_POINT: Final = re.compile(r"[0-9a-f]{12}")


@attrs.frozen(eq=False)
class Backups:
    """Those of one estate."""

    inventory: Callable[[], Facts]

    def points(self, workload_uid: str) -> Sequence[listing.Point]:
        """The newest first. Raises as `Collector.restore_points` does."""
        workload = self._workload(workload_uid)
        times = (workload.latest_restore_point_ms - n * DAY_MS for n in range(workload.restore_points))
        return [
            listing.Point(
                uid=f"{at_ms:012x}", time_ms=at_ms, size_bytes=workload.size_bytes, name=workload.name
            )
            for at_ms in times
            if at_ms > 0
        ]

    def tree(self, workload_uid: str, point_uid: str) -> Tree:
        """A restore point. Raises as `Collector.browse` does."""
        workload = self._workload(workload_uid)
        at_ms = int(point_uid, 16) if _POINT.fullmatch(point_uid) else 0
        # A day more than there are: the oldest one that was listed is there while somebody looks at it.
        oldest_ms = workload.latest_restore_point_ms - (workload.restore_points + 1) * DAY_MS
        if not max(1, oldest_ms) <= at_ms <= workload.latest_restore_point_ms:
            raise UnknownPointError(point_uid)
        return Tree(workload_uid=workload_uid, time_ms=at_ms)

    async def give(
        self, workload_uid: str, point_uid: str, path: str, take: Take, *, deep: bool = False
    ) -> None:
        """What is in a folder, or below it. Raises as `Collector.browse` does."""
        tree = self.tree(workload_uid, point_uid)
        if _require(tree, path).type != listing.FOLDER:
            raise UnknownItemError(path, "is no folder")
        for item in tree.below(path) if deep else tree.items(path):
            if not take(item):
                return
            await trio.lowlevel.checkpoint()

    async def read(self, workload_uid: str, point_uid: str, path: str, write: Write) -> str:
        """A file, or a folder as tar. Raises as `Collector.read` does."""
        tree = self.tree(workload_uid, point_uid)
        item = _require(tree, path)
        for block in tree.content(item) if item.type == listing.FILE else tree.archive(path):
            await write(block)
        return item.type

    async def restore(self, workload_uid: str, point_uid: str, paths: Sequence[str], into: Path) -> None:
        """Items, as files below *into*. Raises as `Collector.restore` does."""
        tree = self.tree(workload_uid, point_uid)
        for path in paths:
            await trio.to_thread.run_sync(_write, tree, _require(tree, path), into)

    def _workload(self, workload_uid: str) -> Workload:
        for workload in map(Workload.from_row, self.inventory().workloads):
            if workload.uid == workload_uid:
                return workload
        raise UnknownWorkloadError(workload_uid)


def _require(tree: Tree, path: str) -> listing.Item:
    item = tree.item(path)
    if item is None:
        raise UnknownItemError(path)
    return item


def _write(tree: Tree, item: listing.Item, into: Path) -> None:
    for each in _files(tree, item):
        path = into / each.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for block in tree.content(each):
                file.write(block)


def _files(tree: Tree, item: listing.Item) -> Iterator[listing.Item]:
    if item.type == listing.FILE:
        yield item
    else:
        yield from (each for each in tree.below(item.path) if each.type == listing.FILE)
