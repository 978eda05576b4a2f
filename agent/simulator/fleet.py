"""Many agents in one process: one trio loop, one outbox file, the real client for each.

Enrolling and connecting are spread: so many at once, so many a second. What the estates produce is brought into the outbox
by one pump for all of them, which commits once a tick; each agent collects once a second, in a tick of its own.

An estate begins in the past, early enough that it can be played at the wanted rate until the end without running into the
present; one that does catch up goes on in real time.
"""

import math
import random
from collections.abc import Sequence
from enum import Enum
from typing import Final

import attrs
import trio

from agent.backoff import BASE_S, Backoff
from agent.client import Client, Stopped
from agent.collector import TAKE, Collector
from agent.enrollment import Applicant, Enrollment, EnrollmentError, enroll
from agent.facilities import Facilities
from agent.identity import Keeper
from agent.outbox import Outbox
from agent.path import PathError
from agent.service import now_ms
from agent.simulator.berths import Berths, Plot
from agent.simulator.ledger import Ledger
from agent.simulator.tally import AgentTally, Tally
from agent.spool import OutboxFullError, Spool
from agent.workload import Estate, Site
from certs import Token, generate_key, key_to_pem
from protocol import AgentType, Row

ENROLL_AT_ONCE: Final = 32
ENROLL_TRIES: Final = 12
ENROLL_PAUSE_S: Final = 2.0

# Handshakes a second that an edge sharing two cores with its own load can accept.
STARTS_PER_S: Final = 150.0

TICK_S: Final = 0.25

# Agents collect once a second; in a large fleet less often, so that the fleet sends so many batches a second and not more.
COLLECTS_PER_S: Final = 250.0

DAY_MS: Final = 24 * 3600 * 1000
LEAST_HISTORY_DAYS: Final = 2.0
"""What there is to see at once; an open-ended fleet goes on in real time when it has been played."""

MAX_RATE: Final = TAKE / TICK_S
"""Events a second that one agent can collect: what it takes at once, in every tick."""

# Prime, so that fleets with neighbouring seeds share no estate.
_SEED_STEP: Final = 1_000_003


class FleetError(Exception):
    """The fleet cannot be brought up; the message says why."""


class Phase(Enum):
    """What the fleet is about."""

    OPENING = "opening"
    """It comes up: inventories, but no events, which would only slow the handshakes."""
    PRODUCING = "producing"
    """Estates go on, at the wanted rate."""
    DELIVERING = "delivering"
    """Nothing new; what found no room in the outbox before is brought in."""
    STOPPING = "stopping"
    """Nobody is started any more."""


@attrs.frozen(kw_only=True)
class Part:
    """Agents that share a token."""

    token: Token
    count: int
    agent_type: AgentType = AgentType.CLIENT
    company: str | None = None
    """Whose estates they are; each is another company's if None."""


@attrs.frozen(kw_only=True)
class FleetOptions:
    """What can be set on the command line."""

    rate: float = 1.0
    """Events a second for each agent."""
    duration_s: float | None = None
    seed: int = 0
    reconnect_s: float = BASE_S


@attrs.define(eq=False)
class Member:
    """One simulated agent."""

    plot: Plot
    facilities: Facilities
    client: Client
    tally: AgentTally
    allowance: float = 0.0


@attrs.define(eq=False)
class Fleet:
    """All of them; `enroll`, then `run`."""

    spool: Spool
    options: FleetOptions
    tally: Tally
    berths: Berths | None = None
    """Where agents are kept for a later run; None: they live as long as this one."""
    ledger: Ledger = attrs.field(factory=Ledger)
    members: list[Member] = attrs.field(factory=list)
    phase: Phase = Phase.OPENING
    up: trio.Event = attrs.field(factory=trio.Event)
    """Everybody has tried to connect once."""

    # -- enrolling ---------------------------------------------------------------------------------------------

    def come_back(self) -> None:
        """Bring those back that are kept, as many as are wanted.

        Raises:
            StateError: the files of one cannot be used.
            OutboxError: the outbox cannot be read.
        """
        for keeper, plot in self.berths.load()[: self.tally.count] if self.berths is not None else ():
            self._join(keeper, plot)

    async def enroll(self, parts: Sequence[Part]) -> None:
        """Enroll everybody in *parts*, beside those who are there already.

        Raises:
            StateError: one cannot be written down.
            FleetError: a gateway refused, or could not be reached in many tries.
            OutboxError: the outbox cannot be written.
        """
        limiter = trio.CapacityLimiter(ENROLL_AT_ONCE)
        failure: list[FleetError] = []
        number = max([self.options.seed * _SEED_STEP, *(member.plot.seed for member in self.members)])
        async with trio.open_nursery() as nursery:
            for part in parts:
                for _ in range(part.count):
                    number += 1
                    nursery.start_soon(self._enroll_one, part, number, limiter, failure, nursery.cancel_scope)
        if failure:
            raise failure[0]

    async def _enroll_one(
        self,
        part: Part,
        seed: int,
        limiter: trio.CapacityLimiter,
        failure: list[FleetError],
        scope: trio.CancelScope,
    ) -> None:
        async with limiter:
            plot = Plot(seed=seed, begin_ms=now_ms(), agent_type=part.agent_type, company=part.company)
            # Built twice: how far back it begins depends on how much happens in it.
            estate = plot.estate()
            plot = attrs.evolve(plot, begin_ms=plot.begin_ms - self._history_ms(estate))
            applicant = Applicant(
                installation_uid=f"simulated-{seed}", host_name=estate.host_name, agent_type=part.agent_type,
                synthetic=True, key_pem=key_to_pem(generate_key()),
            )  # fmt: skip
            try:
                enrollment = await _enroll_patiently(part.token, applicant)
            except FleetError as error:
                failure.append(error)
                scope.cancel()
                return
        if self.berths is None:
            self._join(Keeper(enrollment.identity, enrollment.credential), plot)
        else:
            self._join(self.berths.keep(enrollment, plot), plot)

    def _history_ms(self, estate: Estate | Site) -> int:
        wanted = self.options.rate * (self.options.duration_s or 0.0)
        days = max(LEAST_HISTORY_DAYS, 1.5 * wanted / max(1.0, estate.events_per_day))
        return int(days * DAY_MS)

    def _join(self, keeper: Keeper, plot: Plot) -> None:
        uid = keeper.identity.agent_uid
        outbox = Outbox(self.spool, uid)
        estate = plot.estate()
        estate.skip(outbox.taken)

        def told(epoch: int, first_sequence: int, rows: Sequence[Row]) -> None:
            self.ledger.said(uid, epoch, first_sequence, rows)

        tally = AgentTally(self.tally, self.ledger, uid)
        facilities = Facilities(
            keeper=keeper, outbox=outbox, collector=Collector(source=estate, outbox=outbox, told=told), now=now_ms,
            observer=tally,
        )  # fmt: skip
        jitter = random.Random(plot.seed)  # noqa: S311  # spreads reconnects, keeps no secret
        client = Client(facilities, draw=jitter.random, backoff=Backoff(base_s=self.options.reconnect_s))
        self.members.append(Member(plot, facilities, client, tally))
        self.tally.enrolled += 1

    # -- running -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect everybody and keep them going, until `stop`.

        Raises:
            OutboxError: the outbox cannot be read or written.
        """
        async with trio.open_nursery() as nursery:
            async with trio.open_nursery() as clients:
                nursery.start_soon(self._pump)
                for member in self.members:
                    await self.tally.opening.acquire()
                    if self.phase is Phase.STOPPING:
                        break
                    clients.start_soon(self._run_one, member)
                    await trio.sleep(1 / STARTS_PER_S)
                self.up.set()
            nursery.cancel_scope.cancel()

    async def _run_one(self, member: Member) -> None:
        farewell = await member.client.run()
        member.tally.settle()
        if farewell.why is not Stopped.ASKED:
            self.tally.stopped += 1

    def stop(self) -> None:
        """End all sessions in order."""
        self.phase = Phase.STOPPING
        for member in self.members:
            member.client.stop()

    @property
    def waiting_records(self) -> int:
        """What is in the outbox: not yet in the store."""
        return sum(member.facilities.outbox.records for member in self.members)

    async def _pump(self) -> None:
        period_s = min(max(1.0, len(self.members) / COLLECTS_PER_S), TAKE / self.options.rate)
        ticks = math.ceil(period_s / TICK_S)
        number = 0
        while True:
            started = trio.current_time()
            self._collect(self.members[number % ticks :: ticks], ticks * TICK_S)
            number += 1
            await trio.sleep_until(started + TICK_S)

    def _collect(self, members: Sequence[Member], period_s: float) -> None:
        """Bring in what has happened on some estates in the last *period_s*, in one commit."""
        if self.phase in (Phase.DELIVERING, Phase.STOPPING):
            members = [member for member in members if member.facilities.collector.paused]
        try:
            with self.spool.writing():
                for member in members:
                    if self.phase is Phase.PRODUCING:
                        member.allowance = min(member.allowance + self.options.rate * period_s, float(TAKE))
                    member.facilities.collector.collect(member.facilities.now(), int(member.allowance))
        except OutboxFullError:
            self.tally.troubles["FG-4007"] += 1
            return
        for member in members:
            if taken := member.facilities.collector.stored():
                member.allowance -= taken
                self.tally.collected += taken
                member.facilities.bell.ring()


async def _enroll_patiently(token: Token, applicant: Applicant) -> Enrollment:
    """Enroll; what is only busy or not there yet is tried again."""
    wait_s = ENROLL_PAUSE_S
    for left in reversed(range(ENROLL_TRIES)):
        try:
            return await enroll(token, applicant, now=now_ms)
        except EnrollmentError as error:
            if error.retry_after_s is None or not left:
                raise FleetError(str(error)) from error
            wait_s = max(ENROLL_PAUSE_S, min(error.retry_after_s, 60.0))
        except PathError as error:
            if not left:
                raise FleetError(f"{error}; is the gateway running? fieldgate serve") from error
        await trio.sleep(wait_s * (0.5 + random.random()))  # noqa: S311  # spreads retries, keeps no secret
    raise AssertionError("the last try returns or raises")
