"""The archive that collect-logs sends: the newest of the log, status and doctor's findings, within the bound that the command sets.

No file of the state folder goes in as it is: what goes in is lines of the log, and answers of commands that a person could run. All of it
passes the sieve (`scrub`) once more, since an older version may have written the log.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs

from agent.doctor import run_checks
from agent.logfile import event_of, read_lines
from agent.scrub import scrubbed
from agent.state import StateError
from certs import from_ms, make_private_folder

FOLDER: Final = "transfers"


class ArchiveError(Exception):
    """No archive can be made; says why."""


@attrs.frozen(kw_only=True)
class Archive:
    """A file to send; `remove` it afterwards."""

    path: Path
    name: str
    size_bytes: int
    sha256: bytes
    lines: int
    """Of the log, in it."""

    def remove(self) -> None:
        """Not there any more, or never was."""
        self.path.unlink(missing_ok=True)


def clear(state: Path) -> None:
    """Remove what a process that was killed has left."""
    for path in (state / FOLDER).glob("*"):
        path.unlink(missing_ok=True)


def build_archive(state: Path, command_uid: str, *, max_bytes: int, hours: int, now_ms: int) -> Archive:
    """Write the archive for a command.

    Args:
        state: the agent's folder.
        max_bytes: of the compressed file.
        hours: how far back the log goes in.

    Raises:
        ArchiveError: it can't be written, or not even without a line of the log it is small enough.
    """
    try:
        lines = _lines_since(state, now_ms - hours * 3_600_000)
        beside = {"status.json": _status(state), "doctor.json": _doctor(state, now_ms)}
        data = _packed(lines, beside, now_ms)
        while len(data) > max_bytes and lines:
            # The newest half, or what would fit if it compressed alike; never nothing before everything was tried.
            keep = min(len(lines) // 2, len(lines) * max_bytes // len(data))
            lines = lines[len(lines) - keep :]
            data = _packed(lines, beside, now_ms)
        if len(data) > max_bytes:
            data = _packed([], {}, now_ms)
        if len(data) > max_bytes:
            raise ArchiveError(f"the smallest archive has {len(data)} bytes, the command allows {max_bytes}")
        folder = state / FOLDER
        make_private_folder(folder)
        digest = hashlib.sha256(data).digest()
        path = folder / f"{hashlib.sha256(command_uid.encode()).hexdigest()[:32]}.tar.gz"
        path.touch(mode=0o600)
        path.write_bytes(data)
    except OSError as error:
        raise ArchiveError(f"{error.strerror or error}") from error
    name = f"agent-logs-{from_ms(now_ms):%Y%m%dT%H%M%SZ}.tar.gz"
    return Archive(path=path, name=name, size_bytes=len(data), sha256=digest, lines=len(lines))


def _lines_since(state: Path, from_ms_: int) -> list[str]:
    found = []
    for line in read_lines(state):
        at_ms = _time_of(line)
        if at_ms is None or at_ms >= from_ms_:
            found.append(scrubbed(line))
    return found


def _time_of(line: str) -> int | None:
    """When it was logged; None for a line that does not say."""
    try:
        at = datetime.fromisoformat(str(event_of(line)["timestamp"]))
    except (KeyError, ValueError):
        return None
    return int(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000)


def _status(state: Path) -> str:
    try:
        return scrubbed((state / "status.json").read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return "{}\n"


def _doctor(state: Path, now_ms: int) -> str:
    try:
        checks = [attrs.asdict(check) for check in run_checks(state, now_ms)]
    except StateError as error:
        checks = [{"name": "doctor", "well": False, "says": str(error)}]
    return scrubbed(json.dumps(checks, indent=1)) + "\n"


def _packed(lines: Sequence[str], beside: dict[str, str], now_ms: int) -> bytes:
    parts = {"agent.log": "".join(f"{line}\n" for line in lines), **beside}
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        for name, text in parts.items():
            data = text.encode()
            info = tarfile.TarInfo(f"agent-logs/{name}")
            info.size, info.mode, info.mtime = len(data), 0o600, now_ms // 1000
            tar.addfile(info, io.BytesIO(data))
    return held.getvalue()
