"""Maintenance windows: times in which alarms of a company, a place or a machine are raised and written down, and nobody is told.

A window that comes again begins every so many seconds after its first beginning. What is still wrong when it is over is told then.
"""

from collections.abc import Sequence
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.alarms.life import Alarm
from gateway.store.alarms.schema import maintenance_windows as table
from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound


@attrs.frozen(kw_only=True)
class MaintenanceWindow:
    """A maintenance window."""

    window_id: int
    organization_uid: str
    """Empty: everybody's."""
    location_uid: str
    agent_uid: str
    """A site is maintained by naming its agent."""
    name: str
    who: str
    start_ms: int
    end_ms: int
    every_s: int
    """It comes again so many seconds after its beginning; 0: it does not."""
    until_ms: int | None
    """It begins no more from then on."""
    created_ms: int
    ended_ms: int | None
    """When somebody called it off."""

    def is_active(self, now_ms: int) -> bool:
        """Whether it is maintenance time."""
        if self.ended_ms is not None or now_ms < self.start_ms:
            return False
        since = now_ms - self.start_ms
        if self.every_s:
            begun = now_ms - since % (self.every_s * 1000)
            if self.until_ms is not None and begun >= self.until_ms:
                return False
            since = now_ms - begun
        return since < self.end_ms - self.start_ms

    def covers(self, alarm: Alarm) -> bool:
        """Whether it is about that alarm's thing."""
        return (
            self.organization_uid in ("", alarm.organization_uid)
            and self.location_uid in ("", alarm.location_uid)
            and self.agent_uid in ("", alarm.agent_uid)
        )


FIELDS = tuple(field.name for field in attrs.fields(MaintenanceWindow))
WINDOW = sa.select(table.c.id, *[table.c[name] for name in FIELDS[1:]])


def window_of(row: sa.Row[Any]) -> MaintenanceWindow:
    """A row of WINDOW."""
    return MaintenanceWindow(**dict(zip(FIELDS, row, strict=True)))


def active_windows(connection: Connection, now_ms: int) -> list[MaintenanceWindow]:
    """Those in which it is maintenance time."""
    comes = (table.c.every_s > 0) | (table.c.end_ms > now_ms)
    query = WINDOW.where(table.c.ended_ms.is_(None), table.c.start_ms <= now_ms, comes)
    listed = [window_of(row) for row in connection.execute(query)]
    return [window for window in listed if window.is_active(now_ms)]


def covering(windows: Sequence[MaintenanceWindow], alarm: Alarm) -> int | None:
    """The first of them that keeps that alarm quiet."""
    return next((window.window_id for window in windows if window.covers(alarm)), None)


@attrs.frozen
class Maintenance:
    """The verbs: `store.maintenance`."""

    _db: Database

    def add(
        self,
        *,
        name: str,
        start_ms: int,
        end_ms: int,
        by: str,
        now_ms: int,
        organization_uid: str = "",
        location_uid: str = "",
        agent_uid: str = "",
        every_s: int = 0,
        until_ms: int | None = None,
    ) -> MaintenanceWindow:
        """Announce a window.

        Raises:
            Conflict: it ends before it begins, or begins again before it has ended.
        """
        if end_ms <= start_ms:
            raise Conflict("a maintenance window ends after it begins")
        if every_s and every_s * 1000 < end_ms - start_ms:
            raise Conflict("a maintenance window comes again after it has ended, not before")
        cells: dict[str, Any] = {
            "organization_uid": organization_uid, "location_uid": location_uid, "agent_uid": agent_uid, "name": name,
            "who": by, "start_ms": start_ms, "end_ms": end_ms, "every_s": every_s, "until_ms": until_ms,
            "created_ms": now_ms, "ended_ms": None,
        }  # fmt: skip
        with self._db.write() as connection:
            made = sa.insert(table).values(cells).returning(table.c.id)
            window = MaintenanceWindow(window_id=connection.execute(made).scalar_one(), **cells)
            entry = AuditEntry(
                at_ms=now_ms, who=by, action="maintenance announced", about=name,
                organization_uid=organization_uid or None,
            )  # fmt: skip
            note(connection, entry)
        return window

    def end(self, window_id: int, *, by: str, now_ms: int) -> None:
        """Call it off; what it kept quiet and is still wrong is told.

        Raises:
            NotFound: there is none of that number.
            Conflict: it was called off before.
        """
        with self._db.write() as connection:
            row = connection.execute(WINDOW.where(table.c.id == window_id).with_for_update()).first()
            if row is None:
                raise NotFound(f"there is no maintenance window {window_id}")
            window = window_of(row)
            if window.ended_ms is not None:
                raise Conflict(f"maintenance window {window_id} was called off before")
            connection.execute(sa.update(table).where(table.c.id == window_id).values(ended_ms=now_ms))
            entry = AuditEntry(
                at_ms=now_ms, who=by, action="maintenance ended", about=window.name,
                organization_uid=window.organization_uid or None,
            )  # fmt: skip
            note(connection, entry)

    def list(self, *, limit: int = 1000) -> list[MaintenanceWindow]:
        """The newest first."""
        with self._db.read() as connection:
            newest = WINDOW.order_by(table.c.id.desc()).limit(limit)
            return [window_of(row) for row in connection.execute(newest)]
