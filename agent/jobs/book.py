"""What is written down of jobs: whether each is enabled, when it last ran and how that ended, and the runs that are still to be reported.

A run is in the book before its program starts. What is under way when the book is opened was under way when the agent ended: it was
interrupted. Runs that have ended are numbered and kept until somebody says that they are reported up to a number; the cursor of the
collector that reports them is that number, so each is reported once. The book has an id of its own: a cursor of another book, because this
one was removed and begun anew, stands for nothing.
"""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from agent.state import StateError
from certs import make_private_folder, write_private
from protocol import JobStatus

_VERSION: Final = 1

KEPT: Final = 1000
"""Runs that wait to be reported. An outbox that is full for that long has lost more than the oldest of them."""


@attrs.frozen(kw_only=True)
class Run:
    """One run of a job."""

    run_uid: str
    job_uid: str
    started_ms: int
    pid: int = 0
    """Of its program; 0 before that runs."""
    by_hand: bool = False
    """Somebody said so; it was not the schedule."""
    number: int = 0
    """Among those that have ended; 0 while it has not."""
    ended_ms: int = 0
    status: JobStatus = JobStatus.RUNNING
    restore_point: str = ""
    """The id of what it made; empty if it made nothing."""
    processed_bytes: int = 0
    transferred_bytes: int = 0
    code: int = 0
    message: str = ""

    @property
    def session_uid(self) -> str:
        """Of the job session: the restore point's id where there is one."""
        return self.restore_point or self.run_uid


@attrs.define(kw_only=True)
class Entry:
    """What is known of one job."""

    since_ms: int
    enabled: bool = True
    last_ms: int = 0
    """When it last started; 0 for never."""
    last_status: JobStatus = JobStatus.NONE
    processed_bytes: int = 0
    """By its last run that made a restore point."""


class Book:
    """The file. Every change is written down before the method returns."""

    def __init__(self, path: Path) -> None:
        """Read it; one that is not there is begun.

        Raises:
            StateError: it is damaged, of a newer version, or cannot be read.
        """
        self._path = path
        self.uid = uuid.uuid4().hex
        self.entries: dict[str, Entry] = {}
        self.running: dict[str, Run] = {}
        """By job."""
        self.ended: list[Run] = []
        """Not yet reported, oldest first."""
        self._numbered = 0
        try:
            if path.exists():
                self._read(json.loads(path.read_bytes()))
        except OSError as error:
            raise StateError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(
                f"{path} is damaged ({error}): remove it; jobs then count as never run and as enabled"
            ) from error

    def entry(self, job_uid: str, now_ms: int) -> Entry:
        """What is known of a job; it becomes known now."""
        return self.entries.setdefault(job_uid, Entry(since_ms=now_ms))

    def enable(self, job_uid: str, now_ms: int, *, enabled: bool) -> None:
        """Let its schedule run, or not.

        Raises:
            StateError: that cannot be written down.
        """
        self.entry(job_uid, now_ms).enabled = enabled
        self._write()

    def begin(self, job_uid: str, now_ms: int, *, by_hand: bool) -> Run:
        """A run begins.

        Raises:
            StateError: that cannot be written down; it must not begin.
        """
        run = Run(run_uid=uuid.uuid4().hex, job_uid=job_uid, started_ms=now_ms, by_hand=by_hand)
        self.running[job_uid] = run
        entry = self.entry(job_uid, now_ms)
        before, entry.last_ms = entry.last_ms, now_ms
        try:
            self._write()
        except StateError:
            del self.running[job_uid]
            entry.last_ms = before
            raise
        return run

    def note_pid(self, run: Run, pid: int) -> None:
        """Its program runs.

        Raises:
            StateError: that cannot be written down.
        """
        self.running[run.job_uid] = attrs.evolve(run, pid=pid)
        self._write()

    def end(self, run: Run) -> Run:
        """A run has ended; *run* says how. Gives it with its number.

        Raises:
            StateError: that cannot be written down; it is in memory, and in the file with the next change.
        """
        self._numbered += 1
        run = attrs.evolve(run, number=self._numbered)
        self.running.pop(run.job_uid, None)
        entry = self.entry(run.job_uid, run.started_ms)
        entry.last_status = run.status
        if run.restore_point:
            entry.processed_bytes = run.processed_bytes
        self.ended = [*self.ended, run][-KEPT:]
        self._write()
        return run

    def unreported(self, book_uid: str, number: int) -> Sequence[Run]:
        """Runs that ended after *number* of the book *book_uid*; the others are forgotten."""
        if book_uid == self.uid and self.ended and self.ended[0].number <= number:
            self.ended = [run for run in self.ended if run.number > number]
        return self.ended

    def _read(self, fields: dict[str, Any]) -> None:
        if fields["version"] > _VERSION:
            raise StateError(f"{self._path} was written by a newer agent: run that one")
        self.uid, self._numbered = str(fields["uid"]), int(fields["numbered"])
        for job_uid, each in fields["jobs"].items():
            self.entries[job_uid] = Entry(**each | {"last_status": JobStatus(each["last_status"])})
        runs = [Run(**each | {"status": JobStatus(each["status"])}) for each in fields["runs"]]
        self.running = {run.job_uid: run for run in runs if not run.number}
        self.ended = [run for run in runs if run.number]

    def _write(self) -> None:
        runs = [*self.running.values(), *self.ended]
        fields = {
            "version": _VERSION, "uid": self.uid, "numbered": self._numbered,
            "jobs": {uid: attrs.asdict(entry) for uid, entry in self.entries.items()},
            "runs": [attrs.asdict(run) for run in runs],
        }  # fmt: skip
        try:
            make_private_folder(self._path.parent)
            write_private(self._path, json.dumps(fields, indent=1).encode() + b"\n")
        except OSError as error:
            raise StateError(f"cannot write {self._path}: {error.strerror}") from error
