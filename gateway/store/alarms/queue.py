"""The queue of deliveries, as senders use it: `store.alarm_deliveries`."""

from collections.abc import Collection
from typing import Final

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

KEPT_MS: Final = 30 * 24 * 3600 * 1000
AT_A_TIME: Final = 500


@attrs.frozen
class AlarmDeliveries:
    """The verbs."""

    _db: Database

    def claim(
        self, kind: ReceiverKind, *, busy: Collection[str] = (), limit: int, now_ms: int, again_ms: int
    ) -> list[DueDelivery]:
        """Take what is due, one for each receiver, the oldest first; each counts as one more attempt.

        Args:
            busy: receivers that something is being sent to.
            again_ms: when an attempt counts as dead, and the delivery is due again.
        """
        due = (deliveries.c.state == AlarmDeliveryState.WAITING.value) & (deliveries.c.next_ms <= now_ms)
        to = RECEIVER.add_columns(receivers.c.secret).where(
            receivers.c.kind == kind.value, receivers.c.enabled, receivers.c.uid.not_in(busy)
        )
        with self._db.read() as connection:
            if connection.execute(sa.select(deliveries.c.uid).where(due).limit(1)).first() is None:
                return []
        claimed: list[DueDelivery] = []
        with self._db.write() as connection:
            for receiver in connection.execute(to.order_by(receivers.c.uid)).mappings().all():
                oldest = DELIVERY.where(due, deliveries.c.receiver_uid == receiver["uid"])
                oldest = oldest.order_by(deliveries.c.next_ms, deliveries.c.created_ms).limit(1)
                row = connection.execute(oldest.with_for_update()).mappings().first()
                if row is None:
                    continue
                delivery = attrs.evolve(delivery_of(row), attempts=row["attempts"] + 1, next_ms=again_ms)
                claimed.append(
                    DueDelivery(
                        delivery=delivery, receiver=receiver_of(receiver), secret=receiver["secret"] or ""
                    )
                )
                stamp = sa.update(deliveries).where(deliveries.c.uid == delivery.uid)
                connection.execute(stamp.values(attempts=delivery.attempts, next_ms=again_ms))
                if len(claimed) == limit:
                    break
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

    def prune(self, *, now_ms: int) -> int:
        """Forget what was finished more than KEPT_MS ago, some at a time; how many those were."""
        old = (
            sa.select(deliveries.c.uid)
            .where(deliveries.c.created_ms < now_ms - KEPT_MS, deliveries.c.finished_ms.is_not(None))
            .limit(AT_A_TIME)
        )
        with self._db.read() as connection:
            uids = connection.execute(old).scalars().all()
        if not uids:
            return 0
        with self._db.write() as connection:
            return connection.execute(sa.delete(deliveries).where(deliveries.c.uid.in_(uids))).rowcount
