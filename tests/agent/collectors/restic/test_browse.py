"""Looking into real snapshots: what is there is said, as it is, and what is written out is what was backed up."""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from agent.collectors.contract import (
    CollectorError,
    UnknownItemError,
    UnknownPointError,
    UnknownWorkloadError,
)
from agent.collectors.restic.collector import ResticCollector
from protocol import Code, Workload, listing
from tests.agent.collectors.restic.conftest import Place, needs_restic

pytestmark = needs_restic

BIG = os.urandom(3_000_000)
MANY = 2000


@attrs.frozen
class Shelf:
    """A repository with snapshots of two hosts, looked into by one collector."""

    place: Place
    collector: ResticCollector

    @property
    def top(self) -> Path:
        return self.place.source

    async def workload(self, host: str = "mine") -> str:
        rows = (await self.collector.inventory()).workloads
        [found] = [each.uid for each in map(Workload.from_row, rows) if each.name.startswith(f"{host}: ")]
        return found

    async def point(self) -> tuple[str, str]:
        """A workload, and its newest restore point."""
        workload = await self.workload()
        return workload, (await self.collector.restore_points(workload))[0].uid

    async def listed(self, path: object, take: Callable[[int], bool] = lambda _: True) -> list[listing.Item]:
        """What is in a folder, as long as *take* says of how many came that there may be more."""
        found: list[listing.Item] = []

        def taken(item: listing.Item) -> bool:
            found.append(item)
            return take(len(found))

        await self.collector.browse(*await self.point(), str(path), taken)
        return found

    async def read(self, path: object) -> tuple[str, bytes]:
        """What an item is, and its bytes."""
        into = io.BytesIO()

        async def write(data: bytes) -> None:
            into.write(data)

        kind = await self.collector.read(*await self.point(), str(path), write)
        return kind, into.getvalue()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    place = Place(tmp_path_factory.mktemp("shelf"))
    place.password_file.write_text("secret")
    place.password_file.chmod(0o600)
    odd, many = place.source / "odd [1] *?", place.source / "many"
    for folder in (place.source, odd, many, odd / "sub"):
        folder.mkdir()
    (odd / "plain.txt").write_bytes(b"12345")
    os.utime(odd / "plain.txt", (1_000, 1_000))
    (odd / "-rf").write_bytes(b"")
    (odd / "line\nbreak").write_bytes(b"x")
    (odd / "link").symlink_to("/etc/passwd")
    os.mkfifo(odd / "pipe")
    (odd / "sub" / "one").write_bytes(b"1")
    (odd / "sub" / "two").write_bytes(b"22")
    (odd / "big [x]").write_bytes(BIG)
    for n in range(MANY):
        (many / f"{n:05}").touch()
    place.restic("init", "--quiet")
    for host in ("mine", "mine", "another"):
        place.restic("backup", "--quiet", "--host", host, str(place.source))
    return Shelf(place, place.collector())


async def test_restore_points_are_the_snapshots_newest_first(shelf: Shelf) -> None:
    """Of that source, and of no other."""
    newest_first = sorted(shelf.place.snapshots(), key=lambda each: each["time"], reverse=True)
    for host in ("mine", "another"):
        found = await shelf.collector.restore_points(await shelf.workload(host))
        assert [each.uid for each in found] == [
            each["id"] for each in newest_first if each["hostname"] == host
        ]


async def test_a_folder_is_listed_as_it_was(shelf: Shelf) -> None:
    """Names with everything in them that patterns and shells would make something of; kinds, sizes and times."""
    odd = shelf.top / "odd [1] *?"
    found = {item.path.removeprefix(f"{odd}/"): item for item in await shelf.listed(odd)}
    assert {name: item.type for name, item in found.items()} == {
        "plain.txt": "file", "-rf": "file", "line\nbreak": "file", "big [x]": "file", "link": "link", "pipe": "other",
        "sub": "folder",
    }  # fmt: skip
    assert (found["plain.txt"].size_bytes, found["plain.txt"].modified_ms) == (5, 1_000_000)
    assert [item.path for item in await shelf.listed("/")] == [f"/{shelf.top.parts[1]}"]


async def test_who_has_heard_enough_ends_it(shelf: Shelf) -> None:
    """A page costs a page, however many items there are; and all of them are there for who wants them."""
    assert len(await shelf.listed(shelf.top / "many", lambda count: count < 3)) == 3
    assert len(await shelf.listed(shelf.top / "many")) == MANY


async def test_everything_below_a_folder_is_given(shelf: Shelf) -> None:
    """However deep, and nothing beside it."""
    found: list[str] = []

    def take(item: listing.Item) -> bool:
        found.append(item.path)
        return True

    odd = shelf.top / "odd [1] *?"
    await shelf.collector.walk(*await shelf.point(), str(odd), take)
    assert set(found) == {
        str(odd / name)
        for name in (
            "plain.txt",
            "-rf",
            "line\nbreak",
            "big [x]",
            "link",
            "pipe",
            "sub",
            "sub/one",
            "sub/two",
        )
    }
    with pytest.raises(UnknownItemError):
        await shelf.collector.walk(*await shelf.point(), "/nowhere", take)


async def test_a_file_is_written_out_as_it_was(shelf: Shelf) -> None:
    kind, data = await shelf.read(shelf.top / "odd [1] *?" / "big [x]")
    assert kind == listing.FILE
    assert hashlib.sha256(data).digest() == hashlib.sha256(BIG).digest()


async def test_a_folder_is_written_out_as_tar_the_same_each_time(shelf: Shelf) -> None:
    """So that what was sent in part can be gone on with."""
    written = [await shelf.read(shelf.top / "odd [1] *?" / "sub") for _ in range(2)]
    assert written[0] == written[1]
    kind, data = written[0]
    assert kind == listing.FOLDER
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = {Path(member.name).name: tar.extractfile(member) for member in tar if member.isfile()}
        assert {name: file.read() for name, file in found.items() if file} == {"one": b"1", "two": b"22"}


async def test_items_are_restored_as_they_were(shelf: Shelf, tmp_path: Path) -> None:
    """Those alone, whatever a pattern would make of their names, with their times; each below its whole path."""
    odd = shelf.top / "odd [1] *?"
    wanted = [str(odd / name) for name in ("plain.txt", "big [x]", "sub", "line\nbreak", "link")]
    await shelf.collector.restore(*await shelf.point(), wanted, tmp_path)
    there = tmp_path / str(odd)[1:]
    assert {str(path.relative_to(there)) for path in there.rglob("*")} == {
        "plain.txt", "big [x]", "sub", "sub/one", "sub/two", "line\nbreak", "link",
    }  # fmt: skip
    assert (there / "big [x]").read_bytes() == BIG
    assert (there / "plain.txt").stat().st_mtime == 1_000
    assert os.readlink(there / "link") == "/etc/passwd"
    assert not (tmp_path / str(shelf.top / "many")[1:]).exists()


async def test_the_roots_are_what_was_backed_up(shelf: Shelf) -> None:
    assert await shelf.collector.roots(*await shelf.point()) == [str(shelf.top)]


async def test_what_write_raises_comes_through(shelf: Shelf) -> None:
    """As it was, so that a full disk is called one."""

    async def write(_: bytes) -> None:
        raise CollectorError("full", Code.RESTORE_NO_ROOM)

    with pytest.raises(CollectorError) as caught:
        await shelf.collector.read(*await shelf.point(), str(shelf.top / "odd [1] *?" / "big [x]"), write)
    assert caught.value.code is Code.RESTORE_NO_ROOM


@pytest.mark.parametrize("path", ["/nowhere", "/../etc/passwd", "/etc/passwd"])
async def test_what_is_not_in_the_restore_point_is_not_there(shelf: Shelf, path: str) -> None:
    """Whatever this machine's own disk has under that path."""
    with pytest.raises(UnknownItemError):
        await shelf.listed(path)
    with pytest.raises(UnknownItemError):
        await shelf.read(path)


async def test_each_is_asked_for_what_it_is(shelf: Shelf) -> None:
    """A file is not listed, a link has no content."""
    with pytest.raises(UnknownItemError, match="is no folder"):
        await shelf.listed(shelf.top / "odd [1] *?" / "plain.txt")
    for name in ("link", "pipe"):
        with pytest.raises(UnknownItemError, match="neither a file nor a folder"):
            await shelf.read(shelf.top / "odd [1] *?" / name)


async def test_a_restore_point_is_one_of_its_workload(shelf: Shelf) -> None:
    """By its whole id: no word that restic would take for one, and none of another source's."""
    mine, theirs = await shelf.workload("mine"), await shelf.workload("another")
    [foreign] = await shelf.collector.restore_points(theirs)
    for point in ("latest", foreign.uid[:8], "--help", "0" * 64, foreign.uid):
        with pytest.raises(UnknownPointError):
            await shelf.collector.browse(mine, point, "/", lambda _: True)
    for ask in (
        shelf.collector.restore_points("w"),
        shelf.collector.browse("w", foreign.uid, "/", lambda _: True),
    ):
        with pytest.raises(UnknownWorkloadError):
            await ask
