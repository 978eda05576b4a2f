"""One simulation, from what was asked to what came of it."""

import collections
import contextlib
import math
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import trio

from agent.failures import unwrapped
from agent.observer import code_text
from agent.simulator.berths import Berths
from agent.simulator.checks import check
from agent.simulator.conduct import Conductor
from agent.simulator.crew import hired
from agent.simulator.expectations import Expected, judged
from agent.simulator.ledger import Ledger
from agent.simulator.machine import GatewayWatch, this_machine
from agent.simulator.members import COLLECTS_PER_S, STARTS_PER_S, FleetOptions, Part
from agent.simulator.personas import PERSONAS
from agent.simulator.plan import Plan, divided, process_count
from agent.simulator.provider import ProviderError
from agent.simulator.record import Record, is_saturated
from agent.simulator.result import (
    Agents,
    Generator,
    Histograms,
    Load,
    PersonaOutcome,
    RunResult,
    Verification,
)
from agent.simulator.scenario import Act
from agent.simulator.target import Target
from agent.simulator.verification import Kind, Result
from agent.state import StateError
from agent.version import agent_version
from certs import make_private_folder

Shown = Callable[[Conductor], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Request:
    """What was asked for."""

    target: Target
    count: int
    options: FleetOptions
    warm_up_s: float = 0.0
    acts: Sequence[Act]
    companies: Sequence[str] = ()
    personas: Mapping[str, int] = attrs.field(factory=dict)
    processes: int | None = None
    """As many as suit the machine if None."""
    state: Path | None = None
    verify: bool = False
    scenario: str = ""
    expected: tuple[Expected, ...] = ()
    cleanup: bool = False
    """Remove the agents that it made, when it is over and verified."""

    @property
    def duration_s(self) -> float:
        """Of the measured time."""
        return sum(act.duration_s for act in self.acts)

    @property
    def agents(self) -> int:
        """All of them."""
        return self.count + sum(self.personas.values())


def simulate(request: Request, show: Shown) -> tuple[RunResult, Ledger]:
    """Run it.

    Raises:
        CheckError: this machine cannot.
        FleetError: the agents cannot be had.
        ProviderError: the provider cannot be asked.
        StateError: the folder that the fleet is kept in cannot be used.
        LedgerError: what a process wrote down cannot be read.
    """
    target = request.target
    processes = 1 if request.state is not None else request.processes or process_count(request.agents)
    check(request.agents, processes, request.options.sources)
    with _home(request.state) as folder:
        kept = 0 if request.state is None else min(request.count, Berths(folder).count())
        parts = target.parts(request.count - kept, request.companies, request.personas)
        try:
            with _revoked_if_broken_off(target, parts):
                result, ledger = _run(request, parts, _plans(request, parts, processes, folder, kept), show)
            if result.agents.enrolled < request.agents:
                target.revoke(parts)
            return result, ledger
        finally:
            if request.cleanup:
                target.remove(parts)


@contextlib.contextmanager
def _revoked_if_broken_off(target: Target, parts: Sequence[Part]) -> Iterator[None]:
    """A token that is used up enrolls nobody; one of a run that did not come so far would."""
    try:
        yield
    except BaseException:  # Ctrl-C among them
        with contextlib.suppress(ProviderError):  # what ended the run says more
            target.revoke(parts)
        raise


def _run(
    request: Request, parts: Sequence[Part], plans: Sequence[Plan], show: Shown
) -> tuple[RunResult, Ledger]:
    target = request.target
    finders = target.finders(parts)
    with hired(plans) as crew:
        conductor = Conductor(
            crew=crew, warm_up_s=request.warm_up_s, acts=request.acts, watch=GatewayWatch(finders) if finders else None
        )  # fmt: skip
        with unwrapped():
            trio.run(conductor.run, show)
    ledger = Ledger()
    for plan in plans:
        ledger.take(Ledger.load(plan.ledger))
    result = _result(request, conductor, ledger)
    if request.verify:
        try:
            found = target.verify(ledger)
        except ProviderError as error:  # after minutes or hours of load: its figures stand without it
            result = attrs.evolve(result, not_verified=str(error))
        else:
            over = (crew.found, "protocol") if found is None else (found, "store")
            result = attrs.evolve(result, verification=verification_of(*over))
    return judged(result, request.expected), ledger


@contextlib.contextmanager
def _home(state: Path | None) -> Iterator[Path]:
    """Where the fleet lives.

    Raises:
        StateError: the folder cannot be made.
    """
    if state is None:
        with tempfile.TemporaryDirectory(prefix="fieldgate-fleet-") as folder:
            yield Path(folder)
        return
    try:
        make_private_folder(state)
    except OSError as error:
        raise StateError(f"cannot write {state}: {error.strerror}") from error
    yield state


def _plans(request: Request, parts: Sequence[Part], processes: int, folder: Path, kept: int) -> list[Plan]:
    options = attrs.evolve(
        request.options,
        address=request.target.address,
        starts_per_s=STARTS_PER_S / processes,
        collects_per_s=COLLECTS_PER_S / processes,
        duration_s=None if math.isinf(request.duration_s) else request.warm_up_s + request.duration_s,
    )
    plans, first = [], 0
    for number, share in enumerate(divided(parts, processes)):
        count = sum(part.count for part in share)
        plan = Plan(
            number=number, options=options, parts=share, first=first, folder=folder, keeps=request.state is not None,
            count=count + kept, data=request.target.data,
            reads_back=request.verify and request.target.data is None,
        )  # fmt: skip
        plans.append(plan)
        first += count
    return plans


def _result(request: Request, conductor: Conductor, ledger: Ledger) -> RunResult:
    record = conductor.crew.record
    measured_s = _measured_s(record)
    workers = record.workers(measured_s)
    generator = Generator(workers=workers, saturated=is_saturated(workers))
    series = record.series()
    totals = record.totals
    options = request.options
    said, _ = ledger.count()
    gateway = None
    if conductor.watch is not None and measured_s:
        gateway = conductor.watch.result(int(record.measured_from), math.ceil(record.measured_until))
    return RunResult(
        scenario=request.scenario,
        seed=options.seed,
        started_ms=conductor.began_ms,
        duration_s=round(measured_s, 3),
        warm_up_s=request.warm_up_s,
        agent_version=agent_version(),
        machine=this_machine(),
        load=Load(
            agents=request.agents,
            events_per_s=0.0 if options.batch_events else options.rate,
            open_loop=not options.batch_events,
            batch_events=options.batch_events,
            reconnect_s=options.reconnect_s,
            sources=tuple(options.sources),
            target=request.target.name,
        ),
        generator=generator,
        gateway=gateway,
        agents=Agents(
            asked=request.agents,
            enrolled=record.enrolled,
            connected=series.connected[-1] if series.connected else 0,
            sessions=totals.connects,
            unverified=totals.unverified,
            sent_away=totals.sent_away,
            refused=dict(totals.refused),
            ended=dict(totals.ended),
            troubles=dict(totals.troubles),
        ),
        phases=tuple(conductor.phases),
        series=series,
        histograms=Histograms(
            ack=totals.ack,
            released=totals.stored,
            connect=totals.connect,
            enroll=totals.enroll,
            answer=totals.answer,
            slot=totals.slot,
            slot_late=totals.slot_late,
        ),
        events=said,
        unreleased=record.waiting,
        verification=None,
        personas=tuple(_personas(conductor.crew.personas)),
        expectations=(),
        warnings=tuple(_warnings(record)),
    )


def _measured_s(record: Record) -> float:
    if math.isinf(record.measured_from) or math.isinf(record.measured_until):
        return 0.0
    return max(0.0, record.measured_until - record.measured_from)


def verification_of(found: Result, over: str) -> Verification:
    """A verification as the result has it."""
    counts = found.counts
    return Verification(
        over=over,
        said=found.said,
        released=found.released,
        stored=found.stored,
        missing=counts[Kind.MISSING],
        doubled=counts[Kind.DOUBLED],
        altered=counts[Kind.ALTERED],
        unsaid=counts[Kind.UNSAID],
        examples=tuple(map(str, found.examples)),
    )


def _personas(told: Sequence[Mapping[str, Any]]) -> Iterator[PersonaOutcome]:
    """Those of all processes, by persona."""
    for name in dict.fromkeys(name for each in told for name in each):
        accounts = [each[name] for each in told if name in each]
        seen: collections.Counter[str] = collections.Counter()
        for account in accounts:
            seen.update(account["seen"])
        faults = [fault for account in accounts for fault in account["faults"]]
        detail = f"{faults[0]} ({len(faults):,} in all)" if len(faults) > 1 else "".join(faults)
        yield PersonaOutcome(
            name=name,
            agents=sum(account["agents"] for account in accounts),
            expected=tuple(map(code_text, PERSONAS[name].meets)),
            seen=dict(seen),
            passed=not faults,
            detail=detail,
        )


def _warnings(record: Record) -> Iterator[str]:
    if full := record.totals.troubles.get("FG-4007", 0):
        yield f"FG-4007: an outbox was full {full:,} times, and fewer events were produced than were asked for"
