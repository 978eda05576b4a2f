"""`fieldgate-agent simulate` and `verify`."""

import contextlib
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import attrs
from cyclopts import App, Parameter
from rich.console import Console

from agent.exits import FAILED, NEGATIVE, UNUSABLE, CommandError
from agent.path import PathError, split_address
from agent.simulator.checks import CheckError, check_personas, parse_sources
from agent.simulator.ledger import Ledger, LedgerError
from agent.simulator.members import MAX_BATCH_EVENTS, MAX_RATE, FleetError, FleetOptions
from agent.simulator.provider import Provider, ProviderError
from agent.simulator.report.document import json_of
from agent.simulator.report.summary import print_summary
from agent.simulator.report.writing import prepare_folder, write_report
from agent.simulator.result import RunResult
from agent.simulator.show import show, show_verification
from agent.simulator.simulation import Request
from agent.simulator.simulation import simulate as simulated
from agent.simulator.target import LocalTarget, RemoteTarget, Target
from agent.simulator.verification import Result, compare
from certs import Token, TokenError

# What agents dial where no port is named.
_PORT: Final = 6180
_STDIN: Final = "-"

Data = Annotated[
    Path, Parameter(name=("--data", "-d"), env_var="FIELDGATE_DATA", help="The provider's data folder.")
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="The result as JSON.")]

simulate_app = App(name="simulate")
simulate_app.command(
    "agent.simulator.report.compare_command:compare",
    name="compare",
    help="Mark what changed between two runs by more than chance would make it. Exit code 1 when they are not comparable.",
)


class SimulationError(CommandError):
    """The simulation cannot run; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, UNUSABLE)


@simulate_app.default
def simulate(
    *,
    data: Data = Path("fieldgate-data"),
    gateway: str | None = None,
    token: Annotated[str | None, Parameter(env_var="FIELDGATE_TOKEN", allow_leading_hyphen=True)] = None,
    count: int = 100,
    duration: float | None = None,
    warm_up: float = 0.0,
    rate: float = FleetOptions().rate,
    closed_loop: int | None = None,
    processes: int | None = None,
    source: str | None = None,
    seed: int = FleetOptions().seed,
    company: Annotated[Sequence[str], Parameter(negative="")] = (),
    persona: Annotated[Sequence[str], Parameter(negative="")] = (),
    verify: Annotated[bool, Parameter(negative="")] = False,
    ledger: Path | None = None,
    reconnect_s: float = FleetOptions().reconnect_s,
    state: Path | None = None,
    report: Path | None = None,
    json_: Json = False,
) -> int:
    """Enroll and run a fleet of simulated agents against a provider on this machine, or a gateway anywhere. Exit code 1 when
    agents were sent away, not everything was released in time, or nothing was there to verify, 4 when the verification finds
    something or what was expected did not come true.

    Parameters
    ----------
    gateway
        Simulate at this gateway instead, HOST or HOST:PORT, with --token.
    token
        A token made for simulation (fieldgate token create --simulation), or - to read it from standard input.
    count
        How many agents. With --data, some of them are cloud-connect sites.
    duration
        Seconds to measure, once all are connected and warm; then the fleet delivers what is left. Default: until Ctrl-C.
    warm_up
        Seconds of producing before that, which are in no figure.
    rate
        Events a second for each agent: due at fixed times, and timed from there, whatever becomes of those before.
    closed_loop
        Instead: each agent's batches hold so many events, and the next one follows the acknowledgement of the last.
    processes
        How many processes share the agents. Default: what suits the machine and the number of agents.
    source
        Addresses of this machine to dial from, by turns: 127.0.0.2,127.0.0.3 or a network, 127.0.1.0/24.
    seed
        The same seed gives the same estates.
    company
        Whose agents they are; give it several times to spread them. Default: a company made for the purpose.
    persona
        Agents beside these that misbehave: NAME=COUNT, several times for several kinds (docs/load-testing.md lists them).
    verify
        At the end, hold the store against what the agents were told.
    ledger
        Write what the agents said and were told to this file, for `fieldgate-agent verify`.
    reconnect_s
        Ceiling of the first, random wait before connecting again.
    state
        Keep the fleet in this folder, and begin with the agents that are kept there. Default: it ends with the run.
    report
        Write result.json, report.html and junit.xml into this folder.
    """
    _forbid(count=count, rate=rate, duration=duration, reconnect_s=reconnect_s, warm_up=warm_up)
    if state is not None and (verify or ledger is not None):
        raise SimulationError(
            "a ledger knows what was said in one run: leave --state out, or --verify and --ledger"
        )
    if state is not None and processes is not None:
        raise SimulationError("a fleet that is kept has one outbox: leave --state out, or --processes")
    if closed_loop is not None and not 0 < closed_loop <= MAX_BATCH_EVENTS:
        raise SimulationError(f"--closed-loop is from 1 to {MAX_BATCH_EVENTS} events")
    if processes is not None and processes < 1:
        raise SimulationError("--processes must be 1 or more")
    target = _target(data, gateway, token)
    options = FleetOptions(
        rate=rate,
        batch_events=closed_loop or 0,
        seed=seed,
        reconnect_s=reconnect_s,
        sources=_sources(source or ""),
    )
    request = Request(
        target=target, count=count, options=options, warm_up_s=warm_up,
        duration_s=math.inf if duration is None else duration, companies=company, processes=processes,
        state=state,
        personas=_personas(persona, target),
        verify=verify,
    )  # fmt: skip
    if report is not None:
        prepare_folder(report)
    with _errors():
        result, said = simulated(request, show)
        if ledger is not None:
            said.save(ledger)
    if report is not None:
        write_report(result, report)
    if json_:
        sys.stdout.write(json_of(result))
    else:
        print_summary(result, Console(highlight=False, markup=False, emoji=False))
    return _exit_code(result)


def verify(*, ledger: Path, data: Data = Path("fieldgate-data"), json_: Json = False) -> int:
    """Hold the store against a ledger that `simulate --ledger` wrote. Exit code 4 when something is found.

    Parameters
    ----------
    ledger
        The file.
    """
    with _errors():
        loaded = Ledger.load(ledger)
        result = _verify(Provider(data), loaded)
    if json_:
        sys.stdout.write(json.dumps(_plain(result)) + "\n")
    else:
        show_verification(result)
    return _verdict(result)


def _forbid(*, count: int, rate: float, duration: float | None, reconnect_s: float, warm_up: float) -> None:
    if count < 1 or not rate > 0 or not (duration is None or 0 < duration < math.inf):
        raise SimulationError("--count, --rate and --duration must be positive numbers")
    if not 0 <= reconnect_s < math.inf or not 0 <= warm_up < math.inf:
        raise SimulationError("--reconnect-s must be a number and not negative, and so must --warm-up")
    if rate > MAX_RATE:
        raise SimulationError(f"--rate {rate:g}: one agent collects at most {MAX_RATE:g} events a second")


def _target(data: Path, gateway: str | None, token: str | None) -> Target:
    if gateway is None:
        return LocalTarget(Provider(data))
    if token is None:
        raise SimulationError(
            "--gateway needs --token, one that was made for simulation: fieldgate token create --simulation"
        )
    try:
        parsed = Token.parse(sys.stdin.read() if token == _STDIN else token)
    except TokenError as error:
        raise SimulationError(f"FG-2201: {error}") from None
    address = gateway if _has_port(gateway) else f"{f'[{gateway}]' if ':' in gateway else gateway}:{_PORT}"
    try:
        split_address(address)
    except PathError as error:
        raise SimulationError(f"--gateway: {error}") from None
    return RemoteTarget(parsed, address)


def _personas(words: Sequence[str], target: Target) -> dict[str, int]:
    """How many of each, from NAME=COUNT."""
    found: dict[str, int] = {}
    for word in words:
        name, _, count = word.partition("=")
        if not count.isdigit() or not int(count):
            raise SimulationError(f"--persona {word}: expected NAME=COUNT")
        found[name] = found.get(name, 0) + int(count)
    try:
        check_personas(found, has_data=target.data is not None)
    except CheckError as error:
        raise SimulationError(str(error)) from None
    return found


def _has_port(address: str) -> bool:
    host, separator, port = address.rpartition(":")
    return bool(separator) and port.isdigit() and (":" not in host or host.endswith("]"))


def _sources(text: str) -> tuple[str, ...]:
    try:
        return parse_sources(text)
    except CheckError as error:
        raise SimulationError(str(error)) from None


def _exit_code(result: RunResult) -> int:
    verification = result.verification
    met = [each.passed for each in result.expectations] + [each.passed for each in result.personas]
    if not all(met) or (verification is not None and verification.found):
        return NEGATIVE
    return 0 if result.passed else FAILED


def _verdict(result: Result) -> int:
    if not result.ok:
        return NEGATIVE
    return FAILED if result.is_empty else 0


def _plain(result: Result) -> dict[str, Any]:
    fields = attrs.asdict(result, recurse=False)
    fields["counts"] = {kind.value: n for kind, n in result.counts.items()}
    return fields | {"examples": [str(finding) for finding in result.examples], "ok": not _verdict(result)}


def _verify(provider: Provider, ledger: Ledger) -> Result:
    with provider.events() as rows:
        return compare(ledger, rows)


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """What a person can do something about, as they read it."""
    try:
        yield
    except (CheckError, FleetError, LedgerError, ProviderError) as error:
        raise SimulationError(str(error)) from error
