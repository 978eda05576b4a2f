"""Building the tables anew from the journals: after a mistake of a projector that has been mended since.

1. Every cursor is moved to its journal's beginning, so that no edge deletes a segment from here on.
2. The journals are read for one thing: which batches they hold.
3. In one transaction, what those batches led to is taken back (`gateway.store.rebuilding`). Where the tables have batches that no
   journal holds, nothing is taken back of those; without *resync* that ends it, and the cursors are put back.
4. The journals are projected again by the projector itself.

Killed in between, it has done nothing (1 to 3) or is finished by the next projector that starts (4).

With *resync*, whoever has older batches in the tables is asked for its whole inventory: what those batches said of it can't be
built again, and a full one replaces all of it.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from gateway.journal import START, JournalReader
from gateway.projector.items import Item
from gateway.projector.loop import Clock, Projector
from gateway.projector.metrics import Metrics
from gateway.projector.work import MISFIT
from gateway.store import CursorMoved, Missing, Store
from protocol import Code, ResyncScope

READ_BYTES = 4 * 1024 * 1024
ID_BYTES = 16


class JournalShorterError(Exception):
    """The tables have what no journal holds any more; nothing was changed."""

    code = Code.JOURNAL_SHORTER

    def __init__(self, missing: Missing) -> None:
        super().__init__(
            f"the journals lack {missing.batches} batches ({missing.records} records of {missing.agents} agents) that the tables "
            "have: built anew they would be lost. --resync keeps them, builds the rest anew, and asks those agents for their inventory"
        )
        self.missing = missing


@attrs.frozen(kw_only=True)
class Rebuilt:
    """What a rebuild did.

    Attributes:
        batches: how many the journals held.
        kept: what only the tables had, which stays.
        asked: how many agents are asked for their inventory.
    """

    batches: int
    kept: Missing
    asked: int


def rebuild(
    store: Store,
    journals: Path,
    *,
    resync: bool,
    bell: Callable[[], None],
    clock: Clock,
    progress: Callable[[int], None],
) -> Rebuilt:
    """Build the tables anew. No projector may run.

    Args:
        journals: the folder of the journals.
        resync: go on where the tables have more than the journals.
        bell: rings the edges.
        progress: told now and then how many bytes are still to be read.

    Raises:
        JournalShorterError: the tables have more than the journals, and *resync* is false.
        JournalError, OSError: a journal can't be read; nothing was changed, or the next projector goes on.
        StoreError: the store can't be used; the same.
    """
    before = store.cursors()
    start = [from_the_start(uid, clock.now_ms()) for uid in before]
    with store.projection() as p:
        p.rebuild.move_cursors(start)
    bell()
    try:
        ids = held_ids(journals)
        with store.projection() as p:
            p.rebuild.journaled(pieces(ids), misfit=MISFIT)
            missing = p.rebuild.missing()
            if missing.batches and not resync:
                raise JournalShorterError(missing)
            kept = p.rebuild.rewind()
            for agent in p.agents(kept).values():
                p.ask(agent, scope=ResyncScope.FULL, epoch=0, from_sequence=1, now_ms=clock.now_ms())
    except BaseException:
        with store.projection() as p:
            p.rebuild.move_cursors(before.values())
        bell()
        raise
    project_again(store, journals, bell=bell, clock=clock, progress=progress)
    return Rebuilt(batches=len(ids) // ID_BYTES, kept=missing, asked=len(kept))


def from_the_start(journal_uid: str, now_ms: int) -> CursorMoved:
    """A journal of which nothing was read."""
    return CursorMoved(
        journal_uid=journal_uid, segment=START.segment, incarnation=START.incarnation, offset=START.offset, time_ms=now_ms
    )  # fmt: skip


def held_ids(journals: Path) -> bytearray:
    """The ids of all batches in all journals, one after the other: a fleet's day of them is 70 MB.

    Raises:
        JournalError, OSError: a journal can't be read.
    """
    ids = bytearray()
    for folder in sorted(path for path in journals.iterdir() if path.is_dir()):
        reader, cursor = JournalReader(folder), START
        while True:
            chunk = reader.read(cursor, READ_BYTES)
            for body in chunk.records:
                with contextlib.suppress(ValueError):  # it is no record: the projector will say so
                    batch = Item.of_record(body).batch
                    ids += b"" if batch is None else batch.batch_id
            if chunk.cursor == cursor:
                break
            cursor = chunk.cursor
    return ids


def pieces(ids: bytearray) -> Iterator[bytes]:
    """One id after the other."""
    for at in range(0, len(ids), ID_BYTES):
        yield bytes(ids[at : at + ID_BYTES])


def project_again(
    store: Store, journals: Path, *, bell: Callable[[], None], clock: Clock, progress: Callable[[int], None]
) -> None:
    """Run the projector until it has read everything."""
    projector = Projector(store, journals, bell=bell, clock=clock, metrics=Metrics(clock.monotonic))
    projector.start()
    told_at = clock.monotonic()
    while projector.step():
        if clock.monotonic() - told_at >= 1.0:
            told_at = clock.monotonic()
            progress(projector.unread_bytes)
    projector.finish()
