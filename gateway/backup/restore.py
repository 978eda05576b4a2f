"""Making a gateway of a backup.

The data folder is built in the order in which an interruption costs least: everything else first, `version.json` last. Without that it is no
data folder, and nothing can run on it. A mark says meanwhile that a restore is at it, or was.

*Revocations.* The backup does not know what was decided after it. The revocation log, kept apart from it, does: its decisions are taken
again, all of them, in order. The log must be a continuation of the one in the backup. Without one the restore stops, or holds every
agent and token until an operator has spoken for each.

*The authority.* Where agents' issuers were forgotten after the backup, it is brought to forget them too; that may take the root's key.

*Gaps.* Nothing is done about records here. The journals of the backup are read on from the store's cursors; what agents have released
since, and deleted, is missing, and shows as a gap with the next batch of each (docs/delivery.md).
"""

import contextlib
import os
import shutil
from datetime import datetime
from pathlib import Path

import attrs

from certs import Authority, AuthorityError, from_ms
from gateway.backup.create import STORE_FILE
from gateway.backup.errors import RevocationsMissing, TargetInUse
from gateway.backup.manifest import Manifest
from gateway.backup.places import open_reader, read_small, room_at
from gateway.backup.verify import examine_store, read_manifest, unpack
from gateway.config import Config, load_config
from gateway.datafolder import HALF_RESTORED, LAYOUT_VERSION, DataFolder, DataFolderError
from gateway.revocations import LOG_NAME, Log, RevocationLogError, read_log
from gateway.store import AuditEntry, Store, file_of, open_store, store_from_copy
from protocol import Code

__all__ = ["Restored", "restore_backup"]


@attrs.frozen(kw_only=True)
class Restored:
    """What a restore did.

    Attributes:
        taken_again: how many decisions of each kind changed something.
        held_agents, held_tokens: who waits for an operator, where there was no log.
        issuers: in words, what became of agents' issuers that were forgotten since; empty if none were.
        log: the revocation log that was followed; None if there was none.
    """

    manifest: Manifest
    taken_again: dict[str, int]
    held_agents: int = 0
    held_tokens: int = 0
    issuers: str = ""
    log: Path | None = None


def restore_backup(
    source: Path, into: Path, *, log: Path | None, accept_lost: bool, who: str, now_ms: int
) -> Restored:
    """Make a data folder of the backup at *source*.

    Args:
        into: a folder that is empty or not there.
        log: the revocation log to follow; None: the one that the settings in the backup name.
        accept_lost: go on without one, and hold every agent and token.
        who: whoever restores, for the audit.

    Raises:
        AuthorityError, ConfigError, StoreError: the restored parts can't be used here; says why.
        BackupDamaged: it is not what it was. Nothing is left at *into*.
        DataFolderError: it is from a newer version.
        NoRoom: the disk of *into*, or of the store that the settings name, is full. Nothing is left.
        RevocationLogError: the log does not belong to the backup, or is damaged.
        RevocationsMissing: there is no log, and *accept_lost* is false.
        TargetInUse: *into* is not empty, or the database holds a store.
    """
    folder = DataFolder(into)
    if folder.half_restored:
        raise TargetInUse(f"{into}: {HALF_RESTORED}")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise TargetInUse(f"{into} is not empty: a backup is restored into an empty folder")
    made = not into.exists()
    try:
        with room_at(into):
            into.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.restore_mark.touch(mode=0o600)
            manifest, sealed = unpack_all(source, into)
            config = load_config(into)
            for missing in (folder.journals, folder.run):
                missing.mkdir(mode=0o700, parents=True, exist_ok=True)
            found, where = find_log(into, config, manifest, log, accept_lost=accept_lost)
            restored = Restored(manifest=manifest, taken_again={}, log=where)
            if found is not None:
                restored = attrs.evolve(restored, issuers=forget_issuers(folder, found, from_ms(now_ms)))
        there = file_of(config.store_url)
        with (
            room_at(there) if there else contextlib.nullcontext()
        ):  # a full database server speaks for itself
            restored = settle_store(into, config, restored, found, who=who, now_ms=now_ms)
        with room_at(into):
            seal(folder, sealed)
    except BaseException:
        clear(into, folder_too=made)
        raise
    return restored


def unpack_all(source: Path, into: Path) -> tuple[Manifest, bytes]:
    """Every file of the backup but `version.json`, whose content is returned beside the manifest.

    Raises:
        BackupDamaged: it is not what it was.
        DataFolderError: it is from a newer version.
    """
    with open_reader(source) as reader:
        manifest = read_manifest(reader)
        refuse_newer(manifest)
        for entry in manifest.files:
            if entry.path != "version.json":
                unpack(reader, entry, into / entry.path)
        sealed = read_small(reader, "version.json")
    examine_store(into / STORE_FILE, manifest)
    return manifest, sealed


def seal(folder: DataFolder, sealed: bytes) -> None:
    """Make a data folder of it, by its `version.json`."""
    draft = folder.path / "version.json.new"
    draft.write_bytes(sealed)
    for path in (draft, folder.path):
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
    draft.replace(folder.version_file)
    folder.restore_mark.unlink()


def clear(into: Path, *, folder_too: bool) -> None:
    """Leave nothing of a restore that failed."""
    if folder_too:
        shutil.rmtree(into, ignore_errors=True)
        return
    for path in into.iterdir():
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def refuse_newer(manifest: Manifest) -> None:
    """Refuse a layout that we do not know; a store that is too new, opening it refuses.

    Raises:
        DataFolderError: it is.
    """
    if manifest.layout > LAYOUT_VERSION:
        raise DataFolderError(
            f"the backup has layout {manifest.layout}, this Fieldgate knows {LAYOUT_VERSION}: restore it with {manifest.fieldgate}",
            Code.DATA_FOLDER_NEWER,
        )


def find_log(
    into: Path, config: Config, manifest: Manifest, given: Path | None, *, accept_lost: bool
) -> tuple[Log | None, Path | None]:
    """The log to follow, in its place in the new folder; None where there is none and that was accepted.

    Raises:
        RevocationLogError: it does not belong to the backup, or is damaged.
        RevocationsMissing: there is none.
    """
    where = given or (Path(config.revocation_log) if config.revocation_log else None)
    if where is None or (given is None and not where.exists()):
        if accept_lost:
            return None, None
        text = "without the revocation log a restore can't know who was revoked after the backup: give it with --revocation-log"
        raise RevocationsMissing(f"{text} ({where} is not there)" if where else text)
    data = where.read_bytes()
    log = read_log(data, str(where))
    if log.provider_uid != manifest.provider_uid:
        raise RevocationLogError(f"{where} is another provider's")
    known = (into / LOG_NAME).read_bytes()
    if not data.startswith(known):
        raise RevocationLogError(
            f"{where} is not a continuation of the log in the backup, which has {manifest.revocations} lines: it is older, or another gateway's"
        )
    (into / LOG_NAME).write_bytes(data[: log.size_bytes])
    return log, where


def forget_issuers(folder: DataFolder, log: Log, now: datetime) -> str:
    """Let the authority forget the agents' issuers that were forgotten after the backup; says what was done.

    Raises:
        RevocationsMissing: it takes the root's key, which is not in the backup.
    """
    pins = {
        bytes.fromhex(pin)
        for line in log.lines
        if line["what"] == "issuers forgotten"
        for pin in line["pins"]
    }
    authority = Authority.load(folder.ca)
    done = ""
    if authority.state.agent_issuer.pin in pins:
        try:
            authority = authority.rotate_issuers(now)
        except AuthorityError as error:
            raise RevocationsMissing(
                f"the backup's issuer of agents was forgotten since, and a new one can't be made: {error}. Put the root's key into the "
                "backup's folder ca, or restore a later backup"
            ) from None
        done = "new issuers were made, and "
    if any(retired.holding.pin in pins for retired in authority.state.retired_agent_issuers) or done:
        authority = authority.forget_agent_issuers(now)
        done += "former issuers of agents are forgotten, as they were: agents that have not renewed since must enroll again"
    if done:
        authority.save(folder.ca)
    return done


def settle_store(
    into: Path, config: Config, restored: Restored, log: Log | None, *, who: str, now_ms: int
) -> Restored:
    """Put the store where the settings say, and make of it what it would be now."""
    store = place_store(into, config)
    try:
        store.restoring.settle(now_ms=now_ms)
        if log is None:
            agents, tokens = store.restoring.hold(now_ms=now_ms)
            restored = attrs.evolve(restored, held_agents=agents, held_tokens=tokens)
            why = f"without the revocation log: {agents} agents and {tokens} tokens held"
        else:
            restored = attrs.evolve(restored, taken_again=dict(+store.restoring.apply(log.lines)))
            why = f"revocation log of {log.count} lines followed"
        about = f"backup of {from_ms(restored.manifest.created_ms):%Y-%m-%d %H:%M:%SZ}"
        store.audit.note(AuditEntry(at_ms=now_ms, who=who, action="restored", about=about, why=why))
    finally:
        store.close()
    return restored


def place_store(into: Path, config: Config) -> Store:
    """Open the restored store, upgraded to this version where it is older.

    Raises:
        TargetInUse: the settings name a file that is there.
        StoreError: as it says.
    """
    here = into / STORE_FILE
    there = file_of(config.store_url)
    if there is None:
        store = store_from_copy(here, config.store_url)
        here.unlink()
        return store
    if there.absolute() != here.absolute():
        if there.exists():
            raise TargetInUse(
                f"{there}, which the settings name as the store, is there already: move it away"
            )
        there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.move(here, there)
    return open_store(config.store_url, create=True)
