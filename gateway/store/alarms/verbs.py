"""What people do with alarms: `store.alarms`."""

from collections.abc import Callable
from typing import Final

import attrs
import sqlalchemy as sa

from gateway.store.alarms.life import OPEN, Alarm, AlarmState, Happened
from gateway.store.alarms.rows import ALARM, alarm_of, locked_alarm, write_alarms
from gateway.store.alarms.schema import alarm_history, alarms
from gateway.store.alarms.telling import News, status_of, write_news
from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound

# Alarms that are forgotten in one transaction.
AT_A_TIME: Final = 500


@attrs.frozen(kw_only=True)
class AlarmPast:
    """A line of an alarm's history."""

    at_ms: int
    what: str
    """A value of Happened."""
    severity: str
    message: str
    remark: str
    who: str
    """Empty: the engine."""


@attrs.frozen
class Alarms:
    """The verbs."""

    _db: Database

    def get(self, uid: str) -> Alarm:
        """One alarm.

        Raises:
            NotFound: there is none that anybody could have seen.
        """
        with self._db.read() as connection:
            row = connection.execute(
                ALARM.where(alarms.c.uid == uid, alarms.c.raised_ms.is_not(None))
            ).first()
        if row is None:
            raise NotFound(f"there is no alarm {uid}")
        return alarm_of(row)

    def history(self, uid: str, *, limit: int = 1000) -> list[AlarmPast]:
        """What became of it, the newest first.

        Raises:
            NotFound: see `get`.
        """
        self.get(uid)
        query = (
            sa.select(*[alarm_history.c[field.name] for field in attrs.fields(AlarmPast)])
            .where(alarm_history.c.alarm_uid == uid)
            .order_by(alarm_history.c.id.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            return [AlarmPast(**row) for row in connection.execute(query).mappings()]

    def acknowledge(self, uid: str, *, by: str, now_ms: int, remark: str = "") -> Alarm:
        """Say that somebody looks after it. It goes on, and is active again when it becomes graver.

        Raises:
            NotFound: see `get`.
            Conflict: it is not active.
        """

        def act(alarm: Alarm) -> Alarm:
            if alarm.state is not AlarmState.ACTIVE:
                raise Conflict(f"alarm {uid} is {alarm.state.value}, not active")
            return attrs.evolve(alarm, state=AlarmState.ACKNOWLEDGED)

        return self._decide(uid, act, Happened.ACKNOWLEDGED, by=by, now_ms=now_ms, remark=remark)

    def resolve(self, uid: str, *, by: str, now_ms: int, remark: str) -> Alarm:
        """Say that it is over. It comes again with another occurrence, or when its condition has ended and returns.

        Raises:
            NotFound: see `get`.
            Conflict: it is over.
        """

        def act(alarm: Alarm) -> Alarm:
            if alarm.state not in OPEN:
                raise Conflict(f"alarm {uid} is over already")
            return attrs.evolve(alarm, state=AlarmState.RESOLVED, window_id=None)

        return self._decide(uid, act, Happened.RESOLVED, by=by, now_ms=now_ms, remark=remark)

    def list(
        self, *, organization_uid: str | None = None, resolved: bool = False, limit: int = 1000
    ) -> list[Alarm]:
        """The open ones, or those that are over; what changed last comes first."""
        states = [AlarmState.RESOLVED.value] if resolved else [state.value for state in OPEN]
        query = ALARM.where(alarms.c.state.in_(states), alarms.c.raised_ms.is_not(None))
        if organization_uid is not None:
            query = query.where(alarms.c.organization_uid == organization_uid)
        query = query.order_by(alarms.c.changed_ms.desc(), alarms.c.uid).limit(limit)
        with self._db.read() as connection:
            return [alarm_of(row) for row in connection.execute(query)]

    def forget(self, *, before_ms: int) -> int:
        """Forget alarms that have been over since before that time, with their history, some at a time; how many those were."""
        old = (
            sa.select(alarms.c.uid)
            .where(
                alarms.c.state == AlarmState.RESOLVED.value,
                alarms.c.changed_ms < before_ms,
                sa.not_(alarms.c.holds),
            )
            .limit(AT_A_TIME)
        )
        with self._db.read() as connection:
            if connection.execute(old).first() is None:
                return 0
        with self._db.write() as connection:
            uids = connection.execute(old.with_for_update()).scalars().all()
            connection.execute(sa.delete(alarm_history).where(alarm_history.c.alarm_uid.in_(uids)))
            return connection.execute(sa.delete(alarms).where(alarms.c.uid.in_(uids))).rowcount

    def _decide(
        self,
        uid: str,
        act: Callable[[Alarm], Alarm],
        happened: Happened,
        *,
        by: str,
        now_ms: int,
        remark: str,
    ) -> Alarm:
        with self._db.write() as connection:
            before = locked_alarm(connection, uid)
            after = attrs.evolve(act(before), changed_ms=now_ms, remark=remark, who=by)
            write_alarms(connection, [(before, after)])
            entry = AuditEntry(
                at_ms=now_ms, who=by, action=f"alarm {happened.value}", about=f"{after.template} of {after.object_name}",
                why=remark, before=f'"{status_of(before)}"', after=f'"{status_of(after)}"',
                organization_uid=after.organization_uid,
            )  # fmt: skip
            note(connection, entry)
            write_news(connection, [News(after, happened, loud=after.told)], now_ms=now_ms)
        return after
