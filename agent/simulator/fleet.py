"""Many agents in one process: one trio loop, one outbox file, the real client for each.

Enrolling and connecting are spread: so many at once, so many a second. What the estates produce is brought into the outbox
by one pump for all of them (`agent.simulator.pump`).

An estate begins in the past, early enough that it can be played at the wanted rate until the end without running into the
present; one that does catch up goes on in real time.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from agent.backoff import Backoff
from agent.client import Client, Stopped
from agent.collector import Collector, Told
from agent.enrollment import Applicant, Enrollment, EnrollmentError, enroll
from agent.facilities import Facilities
from agent.identity import Keeper
from agent.observer import Observer
from agent.outbox import Outbox
from agent.path import PathError
from agent.proxies import DIRECT, Proxies
from agent.service import now_ms
from agent.simulator.berths import Berths, Plot
from agent.simulator.ledger import Ledger
from agent.simulator.members import FleetError, FleetOptions, Member, Part, Phase
from agent.simulator.metering import Metering
from agent.simulator.personas import Notes, Stage
from agent.simulator.pump import Pump
from agent.simulator.tally import AgentTally, Tally
from agent.spool import Spool
from agent.workload import Estate, Site
from certs import Token, generate_key, key_to_pem
from protocol import Code
from transport import Proxy

ENROLL_AT_ONCE: Final = 32
_CONSENT: Final = (
    "a gateway consents to simulation by a token made for it: fieldgate token create --simulation"
)
ENROLL_TRIES: Final = 12
ENROLL_PAUSE_S: Final = 2.0

DAY_MS: Final = 24 * 3600 * 1000
LEAST_HISTORY_DAYS: Final = 2.0
"""What there is to see at once; an open-ended fleet goes on in real time when it has been played."""

# A closed loop takes as much as it can get, a persona as much as it needs, and an estate of so many years has it.
_LONG_HISTORY_DAYS: Final = 20 * 365.0

# Prime, so that fleets with neighbouring seeds share no estate.
_SEED_STEP: Final = 1_000_003


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
    data: Path | None = None
    """The provider's data folder, if it is on this machine; for those who misbehave."""
    cast: list[tuple[str, Stage]] = attrs.field(factory=list)
    """Those who do, by persona."""
    phase: Phase = Phase.OPENING
    rate: float = attrs.field(default=attrs.Factory(lambda self: self.options.rate, takes_self=True))
    """Events a second for each agent, now; at most what the options say."""
    slow_line: Proxy | None = None
    """Where those dial through who are on slow lines."""
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

    async def enroll(self, parts: Sequence[Part], *, first: int = 0) -> None:
        """Enroll everybody in *parts*, beside those who are there already.

        Args:
            parts: of this process.
            first: how many agents other processes have that come before these.

        Raises:
            StateError: one cannot be written down.
            FleetError: a gateway refused, or could not be reached in many tries.
            OutboxError: the outbox cannot be written.
        """
        limiter = trio.CapacityLimiter(ENROLL_AT_ONCE)
        failure: list[FleetError] = []
        number = max([self.options.seed * _SEED_STEP + first, *(member.plot.seed for member in self.members)])
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
            plot = Plot(
                seed=seed, begin_ms=now_ms(), agent_type=part.agent_type, company=part.company, customers=part.customers
            )  # fmt: skip
            # Built twice: how far back it begins depends on how much happens in it.
            estate = plot.estate()
            plot = attrs.evolve(plot, begin_ms=plot.begin_ms - self._history_ms(estate, part.persona))
            applicant = Applicant(
                installation_uid=f"simulated-{seed}", host_name=estate.host_name, agent_type=part.agent_type,
                synthetic=True, key_pem=key_to_pem(generate_key()),
            )  # fmt: skip
            try:
                enrollment = await self._enroll_patiently(part.token, applicant, self.options.source(seed))
            except FleetError as error:
                failure.append(error)
                scope.cancel()
                return
        if part.persona:
            self._cast(part.persona, Keeper(enrollment.identity, enrollment.credential), plot)
        elif self.berths is None:
            self._join(Keeper(enrollment.identity, enrollment.credential), plot)
        else:
            self._join(self.berths.keep(enrollment, plot), plot)

    async def _enroll_patiently(self, token: Token, applicant: Applicant, source: str | None) -> Enrollment:
        """Enroll; what is only busy or not there yet is tried again."""
        if self.options.address:
            token = attrs.evolve(token, gateways=(self.options.address,))
        wait_s = ENROLL_PAUSE_S
        for left in reversed(range(ENROLL_TRIES)):
            started = trio.current_time()
            try:
                enrollment = await enroll(token, applicant, now=now_ms, source=source)
            except EnrollmentError as error:
                if error.code == Code.TOKEN_WRONG_KIND:
                    raise FleetError(f"{error}; {_CONSENT}") from error
                if error.retry_after_s is None or not left:
                    raise FleetError(str(error)) from error
                wait_s = max(ENROLL_PAUSE_S, min(error.retry_after_s, 60.0))
            except PathError as error:
                if not left:
                    raise FleetError(f"{error}; is the gateway running? fieldgate serve") from error
            else:
                self.tally.counts.enroll.record(trio.current_time() - started)
                if self.options.address:
                    identity = attrs.evolve(enrollment.identity, gateways=(self.options.address,))
                    return attrs.evolve(enrollment, identity=identity)
                return enrollment
            await trio.sleep(wait_s * (0.5 + random.random()))  # noqa: S311  # spreads retries, keeps no secret
        raise AssertionError("the last try returns or raises")

    def _history_ms(self, estate: Estate | Site, persona: str) -> int:
        if self.options.batch_events or persona:
            return int(_LONG_HISTORY_DAYS * DAY_MS)
        wanted = self.options.rate * (self.options.duration_s or 0.0)
        days = max(LEAST_HISTORY_DAYS, 1.5 * wanted / max(1.0, estate.events_per_day))
        return int(days * DAY_MS)

    def _join(self, keeper: Keeper, plot: Plot) -> None:
        tally = AgentTally(self.tally, self.ledger, keeper.identity.agent_uid)
        estate = plot.estate()
        facilities = self._facilities(keeper, plot, estate, tally, tally.told)
        jitter = random.Random(plot.seed)  # noqa: S311  # spreads reconnects, keeps no secret
        client = Client(facilities, draw=jitter.random, backoff=Backoff(base_s=self.options.reconnect_s))
        self.members.append(Member(plot, estate, facilities, client, tally))
        self.tally.enrolled += 1

    def _cast(self, persona: str, keeper: Keeper, plot: Plot) -> None:
        notes = Notes(self.ledger, keeper.identity.agent_uid)
        agent = self._facilities(keeper, plot, plot.estate(), notes, notes.told)
        self.cast.append(
            (
                persona,
                Stage(plot=plot, agent=agent, notes=notes, folder=self.spool.path.parent, data=self.data),
            )
        )
        self.tally.enrolled += 1

    def _facilities(
        self, keeper: Keeper, plot: Plot, estate: Estate | Site, observer: Observer, told: Told
    ) -> Facilities:
        outbox = Outbox(self.spool, keeper.identity.agent_uid)
        estate.skip(outbox.taken)
        slow = self.slow_line is not None and self.options.is_slow(plot.seed)
        return Facilities(
            keeper=keeper, outbox=outbox, collector=Collector(source=estate, outbox=outbox, told=told), now=now_ms,
            observer=observer, source=None if slow else self.options.source(plot.seed),
            proxies=Proxies(configured=self.slow_line) if slow else DIRECT,
        )  # fmt: skip

    # -- running -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect everybody and keep them going, until `stop`.

        Raises:
            OutboxError: the outbox cannot be read or written.
        """
        async with trio.open_nursery() as nursery:
            async with trio.open_nursery() as clients:
                pump = Pump(
                    spool=self.spool, options=self.options, tally=self.tally, members=self.members,
                    phase=lambda: self.phase, rate=lambda: self.rate,
                )  # fmt: skip
                nursery.start_soon(pump.run)
                if not self.options.batch_events:  # a closed loop asks what the gateway can do with events
                    metering = Metering(members=self.members, tally=self.tally, phase=lambda: self.phase)
                    nursery.start_soon(metering.run)
                for member in self.members:
                    await self.tally.opening.acquire()
                    if self.phase is Phase.STOPPING:
                        break
                    clients.start_soon(self._run_one, member)
                    await trio.sleep(1 / self.options.starts_per_s)
                self.up.set()
            nursery.cancel_scope.cancel()

    async def _run_one(self, member: Member) -> None:
        member.tally.starts()
        farewell = await member.client.run()
        member.tally.settle()
        if farewell.why is not Stopped.ASKED:
            self.tally.counts.sent_away += 1

    def stop(self) -> None:
        """End all sessions in order."""
        self.phase = Phase.STOPPING
        for member in self.members:
            member.client.stop()

    @property
    def away(self) -> int:
        """How many have something to deliver, and no session: they wait until it is time to connect again."""
        return sum(
            not member.tally.is_connected and member.facilities.outbox.records > 0 for member in self.members
        )

    @property
    def waiting_records(self) -> int:
        """What is in the outbox: not yet in the store."""
        return sum(member.facilities.outbox.records for member in self.members)
