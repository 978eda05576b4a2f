"""The revocation log: what shut somebody out, kept apart from the store, so that no restore lets them in again.

``DATA/revocations.log`` is appended to and synced *before* the store is changed: what an operator was told is in it. A decision that
the store then refuses is followed by a line that takes it back. Each line is a JSON object with its number and the id of the line
before it (the first 16 bytes of its SHA-256), so a log that was shortened in the middle or edited can be told, and of two logs it can
be told which is a continuation of the other.

The setting ``revocation_log`` names a second copy, on another disk. It is brought up to date after every decision and at every start. A copy
that can't be written delays no revocation; it is said every time.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from protocol import Code

__all__ = ["LOG_NAME", "Log", "RevocationLog", "RevocationLogError", "read_log"]

LOG_NAME = "revocations.log"
FORMAT = 1
BEGIN = "begin"
UNDONE = "undone"
NOTHING = "0" * 32


class RevocationLogError(Exception):
    """A log that can't be believed; says why."""

    code = Code.REVOCATION_LOG_DAMAGED


@attrs.frozen(kw_only=True)
class Log:
    """A log that was read.

    Attributes:
        provider_uid: whose it is.
        lines: its decisions as they were written, those that were taken back left out.
        count: how many lines it has.
        head: the id of the last one.
        size_bytes: up to the end of that.
        last_ms: when that was written.
    """

    provider_uid: str
    lines: Sequence[Mapping[str, Any]]
    count: int
    head: str
    size_bytes: int
    last_ms: int


def read_log(data: bytes, where: str) -> Log:
    """Read a log; what a crash left of a last line does not count, because nobody was told of it.

    Raises:
        RevocationLogError: it is none, or a line was changed or is missing.
    """
    size = data.rfind(b"\n") + 1
    head, lines, undone = NOTHING, [], set()
    for number, raw in enumerate(data[:size].splitlines(keepends=True)):
        try:
            line = json.loads(raw)
            if line["n"] != number or line["previous"] != head:
                raise RevocationLogError(f"{where}: line {number + 1} does not follow the one before it")
            if line["what"] == UNDONE:
                undone.add(line["undoes"])
            lines.append(line)
        except (KeyError, TypeError, ValueError):
            raise RevocationLogError(f"{where}: line {number + 1} can't be read") from None
        head = id_of(raw)
    if not lines or lines[0]["what"] != BEGIN or lines[0].get("format") != FORMAT:
        raise RevocationLogError(f"{where} is no revocation log that this version reads")
    decisions = [line for line in lines if line["what"] not in (BEGIN, UNDONE) and line["n"] not in undone]
    return Log(
        provider_uid=lines[0]["provider_uid"], lines=decisions, count=len(lines), head=head, size_bytes=size,
        last_ms=lines[-1]["at_ms"],
    )  # fmt: skip


def id_of(line: bytes) -> str:
    """A line's id, in hexadecimal."""
    return hashlib.sha256(line).hexdigest()[:32]


@attrs.frozen(kw_only=True)
class RevocationLog:
    """A data folder's log, and its copy elsewhere if there is one."""

    path: Path
    copy: Path | None
    provider_uid: str

    def begin(self, known: Callable[[], Iterable[Mapping[str, Any]]]) -> str:
        """Make the log where there is none, with what is *known* of earlier decisions; returns what is wrong with the copy.

        Raises:
            OSError: it can't be written.
            RevocationLogError: what is there can't be read.
        """
        with self._locked() as fd:
            if b"\n" not in os.pread(fd, os.fstat(fd).st_size, 0):
                first = {"what": BEGIN, "format": FORMAT, "provider_uid": self.provider_uid}
                self._append(fd, [first, *known()])
        return self.catch_up()

    @contextlib.contextmanager
    def deciding(self, what: str, **fields: Any) -> Iterator[list[str]]:
        """Write a decision down, and then carry it out in the block; one that raises is taken back. `begin` comes first.

        Gives a list that holds what is wrong with the copy, in the end.

        Raises:
            OSError: the log can't be written; nothing was decided.
            RevocationLogError: what is there can't be read.
        """
        problems: list[str] = []
        with self._locked() as fd:
            [number] = self._append(fd, [{"what": what, **fields}])
        try:
            yield problems
        except BaseException:
            with self._locked() as fd:
                self._append(fd, [{"what": UNDONE, "undoes": number}])
            raise
        finally:
            problems += filter(None, [self.catch_up()])

    def catch_up(self) -> str:
        """Bring the copy up to date; returns what is wrong with it, or nothing."""
        if self.copy is None:
            return ""
        try:
            ours = self.path.read_bytes()
            ours = ours[: ours.rfind(b"\n") + 1]
            theirs = self.copy.read_bytes() if self.copy.exists() else b""
            whole = theirs[: theirs.rfind(b"\n") + 1]
            if not ours.startswith(whole):
                return f"{self.copy} is not a copy of {self.path}: move it away, a new one is made then"
            if len(ours) > len(whole):
                fd = os.open(self.copy, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    os.ftruncate(fd, len(whole))
                    _write(fd, ours[len(whole) :], len(whole))
                finally:
                    os.close(fd)
                _sync_folder(self.copy.parent)
        except OSError as error:
            return f"{error.filename or self.copy}: {error.strerror}"
        return ""

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield fd
        finally:
            os.close(fd)

    def _append(self, fd: int, decisions: Iterable[Mapping[str, Any]]) -> list[int]:
        data = os.pread(fd, os.fstat(fd).st_size, 0)
        log = read_log(data, str(self.path)) if b"\n" in data else None
        number, head, end = (log.count, log.head, log.size_bytes) if log is not None else (0, NOTHING, 0)
        if log is not None and log.provider_uid != self.provider_uid:
            raise RevocationLogError(f"{self.path} is another provider's")
        numbers, written = [], []
        for decision in decisions:
            stamped = {"n": number, "previous": head, "at_ms": time.time_ns() // 1_000_000} | dict(decision)
            raw = json.dumps(stamped, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
            numbers.append(number)
            written.append(raw)
            number, head = number + 1, id_of(raw)
        if end < len(data):
            os.ftruncate(fd, end)  # what a crash left of a line
        _write(fd, b"".join(written), end)
        _sync_folder(self.path.parent)
        return numbers


def _write(fd: int, data: bytes, offset: int) -> None:
    while data:
        count = os.pwrite(fd, data, offset)
        data, offset = data[count:], offset + count
    os.fsync(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
