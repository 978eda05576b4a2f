"""What is in synthetic backups: the same every time, whoever asks, and as it says of itself."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from agent.collectors.contract import UnknownItemError, UnknownPointError
from agent.collectors.synthetic_backups import Backups
from agent.facts import Facts
from agent.workload.files import DAY_MS, Tree
from protocol import Workload, WorkloadKind, listing

NOW_MS = 1_790_000_000_000


def tree(uid: str = "w", time_ms: int = NOW_MS) -> Tree:
    return Tree(workload_uid=uid, time_ms=time_ms)


def backups(points: int = 3) -> Backups:
    row = Workload(
        uid="w", server_uid="", name="FS01", kind=WorkloadKind.VM, job_uid="", restore_points=points,
        latest_restore_point_ms=NOW_MS,
    ).to_row()  # fmt: skip
    return Backups(lambda: Facts(workloads=(row,)))


def test_it_is_the_same_every_time_and_differs_from_others() -> None:
    """Folders, files, sizes, times and contents."""
    items = list(tree().below("/home"))
    assert items == list(tree().below("/home"))
    assert items != list(tree("other").below("/home"))
    assert len({item.path for item in items}) == len(items) > 100
    [first] = [item for item in items if item.type == listing.FILE][:1]
    content = b"".join(tree().content(first))
    assert len(content) == first.size_bytes
    assert content == b"".join(tree().content(first))


def test_what_is_listed_is_there() -> None:
    """Every path leads to its item, and a folder's items are in it; others lead nowhere."""
    for item in list(tree().below("/srv"))[::40]:
        assert tree().item(item.path) == item
    for path in ("/nowhere", "/srv/nowhere/x", "/etc/passwd/x"):
        assert tree().item(path) is None


def test_some_files_change_and_most_do_not() -> None:
    """From one month to the next, with their times; the names stay."""
    before, after = (
        {i.path: i for i in tree(time_ms=at).below("/home")} for at in (NOW_MS - 30 * DAY_MS, NOW_MS)
    )
    assert before.keys() == after.keys()
    changed = [path for path, item in before.items() if item.type == listing.FILE and item != after[path]]
    files = [item for item in after.values() if item.type == listing.FILE]
    assert 0.1 < len(changed) / len(files) < 0.7
    old, new = before[changed[0]], after[changed[0]]
    assert old.modified_ms < new.modified_ms <= NOW_MS
    assert b"".join(tree().content(old)) != b"".join(tree().content(new))


def test_a_folder_is_a_tar_archive_of_it() -> None:
    folder = next(item.path for item in tree().items("/srv") if item.type == listing.FOLDER)
    with tarfile.open(fileobj=io.BytesIO(b"".join(tree().archive(folder)))) as tar:
        found = {member.name: member for member in tar}
        assert set(found) == {item.path[1:] for item in tree().below(folder)}
        for item in [each for each in tree().below(folder) if each.type == listing.FILE][:5]:
            file = tar.extractfile(found[item.path[1:]])
            assert file is not None
            assert file.read() == b"".join(tree().content(item))


def test_restore_points_are_a_day_apart_and_stay() -> None:
    """One that was listed is there after the next backup, and one that never was is not."""
    points = backups().points("w")
    assert [NOW_MS - point.time_ms for point in points] == [0, DAY_MS, 2 * DAY_MS]
    assert backups().tree("w", points[-1].uid).time_ms == points[-1].time_ms
    for uid in ("latest", "", "f" * 12, f"{NOW_MS - 30 * DAY_MS:012x}", points[0].uid.upper() + "0"):
        with pytest.raises(UnknownPointError):
            backups().tree("w", uid)


async def test_what_is_read_and_what_is_restored_are_one(tmp_path: Path) -> None:
    """By path, and with its folder."""
    [point, *_] = backups().points("w")
    folder = "/home"
    items: list[listing.Item] = []

    def take(item: listing.Item) -> bool:
        items.append(item)
        return True

    await backups().give("w", point.uid, folder, take)
    file = next(item for item in items if item.type == listing.FILE)
    digest = hashlib.sha256()

    async def write(data: bytes) -> None:
        digest.update(data)

    assert await backups().read("w", point.uid, file.path, write) == listing.FILE
    await backups().restore("w", point.uid, [file.path], tmp_path)
    assert hashlib.sha256((tmp_path / file.path[1:]).read_bytes()).digest() == digest.digest()
    with pytest.raises(UnknownItemError):
        await backups().give("w", point.uid, file.path, lambda _: True)
    with pytest.raises(UnknownItemError):
        await backups().read("w", point.uid, "/nowhere", write)
