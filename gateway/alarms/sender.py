"""Sends what the queue holds, many at a time, beside the engine and never in its way.

Of its threads a receiver has few until it has answered well, then more, and one after it has failed. So a receiver that is slow costs the others
nothing, and a good one hears of hundreds of alarms within seconds. After a failure it is left alone until that delivery is due again, for a minute
at most. What becomes of one alarm is never on its way twice at once to the same receiver: "resolved" does not overtake "raised".
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Final

import attrs
import structlog

from gateway.store import Attempt, DueDelivery, ReceiverKind, Store, StoreError

__all__ = ["WORKERS", "Send", "Sender", "Sending"]

# They wait for others' answers, not for our processor.
WORKERS: Final = 32
# At once to a receiver of which nothing is known, and to one that answers well.
FIRST: Final = 2
MOST: Final = 8
# Longer than any attempt takes: then whoever made it has died.
DEAD_MS: Final = 60_000
QUIET_MS: Final = 60_000

log = structlog.get_logger()

Send = Callable[[Sequence[DueDelivery], int], Sequence[Attempt]]
"""One attempt at a time of now, milliseconds, for one or more deliveries to one receiver; what came of each."""


@attrs.frozen
class Sending:
    """How deliveries of a kind are sent."""

    send: Send
    together: int = 0
    """From so many at once to a receiver they are sent as one; 0: never."""


@attrs.define
class Sender:
    """The senders of each kind, and who is being sent something."""

    store: Store
    sends: Mapping[ReceiverKind, Sending]
    pool: Executor
    now_ms: Callable[[], int]
    wake: threading.Event = attrs.field(factory=threading.Event)
    """Set when there is room again: `tick` may find something to send."""
    _flying: dict[str, set[str]] = attrs.field(factory=dict)
    """Of each receiver: the alarms of which it is being told."""
    _most: dict[str, int] = attrs.field(factory=dict)
    """How many deliveries a receiver gets at once."""
    _quiet: dict[str, int] = attrs.field(factory=dict)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def tick(self, now_ms: int) -> None:
        """Begin what is due, as far as there is room for it.

        Raises:
            StoreError: the store can't be used.
        """
        with self._lock:
            self._quiet = {uid: until for uid, until in self._quiet.items() if until > now_ms}
            flying = {uid: frozenset(alarms) for uid, alarms in self._flying.items()}
            most, quiet = dict(self._most), set(self._quiet)
        room = WORKERS - sum(map(len, flying.values()))

        for kind, sending in self.sends.items():
            if room <= 0:
                return

            def share(uid: str, together: int = sending.together) -> int:
                if uid in quiet:
                    return 0
                if together:
                    return 0 if uid in flying else WORKERS
                return most.get(uid, FIRST) - len(flying.get(uid, ()))

            claimed = self.store.alarm_deliveries.claim(
                kind, share=share, flying=flying, limit=room, now_ms=now_ms, again_ms=now_ms + DEAD_MS
            )
            room -= len(claimed)
            with self._lock:
                for due in claimed:
                    self._flying.setdefault(due.receiver.uid, set()).add(due.delivery.alarm_uid)
            for group in groups(claimed, sending.together):
                self.pool.submit(self._deliver, group)

    def _deliver(self, group: Sequence[DueDelivery]) -> None:
        receiver = group[0].receiver
        try:
            attempts = self.sends[receiver.kind].send(group, self.now_ms())
            now_ms = self.now_ms()
            for due, attempt in zip(group, attempts, strict=True):
                self.store.alarm_deliveries.note(due.delivery.uid, attempt, now_ms=now_ms)
                log.info(
                    "alarm delivered" if attempt.delivered else "alarm not delivered",
                    receiver=receiver.name,
                    delivery=due.delivery.uid,
                    outcome=attempt.outcome,
                )
                self._learn(receiver.uid, attempt, now_ms)
        except StoreError as error:
            # The attempt is made again when it counts as dead.
            log.warning("delivery not noted", receiver=receiver.name, why=str(error))
        except Exception:
            # A pool keeps to itself what its tasks raise, and nobody asks this one.
            log.exception("delivery crashed", receiver=receiver.name)
        finally:
            self._landed(group)
            self.wake.set()

    def _learn(self, uid: str, attempt: Attempt, now_ms: int) -> None:
        with self._lock:
            if attempt.delivered:
                self._most[uid] = min(self._most.get(uid, FIRST) * 2, MOST)
            else:
                self._most[uid] = 1
            if attempt.retry_ms is not None:
                self._quiet[uid] = min(attempt.retry_ms, now_ms + QUIET_MS)

    def _landed(self, group: Sequence[DueDelivery]) -> None:
        uid = group[0].receiver.uid
        with self._lock:
            flying = self._flying[uid]
            flying -= {due.delivery.alarm_uid for due in group}
            if not flying:
                del self._flying[uid]


def groups(claimed: Sequence[DueDelivery], together: int) -> list[list[DueDelivery]]:
    """Which deliveries are sent as one."""
    of: dict[str, list[DueDelivery]] = {}
    for due in claimed:
        of.setdefault(due.receiver.uid, []).append(due)
    found: list[list[DueDelivery]] = []
    for dues in of.values():
        found += [dues] if together and len(dues) >= together else [[due] for due in dues]
    return found
