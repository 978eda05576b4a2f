"""Making a backup while edges and projector work.

The order is what makes it one moment. First the store, in one read transaction. Then the journals: they hold at least what came until
the store was copied, and a little more, which the projector of the restored gateway reads as it would have here. Then the authority, between
two looks at its version. The revocation log is last, so that it knows every decision that the store does.

What is on its way in the meantime (a segment that is rolled, a decision) is in the backup or is not, and either is a state that
the gateway could have been killed in.
"""

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

from certs import Authority
from gateway.backup.errors import BackupIncomplete
from gateway.backup.manifest import MANIFEST, Entry, JournalEntry, Manifest
from gateway.backup.places import Writer, open_writer
from gateway.config import Config
from gateway.datafolder import LAYOUT_VERSION, DataFolder
from gateway.journal import JournalReader, SegmentPart, parts_to_copy
from gateway.revocations import LOG_NAME, read_log
from gateway.store import Store, examine, open_store
from gateway.version import gateway_version

__all__ = ["STORE_FILE", "create_backup"]

STORE_FILE = "store.sqlite"
JOURNAL_FILE = "journal.json"
TRIES = 3


def create_backup(folder: DataFolder, config: Config, store: Store, target: Path, *, now_ms: int) -> Manifest:
    """Write a backup of the gateway to *target*, a new file (.tar, .tar.gz, .tgz) or an empty folder.

    Raises:
        AuthorityError, RevocationLogError, StoreError: a part of the gateway can't be read.
        BackupIncomplete: a part went away faster than it could be copied.
        NoRoom: the disk of *target* is full.
        TargetInUse: there is something at *target*.
        OSError: a file can't be read or written.
    """
    with open_writer(target) as writer:
        files: list[Entry] = []
        copy = writer.scratch / STORE_FILE
        store.copy_to(copy)
        version, oldest_reader = examine(copy)
        files.append(_add(writer, STORE_FILE, copy))
        needed = needed_segments(copy)
        journals = []
        for path in sorted(each for each in folder.journals.glob("*") if each.is_dir()):
            entries, journal = _add_journal(writer, path, needed)
            files += entries
            journals += journal
        files += _add_authority(writer, folder.ca)
        for path in (
            folder.settings_file,
            *sorted((folder.path / "edges").glob("*.toml")),
            folder.version_file,
            folder.path / "webhooks.key",
        ):
            if path.exists():
                files.append(_add(writer, str(path.relative_to(folder.path)), path))
        log = (folder.path / LOG_NAME).read_bytes()
        known = read_log(log, LOG_NAME)
        files.append(_add_bytes(writer, LOG_NAME, log[: known.size_bytes]))
        manifest = Manifest(
            fieldgate=gateway_version(), provider_uid=json.loads(folder.version_file.read_bytes())["provider_uid"],
            created_ms=now_ms, layout=LAYOUT_VERSION, schema_version=version, oldest_reader=oldest_reader,
            database=store.url.partition(":")[0], journals=tuple(journals), revocations=known.count,
            revocations_head=known.head, private_keys=tuple(e.path for e in files if e.path.endswith(".key")),
            left_out=tuple(_left_out(folder, config)), files=tuple(files),
        )  # fmt: skip
        _add_bytes(writer, MANIFEST, manifest.encode())
    return manifest


def needed_segments(copy: Path) -> dict[str, int]:
    """The segment of each journal from which on the copied store has not read it, by the journal's uid."""
    with contextlib.closing(open_store(f"sqlite:///{copy}")) as store:
        return {uid: cursor.segment for uid, cursor in store.cursors().items()}


def _add(writer: Writer, name: str, path: Path) -> Entry:
    with path.open("rb") as file:
        return writer.add(name, file, path.stat().st_size)


def _add_bytes(writer: Writer, name: str, data: bytes) -> Entry:
    return writer.add(name, io.BytesIO(data), len(data))


def _add_journal(
    writer: Writer, path: Path, needed: dict[str, int]
) -> tuple[list[Entry], list[JournalEntry]]:
    """A journal as far as it is on disk.

    Raises:
        BackupIncomplete: what the copied store has not read of it was deleted meanwhile.
    """
    uid = JournalReader(path).journal_uid
    if uid is None:
        return [], []
    name = f"journals/{path.name}"
    entries = [_add(writer, f"{name}/{JOURNAL_FILE}", path / JOURNAL_FILE)]
    copied: set[int] = set()
    for part in _parts(path):
        try:
            with part.path.open("rb") as file:
                entries.append(writer.add(f"{name}/{part.path.name}", file, part.size_bytes))
        except FileNotFoundError:  # pruned since it was listed
            if part.number >= needed.get(uid, 0):
                raise BackupIncomplete(
                    f"journal {path.name}: segment {part.number} was deleted while it was needed"
                ) from None
        else:
            copied.add(part.number)
    first = needed.get(uid)
    if first and copied and min(copied) > first:
        raise BackupIncomplete(
            f"journal {path.name}: segments {first} to {min(copied) - 1} were deleted while they were needed"
        )
    size = sum(entry.size_bytes for entry in entries)
    return entries, [JournalEntry(name=path.name, journal_uid=uid, segments=len(copied), size_bytes=size)]


def _parts(path: Path) -> list[SegmentPart]:
    for last in (False,) * (TRIES - 1) + (True,):
        try:
            return parts_to_copy(path)
        except FileNotFoundError:
            if last:
                raise
    raise AssertionError("the last try returns or raises")


def _add_authority(writer: Writer, ca: Path) -> list[Entry]:
    """Its files, all of one version."""
    for _ in range(TRIES):
        version = Authority.load(ca).state.version
        with contextlib.suppress(FileNotFoundError):  # a change removes what it supersedes
            held = {
                path.name: path.read_bytes()
                for path in sorted(ca.iterdir())
                if path.suffix in (".json", ".pem", ".key")
            }
            if Authority.load(ca).state.version == version:
                return [_add_bytes(writer, f"ca/{name}", data) for name, data in held.items()]
    raise BackupIncomplete(f"{ca} was changed again and again while it was copied")


def _left_out(folder: DataFolder, config: Config) -> Iterator[str]:
    """What the restored gateway will need or miss, and is not the backup's to carry."""
    for what, path in (
        ("certificate", config.certificate),
        ("certificate_key", config.certificate_key),
        ("certificate_issuers", config.certificate_issuers),
    ):
        if path:
            yield f"{what}: {path} lies outside the data folder"
    if any((folder.path / "spool").glob("*")):
        yield "spool: files that agents have sent, such as collected logs"
