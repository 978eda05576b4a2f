"""What has to be looked after beside the sessions: the brake, the journal's age, the credentials' freshness.

*The brake.* Once a second: how far is the projector behind, how much room has the journal's disk? Beyond a limit no credit is given
(`flow`), below it again all debts are paid. Either way it is logged once (FG-4011, FG-4008). A projector that begins to lag in the
newest segment gets a next one, in case it is a bad frame that holds it up (FG-4015).

*Retention.* Once a minute, closed segments that are projected and old enough are deleted. What is old enough and not projected
is held, and said aloud (FG-4012).

*Credentials.* Once a minute, whenever the change feed says so, and at a reload of the settings, they are read again; a change reaches the
next connection, and every verified agent at once.
"""

import contextlib
import os

import attrs
import structlog
import trio

from certs import from_ms
from gateway.config import Config
from gateway.edge.credentials import Credentials, fresh_credentials, reload_credentials
from gateway.edge.flow import Lag
from gateway.edge.reactions import may_work
from gateway.edge.services import Services
from gateway.journal import Cursor, JournalError, JournalFailed, JournalFull, JournalWriter
from gateway.store import CursorMoved
from protocol import Code

__all__ = ["Upkeep"]

log = structlog.get_logger()

LOOK_S = 1.0
MINUTE_S = 60.0

# Room for two segments: one that is being written, one that begins while the brake takes hold.
SPARE_SEGMENTS = 2

# After the journal was refused room, whatever statvfs says: a quota does not show there.
FULL_S = 30.0

PAYMENTS_AT_A_TIME = 50


@attrs.define(eq=False, kw_only=True)
class Upkeep:
    """One task, and what others tell it.

    Attributes:
        behind_s: how long the oldest unread record has waited, at the last look.
    """

    services: Services
    journal: JournalWriter
    lag: Lag
    behind_s: float = 0.0
    _full_until: float = 0.0
    _reload: bool = False
    _held: int = 0
    _reading: trio.Lock = attrs.field(factory=trio.Lock)

    def begin(self) -> None:
        """Take over from the life before: what the projector has not read of it, and who wants to be told what."""
        self.services.on_full = self.refused_room
        self.services.on_projected = self.projected
        self.services.on_trust_changed = self.reload_soon
        if (body := self.services.directory.cursors.get(self.journal.journal_uid)) is not None:
            self.projected(body)

    async def run(self) -> None:
        """Look after things until cancelled.

        Raises:
            JournalFailed: the journal is lost.
        """
        next_minute = trio.current_time() + MINUTE_S
        while True:
            await trio.sleep(LOOK_S)
            await self.look()
            if trio.current_time() >= next_minute:
                next_minute = trio.current_time() + MINUTE_S
                await self.prune()
                await self.services.bulk.sweep(self.services)
                self._reload = self._reload or self._own_certificate_changed()
            if self._reload:
                self._reload = False
                await self.reload()

    # -- the brake ---------------------------------------------------------------------------------------------

    def projected(self, body: CursorMoved) -> None:
        """The projector's cursor has moved in some journal."""
        if body.journal_uid == self.journal.journal_uid:
            cursor = Cursor(segment=body.segment, incarnation=body.incarnation, offset=body.offset)
            self.lag.projected(cursor)

    def refused_room(self, error: JournalFull) -> None:
        """An append found no room."""
        self._full_until = trio.current_time() + FULL_S
        if self.services.valve.withhold("disk", yes=True):
            log.error("journal is full, no credit given", code=str(Code.JOURNAL_FULL), error=str(error))

    def behind_bytes(self) -> int:
        """How much the projector has not read."""
        return self.journal.lag(self.lag.cursor)

    async def look(self) -> None:
        """Set the brake, or release it and pay all debts."""
        limits, valve = self.services.config.limits, self.services.valve
        self.behind_s = self.lag.seconds(trio.current_time())
        late = self.behind_bytes() > limits.lag_bytes or self.behind_s > limits.lag_s
        if late and "lag" not in valve.reasons:
            self._give_a_way_on()
        if valve.withhold("lag", yes=late):
            log.warning(
                "projector lags" if late else "projector has caught up",
                code=str(Code.BACK_PRESSURE), behind_bytes=self.behind_bytes(), behind_s=round(self.behind_s, 1),
            )  # fmt: skip
        full = (
            trio.current_time() < self._full_until
            or self.free_bytes() < SPARE_SEGMENTS * limits.journal_segment
        )
        if valve.withhold("disk", yes=full):
            log.warning(
                "journal's disk is full" if full else "journal's disk has room", code=str(Code.JOURNAL_FULL)
            )
        if valve.open:
            await self._pay()

    def _give_a_way_on(self) -> None:
        """Start a new segment for a projector that may stand at a bad frame of this one (FG-4015).

        It can pass that frame only once the segment is closed, and an edge that gives no credit fills no segment.
        """
        cursor = self.lag.cursor
        if cursor is not None and cursor.segment == self.journal.end.segment:
            with contextlib.suppress(JournalFull):
                self.journal.roll()

    def free_bytes(self) -> int:
        """How much the disk with the journal has left for this user."""
        disk = os.statvfs(self.services.config.data)
        return disk.f_bavail * disk.f_frsize

    async def _pay(self) -> None:
        worth_paying = self.services.valve.worth_paying
        owing = [session for session in self.services.open_sessions if session.owed >= worth_paying]
        for n, session in enumerate(owing, start=1):
            session.pay()
            if n % PAYMENTS_AT_A_TIME == 0:
                await trio.lowlevel.checkpoint()

    # -- retention ---------------------------------------------------------------------------------------------

    async def prune(self) -> None:
        """Delete what is projected and old.

        Raises:
            JournalFailed: the journal is lost.
        """
        keep_ms = int(self.services.config.limits.journal_keep_s * 1000)
        now_ms, floor = self.services.now(), self.lag.cursor
        try:
            report = await trio.to_thread.run_sync(
                lambda: self.journal.prune(floor, older_than_ms=keep_ms, now_ms=now_ms)
            )
        except JournalFailed:
            raise
        except JournalError as error:
            log.error("journal not pruned", error=str(error))
            return
        if report.removed_segments:
            log.info("journal pruned", segments=len(report.removed_segments), bytes=report.removed_bytes)
        if report.held_bytes and report.held_bytes != self._held:
            log.warning(
                "old journal is held for the projector",
                code=str(Code.RETENTION_HELD_BACK),
                bytes=report.held_bytes,
            )
        self._held = report.held_bytes

    # -- credentials -------------------------------------------------------------------------------------------

    def reload_soon(self) -> None:
        """The authority's folder holds something newer."""
        self._reload = True

    def _own_certificate_changed(self) -> bool:
        own = self.services.credentials.own
        return own is None or own.changed()  # ours costs a millisecond to read, and may be due

    async def reload(self) -> None:
        """Read the credentials again, and tell every verified agent what is new about them."""
        async with self._reading:
            before = self.services.credentials
            at = from_ms(self.services.now())
            after = await trio.to_thread.run_sync(reload_credentials, before, self.services.config, at)
            await self._use(after)

    async def adopt(self, config: Config) -> None:
        """Go on with *config*, and with the credentials that it leads to.

        Raises:
            AuthorityError, OwnCertificateError, OSError, ValueError: those can't be used; nothing was changed.
        """
        async with self._reading:
            before, at = self.services.credentials, from_ms(self.services.now())
            after = await trio.to_thread.run_sync(fresh_credentials, before, config, at)
            self.services.config = config
            await self._use(after)

    async def _use(self, after: Credentials) -> None:
        before, self.services.credentials = self.services.credentials, after
        if self.services.inspection is not None and after.served != before.served:
            self.services.inspection.rotated()
        if after.trust_update.revision == before.trust_update.revision:
            return
        log.info("trust changed", revision=after.trust_update.revision, pins_next=len(after.bundle.pins_next))
        for n, session in enumerate(list(self.services.open_sessions), start=1):
            if may_work(session):
                session.say(after.trust_update)
            if n % PAYMENTS_AT_A_TIME == 0:
                await trio.lowlevel.checkpoint()
