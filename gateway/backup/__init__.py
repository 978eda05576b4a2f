"""Backups of a gateway that runs, their verification, and a restore that lets nobody in who was shut out since.

    manifest = create_backup(folder, config, store, target, now_ms=…)
    verify_backup(target)
    restored = restore_backup(target, into, log=…, accept_lost=False, now_ms=…)

What is in one, and in which order it is copied, says `create`; what a restore makes of it, `restore`.
"""

from gateway.backup.create import create_backup
from gateway.backup.errors import (
    BackupDamaged,
    BackupError,
    BackupIncomplete,
    NoRoom,
    RevocationsMissing,
    TargetInUse,
)
from gateway.backup.manifest import Entry, JournalEntry, Manifest
from gateway.backup.places import TAR_MODES
from gateway.backup.restore import Restored, restore_backup
from gateway.backup.verify import verify_backup

__all__ = [
    "TAR_MODES",
    "BackupDamaged",
    "BackupError",
    "BackupIncomplete",
    "Entry",
    "JournalEntry",
    "Manifest",
    "NoRoom",
    "Restored",
    "RevocationsMissing",
    "TargetInUse",
    "create_backup",
    "restore_backup",
    "verify_backup",
]
