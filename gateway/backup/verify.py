"""Looking at every byte of a backup: is everything there that its manifest names, is nothing else, and is the store whole."""

import hashlib
import tempfile
from pathlib import Path

from gateway.backup.create import STORE_FILE
from gateway.backup.errors import BackupDamaged
from gateway.backup.manifest import MANIFEST, Entry, Manifest
from gateway.backup.places import Reader, open_reader, read_small, room_at
from gateway.revocations import LOG_NAME, read_log
from gateway.store import StoreDamaged, examine

__all__ = ["read_manifest", "unpack", "verify_backup"]

PIECE_BYTES = 1024 * 1024


def verify_backup(source: Path) -> Manifest:
    """Read the whole backup at *source*; returns what it says of itself.

    Raises:
        BackupDamaged: a file is missing, too many, or not what it was; or the store in it contradicts itself.
        NoRoom: there is none to unpack its store in the folder for temporary files.
        OSError: it can't be read.
    """
    with (
        room_at(Path(tempfile.gettempdir())),
        open_reader(source) as reader,
        tempfile.TemporaryDirectory(prefix="fieldgate-verify-") as scratch,
    ):
        manifest = read_manifest(reader)
        for entry in manifest.files:
            if entry.path == STORE_FILE:
                unpack(reader, entry, Path(scratch) / STORE_FILE)
            else:
                unpack(reader, entry, None)
        examine_store(Path(scratch) / STORE_FILE, manifest)
        log = read_log(read_small(reader, LOG_NAME), LOG_NAME)
        if (log.count, log.head) != (manifest.revocations, manifest.revocations_head):
            raise BackupDamaged(f"{LOG_NAME} is not the one that the manifest describes")
    return manifest


def read_manifest(reader: Reader) -> Manifest:
    """What a backup says of itself, once its list of files is the list of its files.

    Raises:
        BackupDamaged: it says nothing that can be read, or a file is missing or too many.
    """
    manifest = Manifest.decode(read_small(reader, MANIFEST))
    listed = [entry.path for entry in manifest.files]
    found = set(reader.names()) - {MANIFEST}
    for path in listed:
        if path not in found:
            raise BackupDamaged(f"{path} is missing")
    for path in sorted(found.difference(listed)):
        raise BackupDamaged(f"{path} is not in the manifest")
    if not {STORE_FILE, LOG_NAME, "version.json", "fieldgate.toml"} <= found or len(listed) != len(found):
        raise BackupDamaged("the manifest does not list what every backup has")
    return manifest


def unpack(reader: Reader, entry: Entry, target: Path | None) -> None:
    """Read a file, into *target* if there is one, for its owner only.

    Raises:
        BackupDamaged: it is not what the manifest says.
    """
    digest, size = hashlib.sha256(), 0
    out = None
    try:
        if target is not None:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.touch(mode=0o600, exist_ok=False)
            out = target.open("wb")
        with reader.open(entry.path) as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
                size += len(piece)
                if out is not None:
                    out.write(piece)
    finally:
        if out is not None:
            out.close()
    if size != entry.size_bytes or digest.hexdigest() != entry.sha256:
        raise BackupDamaged(f"{entry.path} was changed since the backup was made")


def examine_store(path: Path, manifest: Manifest) -> None:
    """Make sure that the store in a backup is whole and of the version that the manifest says.

    Raises:
        BackupDamaged: it is not.
    """
    try:
        found = examine(path)
    except StoreDamaged as error:
        raise BackupDamaged(str(error)) from None
    if found != (manifest.schema_version, manifest.oldest_reader):
        raise BackupDamaged(
            f"{STORE_FILE} has schema {found[0]}, the manifest says {manifest.schema_version}"
        )
