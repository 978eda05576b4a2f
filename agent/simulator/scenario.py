"""Scenario files: what a fleet does, who misbehaves in it, and what is expected of the gateway.

    about = "Offices open: everybody reports at once, then as usual."
    agents = 300
    warm_up_s = 5
    expect = ["p99_ack_ms < 250", "lost = 0", "refused.clone = 3"]

    [personas]            # how many, or what part of the agents
    clone = 3
    garbage = "2%"

    [links]               # part of the agents is on lines like these
    share = "30%"
    latency_ms = 300
    kbit_s = 256

    [[phase]]
    name = "before nine"
    duration_s = 20
    rate = 0.2            # events a second for each agent; in a closed loop: batch_events, of the whole scenario

    [[phase]]
    name = "the edge is killed"
    does = "kill-edge"    # once, when the phase begins
    until_back = true     # and it ends when everybody is back
    duration_s = 60

A key that nobody knows is refused with the nearest that somebody does.
"""

import difflib
import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import attrs

from agent.simulator.checks import CheckError, check_personas
from agent.simulator.expectations import ExpectationError, Expected
from agent.simulator.members import MAX_BATCH_EVENTS, MAX_RATE
from agent.simulator.personas import PERSONAS

SHIPPED: Final = Path(__file__).with_name("scenarios")

KILL_EDGE: Final = "kill-edge"
DRAIN_EDGE: Final = "drain-edge"
DEEDS: Final = {
    KILL_EDGE: "the gateway's edge is killed, and started again by who supervises it",
    DRAIN_EDGE: "the gateway's edge is told to stop, and started again by who supervises it",
}

_MOST_AGENTS: Final = 1_000_000
_LONGEST_S: Final = 7 * 24 * 3600.0


class ScenarioError(Exception):
    """It cannot be used; the message says where and why."""


@attrs.frozen(kw_only=True)
class Act:
    """One phase."""

    name: str
    duration_s: float
    rate: float = 1.0
    does: str = ""
    until_back: bool = False
    """It is over as soon as those are connected again who were before, and at the latest after its time."""


@attrs.frozen(kw_only=True)
class Links:
    """Lines that are slower than this machine's."""

    share: float
    latency_ms: float = 0.0
    """One way."""
    kbit_s: float = 0.0
    """In each direction; 0: as fast as it goes."""


@attrs.frozen(kw_only=True)
class Scenario:
    """A file's content."""

    name: str
    about: str = ""
    agents: int
    seed: int = 0
    warm_up_s: float = 0.0
    reconnect_s: float = 8.0
    batch_events: int = 0
    acts: tuple[Act, ...]
    personas: tuple[tuple[str, int | float], ...] = ()
    """A count, or a part of the agents (a float)."""
    links: Links | None = None
    expected: tuple[Expected, ...] = ()

    @property
    def duration_s(self) -> float:
        """All acts."""
        return sum(act.duration_s for act in self.acts)

    @property
    def needs_data(self) -> str:
        """What of it needs the provider's data folder; empty: nothing."""
        deeds = [act.does for act in self.acts if act.does]
        return ", ".join([*deeds, *(name for name, _ in self.personas if PERSONAS[name].needs_data)])

    def cast(self, agents: int) -> dict[str, int]:
        """How many of each persona go with so many agents; of one that is named there is one at least."""
        return {
            name: wanted if isinstance(wanted, int) else max(1, round(wanted * agents))
            for name, wanted in self.personas
        }


def shipped() -> list[Scenario]:
    """Those that come with the simulator."""
    return [load(path) for path in sorted(SHIPPED.glob("*.toml"))]


def find(name: str) -> Scenario:
    """The one that is shipped under a name, or the one in a file.

    Raises:
        ScenarioError: there is none, or it cannot be used.
    """
    path = SHIPPED / f"{name}.toml"
    if "/" not in name and path.is_file():
        return load(path)
    if Path(name).is_file():
        return load(Path(name))
    names = [each.stem for each in sorted(SHIPPED.glob("*.toml"))]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"shipped are {', '.join(names)}"
    raise ScenarioError(f"there is no scenario {name!r}, and no such file; {hint}")


def load(path: Path) -> Scenario:
    """Read a file.

    Raises:
        ScenarioError: it cannot be read, or says what cannot be.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise ScenarioError(f"{path}: {error}") from None
    return _Reader(str(path)).scenario(path.stem, content)


@attrs.frozen
class _Reader:
    """Says where in the file something is wrong."""

    where: str

    def fail(self, why: str) -> NoReturn:
        raise ScenarioError(f"{self.where}: {why}")

    def scenario(self, name: str, content: Mapping[str, Any]) -> Scenario:
        known = (
            "about",
            "agents",
            "seed",
            "warm_up_s",
            "reconnect_s",
            "batch_events",
            "phase",
            "personas",
            "links",
            "expect",
        )
        self.only(content, known)
        phases = content.get("phase")
        if not isinstance(phases, list) or not phases or not all(isinstance(each, dict) for each in phases):
            self.fail("no [[phase]]: a scenario has one at least")
        personas = tuple(self.personas(self.table(content, "personas")))
        try:
            check_personas((each for each, _ in personas), has_data=True)
        except CheckError as error:
            self.fail(str(error))
        return Scenario(
            name=name,
            about=self.text(content, "about", ""),
            agents=self.whole(content, "agents", None, 1, _MOST_AGENTS),
            seed=self.whole(content, "seed", 0, 0, 2**31),
            warm_up_s=self.number(content, "warm_up_s", 0.0, 0.0, _LONGEST_S),
            reconnect_s=self.number(content, "reconnect_s", 8.0, 0.0, _LONGEST_S),
            batch_events=self.whole(content, "batch_events", 0, 0, MAX_BATCH_EVENTS),
            acts=tuple(_Reader(f"{self.where}: phase {n}").act(each) for n, each in enumerate(phases, 1)),
            personas=personas,
            links=self.links(content),
            expected=tuple(self.expected(content)),
        )

    def act(self, content: Mapping[str, Any]) -> Act:
        self.only(content, ("name", "duration_s", "rate", "does", "until_back"))
        until_back = content.get("until_back", False)
        if type(until_back) is not bool:
            self.fail(f"until_back: expected true or false, got {until_back!r}")
        does = self.text(content, "does", "")
        if does and does not in DEEDS:
            self.fail(f"does = {does!r} is none of {', '.join(DEEDS)}")
        return Act(
            name=self.text(content, "name", None),
            duration_s=self.number(content, "duration_s", None, 0.1, _LONGEST_S),
            rate=self.number(content, "rate", 1.0, 0.0, MAX_RATE),
            does=does,
            until_back=until_back,
        )

    def personas(self, content: Mapping[str, Any]) -> Iterator[tuple[str, int | float]]:
        for name, wanted in content.items():
            if isinstance(wanted, str):
                yield name, self.share(name, wanted)
            else:
                yield name, self.whole(content, name, None, 1, _MOST_AGENTS)

    def links(self, content: Mapping[str, Any]) -> Links | None:
        table = self.table(content, "links")
        if not table:
            return None
        self.only(table, ("share", "latency_ms", "kbit_s"))
        return Links(
            share=self.share("links.share", self.text(table, "share", None)),
            latency_ms=self.number(table, "latency_ms", 0.0, 0.0, 60_000.0),
            kbit_s=self.number(table, "kbit_s", 0.0, 0.0, 1e9),
        )

    def expected(self, content: Mapping[str, Any]) -> Iterator[Expected]:
        sentences = content.get("expect", [])
        if not isinstance(sentences, list) or not all(isinstance(each, str) for each in sentences):
            self.fail("expect: expected a list of texts")
        for sentence in sentences:
            try:
                yield Expected.parse(sentence)
            except ExpectationError as error:
                self.fail(f"expect: {error}")

    # -- values ------------------------------------------------------------------------------------------------

    def only(self, content: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in content:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
                self.fail(
                    f"unknown key {key}"
                    + (f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}")
                )

    def table(self, content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = content.get(key, {})
        if not isinstance(value, dict):
            self.fail(f"{key} is a table: begin it with [{key}]")
        return value

    def text(self, content: Mapping[str, Any], key: str, default: str | None) -> str:
        value = content.get(key, default)
        if not isinstance(value, str):
            self.fail(f"{key} is missing" if value is None else f"{key}: expected text, got {value!r}")
        return value

    def whole(self, content: Mapping[str, Any], key: str, default: int | None, low: int, high: int) -> int:
        value = content.get(key, default)
        if value is None:
            self.fail(f"{key} is missing")
        if type(value) is not int or not low <= value <= high:
            self.fail(f"{key}: expected a whole number from {low} to {high}, got {value!r}")
        return value

    def number(
        self, content: Mapping[str, Any], key: str, default: float | None, low: float, high: float
    ) -> float:
        value = content.get(key, default)
        if value is None:
            self.fail(f"{key} is missing")
        if type(value) not in (int, float) or not math.isfinite(value) or not low <= value <= high:
            self.fail(f"{key}: expected a number from {low:g} to {high:g}, got {value!r}")
        return float(value)

    def share(self, key: str, text: str) -> float:
        digits = text.removesuffix("%").strip()
        if not (text.endswith("%") and digits.replace(".", "", 1).isdigit() and 0 < float(digits) <= 100):
            self.fail(f'{key}: expected a part of the agents, as in "5%", got {text!r}')
        return float(digits) / 100
