"""How a command ends: exit codes that scripts can rely on, and errors that say what to do.

0  done
1  it failed; the message says why, and trying again may help
2  it can't run at all: usage, configuration, the data folder, a port in use
3  what was named does not exist, or is in a state that forbids it
4  a check that was asked for came out negative (doctor, verify)

and what a shell says of any program: 130 after Ctrl-C, 141 when the reader of its output has gone away.
"""

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from cyclopts import CycloptsError

from protocol import Code

__all__ = [
    "CHECK_FAILED",
    "FAILED",
    "UNUSABLE",
    "WRONG_STATE",
    "CommandError",
    "fail",
    "guarded",
    "open_outputs",
]

FAILED = 1
UNUSABLE = 2
WRONG_STATE = 3
CHECK_FAILED = 4
CLOSED_PIPE = 141  # 128 + SIGPIPE
# The disk behind `>` is full or broken, or the terminal is gone. A file that we opened would have its name in the error.
_OUTPUT_LOST = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class CommandError(Exception):
    """A command can't do what it was asked; the message is for a person."""

    def __init__(self, message: str, *, exit_code: int = WRONG_STATE, code: Code | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.code = code


def fail(message: str, exit_code: int, code: Code | None = None) -> int:
    """Print one error to standard error; return *exit_code*."""
    from gateway.cli.output import quoted, screen  # most commands end without

    console = screen(stderr=True)
    console.print(quoted("error:", "bold red"), end=" ")
    for line in message.split("\n"):
        console.print(quoted(line))
    if code is not None:
        console.print(f"       {code}: more with `fieldgate explain {code}`")
    return exit_code


def guarded(run: Callable[[], int | None]) -> int:
    """Run a command; turn what can go wrong into a line for a person and an exit code. Anything else is a bug."""
    try:
        code = run() or 0
        sys.stdout.flush()  # a pipe that closed is noticed here, and not when Python ends
    except CommandError as error:
        return fail(str(error), error.exit_code, error.code)
    except CycloptsError:
        return UNUSABLE  # cyclopts has printed what is wrong with the command line
    except BrokenPipeError:
        return _hang_up()
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # how rich, which prints tables and help, ends one
            return _hang_up()
        raise
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None and error.errno in _OUTPUT_LOST:
            _hang_up()
            return fail(f"can't write the output: {error.strerror}", FAILED)
        from gateway.cli.endings import ending_of

        ending = ending_of(error)
        if ending is None:
            raise
        return fail(*ending)
    return code


def open_outputs() -> None:
    """Somebody who closed an output (`>&-`) does not want it. Left closed, the next file to be opened would take its place."""
    with contextlib.suppress(FileNotFoundError):  # an empty root has none
        while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(fd)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _hang_up() -> int:
    """Nobody reads any more (`fieldgate … | head`): what is still buffered goes nowhere."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return CLOSED_PIPE
