"""Who takes part: agents' machines, edges' processes, and what was promised about a record."""

import atexit
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import msgpack

from agent.outbox import Outbox
from agent.spool import Spool
from gateway.edge.directory import Directory
from gateway.journal import Cursor, JournalReader, JournalWriter, Record
from gateway.projector import rows
from gateway.store import AgentEntry, open_store
from protocol import EventBatch, Mark, decode, encode
from tests.helpers.lossy_files import LossyFiles
from tests.helpers.stores import enroll, make_world

AGENTS = 2
EDGES = 2

# A handful of batches, so that segments are closed, numbers come again after a restore, and damage does not take all.
SEGMENT_BYTES = 400


# Raised in the middle of a transaction, past every `except Exception`.
class Killed(BaseException):
    """The projector's process ends here."""


@attrs.define(eq=False)
class Promise:
    """What was said about one record."""

    text: str
    agent: "AgentSim"
    durable: set["EdgeSim"] = attrs.field(factory=set)
    told: bool = False
    released: bool = False
    excused: bool = False


@attrs.define(eq=False)
class AgentSim:
    """An agent's machine, with its disk."""

    entry: AgentEntry
    path: Path
    spool: Spool
    outbox: Outbox
    edge: "EdgeSim | None" = None
    sent: int = 0
    skip: tuple[Mark, ...] = ()
    recorded: int = 0
    reverted: bool = False
    snapshot: Path | None = None

    @property
    def key(self) -> bytes:
        """The uid's bytes."""
        return UUID(self.entry.agent_uid).bytes

    def open(self) -> None:
        """Start the agent on what is on its disk."""
        self.spool = Spool.open(self.path)
        self.outbox = Outbox(self.spool, "agent")
        self.edge, self.sent, self.skip = None, 0, ()

    def kill(self) -> None:
        """The process ends; what was not committed is gone."""
        self.spool._connection.rollback()
        self.spool._connection.close()

    def disk(self) -> list[Path]:
        """The files of the outbox."""
        return [self.path, self.path.with_name(self.path.name + "-wal")]

    def held(self) -> set[str]:
        """The texts in the outbox."""
        return {
            text
            for (payload,) in self.spool.read("SELECT payload FROM batches")
            for text in texts_of(payload)
        }


@attrs.define(eq=False)
class EdgeSim:
    """An edge's process and its journal."""

    name: str
    folder: Path
    files: LossyFiles
    directory: Directory
    writer: JournalWriter | None = None
    heard: int = 0
    due: list[tuple[AgentSim, Mark, list[str]]] = attrs.field(factory=list)
    copy: Path | None = None


def texts_of(payload: bytes) -> list[str]:
    """The texts of a batch."""
    message = decode(EventBatch.tag, payload)
    assert isinstance(message, EventBatch)
    return [str(cells[-1]) for cells in message.rows]


def newer_version(message: EventBatch) -> bytes:
    """The batch as an agent of a newer minor version would cut it: with a kind of event that we do not know."""
    fields = list(msgpack.unpackb(encode(message)))
    fields[-1][0][1] = 99
    return bytes(msgpack.packb(fields))


def explosive(place: Any, message: EventBatch) -> int:
    """A projection with a bug, which certain events set off."""
    if any(cells[-1].startswith("boom") for cells in message.rows):
        raise ZeroDivisionError("this event sets off a bug")
    return rows._events(place, message)


def journaled(folder: Path, cursor: Cursor) -> Iterable[str]:
    """The texts in a journal from *cursor* on."""
    chunk = JournalReader(folder).read(cursor, 1 << 20)
    while chunk.records:
        for body in chunk.records:
            yield from texts_of(Record.decode(body).payload)
        chunk = JournalReader(folder).read(chunk.cursor, 1 << 20)


_templates: dict[str, Path] = {}


def store_template() -> Path:
    """A store with a provider and its agents; made once in a process."""
    if "store" not in _templates:
        folder = Path(tempfile.mkdtemp(prefix="delivery-template-"))
        atexit.register(shutil.rmtree, folder)
        store = open_store(f"sqlite:///{folder}/store.sqlite", create=True)
        make_world(store)
        for key in range(AGENTS + 1):  # the last one goes astray
            enroll(store, key=key)
        store.close()
        _templates["store"] = folder / "store.sqlite"
    return _templates["store"]
