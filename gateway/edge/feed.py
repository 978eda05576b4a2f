"""Reading from the store: one snapshot, then the change feed, so that the directory knows before anybody connects.

The feed is read from the last id seen whenever the doorbell rings, and every 2 s in case it did not. The row is the truth, the
doorbell only says when to look. What was read is put into the directory first and told to the live sessions after.
"""

from collections.abc import Callable, Iterator
from itertools import chain

import attrs
import structlog
import trio

from gateway.edge.admission import Admission
from gateway.edge.directory import Agent, Directory
from gateway.edge.doorbell import Doorbell
from gateway.store import Body, Store, StoreError

__all__ = ["Feed", "React"]

log = structlog.get_logger()

React = Callable[[Body, Agent | None], None]

POLL_S = 2.0
# Read as one JSON text, which holds the interpreter for 1 ms.
CHANGES_AT_A_TIME = 500
# The loop is given back this often: 50 reactions (an Ack each, at worst) take about 1 ms.
REACTIONS_AT_A_TIME = 50


@attrs.define(eq=False, kw_only=True)
class Feed:
    """The reading half of the edge's link to the store.

    Attributes:
        failing: whether the last attempt to read failed.
    """

    store: Store
    directory: Directory
    admission: Admission
    failing: bool = False
    _last_id: int = 0
    _limiter: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(1), init=False)

    async def load(self) -> None:
        """Fill the directory.

        Raises:
            StoreError: the store can't be used.
        """
        snapshot = await trio.to_thread.run_sync(self.store.directory, limiter=self._limiter)
        apply = self.directory.apply
        known: Iterator[Body] = chain(
            snapshot.agents,
            snapshot.claims,
            snapshot.marks,
            snapshot.resyncs,
            snapshot.cursors,
            snapshot.commands,
        )
        for body in known:
            apply(body)
        for single in (snapshot.trust, snapshot.gateways):
            if single is not None:
                apply(single)
        self.directory.revoked.update(snapshot.revoked)
        for address, organization_uid in snapshot.sites:
            self.admission.remember(address, organization_uid)
        self._last_id = snapshot.last_change_id

    async def follow(self, doorbell: Doorbell, react: React) -> None:
        """Keep the directory up to date until cancelled; *react* hears of every change that the directory took."""
        while True:
            ring = doorbell.next_ring()
            try:
                await self._catch_up(react)
                self.failing = False
            except StoreError as error:
                if not self.failing:
                    log.warning(
                        "store can't be read, tried again every 2 s", code=str(error.code), error=str(error)
                    )
                self.failing = True
            with trio.move_on_after(POLL_S):
                await ring.wait()

    async def _catch_up(self, react: React) -> None:
        while True:
            after = self._last_id
            found = await trio.to_thread.run_sync(
                lambda: self.store.changes.after(after, limit=CHANGES_AT_A_TIME),  # noqa: B023  # called at once
                limiter=self._limiter,
            )
            for n, change in enumerate(found, start=1):
                self._last_id = change.id
                react(change.body, self.directory.apply(change.body))
                if n % REACTIONS_AT_A_TIME == 0:
                    await trio.lowlevel.checkpoint()
            if len(found) < CHANGES_AT_A_TIME:
                return
