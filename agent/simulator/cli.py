"""`fieldgate-agent simulate` and `verify`."""

import contextlib
import json
import math
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import attrs
import trio
from cyclopts import Parameter

from agent.exits import FAILED, NEGATIVE, UNUSABLE, CommandError
from agent.failures import unwrapped
from agent.simulator.berths import Berths
from agent.simulator.fleet import MAX_RATE, Fleet, FleetError, FleetOptions, Part, Phase
from agent.simulator.ledger import Ledger, LedgerError
from agent.simulator.provider import Provider, ProviderError
from agent.simulator.show import Show, show_verification, summary
from agent.simulator.tally import Tally
from agent.simulator.verification import Result, compare
from agent.spool import Spool
from agent.state import StateError
from certs import make_private_folder
from protocol import AgentType

# One simulated agent in so many is a cloud-connect site, if the provider has a listener for them.
SITE_SHARE: Final = 25

# After the last event: as long as a projector may lag before back-pressure, twice.
SETTLE_S: Final = 60.0
# When a person is waiting.
HURRY_S: Final = 5.0

_DESCRIPTORS: Final = 200
"""Beyond one for each agent."""

Data = Annotated[
    Path, Parameter(name=("--data", "-d"), env_var="FIELDGATE_DATA", help="The provider's data folder.")
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="The summary as JSON.")]


class SimulationError(CommandError):
    """The simulation cannot run; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, UNUSABLE)


def simulate(
    *,
    data: Data = Path("fieldgate-data"),
    count: int = 100,
    duration: float | None = None,
    rate: float = FleetOptions().rate,
    seed: int = FleetOptions().seed,
    company: Annotated[Sequence[str], Parameter(negative="")] = (),
    verify: Annotated[bool, Parameter(negative="")] = False,
    ledger: Path | None = None,
    reconnect_s: float = FleetOptions().reconnect_s,
    state: Path | None = None,
    json_: Json = False,
) -> int:
    """Enroll and run a fleet of simulated agents against the provider in a data folder. Exit code 1 when agents were sent
    away, not everything was released in time, or nothing was there to verify, 4 when the verification finds something.

    Parameters
    ----------
    count
        How many agents. Some of them are cloud-connect sites.
    duration
        Seconds of producing events once all are connected; then the fleet delivers what is left. Default: until Ctrl-C.
    rate
        Events a second for each agent.
    seed
        The same seed gives the same estates.
    company
        Whose agents they are; give it several times to spread them. Default: a company made for the purpose.
    verify
        At the end, hold the store against what the agents were told.
    ledger
        Write what the agents said and were told to this file, for `fieldgate-agent verify`.
    reconnect_s
        Ceiling of the first, random wait before connecting again.
    state
        Keep the fleet in this folder, and begin with the agents that are kept there. Default: it ends with the run.
    """
    if count < 1 or not rate > 0 or not (duration is None or 0 < duration < math.inf):
        raise SimulationError("--count, --rate and --duration must be positive numbers")
    if not 0 <= reconnect_s < math.inf:
        raise SimulationError("--reconnect-s must be a number and not negative")
    if rate > MAX_RATE:
        raise SimulationError(f"--rate {rate:g}: one agent collects at most {MAX_RATE:g} events a second")
    if state is not None and (verify or ledger is not None):
        raise SimulationError(
            "a ledger knows what was said in one run: leave --state out, or --verify and --ledger"
        )
    _allow_descriptors(count + _DESCRIPTORS)
    provider = Provider(data)
    tally = Tally(count=count)
    options = FleetOptions(rate=rate, duration_s=duration, seed=seed, reconnect_s=reconnect_s)
    with _home(state) as folder, Spool.open(folder / "outbox.sqlite") as spool:
        fleet = Fleet(spool, options, tally, None if state is None else Berths(folder))
        fleet.come_back()
        try:
            parts = _parts(provider, count - len(fleet.members), company)
            with unwrapped():
                trio.run(_run, fleet, parts)
        except (FleetError, ProviderError) as error:
            raise SimulationError(str(error)) from error
        waiting = fleet.waiting_records
    with _ledger_errors():
        if ledger is not None:
            fleet.ledger.save(ledger)
    result = _verify(provider, fleet.ledger) if verify else None
    summary(tally, fleet.ledger, waiting, result, as_json=json_)
    verdict = 0 if result is None else _verdict(result)
    return verdict or (FAILED if waiting or tally.stopped else 0)


def verify(*, ledger: Path, data: Data = Path("fieldgate-data"), json_: Json = False) -> int:
    """Hold the store against a ledger that `simulate --ledger` wrote. Exit code 4 when something is found.

    Parameters
    ----------
    ledger
        The file.
    """
    with _ledger_errors():
        loaded = Ledger.load(ledger)
    result = _verify(Provider(data), loaded)
    if json_:
        sys.stdout.write(json.dumps(_plain(result)) + "\n")
    else:
        show_verification(result)
    return _verdict(result)


def _verdict(result: Result) -> int:
    if not result.ok:
        return NEGATIVE
    return FAILED if result.is_empty else 0


def _plain(result: Result) -> dict[str, Any]:
    fields = attrs.asdict(result, recurse=False)
    fields["counts"] = {kind.value: n for kind, n in result.counts.items()}
    return fields | {"examples": [str(finding) for finding in result.examples], "ok": not _verdict(result)}


@contextlib.contextmanager
def _ledger_errors() -> Iterator[None]:
    try:
        yield
    except LedgerError as error:
        raise SimulationError(str(error)) from error


def _verify(provider: Provider, ledger: Ledger) -> Result:
    try:
        with provider.events() as rows:
            return compare(ledger, rows)
    except ProviderError as error:
        raise SimulationError(str(error)) from error


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


def _parts(provider: Provider, count: int, companies: Sequence[str]) -> list[Part]:
    """Which *count* agents enroll with which token."""
    if not count:
        return []
    sites = max(1, count // SITE_SHARE) if count > 1 else 0
    site_token = provider.site_token(sites) if sites else None
    parts = [] if site_token is None else [Part(token=site_token, count=sites, agent_type=AgentType.SITE)]
    clients = count - (sites if site_token is not None else 0)
    if not companies:
        provider.ensure_company()
    owners: Sequence[str | None] = companies or [None]
    for number, owner in enumerate(owners):
        share = clients // len(owners) + (number < clients % len(owners))
        if share:
            parts.append(Part(token=provider.token(share, company=owner), count=share, company=owner))
    return parts


async def _run(fleet: Fleet, parts: Sequence[Part]) -> None:
    show = Show(fleet)
    hurry = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(show.run)
        nursery.start_soon(_hear_signals, hurry)
        show.phase = "enrolling"
        with trio.CancelScope() as enrolling:
            nursery.start_soon(_cancel_when, hurry, enrolling)
            await fleet.enroll(parts)
        if not hurry.is_set():
            show.phase = "connecting"
            nursery.start_soon(_conduct, fleet, show, hurry)
            await fleet.run()
        nursery.cancel_scope.cancel()


async def _conduct(fleet: Fleet, show: Show, hurry: trio.Event) -> None:
    """Let the estates produce for the time asked, then wait until everything is delivered, then stop."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_when, hurry, nursery.cancel_scope)
        await fleet.up.wait()
        nursery.cancel_scope.cancel()
    show.phase = "reporting"
    fleet.phase = Phase.PRODUCING
    with trio.move_on_after(
        fleet.options.duration_s if fleet.options.duration_s is not None else float("inf")
    ):
        await hurry.wait()
    fleet.phase = Phase.DELIVERING
    show.phase = "delivering"
    deadline = trio.current_time() + SETTLE_S
    while fleet.waiting_records and trio.current_time() < deadline:
        if hurry.is_set():
            deadline = min(deadline, trio.current_time() + HURRY_S)
        await trio.sleep(0.1)
    show.phase = "stopping"
    fleet.stop()


async def _hear_signals(hurry: trio.Event) -> None:
    names = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last one is Windows'
    with trio.open_signal_receiver(
        *(getattr(signal, name) for name in names if hasattr(signal, name))
    ) as received:
        async for _ in received:
            if hurry.is_set():
                raise KeyboardInterrupt
            hurry.set()


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


def _allow_descriptors(wanted: int) -> None:
    """Each agent has a socket; POSIX limits open files to 1,024 unless asked."""
    if sys.platform == "win32":
        return
    import resource  # absent on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise SimulationError(
                f"{wanted} open files are needed and {hard} allowed: raise the limit (ulimit -n)"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
