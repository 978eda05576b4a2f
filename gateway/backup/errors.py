"""Why a backup can't be made, believed or restored."""

from typing import ClassVar

from protocol import Code


class BackupError(Exception):
    """Something is wrong with a backup; says what, and what to do."""

    code: ClassVar[Code]


class BackupDamaged(BackupError):  # noqa: N818  # named after the state
    """It is not what its manifest says, or none at all."""

    code = Code.BACKUP_DAMAGED


class BackupIncomplete(BackupError):  # noqa: N818  # named after the state
    """It could not be made whole, and is not there."""

    code = Code.BACKUP_INCOMPLETE


class TargetInUse(BackupError):  # noqa: N818  # named after the state
    """Where it is to go, there is something already."""

    code = Code.RESTORE_TARGET_IN_USE


class NoRoom(BackupError):  # noqa: N818  # named after the state
    """The disk is full where it is to go."""

    code = Code.BACKUP_NO_ROOM


class RevocationsMissing(BackupError):  # noqa: N818  # named after the state
    """Nobody says what was revoked since it was made."""

    code = Code.REVOCATIONS_MISSING
