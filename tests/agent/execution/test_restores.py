"""Looking into backups for a gateway: pages are cut here, and what is sent lies on the disk, bounded, until it is there."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import attrs
import pytest
import trio

from agent.archive import FOLDER, clear
from agent.bell import Bell
from agent.bulk import Bulk, BulkError
from agent.collectors.contract import (
    Ability,
    Collector,
    CollectorError,
    Take,
    UnknownItemError,
    UnknownPointError,
    UnknownWorkloadError,
    Write,
)
from agent.execution import staging
from agent.execution.ledger import End
from agent.execution.restores import Restores
from agent.execution.staging import SPARE_BYTES, Stage
from protocol import Code, Outcome, commands, listing
from protocol.instruction import Instruction

DATA = bytes(range(256)) * 12_000


def progress(_percent: int, _text: str) -> None:
    """Nobody listens."""


class Line(Bulk):
    """Takes what is sent, or does as *trouble* says."""

    def __init__(self) -> None:
        super().__init__(Bell())
        self.sent: list[tuple[str, bytes]] = []
        self.trouble: BulkError | None = None

    async def send(
        self,
        path: Path,
        *,
        name: str,
        command_uid: str,
        size_bytes: int,
        sha256: bytes,
        brief: bool = False,
        progress: Callable[[int], None],
    ) -> None:
        """As it stands on the disk, which has to be what is announced."""
        if self.trouble is not None:
            raise self.trouble
        data = await trio.Path(path).read_bytes()
        assert (command_uid, size_bytes, sha256) == ("c1", len(data), hashlib.sha256(data).digest())
        progress(size_bytes)
        assert brief is (name == "listing.json")
        self.sent.append((name, data))


class Shelves(Collector):
    """Has one workload, with three restore points; each has a folder of nine items."""

    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.BROWSE, Ability.RESTORE})

    def __init__(self, workload_uid: str) -> None:
        super().__init__(workload_uid)
        self.given = 0

    def _require(self, workload_uid: str, point_uid: str) -> None:
        if workload_uid != self.name:
            raise UnknownWorkloadError(workload_uid)
        if point_uid not in ("p1", "p2", "p3"):
            raise UnknownPointError(point_uid)

    async def restore_points(self, workload_uid: str) -> Sequence[listing.Point]:
        """The newest first."""
        self._require(workload_uid, "p1")
        return [listing.Point(uid=f"p{n}", time_ms=n) for n in (3, 2, 1)]

    async def browse(self, workload_uid: str, point_uid: str, path: str, take: Take) -> None:
        """Nine items, and one whose name nobody can say."""
        self._require(workload_uid, point_uid)
        for n in range(10):
            self.given += 1
            name = "x" * 5000 if n == 4 else f"{n}"
            if not take(listing.Item(path=f"{path.rstrip('/')}/{name}", type="file")):
                return

    async def walk(self, workload_uid: str, point_uid: str, path: str, take: Take) -> None:
        """Two folders, and a report in each."""
        self._require(workload_uid, point_uid)
        for place in ("a", "a/Report.odt", "reports", "reports/x", "reports/STRASSEN-REPORT"):
            self.given += 1
            if not take(listing.Item(path=f"/{place}", type="file")):
                return

    async def read(self, workload_uid: str, point_uid: str, path: str, write: Write) -> str:
        """A file of some megabytes, or a folder."""
        self._require(workload_uid, point_uid)
        if path == "/gone":
            raise UnknownItemError(path)
        for n in range(0, len(DATA), 70_000):
            await write(DATA[n : n + 70_000])
        return listing.FOLDER if path.endswith("folder") else listing.FILE


class Blind(Shelves):
    """Says nothing of this."""

    abilities = frozenset({Ability.INVENTORY})


@attrs.frozen
class Desk:
    """The actions, and what comes of them."""

    line: Line
    restores: Restores
    collectors: Sequence[Shelves]

    async def do(self, said: Instruction) -> End:
        action = self.restores.actions()[type(said)]
        return await action.perform(said, progress, command_uid="c1")

    async def listed(self, said: Instruction) -> listing.Listing[listing.Item]:
        ended = await self.do(said)
        assert ended.outcome is Outcome.SUCCEEDED
        return listing.read_listing(listing.Item, self.line.sent[-1][1])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    line, collectors = Line(), (Blind("w1"), Shelves("w0"), Shelves("w1"))
    return Desk(line, Restores(collectors=collectors, bulk=line, state=tmp_path), collectors)


def browsing(after: str = "", limit: int = 5) -> commands.BrowseRestorePoint:
    return commands.BrowseRestorePoint(
        workload_uid="w1", point_uid="p1", path="/srv", after=after, limit=limit
    )


async def test_a_folder_is_told_a_page_at_a_time(desk: Desk) -> None:
    """All of it in the end, and of each page no more than it has; what can't be said is passed over."""
    after, pages = "", list[list[str]]()
    while not pages or after:
        page = await desk.listed(browsing(after))
        pages.append([item.path for item in page.rows])
        after = page.next
    assert pages == [[f"/srv/{n}" for n in (0, 1, 2, 3, 5)], [f"/srv/{n}" for n in (6, 7, 8, 9)]]
    assert desk.collectors[2].given == 7 + 10
    assert not list((desk.restores.state / FOLDER).iterdir())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("report", ["/a/Report.odt", "/reports", "/reports/STRASSEN-REPORT"]),
        ("straße", ["/reports/STRASSEN-REPORT"]),
        ("*", []),
    ],
)
async def test_names_are_searched_and_not_paths(desk: Desk, text: str, found: list[str]) -> None:
    """Capital or small; no sign in the text means anything; a page at a time."""
    said = commands.SearchRestorePoint(workload_uid="w1", point_uid="p1", text=text, limit=2)
    page = await desk.listed(said)
    paths = [item.path for item in page.rows]
    if page.next:
        paths += [item.path for item in (await desk.listed(attrs.evolve(said, after=page.next))).rows]
    assert paths == found


async def test_behind_what_is_not_there_is_nothing(desk: Desk) -> None:
    page = await desk.listed(browsing("/srv/nowhere"))
    assert (page.rows, page.next) == ([], "")


async def test_restore_points_are_told_a_page_at_a_time(desk: Desk) -> None:
    """And behind one that is gone there is nothing to go on with: somebody has to look again."""
    said = commands.ListRestorePoints(workload_uid="w1", limit=2)
    await desk.do(said)
    page = listing.read_listing(listing.Point, desk.line.sent[-1][1])
    assert ([point.uid for point in page.rows], page.next) == (["p3", "p2"], "p2")
    await desk.do(attrs.evolve(said, after="p2"))
    assert [point.uid for point in listing.read_listing(listing.Point, desk.line.sent[-1][1]).rows] == ["p1"]
    with pytest.raises(UnknownPointError):
        await desk.do(attrs.evolve(said, after="p9"))


@pytest.mark.parametrize(
    ("path", "name"),
    [("/srv/a.bin", "a.bin"), ("/srv/folder", "folder.tar"), ("/", "everything"), ("/" + "n" * 300, "n" * 250)],
    ids=["file", "folder", "all", "long"],
)  # fmt: skip
async def test_an_item_is_sent_under_its_name(desk: Desk, path: str, name: str) -> None:
    ended = await desk.do(commands.DownloadItem(workload_uid="w1", point_uid="p1", path=path))
    assert ended.outcome is Outcome.SUCCEEDED
    assert desk.line.sent == [(name, DATA)]
    assert not list((desk.restores.state / FOLDER).iterdir())


async def test_a_workload_or_an_item_that_nobody_has(desk: Desk) -> None:
    for workload, path, code in (("w9", "/a", 5040), ("w1", "/gone", 5041)):
        with pytest.raises(CollectorError) as caught:
            await desk.do(commands.DownloadItem(workload_uid=workload, point_uid="p1", path=path))
        assert caught.value.code == code
    assert desk.line.sent == []


async def test_what_is_larger_than_allowed_is_not_sent(desk: Desk) -> None:
    """Neither is what was read of it kept."""
    wanted = commands.DownloadItem(workload_uid="w1", point_uid="p1", path="/a", max_bytes=len(DATA) - 1)
    with pytest.raises(CollectorError) as caught:
        await desk.do(wanted)
    assert caught.value.code is Code.RESTORE_TOO_BIG
    assert not list((desk.restores.state / FOLDER).iterdir())
    ended = await desk.do(attrs.evolve(wanted, max_bytes=len(DATA)))
    assert ended.outcome is Outcome.SUCCEEDED


async def test_the_disk_keeps_its_room(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the outbox may need stays free; a listing is small, and can be had all the same."""
    usage = shutil.disk_usage(desk.restores.state)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=SPARE_BYTES + staging.BLOCK))
    with pytest.raises(CollectorError, match="512 MiB must stay free") as caught:
        await desk.do(commands.DownloadItem(workload_uid="w1", point_uid="p1", path="/a"))
    assert caught.value.code is Code.RESTORE_NO_ROOM
    assert (await desk.listed(browsing())).rows


async def test_what_the_gateway_refuses_is_said(desk: Desk) -> None:
    desk.line.trouble = BulkError(Code.SPOOL_FULL.value, "no room")
    ended = await desk.do(commands.DownloadItem(workload_uid="w1", point_uid="p1", path="/a"))
    assert (ended.outcome, ended.code, ended.message) == (Outcome.FAILED, Code.SPOOL_FULL, "no room")
    assert not list((desk.restores.state / FOLDER).iterdir())


async def test_a_name_from_afar_is_no_part_of_a_path(tmp_path: Path) -> None:
    """Nor is what a killed process has left in the way, and at the next start it is gone."""
    for uid in ("../../x", "/etc/x", "c1"):
        stage = Stage(tmp_path, uid, max_bytes=10)
        assert stage.path.parent == tmp_path / FOLDER
    async with Stage(tmp_path, "c1", max_bytes=10) as stage:
        await stage.write(b"left")
        await stage.finish()
        shutil.copy(stage.path, tmp_path / "left")
    shutil.move(tmp_path / "left", stage.path)
    async with Stage(tmp_path, "c1", max_bytes=10) as stage:
        await stage.write(b"new")
        await stage.finish()
        assert stage.path.read_bytes() == b"new"
        assert stage.path.stat().st_mode & 0o777 == 0o600
    (tmp_path / FOLDER / "left").touch()
    clear(tmp_path)
    assert not list((tmp_path / FOLDER).iterdir())
