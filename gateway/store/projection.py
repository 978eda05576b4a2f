"""One transaction of the projector: what a stretch of a journal means, all of it or nothing.

    with store.projection() as p:
        stored = p.journals.cursor(journal_uid)
        ...                                     # place every batch: p.streams, p.batches, p.parked, p.gaps
        p.events.insert(rows)
        p.inventory.apply(...)
        p.publish(ReleasedMark(...))
        p.journals.save(...)

The rows, the marks, the cursor and the changes that edges hear of commit together at the end of the block, or not at
all when it raises. Changes are collected and written last, because that takes the change counter's lock; two of one
key become one. Ring the doorbell afterwards.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

import attrs
from sqlalchemy.engine import Connection

from gateway.store.billing.metering import ProjectedMetering
from gateway.store.bodies import Body, CursorMoved, ResyncWanted
from gateway.store.changes import publish
from gateway.store.engine import Database
from gateway.store.feed import Fact, ProjectedFeed, note_facts
from gateway.store.gaps import ProjectedGaps
from gateway.store.given import TEXT, packed
from gateway.store.hot import Hot
from gateway.store.inventory import ProjectedInventory
from gateway.store.parking import ProjectedParking
from gateway.store.projected_commands import ProjectedCommands
from gateway.store.projected_incidents import ProjectedIncidents
from gateway.store.projected_paths import ProjectedPaths
from gateway.store.rebuilding import ProjectedRebuild
from gateway.store.rows import ProjectedEvents, ProjectedQuarantine
from gateway.store.streams import ProjectedBatches, ProjectedStreams
from gateway.store.usage import ProjectedUsage

UID = {"uid": TEXT}

# Projectors take turns. One is the rule; should two work on one database, batches still commit in the order of their ids, and
# "everything after the last id that I saw" misses nothing. (SQLite has one writer anyway.)
PROJECTING = 0x6669656C64707274


@attrs.frozen(kw_only=True)
class ProjectedAgent:
    """What the projector must know of an agent."""

    agent_id: int
    agent_uid: str
    kind: str
    standing: str
    synthetic: bool
    parked: int
    """How many of its batches wait for others."""


class Projection:
    """The projector's verbs, by what they are about."""

    def __init__(self, hot: Hot) -> None:
        self._hot = hot
        self._bodies: list[Body] = []
        self._facts: list[Fact] = []
        self.streams = ProjectedStreams(hot)
        self.batches = ProjectedBatches(hot)
        self.parked = ProjectedParking(hot)
        self.gaps = ProjectedGaps(hot, self.note)
        self.events = ProjectedEvents(hot)
        self.feed = ProjectedFeed(hot)
        self.quarantine = ProjectedQuarantine(hot)
        self.inventory = ProjectedInventory(hot)
        self.rebuild = ProjectedRebuild(hot, self.publish)
        self.journals = ProjectedJournals(hot, self.publish)
        self.paths = ProjectedPaths(hot)
        self.incidents = ProjectedIncidents(hot, self.note)
        self.usage = ProjectedUsage(hot)
        self.metering = ProjectedMetering(hot)
        self.commands = ProjectedCommands(hot, self.publish, self.note)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is undone when it raises, and not told; what happened before stays.

        Raises:
            StoreError: the database itself gave out: leave the block of `projection()` as well.
        """
        n_bodies, n_facts = len(self._bodies), len(self._facts)
        try:
            with self._hot.savepoint():
                yield
        except BaseException:
            del self._bodies[n_bodies:], self._facts[n_facts:]
            raise

    def agents(self, uids: Collection[str]) -> dict[str, ProjectedAgent]:
        """Those of the agents that the store knows, by their uids."""
        rows = self._hot.all(
            "SELECT a.uid, a.id, a.kind, a.standing, a.synthetic, coalesce(p.batches, 0)"  # noqa: S608  # names of ours
            f" FROM {self._hot.given(UID)} AS given CROSS JOIN agents a LEFT JOIN parking p ON p.agent_id = a.id"
            " WHERE a.uid = given.uid",
            packed((uid,) for uid in uids),
        )
        return {
            r[0]: ProjectedAgent(
                agent_id=r[1], agent_uid=r[0], kind=r[2], standing=r[3], synthetic=bool(r[4]), parked=r[5]
            )
            for r in rows
        }

    def ask(self, agent: ProjectedAgent, *, scope: int, epoch: int, from_sequence: int, now_ms: int) -> None:
        """Ask an agent to send something again; it is asked at every connect until `answered`.

        Args:
            scope: a protocol.ResyncScope.
            epoch: 0 unless the scope is RANGE.
        """
        self._hot.run(
            "INSERT INTO resyncs (agent_id, scope, epoch, from_sequence, requested_ms) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (agent_id, scope, epoch) DO UPDATE SET "
            "from_sequence = excluded.from_sequence, requested_ms = excluded.requested_ms",
            (agent.agent_id, scope, epoch, from_sequence, now_ms),
        )
        self.publish(
            ResyncWanted(
                agent_uid=agent.agent_uid, scope=scope, epoch=epoch, from_sequence=from_sequence, pending=True
            )
        )

    def answered(self, agent: ProjectedAgent, *, scope: int, epoch: int) -> None:
        """What was asked for has come: ask no more."""
        gone = self._hot.run(
            "DELETE FROM resyncs WHERE agent_id = ? AND scope = ? AND epoch = ?",
            (agent.agent_id, scope, epoch),
        )
        if gone:
            self.publish(
                ResyncWanted(
                    agent_uid=agent.agent_uid, scope=scope, epoch=epoch, from_sequence=1, pending=False
                )
            )

    def publish(self, body: Body) -> None:
        """Tell the edges when this transaction has committed."""
        self._bodies.append(body)

    def note(self, fact: Fact) -> None:
        """Write a fact into the feed that others follow."""
        self._facts.append(fact)

    @property
    def facts(self) -> list[Fact]:
        """What others will read."""
        return self._facts

    @property
    def published(self) -> list[Body]:
        """What the edges will be told."""
        return self._bodies


@attrs.frozen
class ProjectedJournals:
    """How far each journal is projected: `p.journals`."""

    _hot: Hot
    _publish: Callable[[Body], None]

    def cursor(self, journal_uid: str) -> CursorMoved | None:
        """Where to read on, or None for a journal that was never read."""
        row = self._hot.one(
            "SELECT segment, incarnation, position, updated_ms FROM cursors WHERE journal_uid = ?",
            (journal_uid,),
        )
        if row is None:
            return None
        return CursorMoved(
            journal_uid=journal_uid, segment=row[0], incarnation=bytes(row[1]), offset=row[2], time_ms=row[3]
        )

    def save(self, cursor: CursorMoved) -> None:
        """Everything of the journal before that place is in this transaction or an earlier one."""
        self._hot.run(
            "INSERT INTO cursors (journal_uid, segment, incarnation, position, updated_ms) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (journal_uid) DO UPDATE SET segment = excluded.segment, "
            "incarnation = excluded.incarnation, position = excluded.position, updated_ms = excluded.updated_ms",
            (cursor.journal_uid, cursor.segment, cursor.incarnation, cursor.offset, cursor.time_ms),
        )
        self._publish(cursor)

    def caught_up(self, journal_uids: Iterable[str], *, now_ms: int) -> None:
        """Nothing of those journals is unread: whoever looks for a projector that has stopped goes by it."""
        for uid in journal_uids:
            self._hot.run("UPDATE cursors SET caught_up_ms = ? WHERE journal_uid = ?", (now_ms, uid))


@contextmanager
def projection(db: Database) -> Iterator[Projection]:
    """One writing transaction with the projector's verbs."""
    with db.write() as connection:
        hot = Hot(connection)
        try:
            if hot.postgresql:
                hot.one("SELECT pg_advisory_xact_lock(?)", (PROJECTING,))
            verbs = Projection(hot)
            yield verbs
            note_facts(hot, verbs.facts)
            flush(connection, db, verbs)
        finally:
            hot.close()


def flush(connection: Connection, db: Database, verbs: Projection) -> None:
    """Write the collected changes: the last thing before the commit."""
    if verbs.published:
        publish(connection, db, verbs.published)
