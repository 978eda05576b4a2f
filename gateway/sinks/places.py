"""How far each sink has come: DATA/sinks/NAME.json, replaced as a whole after the receiver has confirmed.

A lock under DATA/run keeps a second process from delivering under the same name; the kernel drops it with its holder.
"""

# ruff: noqa: N818  # named after the state

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from certs import make_private_folder, write_private
from gateway.sinks.contract import SinkError, SinkUnusable
from protocol import Code

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class SinkRunsAlready(SinkError):
    """Another process delivers to it."""

    code = Code.SINK_RUNS_ALREADY


class SinkPlaceUnreadable(SinkError):
    """What is stored of a sink's place is damaged, or of another receiver."""

    code = Code.SINK_PLACE_UNREADABLE


@attrs.frozen(kw_only=True)
class SinkPlace:
    """How far a sink has come."""

    name: str
    target: str
    cursor: str
    """Behind the last line that the receiver has; empty: it has none."""
    delivered: int
    """Lines, since there is this file."""
    at_ms: int
    """When it last took some."""


@attrs.frozen
class SinkPlaces:
    """The places of one data folder's sinks.

    Args:
        folder: DATA/sinks.
        run: DATA/run.
    """

    folder: Path
    run: Path

    @contextlib.contextmanager
    def only_one(self, name: str) -> Iterator[None]:
        """Hold the lock of that name while the block lasts.

        Raises:
            SinkRunsAlready: somebody else holds it.
            SinkUnusable: *name* is none.
            OSError: the folder can't be written.
        """
        if NAME.fullmatch(name) is None:
            raise SinkUnusable(
                f"{name[:80]!r} is no name for a sink: letters, digits, dots, dashes; at most 64"
            )
        make_private_folder(self.run)
        fd = os.open(self._lock(name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(fd, 20, 0).decode(errors="replace")
                raise SinkRunsAlready(f"sink {name} is being delivered to by process {holder}") from None
            os.ftruncate(fd, 0)
            os.pwrite(fd, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(fd)

    def is_running(self, name: str) -> bool:
        """Whether somebody delivers under that name at this moment."""
        try:
            fd = os.open(self._lock(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def load(self, name: str) -> SinkPlace | None:
        """The place of that sink, or None for one that has taken nothing yet.

        Raises:
            SinkPlaceUnreadable: the file is damaged.
        """
        path = self.folder / f"{name}.json"
        try:
            body = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            body = None
        types = {field.name: field.type for field in attrs.fields(SinkPlace) if field.name != "name"}
        if not isinstance(body, dict) or any(type(body.get(key)) is not of for key, of in types.items()):
            raise SinkPlaceUnreadable(f"{path} can't be read: remove it to begin anew")
        return SinkPlace(name=name, **{key: body[key] for key in types})

    def save(self, place: SinkPlace) -> None:
        """Remember it: the old place or this one, whenever the power goes.

        Raises:
            OSError: it can't be written.
        """
        make_private_folder(self.folder)
        body = attrs.asdict(place, filter=lambda field, _: field.name != "name")
        write_private(self.folder / f"{place.name}.json", json.dumps(body, indent=2).encode() + b"\n")

    def names(self) -> list[str]:
        """Every sink that has a place."""
        return sorted(path.stem for path in self.folder.glob("*.json") if not path.name.startswith("."))

    def _lock(self, name: str) -> Path:
        return self.run / f"sink-{name}.lock"
