"""Sends what the queue holds, some at a time, beside the engine and never in its way.

One delivery at a time for each receiver. One that has failed keeps its receiver quiet until the delivery is due again, for a minute at
most: a dead receiver costs an attempt now and then, not a thread.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Final

import attrs
import structlog

from gateway.store import Attempt, DueDelivery, ReceiverKind, Store, StoreError

__all__ = ["WORKERS", "Send", "Sender"]

WORKERS: Final = 4
# Longer than any attempt takes: then whoever made it has died.
DEAD_MS: Final = 60_000
QUIET_MS: Final = 60_000

log = structlog.get_logger()

Send = Callable[[DueDelivery, int], Attempt]
"""One attempt at a time of now, milliseconds."""


@attrs.define
class Sender:
    """The senders of each kind, and who is being sent something."""

    store: Store
    sends: Mapping[ReceiverKind, Send]
    pool: Executor
    now_ms: Callable[[], int]
    _busy: set[str] = attrs.field(factory=set)
    _quiet: dict[str, int] = attrs.field(factory=dict)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def tick(self, now_ms: int) -> None:
        """Begin what is due, as far as there is room for it.

        Raises:
            StoreError: the store can't be used.
        """
        with self._lock:
            self._quiet = {uid: until for uid, until in self._quiet.items() if until > now_ms}
            kept = {*self._busy, *self._quiet}
            room = WORKERS - len(self._busy)
        for kind in self.sends:
            if room <= 0:
                return
            claimed = self.store.alarm_deliveries.claim(
                kind, busy=kept, limit=room, now_ms=now_ms, again_ms=now_ms + DEAD_MS
            )
            room -= len(claimed)
            for due in claimed:
                with self._lock:
                    self._busy.add(due.receiver.uid)
                self.pool.submit(self._deliver, due)

    def _deliver(self, due: DueDelivery) -> None:
        uid = due.receiver.uid
        try:
            attempt = self.sends[due.receiver.kind](due, self.now_ms())
            now_ms = self.now_ms()
            self.store.alarm_deliveries.note(due.delivery.uid, attempt, now_ms=now_ms)
            log.info(
                "alarm delivered" if attempt.delivered else "alarm not delivered",
                receiver=due.receiver.name,
                delivery=due.delivery.uid,
                outcome=attempt.outcome,
            )
            if attempt.retry_ms is not None:
                with self._lock:
                    self._quiet[uid] = min(attempt.retry_ms, now_ms + QUIET_MS)
        except StoreError as error:
            # The attempt is made again when it counts as dead.
            log.warning("delivery not noted", receiver=due.receiver.name, why=str(error))
        except Exception:
            # A pool keeps to itself what its tasks raise, and nobody asks this one.
            log.exception("delivery crashed", receiver=due.receiver.name)
        finally:
            with self._lock:
                self._busy.discard(uid)
