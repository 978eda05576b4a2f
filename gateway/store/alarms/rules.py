"""What operators have changed of the templates: for everybody, or for one organization, whose word counts more."""

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs
import sqlalchemy as sa

from gateway.store.alarms.life import Severity
from gateway.store.alarms.schema import alarm_rules as table
from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database


@attrs.frozen(kw_only=True)
class RuleValues:
    """What a template goes by."""

    enabled: bool
    severity: Severity
    threshold: int
    """From where on it is wrong, in the template's unit; 0 where it has none."""
    tolerance: int
    """How far behind the threshold it must go back until it is well again, in the same unit."""
    trigger_after_s: int
    """For how long it must be so before it is an alarm."""
    suppress_after: int
    """After so many repetitions nobody is told of further ones; 0: always."""


NAMES: Final = tuple(field.name for field in attrs.fields(RuleValues))

RuleChange = Mapping[str, Any]
"""Some of NAMES, with their values."""

EVERYBODY: Final = ""


@attrs.frozen
class AlarmRules:
    """The verbs: `store.alarm_rules`."""

    _db: Database

    def all(self) -> dict[tuple[str, str], RuleChange]:
        """What was changed, by template and organization (EVERYBODY: by template alone)."""
        with self._db.read() as connection:
            rows = connection.execute(sa.select(table)).mappings().all()
        return {(row["template"], row["organization_uid"]): changed_in(row) for row in rows}

    def set(
        self, template: str, changed: RuleChange, *, by: str, now_ms: int, organization_uid: str = EVERYBODY
    ) -> None:
        """Change some of a template's values; None takes a change back.

        Args:
            template: a template's name; the caller knows that there is one.
            changed: of NAMES.
        """
        key = {"template": template, "organization_uid": organization_uid}
        cells = {
            name: value.value if isinstance(value, Severity) else value for name, value in changed.items()
        }
        where = (table.c.template == template) & (table.c.organization_uid == organization_uid)
        with self._db.write() as connection:
            self._db.insert_new(connection, table, key)
            row = connection.execute(sa.select(table).where(where).with_for_update()).mappings().one()
            before = changed_in(row)
            if cells:
                connection.execute(sa.update(table).where(where).values(cells))
            after = {name: value for name, value in (before | cells).items() if value is not None}
            if not after:
                connection.execute(sa.delete(table).where(where))
            entry = AuditEntry(
                at_ms=now_ms, who=by, action="alarm template changed", about=template, before=json.dumps(before),
                after=json.dumps(after), organization_uid=organization_uid or None,
            )  # fmt: skip
            note(connection, entry)


def changed_in(row: sa.RowMapping) -> dict[str, Any]:
    """What a row of the table changes."""
    return {name: row[name] for name in NAMES if row[name] is not None}


def effective(
    default: RuleValues, changes: Mapping[tuple[str, str], RuleChange], template: str, organization_uid: str
) -> RuleValues:
    """What a template goes by for an organization."""
    changed = {**changes.get((template, EVERYBODY), {}), **changes.get((template, organization_uid), {})}
    if "severity" in changed:
        changed["severity"] = Severity(changed["severity"])
    return attrs.evolve(default, **changed)
