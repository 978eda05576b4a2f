"""What is looked at before a simulation begins, so that it does not fail in the middle: each problem says what to do about it."""

import difflib
import errno
import ipaddress
import socket
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from agent.simulator.machine import available_bytes
from agent.simulator.personas import PERSONAS

# Of each process, beside one for each agent: the outbox, the channel, connections that are just ending.
SPARE_DESCRIPTORS: Final = 200

# What a process has before its first agent, and what an agent adds: 57 MiB and 120 KiB measured with 1,000 in each of two, and
# room for what waits where a gateway stalls.
PROCESS_BYTES: Final = 60 * 1024 * 1024
AGENT_BYTES: Final = 200 * 1024

# A /24 is 254 agents' sites; more addresses than agents are of no use, and a /8 would be listed for minutes.
MAX_SOURCES: Final = 4096

_PORT_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


class CheckError(Exception):
    """It cannot work; the message says what to do."""


def parse_sources(text: str) -> tuple[str, ...]:
    """Addresses to dial from: `127.0.0.2,127.0.0.3`, networks (`127.0.1.0/24`), or both.

    Raises:
        CheckError: one is none, there are too many, or this machine does not have one of them.
    """
    found: list[str] = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        try:
            network = ipaddress.ip_network(word, strict=False)
        except ValueError:
            raise CheckError(f"--source: {word!r} is no address and no network") from None
        if len(found) + network.num_addresses > MAX_SOURCES:
            raise CheckError(f"--source: more than {MAX_SOURCES} addresses: name a smaller network")
        found += map(str, [network.network_address] if network.num_addresses == 1 else network.hosts())
    for address in found:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as probe:
            try:
                probe.bind((address, 0))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise CheckError(f"--source: {address}: {error.strerror}") from None
                raise CheckError(
                    f"--source: this machine does not have the address {address}: add it to an interface,"
                    " or take loopback addresses (127.0.0.2, 127.0.1.0/24) for a gateway on this machine"
                ) from None
    return tuple(found)


def check_personas(names: Iterable[str], *, has_data: bool) -> None:
    """Whether such agents can be had.

    Raises:
        CheckError: there is no such persona, or it needs the provider's data folder.
    """
    for name in names:
        if name not in PERSONAS:
            near = difflib.get_close_matches(name, PERSONAS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(PERSONAS)}"
            raise CheckError(f"there is no persona {name!r}; {hint}")
        if PERSONAS[name].needs_data and not has_data:
            raise CheckError(
                f"the persona {name} needs the provider's data folder: it can be played with --data only"
            )


def check(agents: int, processes: int, sources: Sequence[str]) -> None:
    """Whether so many agents can be had.

    Raises:
        CheckError: descriptors, ports or memory do not suffice.
    """
    _check_descriptors(-(-agents // processes) + SPARE_DESCRIPTORS, agents, processes)
    _check_ports(agents, max(1, len(sources)))
    _check_memory(agents, processes)


def _check_descriptors(wanted: int, agents: int, processes: int) -> None:
    """Each agent has a socket; POSIX limits open files to 1,024 unless asked, and what we ask for our children have."""
    import resource  # absent on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        least = -(-agents // max(1, hard - SPARE_DESCRIPTORS))
        raise CheckError(
            f"{wanted} open files are needed in each of {processes} processes, and {hard} allowed:"
            f" raise the limit (ulimit -n), or take --processes {least} or more"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _check_ports(agents: int, sources: int) -> None:
    if sys.platform != "linux":
        return
    low, high = map(int, _PORT_RANGE.read_text(encoding="ascii").split())
    # An agent that comes back takes another one: the port before it rests for a minute.
    ports = (high - low + 1) * sources
    if 2 * agents > ports:
        least = -(-2 * agents // (high - low + 1))
        raise CheckError(
            f"{agents} agents need {2 * agents} ports, each its own and one to come back by, and {sources} source"
            f" address(es) have {ports}: give {least} addresses (--source 127.0.0.2,…), or widen"
            " net.ipv4.ip_local_port_range"
        )


def _check_memory(agents: int, processes: int) -> None:
    wanted = processes * PROCESS_BYTES + agents * AGENT_BYTES
    there = available_bytes()
    if there is not None and wanted > there:
        raise CheckError(
            f"{agents} agents take about {wanted >> 20} MiB, and {there >> 20} MiB are free: take fewer (--count)"
        )
