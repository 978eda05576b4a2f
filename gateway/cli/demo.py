"""`fieldgate demo`: the main job on embedded defaults, to be looked at.

A provider in a folder of its own, real processes (`fieldgate serve`, and the agents' simulator as a program of its own,
since the two sides meet on the wire alone), and a table of what arrives in the store.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Annotated

import attrs
from cyclopts import Parameter
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.cli.common import now_ms
from gateway.cli.errors import FAILED, UNUSABLE, CommandError
from gateway.cli.output import size
from gateway.cli.provider import make_provider
from gateway.cli.run import process_argv
from gateway.config import load_config
from gateway.datafolder import DataFolder
from gateway.store import ConnectionStatus, Store, open_store
from protocol import Code, EventKind, JobStatus

__all__ = ["demo"]

COMPANIES = {
    "Harbour Logistics": ("Rotterdam", "Antwerp"),
    "Kestrel Dental Group": ("Leeds",),
    "Birch & Lund Architects": ("Malmö",),
    "Vallely Foods": ("Cork", "Limerick"),
}
START_S = 30.0
STOP_S = 60.0
REFRESH_S = 1.0
UNATTENDED_S = 60.0  # nobody at a terminal to press Ctrl-C
SHOWN_EVENTS = 8
LAST_LINES = 4


def demo(
    *,
    agents: int = 24,
    port: int = 6180,
    co_located_port: int = 9999,
    duration: float | None = None,
    data: Annotated[Path, Parameter(name=("--data", "-d"))] = Path("fieldgate-demo"),
) -> int:
    """Run a provider with a fleet of simulated backup servers, and show what they report as it arrives.

    Parameters
    ----------
    agents
        How many simulated servers.
    port
        For remote tenants' agents.
    co_located_port
        For the provider's own servers.
    duration
        Seconds; default: until Ctrl-C at a terminal, 60 s elsewhere.
    data
        Where the demo's provider lives; made when it is not there.
    """
    if agents < 1:
        raise CommandError("--agents must be at least 1", exit_code=UNUSABLE)
    console = Console(highlight=False)
    if not DataFolder(data).version_file.exists():
        for wanted in (port, co_located_port):
            _require_free(wanted)
        _make(data, port, co_located_port)
    limit_s = duration if duration is not None else None if console.is_terminal else UNATTENDED_S
    console.print(f"provider in {data}; its log: {data / 'serve.log'}, the fleet's: {data / 'fleet.log'}")
    with (data / "serve.log").open("ab") as serve_log, (data / "fleet.log").open("ab") as fleet_log:
        gateway = _start(process_argv("serve", "--data", str(data)), serve_log)
        fleet: subprocess.Popen[bytes] | None = None
        try:
            _wait_until_ready(data, gateway)
            fleet = _start(_fleet_argv(data, agents, limit_s), fleet_log)
            if not _show(console, data, (gateway, fleet), limit_s):
                console.print()
                _require_health(gateway, data / "serve.log")
                _require_health(fleet, data / "fleet.log")
        except KeyboardInterrupt:
            console.print("stopping; the agents are drained first")
        finally:
            for process in (fleet, gateway):
                _stop(process)
    _say_more(console, data)
    return 0


def _make(data: Path, port: int, co_located_port: int) -> None:
    folder = DataFolder(data)
    data.mkdir(parents=True, exist_ok=True)
    listeners = "".join(
        f'\n[[fieldgate.listeners]]\nhost = "127.0.0.1"\nport = {number}\nkind = "{kind}"\n'
        for number, kind in ((port, "remote"), (co_located_port, "co-located"))
    )
    folder.settings_file.write_text(
        f"# The demo's provider: loopback only.\n[fieldgate]\nnames = {json.dumps(['127.0.0.1', 'localhost'])}\n{listeners}",
        encoding="utf-8",
    )
    config = make_provider(data, "Northwind Managed Backup", ("127.0.0.1", "localhost"))
    store = open_store(config.store_url)
    try:
        for company, places in COMPANIES.items():
            organization = store.organizations.add_company(company, now_ms=now_ms())
            for place in places:
                store.organizations.add_location(organization.uid, place, now_ms=now_ms())
    finally:
        store.close()


def _fleet_argv(data: Path, agents: int, limit_s: float | None) -> list[str]:
    duration = [] if limit_s is None else ["--duration", str(int(limit_s))]
    companies = [word for company in COMPANIES for word in ("--company", company)]
    return [
        sys.executable, "-m", "agent", "simulate", "--data", str(data), "--count", str(agents), "--rate", "3",
        *companies, *duration,
    ]  # fmt: skip


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"port {port}: {error.strerror}; fieldgate demo --port N --co-located-port M takes others",
                exit_code=UNUSABLE,
                code=Code.PORT_IN_USE,
            ) from None


def _start(argv: list[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    # A session of its own: Ctrl-C at the terminal is ours, and we stop the two in order.
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def _stop(process: "subprocess.Popen[bytes] | None") -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(data: Path, gateway: "subprocess.Popen[bytes]") -> None:
    listener = load_config(data).listeners[0]
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and gateway.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((listener.host, listener.port)) == 0:
                return
        time.sleep(0.1)
    _require_health(gateway, data / "serve.log")
    raise CommandError(f"the gateway did not start: see {data / 'serve.log'}", exit_code=FAILED)


def _require_health(process: "subprocess.Popen[bytes]", log: Path) -> None:
    if process.poll():
        words = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        raise CommandError("\n".join((f"ended by itself, see {log}:", *words)), exit_code=FAILED)


@attrs.define
class _View:
    """What the table shows, gathered from the store as it goes."""

    store: Store
    at: int = 0
    events: dict[str, int] = attrs.field(factory=dict)
    failed: dict[str, int] = attrs.field(factory=dict)
    moved: dict[str, int] = attrs.field(factory=dict)
    newest: list[Text] = attrs.field(factory=list)
    total: int = 0

    def render(self) -> Group:
        agents = self.store.agents.list(now_ms=now_ms())
        organization = {agent.uid: agent.organization_name for agent in agents}
        hosts = {agent.uid: agent.host_name for agent in agents}
        self._read(organization, hosts)
        table = Table(title="agents and what they reported", title_justify="left", box=None, pad_edge=False)
        for heading in ("organization", "agents", "online", "events", "failed jobs", "transferred"):
            table.add_column(heading, justify="left" if heading == "organization" else "right")
        for name in sorted(set(organization.values())):
            here = [agent for agent in agents if agent.organization_name == name]
            online = sum(agent.status is ConnectionStatus.ONLINE for agent in here)
            table.add_row(
                name, str(len(here)), str(online), str(self.events.get(name, 0)), str(self.failed.get(name, 0)),
                size(self.moved.get(name, 0)),
            )  # fmt: skip
        return Group(table, Text(), Text(f"newest of {self.total} events", style="bold"), *self.newest)

    def _read(self, organization: dict[str, str], hosts: dict[str, str]) -> None:
        while True:
            events, read_to = self.store.events.tail(self.at)
            for event in events:
                name = organization.get(event.agent_uid, "?")
                self.events[name] = self.events.get(name, 0) + 1
                self.total += 1
                if event.kind == EventKind.JOB_FINISHED:
                    self.failed[name] = self.failed.get(name, 0) + (event.status == JobStatus.FAILED)
                    self.moved[name] = self.moved.get(name, 0) + event.transferred_bytes
                style = {JobStatus.FAILED: "red", JobStatus.WARNING: "yellow"}.get(
                    JobStatus(event.status), ""
                )
                said = event.message or EventKind(event.kind).name.lower().replace("_", " ")
                line = f"{hosts.get(event.agent_uid, '?'):24.24} {said}"
                self.newest.append(Text(line, style=style, no_wrap=True, overflow="ellipsis"))
            del self.newest[:-SHOWN_EVENTS]
            if read_to == self.at:
                return
            self.at = read_to


def _show(
    console: Console, data: Path, processes: "tuple[subprocess.Popen[bytes], ...]", limit_s: float | None
) -> bool:
    """Show until the time is up; False if a process ended before."""
    store = open_store(load_config(data).store_url)
    view = _View(store, at=store.events.newest_batch())
    started, ended = time.monotonic(), False
    try:
        with Live(view.render(), console=console, auto_refresh=False, vertical_overflow="visible") as live:
            while limit_s is None or time.monotonic() - started < limit_s:
                time.sleep(REFRESH_S)
                live.update(view.render(), refresh=console.is_terminal)
                if ended := any(process.poll() is not None for process in processes):
                    break
            live.update(view.render(), refresh=True)
    finally:
        store.close()
    return not ended


def _say_more(console: Console, data: Path) -> None:
    console.print(
        "\nLook further (while the demo runs, in another terminal; or start it again, it goes on where it was):\n"
        f"  .venv/bin/fieldgate agent list --data {data}\n"
        f"  .venv/bin/fieldgate events tail --data {data}\n"
        f"  .venv/bin/fieldgate site list --data {data}\n"
        f"  .venv/bin/fieldgate status --data {data}\n"
        "  curl -s http://127.0.0.1:9180/metrics\n"
        "A gateway of your own: fieldgate init --help"
    )
