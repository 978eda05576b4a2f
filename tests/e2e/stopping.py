"""`python -m tests.e2e.stopping …` is `fieldgate …`, whose management process stops itself in the middle of a write when it is asked to.

It is asked by a file, `stop-in-a-write` in the data folder; the next transaction that writes removes it, takes the store's write lock, and
stops, as SIGSTOP stops it: the lock stays held.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import Connection

from gateway.cli import main
from gateway.store.engine import Database

ASKED = "stop-in-a-write"


def stop_in_a_write(data: Path) -> None:
    """Have the next write after the file is there stop this process."""
    write = Database.write

    @contextlib.contextmanager
    def stopping(self: Database) -> Iterator[Connection]:
        with write(self) as connection:
            yield connection
            with contextlib.suppress(FileNotFoundError):
                (data / ASKED).unlink()
                os.kill(os.getpid(), signal.SIGSTOP)

    Database.write = stopping  # type: ignore[method-assign]  # that is the trick


if __name__ == "__main__":
    from gateway.cli import run

    arguments = sys.argv[1:]
    if arguments[0] == "management":
        stop_in_a_write(Path(arguments[arguments.index("--data") + 1]))
    plain = run.process_argv

    def process_argv(*command: str) -> list[str]:
        argv = plain(*command)
        return [argv[0], "-m", "tests.e2e.stopping", *command] if command[0] == "management" else argv

    run.process_argv = process_argv
    sys.exit(main(arguments))
