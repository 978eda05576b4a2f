"""What the kinds about restore points do here: ask the collector that has the workload, and send what it says.

Listings are cut to a page here, so that no collector has to know of pages: it gives items one by one until it is told that it is enough.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from agent.bulk import Bulk, BulkError
from agent.collectors.contract import Ability, Collector, Take, UnknownPointError, UnknownWorkloadError
from agent.execution.executor import Action, Progress
from agent.execution.ledger import End
from agent.execution.staging import SPARE_BYTES, Stage
from protocol import FieldError, Outcome, commands, listing

T = TypeVar("T")

LISTING: Final = "listing.json"

Reading = (
    commands.ListRestorePoints
    | commands.BrowseRestorePoint
    | commands.SearchRestorePoint
    | commands.DownloadItem
)


@attrs.frozen(kw_only=True)
class Restores:
    """The kinds' work."""

    collectors: Sequence[Collector]
    bulk: Bulk
    state: Path
    """The agent's folder."""

    def actions(self) -> Mapping[type[commands.Instruction], Action]:
        """What each kind does."""
        return {
            commands.ListRestorePoints: Action(self.list_points, by_uid=True),
            commands.BrowseRestorePoint: Action(self.browse, by_uid=True),
            commands.SearchRestorePoint: Action(self.search, by_uid=True),
            commands.DownloadItem: Action(self.download, by_uid=True),
        }

    async def list_points(
        self, said: commands.ListRestorePoints, progress: Progress, *, command_uid: str
    ) -> End:
        """A page of restore points."""
        points = await self._ask(Ability.BROWSE, said, lambda each: each.restore_points(said.workload_uid))
        page = listing.Page[listing.Point](said.limit)
        behind = not said.after
        for point in points:
            if behind and not page.add(point, point.uid):
                break
            behind = behind or point.uid == said.after
        if not behind:
            raise UnknownPointError(said.after)
        return await self._answer(page, said, progress, command_uid)

    async def browse(self, said: commands.BrowseRestorePoint, progress: Progress, *, command_uid: str) -> End:
        """A page of a folder."""
        page = listing.Page[listing.Item](said.limit)
        take = _behind(said.after, page)
        await self._ask(
            Ability.BROWSE, said, lambda each: each.browse(said.workload_uid, said.point_uid, said.path, take)
        )
        return await self._answer(page, said, progress, command_uid)

    async def search(self, said: commands.SearchRestorePoint, progress: Progress, *, command_uid: str) -> End:
        """A page of what has the text in its name."""
        page = listing.Page[listing.Item](said.limit)
        take, text = _behind(said.after, page), said.text.casefold()

        def look(item: listing.Item) -> bool:
            found = text in item.path.rpartition("/")[2].casefold()
            return take(item) if found else True

        await self._ask(
            Ability.BROWSE, said, lambda each: each.walk(said.workload_uid, said.point_uid, said.path, look)
        )
        return await self._answer(page, said, progress, command_uid)

    async def download(self, said: commands.DownloadItem, progress: Progress, *, command_uid: str) -> End:
        """A file, or a folder as tar; until a gateway has all of it, and says that it is the right one."""
        name = said.path.rpartition("/")[2][:250] or "everything"
        async with self._stage(said, command_uid) as stage:
            progress(0, "reading it from the backup")
            kind = await self._ask(
                Ability.RESTORE,
                said,
                lambda each: each.read(said.workload_uid, said.point_uid, said.path, stage.write),
            )
            named = f"{name}.tar" if kind == listing.FOLDER else name
            return await self._send(stage, named, said, progress, command_uid)

    async def _ask(self, ability: Ability, said: Reading, ask: Callable[[Collector], Awaitable[T]]) -> T:
        return await ask_holder(self.collectors, ability, said.workload_uid, ask)

    async def _answer(
        self, page: listing.Page[Any], said: Reading, progress: Progress, command_uid: str
    ) -> End:
        async with self._stage(said, command_uid) as stage:
            await stage.write(bytes(page))
            return await self._send(stage, LISTING, said, progress, command_uid)

    def _stage(self, said: Reading, command_uid: str) -> Stage:
        # A listing is small, and wanted most where the disk is full.
        spare_bytes = 0 if said.is_brief else SPARE_BYTES
        return Stage(self.state, command_uid, max_bytes=said.file_limit, spare_bytes=spare_bytes)

    async def _send(
        self, stage: Stage, name: str, said: Reading, progress: Progress, command_uid: str
    ) -> End:
        await stage.finish()
        size = stage.size_bytes
        try:
            await self.bulk.send(
                stage.path, name=name, command_uid=command_uid, size_bytes=size, sha256=stage.sha256,
                brief=said.is_brief,
                progress=lambda done: progress(100 * done // max(1, size), f"{done} of {size} bytes are there"),
            )  # fmt: skip
        except BulkError as error:
            return End.failed(error.code, str(error))
        return End(Outcome.SUCCEEDED, f"{name}, {size} bytes"[:1024])


async def ask_holder(
    collectors: Sequence[Collector],
    ability: Ability,
    workload_uid: str,
    ask: Callable[[Collector], Awaitable[T]],
) -> T:
    """The answer of the collector that has the workload.

    Raises:
        UnknownWorkloadError: none has it.
        CollectorError: it says no.
    """
    for collector in collectors:
        if ability in collector.abilities:
            try:
                return await ask(collector)
            except UnknownWorkloadError:
                continue
    raise UnknownWorkloadError(workload_uid)


def _behind(after: str, page: listing.Page[listing.Item]) -> Take:
    """Takes what comes behind the item of that path; it has to come, or the page stays empty."""
    behind = not after

    def take(item: listing.Item) -> bool:
        nonlocal behind
        if not behind:
            behind = item.path == after
            return True
        try:
            return page.add(item, item.path)
        except FieldError:
            return True  # a name that cannot be said: it can be had with its folder

    return take
