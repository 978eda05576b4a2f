"""What ends a command: the errors of every package, as exit codes.

`guarded` imports this when there is an error to look up: knowing all of them means importing nearly everything.
"""

from certs import AuthorityError, OwnCertificateError
from gateway.access import AccessError
from gateway.backup import BackupDamaged, BackupError, BackupIncomplete, NoRoom
from gateway.cli.errors import CHECK_FAILED, FAILED, UNUSABLE, WRONG_STATE
from gateway.config import ConfigError
from gateway.datafolder import DataFolderError
from gateway.journal import JournalError, JournalFailed, JournalFull, JournalLocked
from gateway.projector import JournalShorterError, ProjectorRunsAlready
from gateway.revocations import RevocationLogError
from gateway.sinks import SinkError, SinkRefused, SinkUnavailable
from gateway.store import Conflict, NotFound, StoreError, StoreFull, StoreLocked, StoreUnreachable
from gateway.support import BundleWithheldError
from protocol import Code

__all__ = ["ending_of"]

# With the exit code and the FG code where the error has none of its own; the first that fits counts. What may pass by
# itself (a lock, a full disk, a database that is still starting) is no 2: starting again helps.
_ENDINGS: tuple[tuple[tuple[type[Exception], ...], int, Code | None], ...] = (
    ((AccessError, Conflict, JournalShorterError, NotFound), WRONG_STATE, None),
    (
        (BackupIncomplete, NoRoom, SinkRefused, SinkUnavailable, StoreFull, StoreLocked, StoreUnreachable),
        FAILED,
        None,
    ),
    ((BackupDamaged, BundleWithheldError), CHECK_FAILED, None),
    ((BackupError,), UNUSABLE, None),
    (
        (ConfigError, DataFolderError, ProjectorRunsAlready, RevocationLogError, SinkError, StoreError),
        UNUSABLE,
        None,
    ),
    ((AuthorityError,), UNUSABLE, Code.AUTHORITY_UNUSABLE),
    ((OwnCertificateError,), UNUSABLE, Code.OWN_CERTIFICATE_REJECTED),
    ((JournalLocked,), UNUSABLE, Code.JOURNAL_LOCKED),
    ((JournalFull,), FAILED, Code.JOURNAL_FULL),
    ((JournalFailed,), FAILED, Code.FSYNC_FAILED),
    ((JournalError,), UNUSABLE, Code.JOURNAL_DAMAGED),
)


def ending_of(error: Exception) -> tuple[str, int, Code | None] | None:
    """Message, exit code and FG code; None when *error* is a bug."""
    for kinds, exit_code, code in _ENDINGS:
        if isinstance(error, kinds):
            return str(error), exit_code, getattr(error, "code", code)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}", FAILED, None
    return None
