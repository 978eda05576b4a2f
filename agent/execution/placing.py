"""Putting what came out of a backup where it belongs, and nowhere else.

A restore is asked for from afar, and where it writes is decided here: below one of the folders that agent.toml names. What the backup
holds is first restored into a folder of our own there, which nobody else can look into, and then moved to its place, on the same file system, by
names below folders that are held open. No step from one folder into the next follows a link, so whatever somebody has put there, or puts
there meanwhile, leads nowhere. Each move is whole: a file is the old one or the new one, also if the agent is killed.

In place: a file takes the place of the one that is there, folders are gone into, and what is only there stays.
Keep both: nothing that is there is touched; what has its name gets another one.
"""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from agent.collectors.contract import CollectorError
from protocol import Code, commands

PREFIX: Final = ".fieldgate-restore-"
MOST_NAMES: Final = 100
"""Restored at one minute under one name."""

_NAME_BYTES: Final = 255
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


@attrs.frozen
class Place:
    """Where an item belongs."""

    root: Path
    """The folder of agent.toml that it is below."""
    parts: tuple[str, ...]
    """From there; empty for the folder itself."""

    def __str__(self) -> str:
        return str(self.root.joinpath(*self.parts))


@attrs.define
class Placed:
    """What came of moving."""

    replaced: int = 0
    new: int = 0
    kept: list[str] = attrs.field(factory=list)
    """What got another name, and where it is."""
    wrong: list[str] = attrs.field(factory=list)
    """What could not be moved, and why."""


def place_of(path: str, folder: str, targets: Sequence[Path]) -> Place:
    """Where an item of that path goes.

    Args:
        path: in the restore point.
        folder: of this machine, where it is to go instead of the place that it came from; empty: there.
        targets: what may be written below.

    Raises:
        CollectorError: that is not below any of them (FG-5044).
    """
    wanted = path if not folder else f"{folder.rstrip('/')}/{path.rpartition('/')[2]}"
    parts = tuple(part for part in wanted.split("/") if part)
    for root in sorted(targets, key=lambda each: len(each.parts), reverse=True):
        above = root.parts[1:]
        if parts[: len(above)] == above:
            return Place(root, parts[len(above) :])
    named = ", ".join(map(str, targets)) or "no folder"
    raise refused(
        f"{wanted} is not below a folder that agent.toml of this server names under [restore] (it names {named})"
    )


def make_workshop(root: Path, whose: str) -> Path:
    """A new folder below *root* that only we can look into; `remove` it afterwards.

    Raises:
        CollectorError: it can't be made.
    """
    path = root / f"{PREFIX}{whose}"
    try:
        path.mkdir(mode=0o700)
    except OSError as error:
        raise refused(f"cannot write into {root}: {error.strerror}") from error
    return path


def remove(workshop: Path) -> None:
    """With all that is left in it; no link is followed."""
    shutil.rmtree(workshop, ignore_errors=True)


def clear(targets: Sequence[Path], whose: str) -> None:
    """Remove the folders of restores that a kill has cut short; *whose* is what their names begin with."""
    for root in targets:
        for path in root.glob(f"{PREFIX}{whose}*"):
            remove(path)


def move(staged: Path, place: Place, mode: str, stamp: str, done: Placed) -> None:
    """Move an item to its place.

    Args:
        staged: where it is; on the same file system.
        mode: "in-place" or "keep-both".
        stamp: what is added to names that are taken.

    Raises:
        CollectorError: on the way to its place there is something that is no folder (FG-5044).
    """
    with contextlib.ExitStack() as held:
        source = _opened(held, staged.parent)
        if not place.parts:
            try:
                inside = _inside(held, staged.name, source)
            except OSError as error:
                raise refused(f"{place} is a folder, and what would take its place is none") from error
            there = _opened(held, place.root)
            for name in sorted(os.listdir(inside)):
                _settle(name, inside, name, there, str(place), mode, stamp, done)
            return
        there = _opened(held, place.root)
        for n, part in enumerate(place.parts[:-1], 1):
            there = _entered(held, part, there, place.root.joinpath(*place.parts[:n]))
        above = str(place.root.joinpath(*place.parts[:-1]))
        _settle(staged.name, source, place.parts[-1], there, above, mode, stamp, done)


def _settle(
    name: str, source: int, new_name: str, there: int, above: str, mode: str, stamp: str, done: Placed
) -> None:
    """Move one thing into the folder *there*; what goes wrong with it is noted, and the others go on."""
    try:
        if mode == commands.IN_PLACE:
            _in_place(name, source, new_name, there, above, stamp, done)
        else:
            _beside(name, source, new_name, there, above, stamp, done)
    except OSError as error:
        done.wrong.append(f"{above}/{new_name}: {error.strerror or error}")


def _in_place(
    name: str, source: int, new_name: str, there: int, above: str, stamp: str, done: Placed
) -> None:
    found, old = _kind(name, source), _kind(new_name, there)
    if old is None:
        os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=there)
        done.new += 1
    elif stat.S_ISDIR(found or 0) and stat.S_ISDIR(old):
        with contextlib.ExitStack() as held:
            inside, into = _inside(held, name, source), _inside(held, new_name, there)
            for each in sorted(os.listdir(inside)):
                _settle(each, inside, each, into, f"{above}/{new_name}", commands.IN_PLACE, stamp, done)
    elif stat.S_ISDIR(found or 0) or stat.S_ISDIR(old):
        raise OSError(errno.ENOTDIR, "one of the two is a folder and the other is none")
    else:
        os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=there)
        done.replaced += 1


def _beside(name: str, source: int, new_name: str, there: int, above: str, stamp: str, done: Placed) -> None:
    folder = stat.S_ISDIR(_kind(name, source) or 0)
    for candidate in names_for(new_name, stamp):
        try:
            if folder:
                os.mkdir(candidate, 0o700, dir_fd=there)  # it is ours, and empty: a rename takes its place
            else:
                os.link(name, candidate, src_dir_fd=source, dst_dir_fd=there, follow_symlinks=False)
        except FileExistsError:
            continue
        if folder:
            os.rename(name, candidate, src_dir_fd=source, dst_dir_fd=there)
        if candidate == new_name:
            done.new += 1
        else:
            done.kept.append(f"{above}/{candidate}")
        return
    raise OSError(errno.EEXIST, "there are too many of that name")


def names_for(name: str, stamp: str) -> Iterator[str]:
    """*name*, and what else it may be called where that is taken; none is longer than a name may be."""
    yield name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > 16:
        stem, dot, ending = name, "", ""
    for n in range(1, MOST_NAMES + 1):
        added = f" (restored {stamp}{f', {n}' if n > 1 else ''})"
        room = _NAME_BYTES - len(os.fsencode(f"{added}{dot}{ending}"))
        cut = os.fsencode(stem)[:room].decode(errors="ignore")
        yield f"{cut}{added}{dot}{ending}"


def _kind(name: str, folder: int) -> int | None:
    """The mode of what is there; None if nothing is."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None


def _opened(held: contextlib.ExitStack, path: Path) -> int:
    """A folder that we made, or that agent.toml names."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError as error:
        raise refused(f"cannot use {path}: {error.strerror}") from error
    held.callback(os.close, fd)
    return fd


def _inside(held: contextlib.ExitStack, name: str, folder: int) -> int:
    fd = os.open(name, _FOLDER, dir_fd=folder)
    held.callback(os.close, fd)
    return fd


def _entered(held: contextlib.ExitStack, name: str, folder: int, shown: Path) -> int:
    """The folder of that name, which is made if it is not there; never through a link."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
    try:
        return _inside(held, name, folder)
    except OSError as error:
        raise refused(f"{shown} is no folder, or a link to one: {error.strerror}") from error


def refused(why: str) -> CollectorError:
    """It is not to be written there."""
    return CollectorError(why[:1024], Code.RESTORE_TARGET_REFUSED)
