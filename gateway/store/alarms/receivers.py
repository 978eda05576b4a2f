"""Who is told of alarms, and the durable queue of what they are told.

A delivery is written with the alarm's change. A sender *claims* it (one more attempt, and when the next one would be due, should this process
die), sends it, and says what came of it. So it is sent at least once; its uid is the receiver's means to drop a second one.
"""

from enum import StrEnum

import attrs
import sqlalchemy as sa

from gateway.store.alarms.life import Severity
from gateway.store.alarms.schema import deliveries, receivers
from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound


class ReceiverKind(StrEnum):
    """How somebody is told."""

    WEBHOOK = "webhook"
    MAIL = "mail"


class AlarmDeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    """It was given up."""


@attrs.frozen(kw_only=True)
class Receiver:
    """Somebody who is told. Of its secret nothing is here."""

    uid: str
    kind: ReceiverKind
    name: str
    target: str
    """A URL or an address."""
    organization_uid: str
    """Only of this organization; empty: of all."""
    least_severity: Severity
    enabled: bool
    created_ms: int
    created_by: str


@attrs.frozen(kw_only=True)
class AlarmDelivery:
    """Something that somebody is told."""

    uid: str
    receiver_uid: str
    alarm_uid: str
    event: str
    payload: str
    """A JSON object."""
    state: AlarmDeliveryState
    attempts: int
    created_ms: int
    next_ms: int
    """When it is tried next."""
    finished_ms: int | None
    status: int | None
    """Of the last answer; None: there was none."""
    outcome: str
    excerpt: str
    """Of the last answer's body."""


@attrs.frozen(kw_only=True)
class DueDelivery:
    """A delivery that was claimed, and where it goes."""

    delivery: AlarmDelivery
    receiver: Receiver
    secret: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Attempt:
    """What came of an attempt."""

    delivered: bool
    retry_ms: int | None
    """When it is tried again; None: not any more."""
    outcome: str
    status: int | None = None
    excerpt: str = ""


RECEIVER_FIELDS = tuple(field.name for field in attrs.fields(Receiver))
RECEIVER = sa.select(*[receivers.c[name] for name in RECEIVER_FIELDS])
DELIVERY_FIELDS = tuple(field.name for field in attrs.fields(AlarmDelivery))
DELIVERY = sa.select(*[deliveries.c[name] for name in DELIVERY_FIELDS])


def receiver_of(row: sa.RowMapping) -> Receiver:
    """A row of the table."""
    cells = {name: row[name] for name in RECEIVER_FIELDS}
    return Receiver(
        **cells | {"kind": ReceiverKind(row["kind"]), "least_severity": Severity(row["least_severity"])}
    )


def delivery_of(row: sa.RowMapping) -> AlarmDelivery:
    """A row of the table."""
    return AlarmDelivery(
        **{name: row[name] for name in DELIVERY_FIELDS} | {"state": AlarmDeliveryState(row["state"])}
    )


@attrs.frozen
class Receivers:
    """The verbs: `store.receivers`."""

    _db: Database

    def add(
        self,
        uid: str,
        *,
        kind: ReceiverKind,
        name: str,
        target: str,
        secret: str | None,
        by: str,
        now_ms: int,
        organization_uid: str = "",
        least_severity: Severity = Severity.INFO,
    ) -> Receiver:
        """Tell somebody from now on.

        Raises:
            Conflict: the name is taken.
        """
        made = Receiver(
            uid=uid, kind=kind, name=name, target=target, organization_uid=organization_uid,
            least_severity=least_severity, enabled=True, created_ms=now_ms, created_by=by,
        )  # fmt: skip
        row = attrs.asdict(made) | {
            "kind": kind.value,
            "least_severity": least_severity.value,
            "secret": secret,
        }
        with self._db.write() as connection:
            if not self._db.insert_new(connection, receivers, row):
                raise Conflict(f"there is a receiver of alarms named {name!r} already")
            note(connection, entry(made, "receiver added", by=by, now_ms=now_ms))
        return made

    def remove(self, uid: str, *, by: str, now_ms: int) -> None:
        """Tell somebody no more, and forget what was told.

        Raises:
            NotFound: nobody of that uid is told.
        """
        with self._db.write() as connection:
            row = connection.execute(RECEIVER.where(receivers.c.uid == uid).with_for_update()).mappings()
            found = row.first()
            if found is None:
                raise NotFound(f"there is no receiver of alarms {uid}")
            connection.execute(sa.delete(deliveries).where(deliveries.c.receiver_uid == uid))
            connection.execute(sa.delete(receivers).where(receivers.c.uid == uid))
            note(connection, entry(receiver_of(found), "receiver removed", by=by, now_ms=now_ms))

    def find(self, named: str, kind: ReceiverKind) -> Receiver:
        """The one of that name or uid.

        Raises:
            NotFound: there is none of that kind.
        """
        query = RECEIVER.where(
            receivers.c.kind == kind.value, (receivers.c.name == named) | (receivers.c.uid == named)
        )
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound(f"there is no {kind.value} {named!r}")
        return receiver_of(row)

    def all(self, kind: ReceiverKind) -> list[Receiver]:
        """Everybody who is told that way, by name."""
        query = RECEIVER.where(receivers.c.kind == kind.value).order_by(receivers.c.name)
        with self._db.read() as connection:
            return [receiver_of(row) for row in connection.execute(query).mappings()]


def entry(receiver: Receiver, action: str, *, by: str, now_ms: int) -> AuditEntry:
    """The audit's line."""
    return AuditEntry(
        at_ms=now_ms, who=by, action=action, organization_uid=receiver.organization_uid or None,
        about=f"{receiver.kind.value} {receiver.name}: {receiver.target}",
    )  # fmt: skip
