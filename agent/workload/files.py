"""What is in the backups of a synthetic workload: folders as people keep them, and files whose content can be told again at any time.

Nothing is kept. A folder's items follow from the workload and the folder's path, a file's content from these and the version that a restore point
has of it: some files change every few days, most never. Read twice it is the same to the byte, by any process, on any machine.
"""

import hashlib
import random
import tarfile
from collections.abc import Iterator
from typing import Final

import attrs

from protocol import listing

DAY_MS: Final = 24 * 3600 * 1000
DEPTH: Final = 4
BLOCK: Final = 256 * 1024
MOST_BYTES: Final = 24 * 1024 * 1024

TOPS: Final = ("etc", "home", "srv", "var")
FOLDERS: Final = (
    "2024", "2025", "2026", "accounting", "archive", "contracts", "correspondence", "customers", "drafts", "invoices",
    "mail", "marketing", "minutes", "personnel", "projects", "quotes", "scans", "suppliers", "templates", "travel",
)  # fmt: skip
WORDS: Final = (
    "agenda", "balance", "budget", "checklist", "contract", "delivery note", "forecast", "handbook", "inventory",
    "invoice", "letter", "minutes", "offer", "order", "plan", "price list", "protocol", "receipt", "report", "schedule",
)  # fmt: skip
ENDINGS: Final = (
    ("pdf", 180_000), ("docx", 60_000), ("xlsx", 40_000), ("odt", 50_000), ("eml", 15_000), ("jpg", 1_500_000),
    ("csv", 20_000), ("txt", 4_000), ("pptx", 900_000), ("zip", 3_000_000),
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Tree:
    """One restore point of one workload.

    Attributes:
        workload_uid: what was backed up.
        time_ms: when.
    """

    workload_uid: str
    time_ms: int

    def item(self, path: str) -> listing.Item | None:
        """What is at *path*; None: nothing is."""
        if path == "/":
            return listing.Item(path="/", type=listing.FOLDER)
        above = path.rpartition("/")[0] or "/"
        parent = self.item(above)
        if parent is None or parent.type != listing.FOLDER:
            return None
        return next((item for item in self.items(above) if item.path == path), None)

    def items(self, folder: str) -> Iterator[listing.Item]:
        """What is in a folder that is there, in the order of their names."""
        depth = 0 if folder == "/" else folder.count("/")
        top = "" if folder == "/" else folder
        if depth == 0:
            for name in TOPS:
                yield self._folder(f"/{name}")
            return
        rng = self._random(folder)
        folders = rng.sample(FOLDERS, rng.randint(2, 6)) if depth < DEPTH else []
        files = {}
        for _ in range(rng.randint(3, 14)):
            ending, median = rng.choice(ENDINGS)
            name = f"{rng.choice(WORDS)} {rng.randint(1, 2400):04}.{ending}"
            files[name] = min(MOST_BYTES, int(median * rng.lognormvariate(0, 0.8)))
        for name in sorted([*folders, *files]):
            path = f"{top}/{name}"
            yield self._file(path, files[name]) if name in files else self._folder(path)

    def below(self, folder: str) -> Iterator[listing.Item]:
        """Everything below a folder that is there, each folder before what is in it."""
        for item in self.items(folder):
            yield item
            if item.type == listing.FOLDER:
                yield from self.below(item.path)

    def content(self, item: listing.Item) -> Iterator[bytes]:
        """The bytes of a file."""
        rng = self._random(f"{item.path}\0{item.modified_ms}")
        left = item.size_bytes
        while left:
            block = rng.randbytes(min(BLOCK, left))
            left -= len(block)
            yield block

    def archive(self, folder: str) -> Iterator[bytes]:
        """A folder that is there as a tar archive, its names from the top of the restore point."""
        for item in self.below(folder):
            entry = tarfile.TarInfo(item.path[1:])
            entry.mtime = item.modified_ms // 1000
            entry.mode = 0o755 if item.type == listing.FOLDER else 0o644
            if item.type == listing.FOLDER:
                entry.type = tarfile.DIRTYPE
                yield entry.tobuf(tarfile.PAX_FORMAT)
            else:
                entry.size = item.size_bytes
                yield entry.tobuf(tarfile.PAX_FORMAT)
                yield from self.content(item)
                yield bytes(-item.size_bytes % tarfile.BLOCKSIZE)
        yield bytes(2 * tarfile.BLOCKSIZE)

    def _file(self, path: str, size_bytes: int) -> listing.Item:
        rng = self._random(f"{path}\0life")
        every_ms = rng.choice((5, 12, 30, 400, 400, 400, 400)) * DAY_MS
        offset_ms = rng.randrange(every_ms)
        changed_ms = (self.time_ms - offset_ms) // every_ms * every_ms + offset_ms
        return listing.Item(
            path=path, type=listing.FILE, size_bytes=size_bytes, modified_ms=max(0, changed_ms // 1000 * 1000)
        )

    def _folder(self, path: str) -> listing.Item:
        return listing.Item(path=path, type=listing.FOLDER, modified_ms=self.time_ms // DAY_MS * DAY_MS)

    def _random(self, what: str) -> random.Random:
        seed = hashlib.sha256(f"{self.workload_uid}\0{what}".encode()).digest()
        return random.Random(seed)  # the same for everybody, that is the point
