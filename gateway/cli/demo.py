"""`fieldgate demo`: the main job on embedded defaults, to be looked at.

A provider in a folder of its own, real processes (`fieldgate serve`, and the agents' simulator as a program of its own,
since the two sides meet on the wire alone), and a table of what arrives in the store. The folder keeps everything, the fleet
too: a second run goes on where the first one was stopped, or killed.

However the demo ends, its processes do: it stops them in order when it is asked to end, and when it is killed the kernel
tells them (`gateway.supervisor.spawn`). All of them hold `run/demo.lock`, so the next demo on the folder waits for that.
"""

import contextlib
import math
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import attrs
from cyclopts import Parameter
from rich.console import Console
from rich.live import Live

from gateway.cli.common import now_ms, open_upgraded
from gateway.cli.demo_host import COMPANY, can_back_up, clear_away, host_argv
from gateway.cli.demo_ports import HOST, Ports, ports_of, program, require_free
from gateway.cli.demo_tenants import TenantMapper
from gateway.cli.demo_view import View
from gateway.cli.errors import FAILED, UNUSABLE, CommandError
from gateway.cli.output import quoted, screen
from gateway.cli.provider import make_provider
from gateway.cli.run import edge_stop_s, process_argv, serve_lock
from gateway.config import Config, load_config
from gateway.datafolder import DataFolder
from gateway.logs import configure_logs
from gateway.store import Store
from gateway.supervisor import only_one, spawn, stop_signals

__all__ = ["demo"]

PROVIDER = "Northwind Managed Backup"
COMPANIES = {
    "Harbour Logistics": ("Rotterdam", "Antwerp"),
    "Kestrel Dental Group": ("Leeds",),
    "Birch & Lund Architects": ("Malmö",),
    "Vallely Foods": ("Cork", "Limerick"),
}
START_S = 90.0  # of a machine that does much else; a gateway that ends before is noticed at once
STOP_S = 60.0
REFRESH_S = 1.0
LINE_S = 5.0  # between two lines where there is no terminal
UNATTENDED_S = 60.0  # nobody at a terminal to press Ctrl-C
LAST_LINES = 4
FLEET = "fleet"  # the folder in the data folder that the agents come back from

Process: TypeAlias = "subprocess.Popen[bytes]"


def demo(
    *,
    agents: int = 24,
    port: int | None = None,
    co_located_port: int | None = None,
    monitor_port: int | None = None,
    management_port: int | None = None,
    duration: float | None = None,
    data: Annotated[Path, Parameter(name=("--data", "-d"))] = Path("fieldgate-demo"),
) -> int:
    """Run a provider with a fleet of simulated backup servers, and show what they report as it arrives.

    Parameters
    ----------
    agents
        How many simulated servers. Those of an earlier run come back first.
    port
        For remote tenants' agents; default: 6180.
    co_located_port
        For the provider's own servers; default: 9999.
    monitor_port
        For metrics; the next one is taken, too; default: 9180.
    management_port
        For REST; default: 1280.
    duration
        Seconds; default: until Ctrl-C at a terminal, 60 s elsewhere.
    data
        Where the demo's provider lives; made when it is not there.
    """
    if agents < 1 or not (duration is None or 0 < duration < math.inf):
        raise CommandError("--agents must be at least 1, --duration a positive number", exit_code=UNUSABLE)
    configure_logs(process="demo")
    given = (port, co_located_port, monitor_port, management_port)
    with stop_signals() as stopping:
        if not DataFolder(data).version_file.exists():
            ports = Ports().or_given(*given)
            require_free(data, ports)
            make_provider(data, PROVIDER, (HOST, "localhost"), more=ports.settings)
        config = load_config(data)
        orphans_s = edge_stop_s(config)
        with only_one(data / "run" / "demo.lock", orphans_s=orphans_s) as held:
            with only_one(serve_lock(config), orphans_s=orphans_s):
                require_free(data, ports_of(config, *given))
            with contextlib.closing(open_upgraded(config.store_url)) as store:
                _ensure_companies(data, store)
                show = Show(config, store, screen(), stopping)
                show.run(agents, duration, held)
    return 0


def _ensure_companies(data: Path, store: Store) -> None:
    """Whose servers are simulated; they are made where there are none, also after a first run that was cut short."""
    organizations = store.organizations
    if organizations.provider().name != PROVIDER:
        raise CommandError(
            f"{data} is a provider's own folder: give the demo another one with --data", exit_code=UNUSABLE
        )
    known = {company.name for company in organizations.list_companies()}
    real = {COMPANY: ()} if can_back_up() else {}
    for company, places in (COMPANIES | real).items():
        if company not in known:
            organization = organizations.add_company(company, now_ms=now_ms())
            for place in places:
                organizations.add_location(organization.uid, place, now_ms=now_ms())


@attrs.define
class Show:
    """The processes, while they run, and what is shown of them."""

    config: Config
    store: Store
    console: Console
    stopping: Sequence[int]
    """Not empty any more: whoever watches wants to end it."""
    host: "Process | None" = None
    """The real backup host, if restic is here."""

    def run(self, agents: int, duration: float | None, held: int) -> None:
        """Start a gateway and *agents* agents, and show them for *duration* seconds, or until stopped.

        Raises:
            CommandError: a process ended by itself.
        """
        data = self.config.data
        kept = len(list((data / FLEET).glob("*/identity.json")))
        back = min(agents, kept)
        self._say(
            f"{back} agents come back from the last time, {agents - back} are new"
            if kept
            else f"a new fleet of {agents} agents"
        )
        self._say(f"logs: {data / 'serve.log'} (gateway), {data / 'fleet.log'} (agents)")
        self._say(
            f"this computer is backed up by restic, once a minute: {data / 'host.log'}"
            if can_back_up()
            else "no real backup host: restic is not installed"
        )
        with contextlib.ExitStack() as logs:
            serve_log, fleet_log, host_log = (
                logs.enter_context((data / name).open("ab"))
                for name in ("serve.log", "fleet.log", "host.log")
            )
            processes: list[Process] = []
            try:
                processes.append(
                    spawn(process_argv("serve", "--data", str(data)), inherits=(held,), output=serve_log)
                )
                if self._wait_until_ready(processes[0]):
                    processes.append(spawn(_fleet_argv(data, agents), inherits=(held,), output=fleet_log))
                    if can_back_up():
                        self.host = spawn(host_argv(data), inherits=(held,), output=host_log)
                    self._watch(processes, duration)
                self._say("stopping; agents first, then their gateway")
            finally:
                for process in (*([self.host] if self.host else []), *reversed(processes)):
                    _stop(process)
                if self.host is not None:
                    clear_away(data)

    def _say(self, text: str) -> None:
        self.console.print(quoted(text), soft_wrap=True)

    def _wait_until_ready(self, gateway: Process) -> bool:
        """False if somebody wants to end it before."""
        listener = self.config.listeners[0]
        deadline = time.monotonic() + START_S
        while not self.stopping and time.monotonic() < deadline:
            _require_alive(gateway, self.config.data / "serve.log")
            with socket.socket() as probe:
                if probe.connect_ex((listener.host, listener.port)) == 0:
                    return True
            time.sleep(0.1)
        if not self.stopping:
            raise CommandError(
                f"the gateway did not start: see {self.config.data / 'serve.log'}", exit_code=FAILED
            )
        return False

    def _watch(self, processes: Sequence[Process], duration: float | None) -> None:
        """Show until the time is up, or somebody wants to end it."""
        logs = [self.config.data / name for name in ("serve.log", "fleet.log")]
        view = View(self.store, at=self.store.events.newest_batch())
        companies = self.store.organizations.list_companies()
        tenants = TenantMapper(self.store, {each.name: each.uid for each in companies})
        draw = self._live if self.console.is_terminal else self._lines
        limit_s = duration or (math.inf if self.console.is_terminal else UNATTENDED_S)
        started = time.monotonic()
        with draw(view) as update:
            while not self.stopping and (seconds := time.monotonic() - started) < limit_s:
                for process, log in zip(processes, logs, strict=True):
                    _require_alive(process, log)
                self._look_after_host()
                tenants.look()
                view.look()
                update(seconds)
                time.sleep(min(REFRESH_S, limit_s - seconds))

    def _look_after_host(self) -> None:
        """A host that ended by itself is said once; the fleet goes on."""
        if self.host is not None and self.host.poll() is not None:
            self._say(f"the real backup host has ended, see {self.config.data / 'host.log'}")
            self.host = None

    @contextlib.contextmanager
    def _live(self, view: View) -> Iterator[Callable[[float], None]]:
        advice = _advice(self.config)
        with Live(console=self.console, auto_refresh=False) as live:
            yield lambda _: live.update(view.render(advice, height=self.console.height - 1), refresh=True)

    @contextlib.contextmanager
    def _lines(self, view: View) -> Iterator[Callable[[float], None]]:
        """For a pipe or a file: a line every few seconds, and the table at the end."""
        for line in _advice(self.config):
            self._say(line)
        said_s = -LINE_S

        def update(seconds: float) -> None:
            nonlocal said_s
            if seconds - said_s >= LINE_S:
                said_s = seconds
                self._say(f"{seconds:4.0f} s: {view.line()}")

        yield update
        self.console.print(view.render())


def _fleet_argv(data: Path, agents: int) -> list[str]:
    companies = [word for company in COMPANIES for word in ("--company", company)]
    return [
        sys.executable, "-m", "agent", "simulate", "--data", str(data), "--state", str(data / FLEET), "--count", str(agents),
        "--rate", "3", *companies,
    ]  # fmt: skip


def _require_alive(process: Process, log: Path) -> None:
    if process.poll() is not None:
        words = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        raise CommandError("\n".join((f"ended by itself, see {log}:", *words)), exit_code=FAILED)


def _stop(process: Process) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _advice(config: Config) -> tuple[str, ...]:
    fieldgate, data = program(), shlex.quote(str(config.data))
    return (
        "",
        "Look further in another terminal, while it runs:",
        f"  {fieldgate} agent list --data {data}",
        f"  {fieldgate} events tail --data {data}",
        f"  {fieldgate} site list --data {data}",
        f"  {fieldgate} tenant list --data {data}",
        f"  {fieldgate} usage list --data {data}",
        f"  {fieldgate} status --data {data}",
        f"  curl -s http://{config.monitor_host}:{config.monitor_port}/metrics",
        f"  {fieldgate} apikey create me --data {data}   (for https://{HOST}:{config.management.port}/api/v3, docs/rest.md)",
        "In the first minutes the simulated servers tell of their last two days; then they go on in real time.",
        f"Ctrl-C ends it; {fieldgate} demo --data {data} goes on with the same agents.",
    )
