"""Kinds of commands about restore points: what is in them, and getting it back.

What is asked for is named by the workload, the restore point and a *path* in it: absolute, its parts between slashes, whatever the system of the
machine that was backed up. The path says where something is in a backup and nothing else. Where it may be written to is decided by
the agent, and nobody's path is ever handed to the file system as it came.

Lists are answered with a file of JSON (protocol.listing), a page at a time, what is asked for with that itself.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

import attrs

from protocol.fields import KeyUid, Uid
from protocol.instruction import Instruction, Word
from protocol.kinds import FieldError, Integer, Text
from protocol.listing import MAX_LISTING, MAX_ROWS

MAX_PATH: Final = 4096
"""Linux's own limit for one path, there in bytes."""

MAX_PATHS: Final = 100
"""Of the longest, as many as a payload has room for are fewer."""

MAX_ITEM_BYTES: Final = 1 << 40
ITEM_BYTES: Final = 1 << 34

_PATH: Final = Text(MAX_PATH, at_least=1)
_NO_PART: Final = frozenset({"", ".", ".."})


@attrs.frozen
class ItemPath:
    """Where an item is in a restore point; `/` is all of it."""

    def load(self, value: object) -> str:
        """The path, or FieldError."""
        path = _PATH.load(value)
        if path != "/" and (path[0] != "/" or not _NO_PART.isdisjoint(path[1:].split("/"))):
            raise FieldError("expected an absolute path without empty parts, . and ..")
        return path

    dump = load

    def describe(self) -> str:
        """The words of docs/protocol.md."""
        return f"an absolute path of up to {MAX_PATH} characters, without empty parts, `.` and `..`"


@attrs.frozen
class ItemPaths:
    """Some items of a restore point; none is all of it."""

    def load(self, value: object) -> tuple[str, ...]:
        """The paths, or FieldError."""
        if type(value) is not list:
            raise FieldError("expected a list of paths")
        return self._checked(value)

    def dump(self, value: object) -> list[str]:
        """The reverse."""
        if type(value) is not tuple:
            raise FieldError("expected a tuple of paths")
        return list(self._checked(value))

    def _checked(self, paths: Sequence[object]) -> tuple[str, ...]:
        if not 1 <= len(paths) <= MAX_PATHS:
            raise FieldError(f"{len(paths)} paths, limits are 1 and {MAX_PATHS}")
        found = tuple(map(ItemPath().load, paths))
        if "/" in found:
            raise FieldError("/ is all of the restore point, and no item of it")
        return found

    def describe(self) -> str:
        """The words of docs/protocol.md."""
        return f"a list of 1 to {MAX_PATHS} paths, none of them `/`"


@attrs.frozen
class FolderPath:
    """A folder of the agent's machine, or empty."""

    def load(self, value: object) -> str:
        """The path, or FieldError."""
        return "" if value == "" else ItemPath().load(value)

    dump = load

    def describe(self) -> str:
        """The words of docs/protocol.md."""
        return f"{ItemPath().describe()}; or empty"


Path = Annotated[str, ItemPath()]
Rows = Annotated[int, Integer(1, MAX_ROWS), "how many at most"]


@attrs.frozen(kw_only=True)
class ListRestorePoints(Instruction):
    """Say which restore points a workload has, the newest first; answered with a listing."""

    kind: ClassVar[str] = "list-restore-points"
    has_file: ClassVar[bool] = True
    is_brief: ClassVar[bool] = True

    workload_uid: Annotated[KeyUid, "the workload, as the inventory has it"]
    after: Annotated[Uid, "go on behind this restore point; empty: from the newest"] = ""
    limit: Rows = 100

    @property
    def file_limit(self) -> int:
        """A listing's."""
        return MAX_LISTING


@attrs.frozen(kw_only=True)
class BrowseRestorePoint(Instruction):
    """Say what is in a folder of a restore point, in the order that the backup has; answered with a listing."""

    kind: ClassVar[str] = "browse-restore-point"
    has_file: ClassVar[bool] = True
    is_brief: ClassVar[bool] = True

    workload_uid: Annotated[KeyUid, "the workload"]
    point_uid: Annotated[KeyUid, "its restore point"]
    path: Annotated[Path, "the folder"] = "/"
    after: Annotated[str, Text(MAX_PATH), "go on behind the item of this path; empty: from the first"] = ""
    limit: Rows = 500

    @property
    def file_limit(self) -> int:
        """A listing's."""
        return MAX_LISTING


@attrs.frozen(kw_only=True)
class SearchRestorePoint(Instruction):
    """Say which items below a folder of a restore point have a text in their names; answered with a listing."""

    kind: ClassVar[str] = "search-restore-point"
    has_file: ClassVar[bool] = True
    is_brief: ClassVar[bool] = True

    workload_uid: Annotated[KeyUid, "the workload"]
    point_uid: Annotated[KeyUid, "its restore point"]
    text: Annotated[
        str, Text(255, at_least=1), "part of a name; whether its letters are capital or small does not matter"
    ]
    path: Annotated[Path, "the folder below which to look"] = "/"
    after: Annotated[str, Text(MAX_PATH), "go on behind the item of this path; empty: from the first"] = ""
    limit: Rows = 500

    @property
    def file_limit(self) -> int:
        """A listing's."""
        return MAX_LISTING


@attrs.frozen(kw_only=True)
class DownloadItem(Instruction):
    """Send a file of a restore point, or a folder as a tar archive, as a file beside the records."""

    kind: ClassVar[str] = "download-item"
    has_file: ClassVar[bool] = True

    workload_uid: Annotated[KeyUid, "the workload"]
    point_uid: Annotated[KeyUid, "its restore point"]
    path: Annotated[Path, "the file or folder"]
    max_bytes: Annotated[int, Integer(1, MAX_ITEM_BYTES), "how large what is sent may be"] = ITEM_BYTES

    @property
    def file_limit(self) -> int:
        """As it says."""
        return self.max_bytes


IN_PLACE: Final = "in-place"
KEEP_BOTH: Final = "keep-both"

Mode = Annotated[
    str,
    Word((IN_PLACE, KEEP_BOTH)),
    "whether a file takes the place of one that has its name, or is put beside it under another",
]
Folder = Annotated[
    str, FolderPath(), "the folder of the agent's machine that it is put into; empty: where it came from"
]


@attrs.frozen(kw_only=True)
class RestoreItems(Instruction):
    """Restore items onto the agent's machine, below folders that its administrator has named."""

    kind: ClassVar[str] = "restore-items"
    idempotent: ClassVar[bool] = False

    workload_uid: Annotated[KeyUid, "the workload"]
    point_uid: Annotated[KeyUid, "its restore point"]
    paths: Annotated[tuple[str, ...], ItemPaths(), "the files and folders"]
    mode: Mode
    folder: Folder = ""


@attrs.frozen(kw_only=True)
class RestoreWorkload(Instruction):
    """Restore all of a restore point onto the agent's machine, below folders that its administrator has named."""

    kind: ClassVar[str] = "restore-workload"
    idempotent: ClassVar[bool] = False

    workload_uid: Annotated[KeyUid, "the workload"]
    point_uid: Annotated[KeyUid, "its restore point"]
    mode: Mode
    folder: Folder = ""
