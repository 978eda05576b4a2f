"""From what a person typed to what is to be run: every mistake is told before anything is done."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from agent.exits import UNUSABLE, CommandError
from agent.path import PathError, split_address
from agent.simulator.checks import CheckError, check_personas, parse_sources
from agent.simulator.members import MAX_BATCH_EVENTS, MAX_RATE, FleetOptions
from agent.simulator.provider import Provider
from agent.simulator.scenario import Act, Scenario, ScenarioError, find
from agent.simulator.simulation import Request
from agent.simulator.target import LocalTarget, RemoteTarget, Target
from certs import Token, TokenError

DEFAULT_COUNT: Final = 100

# What agents dial where no port is named.
_PORT: Final = 6180
_STDIN: Final = "-"


class SimulationError(CommandError):
    """The simulation cannot run; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, UNUSABLE)


@attrs.frozen(kw_only=True)
class Asked:
    """The options, as they were given; None where one was not."""

    data: Path
    gateway: str | None
    token: str | None
    scenario: str | None
    count: int | None
    duration: float | None
    warm_up: float | None
    rate: float | None
    closed_loop: int | None
    processes: int | None
    source: str | None
    seed: int | None
    company: Sequence[str]
    persona: Sequence[str]
    verify: bool
    ledger: Path | None
    reconnect_s: float | None
    state: Path | None
    cleanup: bool

    def request(self) -> Request:
        """What is to be run.

        Raises:
            SimulationError: it makes no sense; the message says what to change.
        """
        self._forbid_nonsense()
        target = target_of(self.data, self.gateway, self.token)
        if self.cleanup and isinstance(target, RemoteTarget):
            raise SimulationError(
                "--cleanup needs --data; from afar an operator removes what was made:"
                f" fieldgate agent remove --synthetic --token {target.token.id}"
            )
        try:
            if self.scenario is not None:
                return self._staged(find(self.scenario), target)
            return self._plain(target)
        except (CheckError, ScenarioError) as error:
            raise SimulationError(str(error)) from None

    def _forbid_nonsense(self) -> None:
        numbers = (self.count, self.rate, self.duration)
        if not all(number is None or 0 < number < math.inf for number in numbers):
            raise SimulationError("--count, --rate and --duration must be positive numbers")
        for name, number in (("--reconnect-s", self.reconnect_s), ("--warm-up", self.warm_up)):
            if number is not None and not 0 <= number < math.inf:
                raise SimulationError(f"{name} must be a number and not negative")
        if self.rate is not None and self.rate > MAX_RATE:
            raise SimulationError(
                f"--rate {self.rate:g}: one agent collects at most {MAX_RATE:g} events a second"
            )
        if self.state is not None and (self.verify or self.ledger is not None):
            raise SimulationError(
                "a ledger knows what was said in one run: leave --state out, or --verify and --ledger"
            )
        if self.state is not None and (
            self.processes is not None or self.scenario is not None or self.cleanup
        ):
            raise SimulationError(
                "a fleet that is kept comes back: leave --state out, or --processes, --scenario and --cleanup"
            )
        if self.closed_loop is not None and not 0 < self.closed_loop <= MAX_BATCH_EVENTS:
            raise SimulationError(f"--closed-loop is from 1 to {MAX_BATCH_EVENTS} events")
        if self.processes is not None and self.processes < 1:
            raise SimulationError("--processes must be 1 or more")

    def _plain(self, target: Target) -> Request:
        """By options alone."""
        defaults = FleetOptions()
        rate = defaults.rate if self.rate is None else self.rate
        options = FleetOptions(
            rate=rate,
            batch_events=self.closed_loop or 0,
            seed=self.seed or 0,
            reconnect_s=defaults.reconnect_s if self.reconnect_s is None else self.reconnect_s,
            sources=parse_sources(self.source or ""),
        )
        duration_s = math.inf if self.duration is None else self.duration
        return Request(
            target=target, count=self.count or DEFAULT_COUNT, options=options, warm_up_s=self.warm_up or 0.0,
            acts=(Act(name="reporting", duration_s=duration_s, rate=rate),), companies=self.company,
            personas=self._personas(target), processes=self.processes, state=self.state, verify=self.verify,
            cleanup=self.cleanup,
        )  # fmt: skip

    def _personas(self, target: Target) -> dict[str, int]:
        """How many of each, from NAME=COUNT."""
        found: dict[str, int] = {}
        for word in self.persona:
            name, _, count = word.partition("=")
            if not count.isdigit() or not int(count):
                raise SimulationError(f"--persona {word}: expected NAME=COUNT")
            found[name] = found.get(name, 0) + int(count)
        check_personas(found, has_data=target.data is not None)
        return found

    def _staged(self, scenario: Scenario, target: Target) -> Request:
        """By a scenario; it is always verified."""
        given = {
            "--rate": self.rate, "--duration": self.duration, "--warm-up": self.warm_up,
            "--closed-loop": self.closed_loop, "--reconnect-s": self.reconnect_s, "--persona": self.persona or None,
        }  # fmt: skip
        if told := [name for name, value in given.items() if value is not None]:
            raise SimulationError(
                f"the scenario says that itself: leave {', '.join(told)} out, or --scenario"
            )
        if scenario.needs_data and target.data is None:
            raise SimulationError(
                f"the scenario {scenario.name} needs the provider's data folder, for {scenario.needs_data}:"
                " it can be played with --data only"
            )
        count = self.count or scenario.agents
        links = scenario.links
        options = FleetOptions(
            rate=max(act.rate for act in scenario.acts),
            batch_events=scenario.batch_events,
            seed=scenario.seed if self.seed is None else self.seed,
            reconnect_s=scenario.reconnect_s,
            sources=parse_sources(self.source or ""),
            slow_share=0.0 if links is None else links.share,
            latency_ms=0.0 if links is None else links.latency_ms,
            kbit_s=0.0 if links is None else links.kbit_s,
        )
        return Request(
            target=target, count=count, options=options, warm_up_s=scenario.warm_up_s, acts=scenario.acts,
            companies=self.company, personas=scenario.cast(count), processes=self.processes, verify=True,
            scenario=scenario.name, expected=scenario.expected, cleanup=self.cleanup,
        )  # fmt: skip


def target_of(data: Path, gateway: str | None, token: str | None) -> Target:
    """Whom it is run against.

    Raises:
        SimulationError: the address or the token is none.
    """
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


def _has_port(address: str) -> bool:
    host, separator, port = address.rpartition(":")
    return bool(separator) and port.isdigit() and (":" not in host or host.endswith("]"))
