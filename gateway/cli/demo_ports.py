"""What the demo listens on: the usual ports, others, or those that its folder was made with."""

import shlex
import socket
import sys
from pathlib import Path

import attrs

from gateway.cli.errors import UNUSABLE, CommandError
from gateway.config import CO_LOCATED, REMOTE, Config
from protocol import Code

HOST = "127.0.0.1"


@attrs.frozen
class Ports:
    """On loopback, all of them."""

    remote: int = 6180
    co_located: int = 9999
    monitor: int = 9180
    """Of the edge; the projector's is the next."""
    management: int = 1280
    """REST."""

    def __str__(self) -> str:
        return f"--port {self.remote} --co-located-port {self.co_located} --monitor-port {self.monitor} --management-port {self.management}"

    @property
    def all(self) -> tuple[int, ...]:
        """Everything that is listened on."""
        return self.remote, self.co_located, self.monitor, self.monitor + 1, self.management

    def or_given(self, *given: int | None) -> "Ports":
        """These, but for what is *given*, in the order of the fields.

        Raises:
            CommandError: a port that is none.
        """
        ports = Ports(
            *(usual if mine is None else mine for mine, usual in zip(given, attrs.astuple(self), strict=True))
        )
        if not all(0 < port < 65536 for port in ports.all):
            raise CommandError(f"{ports}: a port is 1 to 65535, a monitor's 1 to 65534", exit_code=UNUSABLE)
        return ports

    @property
    def settings(self) -> str:
        """As TOML for a data folder."""
        listeners = (
            f'\n[[fieldgate.listeners]]\nhost = "{HOST}"\nport = {number}\nkind = "{kind}"\n'
            for number, kind in ((self.remote, REMOTE), (self.co_located, CO_LOCATED))
        )
        management = f'\n[fieldgate.management]\nhost = "{HOST}"\nport = {self.management}\n'
        return f"monitor_port = {self.monitor}\n" + management + "".join(listeners)


def ports_of(config: Config, *given: int | None) -> Ports:
    """A folder keeps the ports that it was made with: its agents dial them.

    Raises:
        CommandError: others are *given*.
    """
    listeners = {listener.kind: listener.port for listener in config.listeners}
    kept = Ports(
        listeners.get(REMOTE, 0), listeners.get(CO_LOCATED, 0), config.monitor_port, config.management.port
    )
    if kept.or_given(*given) != kept:
        raise CommandError(
            f"{config.data} was made with {kept}: leave them out, or give --data another folder",
            exit_code=UNUSABLE,
        )
    return kept


def require_free(data: Path, ports: Ports) -> None:
    """Make sure that nobody listens on *ports*.

    Raises:
        CommandError: somebody does; it names a command line that works.
    """
    for port in ports.all:
        if why := _taken(port):
            steps = (
                Ports(*(number + step for number in attrs.astuple(Ports())))
                for step in range(1000, 50_000, 1000)
            )
            free = next((each for each in steps if not any(map(_taken, each.all))), Ports())
            other = shlex.quote(str(data.with_name(f"{data.name}-on-{free.remote}")))
            raise CommandError(
                f"port {port}: {why}. Stop what listens there, or take others:\n"
                f"  {program()} demo --data {other} {free}",
                exit_code=UNUSABLE,
                code=Code.PORT_IN_USE,
            )


def _taken(port: int) -> str:
    """Why *port* can't be had; empty if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def program() -> str:
    """How this program was called, to be typed again."""
    called = Path(sys.argv[0])
    if called.name != "fieldgate":
        return f"{shlex.quote(sys.executable)} -m gateway"
    here = Path.cwd()
    return shlex.quote(str(called.relative_to(here) if called.is_relative_to(here) else called))
