"""How a command ends: exit codes that scripts can rely on, and errors that say what to do.

0  done
1  it failed; the message says why, and trying again may help
2  it can't run at all: usage, configuration, the data folder, a port in use
3  what was named does not exist, or is in a state that forbids it
4  a check that was asked for came out negative (doctor, verify)
"""

import sys
from collections.abc import Callable

from cyclopts import CycloptsError
from rich.console import Console

from certs import AuthorityError
from gateway.config import ConfigError
from gateway.datafolder import DataFolderError
from gateway.journal import JournalError, JournalFailed, JournalFull, JournalLocked
from gateway.projector import ProjectorRunsAlready
from gateway.store import Conflict, NotFound, StoreError, StoreFull, StoreLocked, StoreUnreachable
from protocol import Code

__all__ = ["CHECK_FAILED", "FAILED", "UNUSABLE", "WRONG_STATE", "CommandError", "fail", "guarded"]

FAILED = 1
UNUSABLE = 2
WRONG_STATE = 3
CHECK_FAILED = 4


class CommandError(Exception):
    """A command can't do what it was asked; the message is for a person."""

    def __init__(self, message: str, *, exit_code: int = WRONG_STATE, code: Code | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.code = code


def fail(message: str, exit_code: int, code: Code | None = None) -> int:
    """Print one error to standard error; return *exit_code*."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print("[bold red]error:[/] ", end="")
    console.print(message, markup=False)
    if code is not None:
        console.print(f"       {code}: more with `fieldgate explain {code}`", markup=False)
    return exit_code


# What ends a command, with the exit code and the FG code where the error has none of its own; the first that fits counts.
# What may pass by itself (a lock, a full disk, a database that is still starting) is no 2: starting again helps.
_ENDINGS: tuple[tuple[tuple[type[Exception], ...], int, Code | None], ...] = (
    ((Conflict, NotFound), WRONG_STATE, None),
    ((StoreFull, StoreLocked, StoreUnreachable), FAILED, None),
    ((ConfigError, DataFolderError, ProjectorRunsAlready, StoreError), UNUSABLE, None),
    ((AuthorityError,), UNUSABLE, Code.AUTHORITY_UNUSABLE),
    ((JournalLocked,), UNUSABLE, Code.JOURNAL_LOCKED),
    ((JournalFull,), FAILED, Code.JOURNAL_FULL),
    ((JournalFailed,), FAILED, Code.FSYNC_FAILED),
    ((JournalError,), UNUSABLE, Code.JOURNAL_DAMAGED),
)
_KNOWN = tuple(kind for kinds, _, _ in _ENDINGS for kind in kinds)


def guarded(run: Callable[[], int | None]) -> int:
    """Run a command; turn what can go wrong into a line for a person and an exit code. Anything else is a bug."""
    try:
        return run() or 0
    except CommandError as error:
        return fail(str(error), error.exit_code, error.code)
    except CycloptsError:
        return UNUSABLE  # cyclopts has printed what is wrong with the command line
    except _KNOWN as error:
        exit_code, code = next(ending[1:] for ending in _ENDINGS if isinstance(error, ending[0]))
        return fail(str(error), exit_code, getattr(error, "code", code))
    except BrokenPipeError:
        sys.stderr.close()  # `fieldgate … | head`: nobody reads any more, which is no error
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        return fail(f"{error.filename}: {error.strerror}", FAILED)
    except KeyboardInterrupt:
        return 130
