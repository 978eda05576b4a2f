"""What the engine does in the store: hold the lease, see what is new, and write what follows from it.

*One engine.* The row of alarm_engine names who works and until when. Every writing transaction locks it and finds its own name there,
so an engine that was stopped for a minute and comes back writes nothing.

*Nothing lost, nothing twice.* The same row says how far the engine has read (feed.py and following.py tell why a place is two numbers). It
moves in the transaction of the alarms that follow from what was read. Whoever is killed before that reads the same again,
and whatever is seen a second time changes nothing (life.py).

Looking and writing are two transactions: the second one takes the write lock, and most looks find that nothing has changed.
"""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.alarms.life import Alarm, AlarmCondition, AlarmState, Happened, met, over
from gateway.store.alarms.rows import ALARM, alarm_of, of_scopes, write_alarms
from gateway.store.alarms.schema import alarm_engine, alarms
from gateway.store.alarms.telling import News, write_news
from gateway.store.alarms.windows import MaintenanceWindow, active_windows, covering
from gateway.store.engine import Database
from gateway.store.following import incarnation, newest
from gateway.store.schema import agents, batches, job_events
from gateway.store.schema_operations import feed
from protocol import EventBatch, EventKind

PAGE: Final = 500
# Alarms whose window is over, told in one transaction.
LATE: Final = 200

JobKey = tuple[int, str]
"""An agent's small id, and its job."""


@attrs.frozen(kw_only=True)
class EngineMark:
    """How far the engine has read."""

    incarnation: str
    fact: int
    batch: int


@attrs.frozen(kw_only=True)
class Unseen:
    """What is new behind a mark."""

    mark: EngineMark
    """Behind all of it."""
    jobs: frozenset[JobKey] = frozenset()
    """Of which a session has ended."""
    agents: frozenset[str] = frozenset()
    incidents: bool = False
    gaps: frozenset[int] = frozenset()
    received_ms: int | None = None
    """When the newest of it had been received; None: nothing of agents."""
    more: bool = False
    """There was more than a page."""


@attrs.frozen(kw_only=True)
class Looked:
    """What a template found in one scope."""

    template: str
    scope: str
    conditions: tuple[AlarmCondition, ...] = ()
    only: frozenset[str] | None = None
    """The objects that were looked at; None: all of the scope."""


class NotTheEngine(Exception):  # noqa: N818  # a state, not a fault
    """Another process raises alarms now."""


@attrs.frozen
class AlarmWork:
    """The verbs: `store.alarm_work`."""

    _db: Database

    def take(self, holder: str, *, now_ms: int, lease_ms: int) -> bool:
        """Become the engine, or stay it, for *lease_ms*; false while another one is."""
        with self._db.write() as connection:
            begin = {"holder": "", "lease_until_ms": 0, "incarnation": "", "fact": 0, "batch": 0}
            self._db.insert_new(connection, alarm_engine, {"id": 1} | begin)
            free = (alarm_engine.c.holder == holder) | (alarm_engine.c.lease_until_ms <= now_ms)
            taken = sa.update(alarm_engine).where(free)
            return (
                connection.execute(taken.values(holder=holder, lease_until_ms=now_ms + lease_ms)).rowcount
                == 1
            )

    def release(self, holder: str) -> None:
        """Let another one begin at once."""
        with self._db.write() as connection:
            mine = sa.update(alarm_engine).where(alarm_engine.c.holder == holder)
            connection.execute(mine.values(lease_until_ms=0))

    def mark(self) -> EngineMark | None:
        """How far all of it was read; None where that is worth nothing: a first start, or another life of the store."""
        with self._db.read() as connection:
            row = connection.execute(sa.select(alarm_engine)).first()
            facts, last = newest(connection)
            if row is None or row.incarnation != incarnation(connection):
                return None
            if row.fact > facts or row.batch > last:
                return None
            return EngineMark(incarnation=row.incarnation, fact=row.fact, batch=row.batch)

    def end(self) -> EngineMark:
        """Behind everything that is there."""
        with self._db.read() as connection:
            facts, last = newest(connection)
            return EngineMark(incarnation=incarnation(connection), fact=facts, batch=last)

    def seen(self, mark: EngineMark) -> Unseen:
        """What is new behind *mark*: a page of it."""
        with self._db.read() as connection:
            facts = connection.execute(
                sa.select(feed.c.id, feed.c.kind, feed.c.key)
                .where(feed.c.id > mark.fact)
                .order_by(feed.c.id)
                .limit(PAGE)
            ).all()
            told = connection.execute(
                sa.select(batches).where(batches.c.id > mark.batch).order_by(batches.c.id).limit(PAGE)
            ).all()
            jobs = ended_jobs(connection, mark.batch, told[-1].id) if told else frozenset()
        return Unseen(
            mark=attrs.evolve(
                mark,
                fact=facts[-1].id if facts else mark.fact,
                batch=told[-1].id if told else mark.batch,
            ),
            jobs=jobs,
            agents=frozenset(fact.key for fact in facts if fact.kind == "agent"),
            incidents=any(fact.kind == "incident" for fact in facts),
            gaps=frozenset(int(fact.key) for fact in facts if fact.kind == "gap"),
            received_ms=max((batch.received_ms for batch in told), default=None),
            more=len(facts) == PAGE or len(told) == PAGE,
        )

    def holding(self, scopes: Collection[str]) -> set[tuple[str, str, str]]:
        """The conditions that were true in those scopes: (template, scope, object) of each."""
        query = sa.select(alarms.c.template, alarms.c.scope, alarms.c.object_uid).where(
            alarms.c.scope.in_(scopes), alarms.c.holds
        )
        with self._db.read() as connection:
            return {(row.template, row.scope, row.object_uid) for row in connection.execute(query)}

    def apply(
        self, holder: str, looked: Sequence[Looked], *, mark: EngineMark | None = None, now_ms: int
    ) -> list[News]:
        """Write what follows from what was looked at, and how far was read; what became of which alarms.

        Raises:
            NotTheEngine: *holder* is not the one that works; nothing was written.
        """
        if mark is None:  # of most looks nothing follows
            with self._db.read() as connection:
                if not steps(connection, looked, now_ms=now_ms):
                    return []
        with self._db.write() as connection:
            require_engine(connection, holder)
            changed = steps(connection, looked, now_ms=now_ms, locked=True)
            windows = active_windows(connection, now_ms) if changed else []
            told = [announced(change, windows) for change in changed]
            write_alarms(connection, [(change.before, change.after) for change, _ in told])
            if mark is not None:
                moved = {"incarnation": mark.incarnation, "fact": mark.fact, "batch": mark.batch}
                connection.execute(sa.update(alarm_engine).values(moved))
            news = [each for _, each in told if each is not None]
            write_news(connection, news, now_ms=now_ms)
        return news

    def tell_late(self, holder: str, *, now_ms: int) -> list[News]:
        """Tell of what a maintenance window kept quiet until now and is still active.

        Raises:
            NotTheEngine: see `apply`.
        """
        query = ALARM.where(alarms.c.window_id.is_not(None)).order_by(alarms.c.uid)
        with self._db.read() as connection:
            quiet = [alarm_of(row) for row in connection.execute(query)]
            late = [alarm.uid for alarm in quiet if is_late(alarm, active_windows(connection, now_ms))]
        if not late:
            return []
        with self._db.write() as connection:
            require_engine(connection, holder)
            rows = connection.execute(query.where(alarms.c.uid.in_(late[:LATE])).with_for_update())
            found = [alarm_of(row) for row in rows]
            loud = {alarm.uid for alarm in found if alarm.state is AlarmState.ACTIVE}
            changed = [
                (alarm, attrs.evolve(alarm, window_id=None, told=alarm.told or alarm.uid in loud))
                for alarm in found
            ]
            write_alarms(connection, changed)
            news = [News(after, Happened.RAISED, loud=True) for _, after in changed if after.uid in loud]
            write_news(connection, news, now_ms=now_ms)
        return news


def is_late(alarm: Alarm, windows: Sequence[MaintenanceWindow]) -> bool:
    """Whether no window keeps it quiet any more."""
    return covering(windows, alarm) is None


def require_engine(connection: Connection, holder: str) -> None:
    """Lock the engine's row; its name must be there.

    Raises:
        NotTheEngine: it is not.
    """
    row = connection.execute(sa.select(alarm_engine.c.holder).with_for_update()).scalar()
    if row != holder:
        raise NotTheEngine


@attrs.frozen
class Change:
    """What becomes of an alarm."""

    before: Alarm | None
    after: Alarm | None
    happened: Happened | None
    suppress_after: int = 0


def steps(
    connection: Connection, looked: Sequence[Looked], *, now_ms: int, locked: bool = False
) -> list[Change]:
    """What becomes of which alarm."""
    known: dict[tuple[str, str], dict[str, Alarm]] = {}
    scopes = {each.scope for each in looked}
    if scopes:
        templates = {each.template for each in looked}
        for alarm in of_scopes(connection, scopes, templates=templates, locked=locked):
            known.setdefault((alarm.template, alarm.scope), {})[alarm.object_uid] = alarm
    found: list[Change] = []
    for each in looked:
        theirs = known.get((each.template, each.scope), {})
        here = {condition.subject.uid: condition for condition in each.conditions}
        for object_uid, condition in here.items():
            before = theirs.get(object_uid)
            after, happened = met(before, condition, uid=str(uuid4()), now_ms=now_ms)
            if after != before:
                found.append(Change(before, after, happened, condition.suppress_after))
        for object_uid, alarm in theirs.items():
            looked_at = each.only is None or object_uid in each.only
            if alarm.holds and looked_at and object_uid not in here:
                ended, happened = over(alarm, now_ms=now_ms)
                found.append(Change(alarm, ended, happened))
    return found


def announced(change: Change, windows: Sequence[MaintenanceWindow]) -> tuple[Change, News | None]:
    """What others are told of it, and the alarm that knows whether they were."""
    after, happened = change.after, change.happened
    if after is None or happened is None:
        return change, None
    if happened is Happened.RESOLVED:
        after = attrs.evolve(after, window_id=None)
        return attrs.evolve(change, after=after), News(after, happened, loud=after.told)
    window = covering(windows, after)
    if window is not None:
        # What receivers know of already stays known.
        after = attrs.evolve(after, window_id=None if after.told else window)
        return attrs.evolve(change, after=after), News(after, happened, loud=False)
    most = change.suppress_after
    loud = happened is Happened.RAISED or most == 0 or after.repeat_count <= most
    after = attrs.evolve(after, told=after.told or loud, window_id=None)
    return attrs.evolve(change, after=after), News(after, happened, loud=loud)


def ended_jobs(connection: Connection, after: int, last: int) -> frozenset[JobKey]:
    """The jobs of which those batches say that a session has ended."""
    query = (
        sa.select(job_events.c.agent_id, job_events.c.job_uid)
        .distinct()
        .select_from(batches)
        .join(
            job_events,
            sa.and_(
                job_events.c.stream_id == batches.c.stream_id,
                job_events.c.sequence >= batches.c.first_sequence,
                job_events.c.sequence < batches.c.next_sequence,
            ),
        )
        .join(agents, agents.c.id == job_events.c.agent_id)
        .where(
            batches.c.id > after,
            batches.c.id <= last,
            batches.c.tag == EventBatch.tag,
            job_events.c.kind == EventKind.JOB_FINISHED.value,
        )
    )
    return frozenset((row.agent_id, row.job_uid) for row in connection.execute(query))
