"""Alarms in and out of their table."""

from collections.abc import Collection, Iterable
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.alarms.life import Alarm, AlarmState, Severity
from gateway.store.alarms.schema import alarm_history, alarms
from gateway.store.errors import NotFound

FIELDS = tuple(field.name for field in attrs.fields(Alarm))
ALARM = sa.select(*[alarms.c[name] for name in FIELDS])


def alarm_of(row: sa.Row[Any]) -> Alarm:
    """A row of ALARM."""
    cells = dict(zip(FIELDS, row, strict=True))
    return Alarm(**cells | {"state": AlarmState(cells["state"]), "severity": Severity(cells["severity"])})


def values_of(alarm: Alarm) -> dict[str, Any]:
    """An alarm as a row."""
    cells = attrs.asdict(alarm)
    return cells | {"state": alarm.state.value, "severity": alarm.severity.value}


def of_scopes(
    connection: Connection, scopes: Collection[str], *, templates: Collection[str], locked: bool = False
) -> list[Alarm]:
    """The alarms of those templates about those scopes, in the order in which rows are locked."""
    query = ALARM.where(alarms.c.scope.in_(scopes), alarms.c.template.in_(templates)).order_by(alarms.c.uid)
    return [alarm_of(row) for row in connection.execute(query.with_for_update() if locked else query)]


def locked_alarm(connection: Connection, uid: str) -> Alarm:
    """The alarm of that uid, for a change.

    Raises:
        NotFound: there is none that anybody could have seen.
    """
    row = connection.execute(
        ALARM.where(alarms.c.uid == uid, alarms.c.raised_ms.is_not(None)).with_for_update()
    ).first()
    if row is None:
        raise NotFound(f"there is no alarm {uid}")
    return alarm_of(row)


def write_alarms(connection: Connection, changed: Iterable[tuple[Alarm | None, Alarm | None]]) -> None:
    """Write (before, after) pairs: None before is new, None after is gone."""
    pairs = list(changed)
    new = [values_of(after) for before, after in pairs if before is None and after is not None]
    gone = [before.uid for before, after in pairs if before is not None and after is None]
    if new:
        connection.execute(sa.insert(alarms), new)
    for before, after in pairs:
        if before is not None and after is not None:
            cells = values_of(after)
            connection.execute(sa.update(alarms).where(alarms.c.uid == cells.pop("uid")).values(cells))
    if gone:
        connection.execute(sa.delete(alarm_history).where(alarm_history.c.alarm_uid.in_(gone)))
        connection.execute(sa.delete(alarms).where(alarms.c.uid.in_(gone)))
