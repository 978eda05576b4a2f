"""A journal's folder: which segments it holds, and reading one of them.

    lock                   see lock.py
    journal.json           {"journal_uid": "…"}
    0000000001.fgj …       segments, numbered upwards without a gap

A folder whose journal.json is missing or unreadable gets a new uid: readers have no cursor for it and read it all
again, which costs time and loses nothing.
"""

import json
import os
import re
from pathlib import Path
from uuid import UUID, uuid4

from gateway.journal.errors import JournalError
from gateway.journal.files import Files
from gateway.journal.frames import HEADER_BYTES, Frames, Header, Tail, UnknownFormatError, parse

_SEGMENT_NAME = re.compile(r"[0-9]{10}\.fgj")
_ABOUT = "journal.json"


def segment_path(folder: Path, number: int) -> Path:
    """Where segment *number* lies."""
    return folder / f"{number:010d}.fgj"


def segment_sizes(folder: Path) -> dict[int, int]:
    """Number and size in bytes of every segment file, oldest first; empty if there is no such folder."""
    found: dict[int, int] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _SEGMENT_NAME.fullmatch(entry.name):
                    try:
                        found[int(entry.name[:10])] = entry.stat().st_size
                    except FileNotFoundError:  # pruned since
                        continue
    except FileNotFoundError:
        return {}
    return dict(sorted(found.items()))


def read_header(folder: Path, number: int) -> Header | None:
    """The header of segment *number*, or None if it has none that can be used.

    Raises:
        JournalError: A newer Fieldgate wrote it: skipping it would lose records.
    """
    try:
        with segment_path(folder, number).open("rb", buffering=0) as file:
            header = Header.decode(file.read(HEADER_BYTES))
    except FileNotFoundError:
        return None
    except UnknownFormatError as error:
        raise JournalError(f"journal {folder}: {error}; run a newer release") from None
    return header if header is not None and header.segment == number else None


def read_frames(fd: int, header: Header, *, offset: int, max_bytes: int) -> Frames:
    """The whole frames within *max_bytes* from *offset* on, or one frame if the first is larger than that."""
    data = os.pread(fd, max_bytes, offset)
    frames = parse(data, seed=header.seed, offset=offset)
    # A short buffer and a half-written frame look alike until the whole frame has been asked for. Two rounds:
    # max_bytes may be shorter than the frame's head, which says how long the frame is.
    for _ in range(2):
        if frames.bodies or frames.tail is not Tail.PARTIAL or frames.wanted <= len(data):
            break
        data = os.pread(fd, frames.wanted, offset)
        frames = parse(data, seed=header.seed, offset=offset)
    return frames


def valid_end(folder: Path, header: Header) -> int:
    """Where the last whole frame of a segment ends, in bytes. Reads the whole file, a piece at a time."""
    at = HEADER_BYTES
    with segment_path(folder, header.segment).open("rb", buffering=0) as file:
        while (frames := read_frames(file.fileno(), header, offset=at, max_bytes=1024 * 1024)).bodies:
            at = frames.end
    return at


def read_uid(folder: Path) -> str | None:
    """The journal's uid, or None if the folder does not say."""
    try:
        about = json.loads((folder / _ABOUT).read_bytes())
        return str(UUID(about["journal_uid"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def ensure_uid(folder: Path, files: Files) -> str:
    """The journal's uid, made and written down if there is none.

    Raises:
        OSError: The folder can't be written.
    """
    if (known := read_uid(folder)) is not None:
        return known
    uid = str(uuid4())
    draft = folder / f"{_ABOUT}.new"
    fd = files.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        files.writev(fd, [json.dumps({"journal_uid": uid}).encode() + b"\n"])
        files.fdatasync(fd)
    finally:
        files.close(fd)
    files.replace(draft, folder / _ABOUT)
    files.fsync_folder(folder)
    return uid
