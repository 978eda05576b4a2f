"""`fieldgate-agent simulate` and `verify`."""

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import attrs
from cyclopts import App, Parameter
from rich.console import Console

from agent.exits import FAILED, NEGATIVE
from agent.simulator.asking import Asked, SimulationError
from agent.simulator.checks import CheckError
from agent.simulator.ledger import Ledger, LedgerError
from agent.simulator.members import FleetError
from agent.simulator.provider import Provider, ProviderError
from agent.simulator.report.document import json_of
from agent.simulator.report.summary import print_summary
from agent.simulator.report.writing import prepare_folder, write_report
from agent.simulator.result import RunResult
from agent.simulator.scenario import Scenario, shipped
from agent.simulator.show import show, show_verification
from agent.simulator.simulation import simulate as simulated
from agent.simulator.verification import Result, compare

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


@simulate_app.default
def simulate(
    *,
    data: Data = Path("fieldgate-data"),
    gateway: str | None = None,
    token: Annotated[str | None, Parameter(env_var="FIELDGATE_TOKEN", allow_leading_hyphen=True)] = None,
    scenario: str | None = None,
    count: int | None = None,
    duration: float | None = None,
    warm_up: float | None = None,
    rate: float | None = None,
    closed_loop: int | None = None,
    processes: int | None = None,
    source: str | None = None,
    seed: int | None = None,
    company: Annotated[Sequence[str], Parameter(negative="")] = (),
    persona: Annotated[Sequence[str], Parameter(negative="")] = (),
    verify: Annotated[bool, Parameter(negative="")] = False,
    ledger: Path | None = None,
    reconnect_s: float | None = None,
    state: Path | None = None,
    cleanup: Annotated[bool, Parameter(negative="")] = False,
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
    scenario
        Play this one instead, by the name of one that is shipped (simulate scenarios) or a file; it says rate, phases and personas.
    count
        How many agents. With --data, some of them are cloud-connect sites. Default: 100, or as the scenario says.
    duration
        Seconds to measure, once all are connected and warm; then the fleet delivers what is left. Default: until Ctrl-C.
    warm_up
        Seconds of producing before that, which are in no figure. Default: none.
    rate
        Events a second for each agent: due at fixed times, and timed from there, whatever becomes of those before.
        Default: 1.
    closed_loop
        Instead: each agent's batches hold so many events, and the next one follows the acknowledgement of the last.
    processes
        How many processes share the agents. Default: what suits the machine and the number of agents.
    source
        Addresses of this machine to dial from, by turns: 127.0.0.2,127.0.0.3 or a network, 127.0.1.0/24.
    seed
        The same seed gives the same estates. Default: 0.
    company
        Whose agents they are; give it several times to spread them. Default: a company made for the purpose.
    persona
        Agents beside these that misbehave: NAME=COUNT, several times for several kinds (docs/load-testing.md lists them).
    verify
        At the end, hold the store against what the agents were told.
    ledger
        Write what the agents said and were told to this file, for `fieldgate-agent verify`.
    reconnect_s
        Ceiling of the first, random wait before connecting again. Default: 8.
    state
        Keep the fleet in this folder, and begin with the agents that are kept there. Default: it ends with the run.
    cleanup
        When it is over, remove the agents that it made, with all that they said.
    report
        Write result.json, report.html and junit.xml into this folder.
    """
    request = Asked(
        data=data, gateway=gateway, token=token, scenario=scenario, count=count, duration=duration, warm_up=warm_up,
        rate=rate, closed_loop=closed_loop, processes=processes, source=source, seed=seed, company=company,
        persona=persona, verify=verify, ledger=ledger, reconnect_s=reconnect_s, state=state, cleanup=cleanup,
    ).request()  # fmt: skip
    if report is not None:
        prepare_folder(report)
    with _errors():
        if ledger is not None:
            Ledger.prepare(ledger)
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


@simulate_app.command(name="scenarios")
def scenarios(
    *, json_: Annotated[bool, Parameter(name="--json", negative="", help="As JSON.")] = False
) -> None:
    """List the scenarios that come with the simulator."""
    found = shipped()
    if json_:
        sys.stdout.write(json.dumps([_record(each) for each in found]) + "\n")
        return
    for each in found:
        sys.stdout.write(f"{each.name}: {each.agents:,} agents, {each.duration_s:.0f} s\n  {each.about}\n")


def _record(scenario: Scenario) -> dict[str, Any]:
    return {
        "name": scenario.name, "about": scenario.about, "agents": scenario.agents, "seconds": scenario.duration_s,
        "personas": dict(scenario.personas), "expect": [each.expression for each in scenario.expected],
    }  # fmt: skip


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
