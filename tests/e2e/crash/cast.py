"""Who plays: two edges, a projector and some agents as real processes, with what it takes to hurt them one by one."""

import contextlib
import random
import shutil
import signal
import socket
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import attrs

from tests.e2e.crash.ledger import InFlight, Ledger, Tail
from tests.helpers.provider import Process, TestProvider
from tests.helpers.warm import Warm

ROOT: Final = Path(__file__).parents[3]
EDGES: Final = ("a", "b")

# An edge's drain has nothing to wait for here: its agents come back within a second.
SETTINGS: Final = {"heartbeat_s": "2", "limits_drain_s": "1", "log_format": '"json"'}


def steady_ports(count: int) -> list[int]:
    """Free ports that no outgoing connection will take while their owner is dead: from below Linux's ephemeral range."""
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().randrange(11_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found += [port] if port not in found else []
    return found


@attrs.define(eq=False, kw_only=True)
class Actor:
    """One process, over all its lives. `folder` is what it keeps between them.

    The first life is the real command; the later ones are forked, which saves two seconds of imports each.
    """

    name: str
    provider: TestProvider
    warm: Warm
    arguments: tuple[str, ...]
    module: str = "gateway"
    folder: Path
    process: Process | None = None
    started_at: int = 0
    """On the ledgers' clock."""
    lives: int = 0

    def start(self) -> None:
        """Live, or live again."""
        self.started_at, self.lives = time.monotonic_ns(), self.lives + 1
        self.process = self.provider.start(
            *self.arguments_of_this_life(), module=self.module, env={"PYTHONPATH": str(ROOT)},
            warm=self.warm if self.lives > 1 else None,
        )  # fmt: skip

    def arguments_of_this_life(self) -> tuple[str, ...]:
        """The command line."""
        return self.arguments

    @property
    def running(self) -> Process:
        """The process, which must run: what ends by itself is a failure, with its log."""
        assert self.process is not None
        assert self.process.running, (
            f"{self.name} ended with {self.process.popen.returncode}:\n{self.process.log.read_text()[-4000:]}"
        )
        return self.process

    def bury(self) -> None:
        """It was killed: wait until it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process = None

    def stop(self) -> None:
        """SIGTERM, and its exit code must be 0."""
        process = self.running
        code = process.terminate()
        assert code == 0, f"{self.name} ended with {code}:\n{process.log.read_text()[-4000:]}"
        self.process = None

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing of it moves while the block lasts, as when a hypervisor takes a snapshot."""
        process = self.process.popen if self.process is not None else None
        if process is not None:
            process.send_signal(signal.SIGSTOP)
            while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
                time.sleep(0.001)
        try:
            yield
        finally:
            if process is not None:
                process.send_signal(signal.SIGCONT)

    def copy_to(self, copy: Path) -> None:
        """A copy of its folder, of one moment."""
        with self.frozen():
            shutil.copytree(self.folder, copy)

    def put_back(self, copy: Path) -> None:
        """The copy again, while it does not run."""
        assert self.process is None
        shutil.rmtree(self.folder)
        shutil.copytree(copy, self.folder)


@attrs.define(eq=False, kw_only=True)
class AgentActor(Actor):
    """An agent, with a view into its ledger."""

    ledger: Path
    seed: random.Random
    tail: Tail = attrs.field(init=False)
    state: InFlight = attrs.field(factory=InFlight)

    def __attrs_post_init__(self) -> None:
        self.tail = Tail(self.ledger)

    def arguments_of_this_life(self) -> tuple[str, ...]:
        """Random in a way of its own in each life."""
        return (*self.arguments, "--seed", str(self.seed.getrandbits(48)))

    def look(self) -> InFlight:
        """How it stands by now."""
        for entry in self.tail.new():
            self.state.follow(entry)
        return self.state

    def note(self, what: str) -> None:
        """A line in its ledger, while it is frozen or gone."""
        ledger = Ledger(self.ledger)
        ledger.note(what)
        ledger.close()


@attrs.define(eq=False, kw_only=True)
class Cast:
    """Everybody."""

    provider: TestProvider
    edges: dict[str, Actor]
    ports: dict[str, int]
    """By edge."""
    projector: Actor
    agents: dict[str, AgentActor]
    quiet: Path

    @classmethod
    def gather(cls, folder: Path, warm: Warm, *, agents: int, seed: random.Random) -> "Cast":
        """A provider with two edges; nobody runs yet."""
        provider = TestProvider.make(folder / "data", **SETTINGS)
        data, ports = provider.data, steady_ports(4)
        advertised = ", ".join(f'"127.0.0.1:{port}"' for port in ports[:2])
        (data / "edges").mkdir()
        for n, name in enumerate(EDGES):
            (data / "edges" / f"{name}.toml").write_text(
                f"[fieldgate]\nmonitor_port = {ports[2 + n]}\n"
                f'[[fieldgate.listeners]]\nhost = "127.0.0.1"\nport = {ports[n]}\nadvertise = [{advertised}]\n',
                encoding="utf-8",
            )
        settings = (data / "fieldgate.toml").read_text(encoding="utf-8")
        remote = f"port = {provider.remote_port}\n"
        (data / "fieldgate.toml").write_text(
            settings.replace(remote, f"{remote}advertise = [{advertised}]\n"), encoding="utf-8"
        )
        provider.command("company", "add", "Crash Ltd")
        token = provider.json("token", "create", "--company", "Crash Ltd")["token"]
        quiet = folder / "quiet"
        return cls(
            provider=provider,
            edges={
                name: Actor(
                    name=f"edge {name}", provider=provider, warm=warm, folder=data / "journals" / name,
                    arguments=("edge", "--name", name, "--data", str(data)),
                )
                for name in EDGES
            },
            ports=dict(zip(EDGES, ports, strict=False)),
            projector=Actor(
                name="projector", provider=provider, warm=warm, folder=data, arguments=("projector", "--data", str(data))
            ),
            agents={
                name: cls._agent(name, folder, provider, warm, token, quiet, seed)
                for name in (f"agent-{n}" for n in range(agents))
            },
            quiet=quiet,
        )  # fmt: skip

    @staticmethod
    def _agent(
        name: str,
        folder: Path,
        provider: TestProvider,
        warm: Warm,
        token: str,
        quiet: Path,
        seed: random.Random,
    ) -> AgentActor:
        ledger = folder / f"{name}.ledger"
        arguments = (
            name, "--folder", str(folder / name), "--ledger", str(ledger), "--quiet", str(quiet), "--token", token,
        )  # fmt: skip
        return AgentActor(
            name=name, provider=provider, warm=warm, folder=folder / name, module="tests.e2e.crash.agent_program",
            arguments=arguments, ledger=ledger, seed=seed,
        )  # fmt: skip

    @property
    def gateways(self) -> list[Actor]:
        """The provider's processes."""
        return [*self.edges.values(), self.projector]

    def everybody(self) -> list[Actor]:
        """All processes."""
        return [*self.gateways, *self.agents.values()]

    def check(self) -> None:
        """Whoever was started and not killed must run."""
        for actor in self.everybody():
            if actor.process is not None:
                assert actor.running

    def concerns(self, victims: Collection[str], agent: str, address: str) -> bool:
        """Whether an agent that has a session at *address* notices the end of *victims*. The projector's end is everybody's."""
        ends = {self.projector.name, agent} | {
            self.edges[name].name for name, port in self.ports.items() if address == f"127.0.0.1:{port}"
        }
        return bool(address) and not ends.isdisjoint(victims)

    def look(self) -> dict[str, InFlight]:
        """How all agents stand."""
        return {name: agent.look() for name, agent in self.agents.items()}
