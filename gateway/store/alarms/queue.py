"""The queue of deliveries, as senders use it: `store.alarm_deliveries`."""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs
import sqlalchemy as sa

from gateway.store.alarms.receivers import (
    DELIVERY,
    RECEIVER,
    AlarmDelivery,
    AlarmDeliveryState,
    Attempt,
    DueDelivery,
    ReceiverKind,
    delivery_of,
    receiver_of,
)
from gateway.store.alarms.schema import deliveries, receivers
from gateway.store.engine import Database

AT_A_TIME: Final = 500
# So many deliveries of a receiver are looked through for different alarms.
LOOKED_AHEAD: Final = 50
NOTHING: Final[Mapping[str, Collection[str]]] = MappingProxyType({})


@attrs.frozen
class AlarmDeliveries:
    """The verbs."""

    _db: Database

    def claim(
        self,
        kind: ReceiverKind,
        *,
        share: Callable[[str], int] = lambda uid: 1,
        flying: Mapping[str, Collection[str]] = NOTHING,
        limit: int,
        now_ms: int,
        again_ms: int,
    ) -> list[DueDelivery]:
        """Take what is due, the oldest first; each counts as one more attempt.

        Args:
            share: how many a receiver of that uid may be sent now, one for each alarm.
            flying: of receivers the alarms of which they are being told: what else became of those waits.
            again_ms: when an attempt counts as dead, and the delivery is due again.
        """
        with self._db.read() as connection:
            due_to = [uid for uid in connection.execute(waited_for(kind, now_ms)).scalars() if share(uid) > 0]
        if not due_to:
            return []
        claimed: list[DueDelivery] = []
        with self._db.write() as connection:
            query = RECEIVER.add_columns(receivers.c.secret).where(
                receivers.c.uid.in_(due_to[:limit]), receivers.c.enabled
            )
            known = {row["uid"]: row for row in connection.execute(query).mappings()}
            for uid in due_to[:limit]:
                most = min(share(uid), limit - len(claimed))
                if uid not in known or most <= 0:
                    continue
                oldest = (
                    DELIVERY.where(due_at(now_ms), deliveries.c.receiver_uid == uid)
                    .where(deliveries.c.alarm_uid.not_in(flying.get(uid, ())))
                    .order_by(deliveries.c.next_ms, deliveries.c.created_ms)
                    .limit(LOOKED_AHEAD)
                    .with_for_update()
                )
                of_alarm: dict[str, AlarmDelivery] = {}
                for row in connection.execute(oldest).mappings():
                    of_alarm.setdefault(row["alarm_uid"], delivery_of(row))
                receiver, secret = receiver_of(known[uid]), known[uid]["secret"] or ""
                claimed += [
                    DueDelivery(
                        delivery=attrs.evolve(each, attempts=each.attempts + 1, next_ms=again_ms),
                        receiver=receiver,
                        secret=secret,
                    )
                    for each in list(of_alarm.values())[:most]
                ]
            taken = sa.update(deliveries).where(deliveries.c.uid.in_([due.delivery.uid for due in claimed]))
            connection.execute(taken.values(attempts=deliveries.c.attempts + 1, next_ms=again_ms))
        return claimed

    def note(self, uid: str, outcome: Attempt, *, now_ms: int) -> None:
        """Say what came of an attempt; nothing happens where its receiver was removed meanwhile."""
        cells = {"outcome": outcome.outcome, "status": outcome.status, "excerpt": outcome.excerpt}
        if outcome.retry_ms is not None and not outcome.delivered:
            cells["next_ms"] = outcome.retry_ms
        else:
            state = AlarmDeliveryState.DELIVERED if outcome.delivered else AlarmDeliveryState.FAILED
            cells |= {"state": state.value, "finished_ms": now_ms}
        with self._db.write() as connection:
            connection.execute(sa.update(deliveries).where(deliveries.c.uid == uid).values(cells))

    def log(self, receiver_uid: str, *, limit: int = 100) -> list[AlarmDelivery]:
        """What a receiver was told, or is to be, the newest first."""
        query = DELIVERY.where(deliveries.c.receiver_uid == receiver_uid)
        newest = query.order_by(deliveries.c.created_ms.desc(), deliveries.c.uid).limit(limit)
        with self._db.read() as connection:
            return [delivery_of(row) for row in connection.execute(newest).mappings()]

    def prune(self, *, before_ms: int) -> int:
        """Forget what was to be told before that and is finished, some at a time; how many those were."""
        old = (
            sa.select(deliveries.c.uid)
            .where(deliveries.c.created_ms < before_ms, deliveries.c.finished_ms.is_not(None))
            .limit(AT_A_TIME)
        )
        with self._db.read() as connection:
            uids = connection.execute(old).scalars().all()
        if not uids:
            return 0
        with self._db.write() as connection:
            return connection.execute(sa.delete(deliveries).where(deliveries.c.uid.in_(uids))).rowcount


def due_at(now_ms: int) -> sa.ColumnElement[bool]:
    """Deliveries that are due."""
    return (deliveries.c.state == AlarmDeliveryState.WAITING.value) & (deliveries.c.next_ms <= now_ms)


def waited_for(kind: ReceiverKind, now_ms: int) -> sa.Select[Any]:
    """The receivers for whom something is due: who waits for the longest comes first. It asks the index once for each receiver."""
    oldest = (
        sa.select(sa.func.min(deliveries.c.next_ms))
        .where(due_at(now_ms), deliveries.c.receiver_uid == receivers.c.uid)
        .scalar_subquery()
    )
    waiting = (
        sa.select(receivers.c.uid, oldest.label("oldest"))
        .where(receivers.c.kind == kind.value, receivers.c.enabled)
        .subquery()
    )
    return (
        sa.select(waiting.c.uid)
        .where(waiting.c.oldest.is_not(None))
        .order_by(waiting.c.oldest, waiting.c.uid)
    )
