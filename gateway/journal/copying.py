"""What of a journal can be copied while it is written: everything that is on disk, and no half of a frame.

Closed segments are final. Of the newest one, the whole frames that are there now are synced first, by whoever copies: then
they are as durable as what the writer has acknowledged, and a copy never holds more than its original would after a power cut.
"""

import os
from pathlib import Path

import attrs

from gateway.journal.files import OS_FILES, Files
from gateway.journal.folder import read_header, read_uid, segment_path, segment_sizes, valid_end


@attrs.frozen(kw_only=True)
class SegmentPart:
    """The beginning of a segment file, *size_bytes* of it."""

    number: int
    path: Path
    size_bytes: int


def parts_to_copy(folder: Path, *, files: Files = OS_FILES) -> list[SegmentPart]:
    """What to copy of the journal in *folder*, oldest first; nothing where there is none.

    Raises:
        JournalError: a newer Fieldgate wrote the newest segment.
        OSError: it can't be read or synced; FileNotFoundError: a segment was pruned meanwhile, look again.
    """
    sizes = segment_sizes(folder)
    if not sizes or read_uid(folder) is None:
        return []
    newest = max(sizes)
    parts = [
        SegmentPart(number=number, path=segment_path(folder, number), size_bytes=size)
        for number, size in sizes.items()
        if number != newest
    ]
    header = read_header(folder, newest)
    if header is None:  # it is being made, or was never finished
        return parts
    path = segment_path(folder, newest)
    end = valid_end(folder, header)
    fd = files.open(path, os.O_RDWR)
    try:
        files.fdatasync(fd)
    finally:
        files.close(fd)
    return [*parts, SegmentPart(number=newest, path=path, size_bytes=end)]
