"""The outbox of a former identity: put aside whole, sent by nobody, and deleted by a person only.

An outbox belongs to one agent. Who enrolls anew begins with an empty one; if the agent before it had not delivered everything, its
file is moved out of the way, under the next free name. That takes no room that was not taken already, and leaves to a
person what is to become of the records. The last few such files are kept.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from agent.spool import LIMIT_BYTES, OutboxError, Spool

# Each is as large as an outbox may become. Who enrolls one machine anew for the fifth time has read the log before.
KEPT: Final = 4

_NAME: Final = re.compile(r"outbox-former-(\d+)\.sqlite")


@attrs.frozen(kw_only=True)
class PutAside:
    """What became of the outbox of a former identity."""

    path: Path
    """Where it is now."""
    records: int
    """How many it holds that were not delivered, or were set aside."""
    removed: tuple[Path, ...]
    """Older ones that had to go for it."""

    def __str__(self) -> str:
        text = f"{self.records} records of a former identity of this machine were not delivered, they are in {self.path}"
        return text + "".join(f"; {path.name} was removed, {KEPT} are kept" for path in self.removed)


def open_own(path: Path, owner: str, *, limit_bytes: int = LIMIT_BYTES) -> tuple[Spool, PutAside | None]:
    """The outbox file of *owner*, after one that holds records of anybody else has been put aside.

    Raises:
        OutboxError: as `Spool.open`; or the file cannot be moved.
    """
    spool = Spool.open(path, limit_bytes=limit_bytes)
    records = spool.records_of_others(owner)
    if not records:
        return spool, None
    with spool:
        spool.gather()
    target = path.with_name(f"outbox-former-{max(_numbered(path.parent), default=(0, path))[0] + 1}.sqlite")
    try:
        path.rename(target)
    except OSError as error:
        raise OutboxError(
            f"cannot put {path} aside, it belongs to a former identity: {error.strerror}"
        ) from error
    put_aside = PutAside(path=target, records=records, removed=tuple(_make_room(path.parent)))
    return Spool.open(path, limit_bytes=limit_bytes), put_aside


def _make_room(folder: Path) -> Iterator[Path]:
    """Remove the oldest beyond `KEPT`; one that can't be removed stays."""
    for path in former_outboxes(folder)[:-KEPT]:
        with contextlib.suppress(OSError):
            path.unlink()
            yield path


def former_outboxes(folder: Path) -> list[Path]:
    """Those that are in *folder*, oldest first."""
    return [path for _, path in sorted(_numbered(folder))]


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    for path in folder.iterdir():
        if found := _NAME.fullmatch(path.name):
            yield int(found[1]), path
