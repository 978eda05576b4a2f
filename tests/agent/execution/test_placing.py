"""Putting things back: to their place below a folder that was named, and nowhere else, whatever is said and whatever lies there."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.collectors.contract import CollectorError
from agent.execution.placing import (
    PREFIX,
    Place,
    Placed,
    clear,
    make_workshop,
    move,
    names_for,
    place_of,
    remove,
)
from protocol import Code, commands

STAMP = "2026-11-24 21.30"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def shop(root: Path) -> Path:
    return make_workshop(root, "test")


def tree(folder: Path) -> dict[str, str]:
    """What is in a folder: the text of files, where links lead, `/` for folders; nothing of ours."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.startswith(PREFIX):
            continue
        kind = path.lstat().st_mode
        found[name] = (
            f"-> {os.readlink(path)}"
            if stat.S_ISLNK(kind)
            else "/"
            if stat.S_ISDIR(kind)
            else path.read_text()
        )
    return found


def fill(folder: Path, content: dict[str, str]) -> None:
    """The reverse."""
    for name, text in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text == "/":
            path.mkdir(exist_ok=True)
        elif text.startswith("-> "):
            path.symlink_to(text[3:])
        else:
            path.write_text(text)


def put(shop: Path, root: Path, name: str, parts: tuple[str, ...], mode: str = commands.IN_PLACE) -> Placed:
    done = Placed()
    move(shop / name, Place(root, parts), mode, STAMP, done)
    return done


# -- where it goes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "folder", "place"),
    [
        ("/home/ada/a.txt", "", ("/home", ("ada", "a.txt"))),
        ("/home", "", ("/home", ())),
        ("/home/shared/x", "", ("/home/shared", ("x",))),
        ("/etc/passwd", "/home/restored", ("/home", ("restored", "passwd"))),
        ("/etc/passwd", "/home/", ("/home", ("passwd",))),
        ("/home2/a", "", None),
        ("/etc/passwd", "", None),
        ("/home/ada/a", "/etc", None),
        ("/home/ada/a", "/home2", None),
    ],
)
def test_a_place_is_below_what_was_named(
    path: str, folder: str, place: tuple[str, tuple[str, ...]] | None
) -> None:
    """By whole names of folders, the nearest one; anything else is refused before anything is done."""
    targets = [Path("/home"), Path("/home/shared")]
    if place is None:
        with pytest.raises(CollectorError, match="not below a folder") as caught:
            place_of(path, folder, targets)
        assert caught.value.code is Code.RESTORE_TARGET_REFUSED
    else:
        assert place_of(path, folder, targets) == Place(Path(place[0]), place[1])


def test_nothing_is_named_and_nothing_is_written() -> None:
    with pytest.raises(CollectorError, match="it names no folder"):
        place_of("/home/a", "", [])


PARTS = st.lists(st.sampled_from(["a", "b", "..", ".", "", "a b", "\u2215"]), min_size=1, max_size=5)


@given(PARTS, PARTS | st.just([]))
def test_whatever_the_protocol_lets_through_stays_below(path: list[str], folder: list[str]) -> None:
    """A path and a folder that can be said at all lead to a place whose parts are names."""
    said = commands.RestoreItems(
        workload_uid="w", point_uid="p", paths=("/" + "/".join(path),), mode=commands.IN_PLACE,
        folder="/" + "/".join(folder) if folder else "",
    )  # fmt: skip
    try:
        said.payload()
    except commands.InvalidCommand:
        return
    place = place_of(said.paths[0], said.folder, [Path("/")])
    assert not {"", ".", ".."} & set(place.parts)
    try:
        place = place_of(said.paths[0], said.folder, [Path("/a")])
    except CollectorError:
        return
    assert os.path.normpath(str(place)) == str(place)
    assert Path("/a") in (Path(str(place)), *Path(str(place)).parents)


# -- in place --------------------------------------------------------------------------------------------------------


def test_a_file_takes_the_place_of_the_one_that_is_there(root: Path, shop: Path) -> None:
    """And folders on the way are made; what else is there stays."""
    fill(root, {"docs/a": "old", "docs/b": "mine"})
    fill(shop, {"a": "new", "c": "fresh"})
    assert put(shop, root, "a", ("docs", "a")) == Placed(replaced=1)
    assert put(shop, root, "c", ("docs", "deep", "er", "c")) == Placed(new=1)
    assert tree(root) == {
        "docs": "/", "docs/a": "new", "docs/b": "mine", "docs/deep": "/", "docs/deep/er": "/", "docs/deep/er/c": "fresh",
    }  # fmt: skip


def test_folders_are_gone_into(root: Path, shop: Path) -> None:
    """What is only there stays, also where it is named like nothing in the backup."""
    fill(root, {"docs/sub/a": "old", "docs/sub/mine": "mine", "docs/empty": "/"})
    fill(shop, {"docs/sub/a": "new", "docs/sub/b": "b", "docs/empty/c": "c", "docs/more/d": "d"})
    done = put(shop, root, "docs", ("docs",))
    assert (done.replaced, done.new, done.wrong) == (1, 3, [])
    assert tree(root / "docs") == {
        "empty": "/", "empty/c": "c", "more": "/", "more/d": "d", "sub": "/", "sub/a": "new", "sub/b": "b", "sub/mine": "mine",
    }  # fmt: skip


def test_the_folder_that_was_named_itself_is_gone_into(root: Path, shop: Path) -> None:
    fill(root, {"a": "old", "mine": "mine"})
    fill(shop, {"root/a": "new"})
    assert put(shop, root, "root", ()) == Placed(replaced=1)
    assert tree(root) == {"a": "new", "mine": "mine"}
    fill(shop, {"file": "x"})
    with pytest.raises(CollectorError, match="what would take its place is none"):
        put(shop, root, "file", ())


def test_a_file_is_no_folder_and_the_others_go_on(root: Path, shop: Path) -> None:
    """Nothing that is there is ever removed to make room for something of another kind."""
    fill(root, {"docs/a/inside": "x", "docs/b": "file"})
    fill(shop, {"docs/a": "file", "docs/b/inside": "y", "docs/c": "c"})
    done = put(shop, root, "docs", ("docs",))
    assert (done.new, len(done.wrong)) == (1, 2)
    assert f"{root}/docs/a: one of the two is a folder" in done.wrong[0]
    assert tree(root / "docs") == {"a": "/", "a/inside": "x", "b": "file", "c": "c"}


# -- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [commands.IN_PLACE, commands.KEEP_BOTH])
def test_no_link_is_followed_on_the_way(root: Path, shop: Path, tmp_path: Path, mode: str) -> None:
    """Neither to a folder elsewhere nor to one below; what it leads to is as it was."""
    (tmp_path / "elsewhere").mkdir()
    fill(
        root,
        {"out": f"-> {tmp_path / 'elsewhere'}", "in": "-> real", "real": "/", "up": "-> ..", "file": "x"},
    )
    for n, way in enumerate(("out", "in", "up", "file")):
        fill(shop, {f"a{n}": "new"})
        with pytest.raises(CollectorError, match="is no folder, or a link to one") as caught:
            put(shop, root, f"a{n}", (way, "deep", "a"), mode)
        assert caught.value.code is Code.RESTORE_TARGET_REFUSED
    assert tree(tmp_path / "elsewhere") == {}
    assert tree(root / "real") == {}


def test_no_link_is_followed_within_what_is_restored(root: Path, shop: Path, tmp_path: Path) -> None:
    """A link where a folder is restored to is no folder; one where a file is restored to is replaced itself."""
    fill(tmp_path / "elsewhere", {"a": "mine"})
    fill(root, {"docs/sub": f"-> {tmp_path / 'elsewhere'}", "docs/a": f"-> {tmp_path / 'elsewhere' / 'a'}"})
    fill(shop, {"docs/sub/a": "theirs", "docs/a": "new"})
    done = put(shop, root, "docs", ("docs",))
    assert (done.replaced, len(done.wrong)) == (1, 1)
    assert tree(tmp_path / "elsewhere") == {"a": "mine"}
    assert tree(root / "docs") == {"a": "new", "sub": f"-> {tmp_path / 'elsewhere'}"}


def test_links_of_the_backup_are_restored_as_links(root: Path, shop: Path) -> None:
    fill(shop, {"link": "-> /etc/passwd", "docs/link": "-> /etc"})
    fill(root, {"docs/link": "file"})
    put(shop, root, "link", ("link",))
    put(shop, root, "docs", ("docs",))
    assert tree(root) == {"docs": "/", "docs/link": "-> /etc", "link": "-> /etc/passwd"}


# -- keep both -------------------------------------------------------------------------------------------------------


def test_what_is_there_is_not_touched(root: Path, shop: Path) -> None:
    """A file, a folder, an empty one or a link: what is restored gets another name."""
    there = {"a.txt": "mine", "docs/x": "mine", "empty": "/", "link": "-> nowhere"}
    fill(root, there)
    before = tree(root)
    fill(shop, {"a.txt": "old", "docs/x": "old", "empty/y": "old", "link": "old", "free": "old"})
    for name in ("a.txt", "docs", "empty", "link", "free"):
        put(shop, root, name, (name,), commands.KEEP_BOTH)
    after = tree(root)
    assert before.items() <= after.items()
    assert {name: after[name] for name in after.keys() - before.keys()} == {
        f"a (restored {STAMP}).txt": "old",
        f"docs (restored {STAMP})": "/",
        f"docs (restored {STAMP})/x": "old",
        f"empty (restored {STAMP})": "/",
        f"empty (restored {STAMP})/y": "old",
        f"link (restored {STAMP})": "old",
        "free": "old",
    }


def test_twice_within_a_minute_are_two(root: Path, shop: Path) -> None:
    """And it is said what each is called."""
    fill(root, {"a": "mine"})
    kept = []
    for n in range(3):
        fill(shop, {"a": f"{n}"})
        kept += put(shop, root, "a", ("a",), commands.KEEP_BOTH).kept
        (shop / "a").unlink()  # a file was linked to its place
    assert kept == [f"{root}/a (restored {STAMP}{more})" for more in ("", ", 2", ", 3")]
    assert sorted(tree(root).values()) == ["0", "1", "2", "mine"]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=255))
def test_names_stay_names(name: str) -> None:
    """Each is another one, fits into a folder, and ends as the first did if that ended in something short."""
    found = list(names_for(name, STAMP))
    assert found[0] == name
    assert len(set(found)) == len(found)
    for each in found[1:]:
        assert "/" not in each
        assert 0 < len(os.fsencode(each)) <= 255
        assert f" (restored {STAMP}" in each


# -- the workshop ----------------------------------------------------------------------------------------------------


def test_a_workshop_is_ours_alone_and_leaves_nothing(root: Path, tmp_path: Path) -> None:
    """Not even after a kill; what it has links to stays."""
    fill(tmp_path / "elsewhere", {"a": "mine"})
    shop = make_workshop(root, "1234-a")
    assert stat.S_IMODE(shop.stat().st_mode) == 0o700
    fill(shop, {"link": f"-> {tmp_path / 'elsewhere'}", "x/y": "z"})
    with pytest.raises(CollectorError):
        make_workshop(root, "1234-a")
    others = make_workshop(root, "9999-a")
    clear([root], "1234")
    assert (shop.exists(), others.exists()) == (False, True)
    remove(others)
    assert list(root.iterdir()) == []
    assert tree(tmp_path / "elsewhere") == {"a": "mine"}
    with pytest.raises(CollectorError, match="cannot write into"):
        make_workshop(root / "gone", "x")
