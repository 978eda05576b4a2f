"""A stage for faults: a real provider, real agents, and what a person reads of them.

Every process is forked from a warm one, so that a command costs what it does and not two seconds of imports. What it says on
standard output and standard error comes together, as at a terminal. JSON log lines are read as such.
"""

import atexit
import contextlib
import functools
import itertools
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from gateway.store import Store, open_store
from tests.helpers.provider import Process, TestProvider, wait_for_port
from tests.helpers.warm import Warm

ROOT = Path(__file__).parents[2]
IMPORTED = (
    "gateway.cli.run",
    "gateway.edge",
    "gateway.projector",
    "gateway.cli.agents",
    "gateway.cli.ca",
    "gateway.cli.events",
    "gateway.cli.inspection",
    "gateway.cli.provider",
    "gateway.cli.status",
    "gateway.cli.tenants",
    "agent.commands",
    "agent.status",
    "agent.simulator.cli",
)
LIMIT_S = 60.0
POLL_S = 0.02


@attrs.frozen
class Said:
    """What a command that has ended said, and its exit code."""

    code: int
    text: str

    @property
    def json(self) -> Any:
        """What it said, as JSON."""
        return json.loads(self.text)


@attrs.define
class Stage:
    """One provider and the agents of its one company, Northwind."""

    provider: TestProvider
    warm: Warm
    folder: Path
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)

    def fieldgate(self, *arguments: str) -> Said:
        """Run `fieldgate … --data …` to its end."""
        return self.run("gateway", *arguments, "--data", str(self.provider.data))

    def agent(self, *arguments: str) -> Said:
        """Run `fieldgate-agent …` to its end."""
        return self.run("agent", *arguments)

    def run(self, module: str, *arguments: str) -> Said:
        """Run a command to its end."""
        log = self.folder / f"{next(self._numbers)}-{arguments[0]}.log"
        process = self.warm.start(module, arguments, log)
        return Said(process.wait(LIMIT_S), log.read_text(encoding="utf-8"))

    def start(self, *arguments: str, module: str = "gateway") -> Process:
        """Start a long-running command; it ends with the stage."""
        return self.provider.start(*arguments, module=module, warm=self.warm)

    def edge(self, *arguments: str) -> Process:
        """`fieldgate edge`, once agents can connect."""
        process = self.start("edge", "--data", str(self.provider.data), *arguments)
        wait_for_port(self.provider.remote_port, process)
        return process

    def projector(self) -> Process:
        """`fieldgate projector`."""
        return self.start("projector", "--data", str(self.provider.data))

    def token(self, *arguments: str) -> dict[str, str]:
        """A token for simulated agents of the company, as `token create --json` says it."""
        said = self.fieldgate(
            "token", "create", "--company", "Northwind", "--simulation", "--json", *arguments
        )
        found: dict[str, str] = said.json
        return found

    def enroll(self, token: str, *arguments: str) -> Said:
        """`fieldgate-agent enroll`, in the next state folder; `state` is its path afterwards."""
        return self.agent(
            "enroll", "--synthetic", "--state", str(self.next_state()), "--token", token, *arguments
        )

    def next_state(self) -> Path:
        """A state folder for another agent."""
        return self.folder / f"agent-{next(self._numbers)}"

    def enrolled(self) -> Path:
        """The state folder of an agent that is enrolled and does not run."""
        state = self.next_state()
        said = self.agent("enroll", "--synthetic", "--state", str(state), "--token", self.token()["token"])
        assert said.code == 0, said.text
        return state

    def run_agent(self, state: Path, *arguments: str, rate: int = 100) -> Process:
        """`fieldgate-agent run`; *rate* events a second, and no long waits between attempts."""
        words = ("run", "--state", str(state), "--rate", str(rate), "--reconnect-s", "0.5", *arguments)
        return self.start(*words, module="agent")

    def stored(self, state: Path) -> list[tuple[int, int]]:
        """Epoch and sequence of every event of that agent that is in the store."""
        with contextlib.closing(self.store()) as store:
            return [(event.epoch, event.sequence) for event in store.events.export(uid_of(state))]

    def store(self) -> Store:
        """The provider's store, to look into; close it."""
        return open_store(f"sqlite:///{self.provider.data / 'store.sqlite'}")

    def closes(self) -> list[dict[str, Any]]:
        """What `/closes` of the edge says, newest first."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.provider.monitor_port}/closes", timeout=10
        ) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


@functools.cache
def shared_warm() -> Warm:
    """What the processes of all stages are forked from: one for a test process, with which it ends."""
    warm = Warm(IMPORTED, env={"PYTHONPATH": str(ROOT)})
    atexit.register(warm.__exit__)
    return warm


@contextlib.contextmanager
def stage_in(folder: Path, **settings: str) -> Iterator[Stage]:
    """A provider whose processes end with the block; settings as for `TestProvider.make`."""
    with contextlib.ExitStack() as stack:
        stage = Stage(TestProvider.plan(folder / "data", **settings), shared_warm(), folder)
        stack.callback(stage.provider.stop)
        for words in (("init", "--organization", "Example Provider"), ("company", "add", "Northwind")):
            said = stage.fieldgate(*words)
            assert said.code == 0, said.text
        yield stage


def uid_of(state: Path) -> str:
    """The uid of the agent in a state folder."""
    return str(json.loads((state / "identity.json").read_bytes())["agent_uid"])


def text_of(process: Process) -> str:
    """What a process has said so far; a forked one opens its log itself, a moment later."""
    return process.log.read_text(encoding="utf-8") if process.log.exists() else ""


def lines_of(process: Process) -> list[dict[str, Any]]:
    """What a process has logged so far."""
    found = []
    for line in text_of(process).splitlines():
        with contextlib.suppress(ValueError):  # a line that is being written, or a person's
            found.append(json.loads(line))
    return found


def until(
    happened: Callable[[], Any],
    what: Callable[[], str] = lambda: "",
    limit_s: float = LIMIT_S,
    *,
    poll_s: float = POLL_S,
) -> Any:
    """What *happened* gives, once that is something; a failure that says *what* there was instead after a while."""
    deadline = time.monotonic() + limit_s
    while not (found := happened()):
        assert time.monotonic() < deadline, f"nothing after {limit_s} s; there was: {what()}"
        time.sleep(poll_s)
    return found


def line_of(process: Process, **fields: Any) -> dict[str, Any]:
    """The first line that *process* logs with these fields."""

    def find() -> dict[str, Any] | None:
        return next((line for line in lines_of(process) if fields.items() <= line.items()), None)

    found: dict[str, Any] = until(find, lambda: f"{text_of(process)[-4000:]} (wanted {fields})")
    return found
