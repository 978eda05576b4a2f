"""What came of a simulation: plain, frozen, and the same whether one process made it or twenty.

The classes are the format: a document, its schema and its reader are derived from them (`agent.simulator.report`). All figures are
of the measured time alone, which begins when the warm-up is over, except where a name says otherwise; second 0 of a series is
its first second.
"""

from collections.abc import Iterator
from typing import Final

import attrs

from agent.simulator.histogram import Histogram

VERSION: Final = 1


@attrs.frozen(kw_only=True)
class Machine:
    """Where the generator ran: figures of two runs compare only if these are equal."""

    host: str
    cpu: str
    cores: int
    memory_bytes: int
    os: str
    python: str


@attrs.frozen(kw_only=True)
class Load:
    """What was asked of the fleet."""

    agents: int
    events_per_s: float
    """Of each agent; 0 in a closed loop, where it is what comes out."""
    open_loop: bool
    """Events are due at fixed times, and timed from there; else each agent's next batch follows the last one's ack."""
    batch_events: int
    """In a closed loop, of each batch; 0 in an open one, where a batch holds what is due."""
    reconnect_s: float
    sources: tuple[str, ...]
    """Addresses that the connections came from; empty: whichever the system chose."""
    target: str
    """A gateway's address, or "data folder"."""


@attrs.frozen(kw_only=True)
class Worker:
    """One process of the generator."""

    number: int
    agents: int
    cpu_s: float
    """In the measured time."""
    cpu_share: float
    """Of one core: 1.0 is a process that can do no more."""
    max_lag_ms: float
    """The longest that its loop was late by."""
    p99_lag_ms: float
    rss_bytes: int
    """The most."""
    stalled_share: float = 0.0
    """Of the acks that it timed: those that waited for this process more than for the gateway."""


@attrs.frozen(kw_only=True)
class Generator:
    """All of them."""

    workers: tuple[Worker, ...]
    saturated: bool
    """One of them could not keep up: latencies are its own as much as the gateway's."""


@attrs.frozen(kw_only=True)
class ProcessUse:
    """One process of a gateway on this machine."""

    name: str
    """As in `fieldgate serve`: "edge", "projector"."""
    cpu_s: float
    cpu_ms: tuple[int, ...]
    """In each second."""
    rss_bytes: tuple[int, ...]
    """At the end of each second; 0 while it did not run."""


@attrs.frozen(kw_only=True)
class GatewayUse:
    """What the gateway took."""

    processes: tuple[ProcessUse, ...]


@attrs.frozen(kw_only=True)
class Agents:
    """How the agents fared, in the whole run."""

    asked: int
    enrolled: int
    connected: int
    """With a session when the measured time ended."""
    sessions: int
    unverified: int
    sent_away: int
    """Told to stop, or to enroll again; personas that ask for it apart."""
    refused: dict[str, int]
    """Attempts that came to no session, by FG code."""
    ended: dict[str, int]
    """Sessions that ended before the fleet stopped, by FG code."""
    troubles: dict[str, int]


@attrs.frozen(kw_only=True)
class Series:
    """Second by second; all of the same length."""

    connected: tuple[int, ...]
    """At the end of the second; all others count what happened in it."""
    connects: tuple[int, ...]
    refused: tuple[int, ...]
    ended: tuple[int, ...]
    events: tuple[int, ...]
    """Brought into the outboxes."""
    sent: tuple[int, ...]
    """Batches."""
    acked: tuple[int, ...]
    """Events in the gateway's journal."""
    released: tuple[int, ...]
    """Events in its store."""
    ack_p50_us: tuple[int, ...]
    ack_p99_us: tuple[int, ...]
    lag_ms: tuple[int, ...]
    """The longest that a worker's loop was late by."""
    ended_by_code: dict[str, tuple[int, ...]]


@attrs.frozen(kw_only=True)
class Histograms:
    """How long things took."""

    ack: Histogram
    """From when events were due (open loop) or cut (closed) until they were in the journal."""
    released: Histogram
    """From the same moment until they were in the store."""
    connect: Histogram
    """From dialing to Welcome; in the whole run."""
    enroll: Histogram
    """In the whole run."""
    answer: Histogram = attrs.field(factory=Histogram)
    """From when a batch was sent until it was in the journal: without what it waited for a session or for credit."""
    slot: Histogram = attrs.field(factory=Histogram)
    """How much later agents were told to come back by a gateway that drained; in the whole run."""
    slot_late: Histogram = attrs.field(factory=Histogram)
    """From the moment that an agent was told until it had a session again; in the whole run."""


@attrs.frozen(kw_only=True)
class Verification:
    """What the store held against what the agents were told."""

    over: str
    """"store" or "protocol": how it was asked."""
    said: int
    released: int
    stored: int
    missing: int
    doubled: int
    altered: int
    unsaid: int
    examples: tuple[str, ...]

    @property
    def found(self) -> int:
        """How many events are not as they should be."""
        return self.missing + self.doubled + self.altered + self.unsaid

    @property
    def passed(self) -> bool:
        """Something was there to look at, and nothing was found."""
        return not self.found and self.released > 0


@attrs.frozen(kw_only=True)
class Phase:
    """A part of the run."""

    name: str
    from_s: float
    """In the measured time."""
    until_s: float
    does: str = ""
    """What was done to the gateway when it began; empty: nothing."""


@attrs.frozen(kw_only=True)
class PersonaOutcome:
    """How agents fared that misbehaved on purpose."""

    name: str
    agents: int
    expected: tuple[str, ...]
    """FG codes, any of which is right; empty: it is to be survived, with what was sent in the store."""
    seen: dict[str, int]
    """By FG code: how many of them met with it."""
    passed: bool
    """Everyone met with an expected code, or survived."""
    detail: str = ""
    """What was otherwise."""


@attrs.frozen(kw_only=True)
class Expectation:
    """A sentence of the scenario, and whether it held."""

    expression: str
    value: float | None
    """None: nothing was measured."""
    passed: bool


@attrs.frozen(kw_only=True)
class RunResult:
    """All of it."""

    version: int = VERSION
    scenario: str
    seed: int
    started_ms: int
    duration_s: float
    """Measured time."""
    warm_up_s: float
    """Before it, from when all had tried to connect."""
    agent_version: str
    machine: Machine
    load: Load
    generator: Generator
    gateway: GatewayUse | None
    """None: it is not on this machine."""
    agents: Agents
    phases: tuple[Phase, ...]
    series: Series
    histograms: Histograms
    events: int
    """Said, in the whole run."""
    unreleased: int
    """Records that were not in the store when the fleet stopped."""
    verification: Verification | None
    """None: it was not asked for, or could not be done."""
    personas: tuple[PersonaOutcome, ...]
    expectations: tuple[Expectation, ...]
    warnings: tuple[str, ...]
    not_verified: str = ""
    """Why the verification that was asked for could not be done; the figures stand without it."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it did not pass, for a person; empty if it did."""
        return tuple(self._reasons())

    def _reasons(self) -> Iterator[str]:
        verification = self.verification
        if verification is not None and verification.found:
            yield f"FG-4013: the store differs from what the agents were told in {verification.found:,} events"
        elif verification is not None and not verification.passed:
            yield "nothing was verified: no event was released"
        if self.not_verified:
            yield f"not verified: {self.not_verified}"
        for each in self.expectations:
            if not each.passed:
                value = "not measured" if each.value is None else f"{each.value:g}"
                yield f"expected {each.expression}: it was {value}"
        for persona in self.personas:
            if not persona.passed:
                yield f"persona {persona.name}: {persona.detail}"
        if self.unreleased:
            yield f"{self.unreleased:,} records were not in the store when the fleet stopped"
        if self.agents.sent_away:
            yield f"{self.agents.sent_away:,} agents were sent away"

    @property
    def passed(self) -> bool:
        """Whether everything was as it should be."""
        return not self.reasons
