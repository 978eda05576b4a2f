"""The journals that are read: found, read in turn, and missed when they disappear.

Folders under DATA/journals come and go while the projector runs: an edge is added, a disk is repaired and its folder put
back. The folder is looked through once a second. Nothing that is wrong with one journal keeps the others from being read.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import attrs
import structlog

from gateway.journal import Chunk, Cursor, Damage, DamageKind, JournalError, JournalReader
from gateway.projector.items import Item
from protocol import Code

log = structlog.get_logger()

T = TypeVar("T")


@attrs.define(kw_only=True, eq=False)
class Source:
    """One journal.

    Attributes:
        name: Its folder's name, which is the edge's.
        cursor: Where to read on. Moves when a transaction has committed.
        lag_bytes: How much was unread when the folder was last looked at.
        oldest_ms: When the oldest record that the last read found was received; None if it found none.
        problem: What the last alarm was about, so that it is not repeated.
    """

    name: str
    uid: str
    reader: JournalReader
    cursor: Cursor
    lag_bytes: int = 0
    oldest_ms: int | None = None
    problem: str = ""


@attrs.frozen(kw_only=True, eq=False)
class Read:
    """What was read of a source and is not yet projected, and where that ends."""

    source: Source
    items: list[Item]
    cursor: Cursor


class Sources:
    """The journals under one folder."""

    def __init__(
        self,
        folder: Path,
        *,
        stored_cursor: Callable[[str], Cursor],
    ) -> None:
        self._folder = folder
        self._stored_cursor = stored_cursor
        self._sources: dict[str, Source] = {}
        self._twins: set[str] = set()
        self._turn = 0
        self.alarms = 0
        """How many times something was found wrong with a journal."""

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources.values())

    def look(self) -> None:
        """Find what has come and what has gone, and how far behind each is.

        Raises:
            OSError: the folder can't be listed.
            StoreError: a cursor can't be read.
        """
        present = (
            sorted(path for path in self._folder.iterdir() if path.is_dir()) if self._folder.is_dir() else []
        )
        names = {path.name for path in present}
        for name in [name for name in self._sources if name not in names]:
            self._gone(self._sources.pop(name))
        for path in present:
            self._look_at(path)
        for source in self._sources.values():
            source.lag_bytes = self._guarded(source, lambda reader, at: reader.lag(at), source.lag_bytes)

    def read(self, max_bytes: int) -> list[Read]:
        """About *max_bytes* of records, from as many journals as it takes; each call begins with another one."""
        found: list[Read] = []
        order = list(self._sources.values())
        for source in order[self._turn :] + order[: self._turn]:
            chunk = self._read(source, max_bytes)
            if chunk is None or (chunk.rewound and source.reader.journal_uid != source.uid):
                continue  # its folder has gone, or is another journal's: the next look will say so
            self._report(source, chunk)
            items = self._items(source, chunk)
            source.oldest_ms = items[0].received_ms if items else None
            if chunk.cursor != source.cursor:
                found.append(Read(source=source, items=items, cursor=chunk.cursor))
                max_bytes -= sum(map(len, chunk.records))
                if max_bytes <= 0:
                    break
        self._turn = (self._turn + 1) % len(order) if order else 0
        return found

    def _read(self, source: Source, max_bytes: int) -> Chunk | None:
        return self._guarded(source, lambda reader, at: reader.read(at, max_bytes), None)

    def _look_at(self, path: Path) -> None:
        reader = JournalReader(path)
        uid = reader.journal_uid
        source = self._sources.get(path.name)
        if uid is None or (source is not None and source.uid == uid):
            return
        if source is not None:
            self._gone(self._sources.pop(path.name))
        twin = next((other.name for other in self._sources.values() if other.uid == uid), None)
        if twin is not None:
            if path.name not in self._twins:
                self._twins.add(path.name)
                self._alarm("journal is a copy of another", Code.JOURNAL_TWICE, path.name, twin=twin)
            return
        self._twins.discard(path.name)
        log.info("journal found", journal=path.name, journal_uid=uid)
        self._sources[path.name] = Source(
            name=path.name,
            uid=uid,
            reader=reader,
            cursor=self._stored_cursor(uid),
        )

    def _gone(self, source: Source) -> None:
        if source.lag_bytes:
            self._alarm("journal is gone", Code.JOURNAL_GONE, source.name, unread_bytes=source.lag_bytes)
        else:
            log.info("journal is gone, and was read to its end", journal=source.name)

    def _guarded(self, source: Source, do: Callable[[JournalReader, Cursor], T], otherwise: T) -> T:
        """What the reader answers, or *otherwise* when this journal can't be read now."""
        try:
            return do(source.reader, source.cursor)
        except (OSError, JournalError) as error:
            if source.problem != str(error):
                source.problem = str(error)
                self._alarm("journal cannot be read", Code.JOURNAL_DAMAGED, source.name, reason=str(error))
            return otherwise

    def _items(self, source: Source, chunk: Chunk) -> list[Item]:
        items = []
        for body in chunk.records:
            try:
                items.append(Item.of_record(body))
            except ValueError as error:  # no edge of ours writes it, and it names no agent that could miss it
                self._alarm("journal holds no record", Code.JOURNAL_DAMAGED, source.name, reason=str(error))
        return items

    def _report(self, source: Source, chunk: Chunk) -> None:
        """Say what the reader found besides records."""
        if chunk.rewound:
            self._alarm("journal is read again", Code.JOURNAL_REWOUND, source.name)
        for damage in chunk.damage:
            if damage.kind is DamageKind.TORN:
                log.info("journal's torn end skipped", journal=source.name, **_fields(damage))
            else:
                self._alarm("journal is damaged", Code.JOURNAL_DAMAGED, source.name, **_fields(damage))
        problem = "" if chunk.stalled is None else str(_fields(chunk.stalled))
        if problem and problem != source.problem:
            self._alarm("journal is damaged at its end", Code.JOURNAL_DAMAGED, source.name, at=problem)
        source.problem = problem

    def _alarm(self, event: str, code: Code, journal: str, **fields: object) -> None:
        self.alarms += 1
        log.error(event, code=str(code), journal=journal, **fields)


def _fields(damage: Damage) -> dict[str, object]:
    return {
        "kind": damage.kind.value,
        "segment": damage.segment,
        "offset": damage.offset,
        "skipped_bytes": damage.skipped_bytes,
    }
