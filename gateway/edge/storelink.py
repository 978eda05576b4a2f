"""Writing to the store, and never in the way of a session. Together with `feed`, all that the edge has to do with it.

What sessions have to tell is noted in memory, in the loop, and written in batches by one worker thread: claims every half second,
presence every five, the lease in between. A store that is locked, full or unreachable makes this wait and nothing else:
sessions, journal and acknowledgements go on, and what was noted is written when it answers again.

Calls that somebody waits for (enrollment, a clone's question) go through `call`, two at a time.

A claim is a compare-and-set on a fence. The edge claims in its own directory at once, welcomes the agent, and hears later whether the
store agrees. Where another edge was faster, the agent itself tells who is right: if its Hello returned the winner's nonce, it has been
there before it came here, and the claim is repeated on top of the winner's; otherwise it is there now, and this session ends.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import attrs
import structlog
import trio

from gateway.edge.clones import NO_NONCE, confirmed, returned
from gateway.edge.directory import Agent
from gateway.edge.session import Session
from gateway.store import (
    Claim,
    ClaimEntry,
    ClaimOutcome,
    ConnectionStatus,
    Presence,
    Store,
    StoreError,
    Transfer,
    ring,
)
from protocol import Action, Code

__all__ = ["LEASE_MS", "LeaseLostError", "StoreLink"]

log = structlog.get_logger()

T = TypeVar("T")

FLUSH_S = 0.5
PRESENCE_S = 5.0

# Four chances to renew; and an edge that was killed takes its agents' Online with it within 20 s.
LEASE_MS = 20_000
RENEW_S = 5.0

# One transaction of this many claims holds the store's write lock for some 20 ms.
CLAIMS_AT_A_TIME = 200

RETRY_S = 1.0
LOST_RETRY_MS = 1_000


class LeaseLostError(Exception):
    """Another life of this edge has taken its name over, or the store was restored to a time before it."""


@attrs.define(eq=False, kw_only=True)
class StoreLink:
    """The writing half of the edge's link to the store.

    Attributes:
        run: the folder of the doorbells.
        edge_uid: this life of the edge; empty until `start`.
        away_since_ms: when the lease of the life before ended, or would have; None if there was none.
        failing: whether the last attempt to write failed.
    """

    store: Store
    run: Path
    name: str
    addresses: tuple[str, ...]
    heartbeat_ms: int
    now: Callable[[], int]
    edge_uid: str = ""
    away_since_ms: int | None = None
    failing: bool = False
    _claims: dict[str, Session] = attrs.field(factory=dict, init=False)
    _in_flight: frozenset[Session] = attrs.field(default=frozenset(), init=False)
    _seen: dict[Session, None] = attrs.field(factory=dict, init=False)
    _ended: list[Presence] = attrs.field(factory=list, init=False)
    _files: dict[str, Transfer] = attrs.field(factory=dict, init=False)
    _writing: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(1), init=False)
    _calling: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(2), init=False)

    async def start(self) -> None:
        """Begin this edge's life in the store.

        Raises:
            StoreError: the store can't be used.
        """
        former = await self._write(self.store.sessions.list_edges)
        edge = await self._write(
            lambda: self.store.sessions.register_edge(
                self.name, self.addresses, lease_ms=LEASE_MS, now_ms=self.now()
            )
        )
        self.edge_uid = edge.uid
        until_ms = next((each.lease_until_ms for each in former if each.name == self.name), None)
        self.away_since_ms = None if until_ms is None else min(until_ms, edge.started_ms)

    # -- what sessions have to tell ----------------------------------------------------------------------------

    def claim(self, session: Session, nonce: bytes) -> None:
        """*session* speaks for its agent from now on, and *nonce* is in its Welcome."""
        agent = session.agent
        fence = agent.claim.fence if agent.claim is not None else 0
        waiting = self._claims.get(agent.uid)
        if waiting is None or waiting in self._in_flight:
            fence += 1  # else the one before was never written, and we take its place
        matched = returned(agent.claim, session.nonces)
        agent.claim = session.claim = ClaimEntry(
            agent_uid=agent.uid,
            edge_uid=self.edge_uid,
            session_uid=session.uid,
            nonce=nonce,
            previous_nonce=matched or (session.nonces[0] if session.nonces else NO_NONCE),
            fence=fence,
        )
        self._claims[agent.uid] = session

    def confirm(self, session: Session) -> None:
        """The agent has spoken after Welcome: it holds the new nonce."""
        agent = session.agent
        if session.claim is not None and agent.claim is session.claim:
            agent.claim = session.claim = confirmed(session.claim)

    def saw(self, session: Session) -> None:
        """A heartbeat came."""
        self._seen[session] = None

    def ended(self, session: Session, code: Code) -> None:
        """The session is over."""
        self._seen.pop(session, None)
        self._ended.append(presence_of(session, ended_ms=self.now(), code=code))

    def note_file(self, file: Transfer) -> None:
        """Write down how a file of an agent's stands; of each the newest."""
        self._files[file.uid] = file

    async def write_file(self, file: Transfer) -> None:
        """The same, before anybody is told of it; later, if the store can't be written now."""
        self._files[file.uid] = file
        with contextlib.suppress(StoreError):  # told by the next flush
            await self._write(lambda: self.store.transfers.note([file]))
            if self._files.get(file.uid) is file:
                del self._files[file.uid]

    @property
    def waiting_calls(self) -> int:
        """How many wait for the store."""
        return self._calling.statistics().tasks_waiting

    async def call(self, verb: Callable[[], T]) -> T:
        """Ask the store something that somebody waits for.

        Raises:
            StoreError: it can't be had now.
        """
        return await trio.to_thread.run_sync(verb, limiter=self._calling)

    async def is_online(self, agent: Agent) -> bool:
        """Whether the session that another edge claimed for *agent* lives, as far as the store knows.

        Raises:
            StoreError: the store can't be asked.
        """
        found = await self.call(lambda: self.store.agents.get(agent.uid, now_ms=self.now()))
        return found.status is ConnectionStatus.ONLINE

    # -- writing -----------------------------------------------------------------------------------------------

    async def report(self) -> None:
        """Write what sessions have told, and renew the lease, until cancelled.

        Raises:
            LeaseLostError: this life is over, as far as the store is concerned.
        """
        renew_at = presence_at = trio.current_time() + PRESENCE_S
        while True:
            await trio.sleep(FLUSH_S)
            now = trio.current_time()
            try:
                if now >= renew_at:
                    await self._renew()
                    renew_at = now + RENEW_S
                await self._flush_claims()
                await self._flush_files()
                if self._ended or now >= presence_at:
                    await self._flush_presence()
                    presence_at = now + PRESENCE_S
                if self.failing:
                    log.info("store can be written again")
                self.failing = False
            except StoreError as error:
                if not self.failing:
                    log.warning(
                        "store can't be written, tried again every second",
                        code=str(error.code),
                        error=str(error),
                    )
                self.failing = True
                await trio.sleep(RETRY_S)

    async def finish(self) -> None:
        """Write the last of it, and give the lease back."""
        try:
            await self._flush_claims()
            await self._flush_presence()
            await self._flush_files()
            await self._write(lambda: self.store.sessions.end_lease(self.edge_uid, now_ms=self.now()))
        except StoreError as error:
            log.warning("store can't be written at the end", code=str(error.code), error=str(error))

    async def _write(self, verb: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(verb, limiter=self._writing)

    async def _renew(self) -> None:
        renewed = await self._write(
            lambda: self.store.sessions.renew_lease(self.edge_uid, lease_ms=LEASE_MS, now_ms=self.now())
        )
        if not renewed:
            raise LeaseLostError(f"the store knows another life of the edge {self.name!r}, or none")

    async def _flush_claims(self) -> None:
        while self._claims:
            batch = [self._claims[uid] for uid in list(self._claims)[:CLAIMS_AT_A_TIME]]
            wanted = [self._wanted(session) for session in batch]
            self._in_flight = frozenset(batch)
            try:
                outcomes = await self._write(lambda: self._claim_and_ring(wanted))  # noqa: B023  # called at once
            finally:
                self._in_flight = frozenset()
            for session, sent, outcome in zip(batch, wanted, outcomes, strict=True):
                self._answered(session, sent, outcome)

    def _claim_and_ring(self, wanted: list[Claim]) -> list[ClaimOutcome]:
        outcomes = self.store.sessions.claim(wanted)
        ring(self.run)  # another edge of this machine may have a session to end
        return outcomes

    def _wanted(self, session: Session) -> Claim:
        claim = session.claim
        assert claim is not None  # noqa: S101  # only claimed sessions are in the list
        return Claim(
            agent_uid=claim.agent_uid,
            edge_uid=claim.edge_uid,
            session_uid=claim.session_uid,
            address=session.peer.address,
            nonce=claim.nonce,
            previous_nonce=claim.previous_nonce,
            expected_fence=claim.fence - 1,
            agent_version=session.agent_version,
            host_name=session.host_name,
            heartbeat_ms=self.heartbeat_ms,
            claimed_ms=session.seen_ms,
            clock_offset_ms=session.offset_ms,
        )

    def _answered(self, session: Session, sent: Claim, outcome: ClaimOutcome) -> None:
        agent, holder = session.agent, outcome.holder
        if session.claim is None or session.claim.fence != sent.expected_fence + 1:
            return  # contested meanwhile, and claimed anew: that one is still to be sent
        if self._claims.get(agent.uid) is session:
            del self._claims[agent.uid]
        if outcome.won or agent.session is not session:
            return
        if holder is None:
            session.send_off(Code.AGENT_UNKNOWN, "the store has no such agent", Action.RETRY, LOST_RETRY_MS)
        elif holder.session_uid != session.uid:  # else it was written by an attempt whose answer got lost
            self._claim_on_top(session, holder)

    def contested(self, session: Session, holder: ClaimEntry) -> None:
        """The feed says that *holder* speaks for the agent of *session*."""
        if (
            session.claim is not None
            and holder.session_uid != session.uid
            and holder.fence >= session.claim.fence
        ):
            self._claim_on_top(session, holder)

    def _claim_on_top(self, session: Session, holder: ClaimEntry) -> None:
        if session.claim is None or returned(holder, session.nonces) is None:
            session.send_off(
                Code.CLAIM_LOST, "the agent has a session elsewhere", Action.RETRY, LOST_RETRY_MS
            )
            return
        session.agent.claim = holder
        self._claims.pop(session.agent.uid, None)
        self.claim(session, session.claim.nonce)

    async def _flush_files(self) -> None:
        files, self._files = self._files, {}
        if files:
            try:
                await self._write(lambda: self.store.transfers.note(list(files.values())))
            except StoreError:
                self._files = files | self._files
                raise

    async def _flush_presence(self) -> None:
        ended, self._ended = self._ended, []
        seen, self._seen = self._seen, {}
        try:
            rows = [*ended, *map(presence_of, seen)]
            if rows:
                await self._write(lambda: self.store.sessions.flush_presence(rows))
        except StoreError:
            self._ended = ended + self._ended
            self._seen = {s: None for s in seen if s.ending is None} | self._seen
            raise


def presence_of(session: Session, *, ended_ms: int | None = None, code: Code | None = None) -> Presence:
    """What the store is to know of a session's liveness."""
    return Presence(
        agent_uid=session.agent.uid,
        session_uid=session.uid,
        last_heartbeat_ms=session.seen_ms,
        health=session.health,
        clock_offset_ms=session.offset_ms,
        ended_ms=ended_ms,
        ended_code=code,
    )
