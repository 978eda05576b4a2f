"""Where the lab stands: network namespaces of its own where the machine allows them, else loopback addresses.

    agents ── boxes ── gateway          (and a second gateway's room for those with something wrong with them)
       10.213.0.0/24   │ 10.213.1.0/24
                       └ 10.213.2.0/24

A *site* is one customer's place, a number from 1 to 199. From there the gateway is dialed at `at(site)`, and whatever stands in
the path of that site takes the connection: by REDIRECT in the boxes' namespace, or, on loopback, because it listens on that very
address. `beside(site)` is the same gateway past the box. Every site has a public address of its own, in a network of its own, so
that the gateway tells them apart: by source NAT in the boxes' namespace; on loopback whoever dials binds to it.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import attrs

from tests.helpers.provider import free_ports

AGENT, BOX, GATEWAY, OTHER = "agent", "box", "gateway", "other"
PLACES = (AGENT, BOX, GATEWAY, OTHER)
ROOT = Path(__file__).parents[3]
READY_S = 60.0


@attrs.define(eq=False)
class Process:
    """One process of the lab, in its own place; what it says is in *log*."""

    popen: "subprocess.Popen[bytes]"
    log: Path

    def wait_for(self, *endpoints: tuple[str, int]) -> None:
        """Return when this process, or another in its namespace, listens on all of *endpoints*."""
        deadline = time.monotonic() + READY_S
        while not _listening(self.popen.pid).issuperset(endpoints):
            assert self.popen.poll() is None, f"ended:\n{self.log.read_text(errors='replace')}"
            assert time.monotonic() < deadline, f"silent:\n{self.log.read_text(errors='replace')}"
            time.sleep(0.02)

    def wait_for_word(self, word: str) -> None:
        """Return when *word* is in what it has said."""
        deadline = time.monotonic() + READY_S
        while word not in (said := self.log.read_text(errors="replace")):
            assert self.popen.poll() is None, f"ended:\n{said}"
            assert time.monotonic() < deadline, f"never said {word!r}:\n{said}"
            time.sleep(0.02)

    def end(self, limit_s: float = 20.0) -> None:
        """SIGTERM, and SIGKILL if that is not enough."""
        self.popen.terminate()
        try:
            self.popen.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


def _listening(pid: int) -> set[tuple[str, int]]:
    """Where somebody listens, by IPv4, in the network namespace of *pid*."""
    found = set()
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == "0A":
                address, _, port = local.partition(":")
                host = socket.inet_ntoa(int(address, 16).to_bytes(4, sys.byteorder))
                found.add((host, int(port, 16)))
    return found


@attrs.define(eq=False)
class Ground:
    """Loopback, and what the namespaces have in common with it."""

    port: int
    """Where gateways listen."""
    announced: int
    """Where they listen for connections that a balancer announces (PROXY protocol)."""
    processes: list[Process] = attrs.field(factory=list, init=False)

    name = "loopback"
    more_ports: ClassVar[tuple[int, ...]] = ()
    """Where the gateway behind the boxes listens too."""

    @classmethod
    def make(cls) -> "Ground":
        """Ports that nobody has."""
        port, announced = free_ports(2)
        return cls(port, announced)

    def argv(self, place: str, *argv: str) -> list[str]:
        """How to run *argv* in a place."""
        assert place in PLACES
        return list(argv)

    def environment(self, **more: str) -> dict[str, str]:
        """Of every process."""
        return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | more

    def start(self, place: str, *argv: str, log: Path, env: dict[str, str] | None = None) -> Process:
        """Start a process; it ends with the lab."""
        with log.open("wb") as output:
            popen = subprocess.Popen(
                self.argv(place, *argv), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, env=self.environment(**(env or {})),
            )  # fmt: skip
        process = Process(popen, log)
        self.processes.append(process)
        return process

    def end(self) -> None:
        """End what still runs, last started first."""
        for process in reversed(self.processes):
            if process.popen.poll() is None:
                process.popen.terminate()
        for process in reversed(self.processes):
            process.end()

    # Addresses

    def at(self, site: int) -> str:
        """The gateway's address as a site's agents have it: the box's, if there is one."""
        return f"127.213.{site}.1"

    def beside(self, site: int) -> str:  # each site's own only where they are told apart by it
        """The gateway's other address, with no box before it."""
        return self.gateway

    @property
    def gateway(self) -> str:
        """Where the gateway is to listen."""
        return "127.213.0.1"

    def other(self, number: int) -> str:
        """Where the gateways with something wrong listen; no box stands before them."""
        return f"127.213.{200 + number}.1"

    @property
    def nowhere(self) -> str:
        """An address at which nobody listens."""
        return self.other(49)

    def box(self, site: int) -> tuple[str, int]:
        """Where the box of a site is to listen."""
        return self.at(site), self.port

    def upstream(self, site: int) -> str:  # as in `beside`
        """Where the box of a site finds the gateway."""
        return self.gateway

    def agent_source(self, site: int) -> str | None:
        """What a site's agents bind to."""
        return f"127.214.{site}.1"

    def box_source(self, site: int, *, own: bool = False) -> str | None:
        """What the box of a site binds to: the site's one public address, or one of the box's *own*."""
        return f"127.214.{site}.{2 if own else 1}"

    def network(self, site: int) -> str:
        """How the addresses begin that a gateway sees of a site."""
        return f"127.214.{site}."

    def seen_as(self, site: int) -> str:
        """The address that a gateway sees of a box that has one of its own."""
        return f"127.214.{site}.2"

    def proxy_address(self, host: str) -> str:
        """What agents call an explicit proxy that listens on *host*."""
        return host

    def divert(self, sites: Sequence[int]) -> None:
        """Lead these sites' connections through their boxes."""

    def translate(self, site: int) -> None:
        """Let a site that has no box be seen by its public address."""


class Namespaces(Ground):
    """Four rooms and the wires between them."""

    name = "namespaces"
    more_ports = (443,)

    @classmethod
    def make(cls) -> "Namespaces":
        """The rooms; `end` removes them.

        Raises:
            OSError, subprocess.CalledProcessError: this machine does not let us.
        """
        ground = cls(6180, 6181)
        try:
            for place in PLACES:
                _run("ip", "netns", "add", ground._room(place))
                ground._ip(place, "link", "set", "lo", "up")
            for number, place in enumerate((AGENT, GATEWAY, OTHER)):
                ground._wire(number, place)
            ground._nft("add table ip lab")
            ground._nft("add chain ip lab divert { type nat hook prerouting priority -100; }")
            ground._nft("add chain ip lab dropped { type filter hook forward priority 0; }")
            ground._nft("add chain ip lab translate { type nat hook postrouting priority 100; }")
            for place, networks in ((GATEWAY, ("10.213.10.0/23",)), (OTHER, ("10.213.20.0/24",))):
                for network in networks:
                    ground._ip(place, "route", "add", "local", network, "dev", "lo")
        except BaseException:
            ground.end()
            raise
        return ground

    def _room(self, place: str) -> str:
        return f"fglab{os.getpid()}-{place}"

    def _ip(self, place: str, *words: str) -> None:
        _run("ip", "-n", self._room(place), *words)

    def _nft(self, rule: str) -> None:
        _run(*self.argv(BOX, "nft", rule))

    def _wire(self, number: int, place: str) -> None:
        """10.213.N.1 is the boxes' end, 10.213.N.2 the other; everything else of the other's lies behind ours."""
        here, there = f"10.213.{number}.1", f"10.213.{number}.2"
        _run("ip", "link", "add", f"to-{place}", "netns", self._room(BOX), "type", "veth", "peer", "name", "eth0",
             "netns", self._room(place))  # fmt: skip
        self._ip(BOX, "address", "add", f"{here}/24", "dev", f"to-{place}")
        self._ip(BOX, "link", "set", f"to-{place}", "up")
        self._ip(place, "address", "add", f"{there}/24", "dev", "eth0")
        self._ip(place, "link", "set", "eth0", "up")
        self._ip(place, "route", "add", "default", "via", here)
        if place == GATEWAY:
            self._ip(BOX, "route", "add", "10.213.10.0/23", "via", there)
        if place == OTHER:
            self._ip(BOX, "route", "add", "10.213.20.0/24", "via", there)
            _run(*self.argv(BOX, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"))

    def argv(self, place: str, *argv: str) -> list[str]:
        return ["ip", "netns", "exec", self._room(place), *argv]

    def end(self) -> None:
        super().end()
        for place in PLACES:
            subprocess.run(
                ["ip", "netns", "del", self._room(place)], capture_output=True, timeout=30, check=False
            )

    def at(self, site: int) -> str:
        return f"10.213.10.{site}"

    def beside(self, site: int) -> str:
        return f"10.213.11.{site}"

    @property
    def gateway(self) -> str:
        return "0.0.0.0"  # noqa: S104  # all of a namespace of its own

    def other(self, number: int) -> str:
        return f"10.213.20.{number}"

    def box(self, site: int) -> tuple[str, int]:
        return "0.0.0.0", 7000 + site  # noqa: S104  # all of a namespace of its own

    def upstream(self, site: int) -> str:
        return self.at(site)

    def agent_source(self, site: int) -> str | None:  # the one that its namespace has
        return None

    def box_source(self, site: int, *, own: bool = False) -> str | None:  # translated on its way out
        return None

    def network(self, site: int) -> str:
        return f"10.214.{site}."

    def seen_as(self, site: int) -> str:
        return f"10.214.{site}.1"

    def divert(self, sites: Sequence[int]) -> None:
        for site in sites:
            self._nft(
                f"add rule ip lab divert ip daddr {self.at(site)} tcp dport {self.port} redirect to :{self.box(site)[1]}"
            )
            self.translate(site)

    def translate(self, site: int) -> None:
        for address in (self.at(site), self.beside(site)):
            self._nft(f"add rule ip lab translate ip daddr {address} snat to 10.214.{site}.1")

    def proxy_address(self, host: str) -> str:  # all of them
        return "10.213.0.1"

    def drop(self, site: int) -> None:
        """Drop what a site's agents send to the gateway's port."""
        self._nft(f"add rule ip lab dropped ip daddr {self.at(site)} tcp dport {self.port} drop")
        self.translate(site)


def _run(*argv: str) -> None:
    subprocess.run(argv, capture_output=True, timeout=30, check=True)


def has_namespaces() -> bool:
    """Whether this machine lets us make namespaces, wires between them, and rules in them."""
    room = f"fglab{os.getpid()}-try"
    try:
        _run("ip", "netns", "add", room)
    except (OSError, subprocess.SubprocessError):
        return False
    try:
        _run("ip", "-n", room, "link", "add", "one", "type", "veth", "peer", "name", "other")
        _run("ip", "netns", "exec", room, "nft", "add table ip lab")
        _run(
            "ip",
            "netns",
            "exec",
            room,
            "nft",
            "add chain ip lab divert { type nat hook prerouting priority -100; }",
        )
    except (OSError, subprocess.SubprocessError):
        return False
    finally:
        _run("ip", "netns", "del", room)
    return True


@contextlib.contextmanager
def standing() -> Iterator[Ground]:
    """A ground, removed with the block: namespaces if this machine lets us, else loopback (LAB_GROUND=loopback asks for it)."""
    loopback = os.environ.get("LAB_GROUND") == "loopback" or not has_namespaces()
    ground = Ground.make() if loopback else Namespaces.make()
    try:
        yield ground
    finally:
        ground.end()
