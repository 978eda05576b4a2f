"""The addresses that a customer's firewall has to leave alone, in the forms that firewalls read from an external list."""

import ipaddress
import socket
from collections.abc import Iterator
from enum import StrEnum

from gateway.cli.errors import FAILED, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import json_line, say
from gateway.config import REMOTE, Config, load_config
from gateway.datafolder import DataFolder

__all__ = ["Listed", "endpoints"]


class Listed(StrEnum):
    """What the lines of a list are: many firewalls want one kind of entry in one list."""

    ALL = "all"
    IP = "ip"
    DOMAIN = "domain"


def endpoints(*, only: Listed = Listed.ALL, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Print what tenants' agents dial, a line each, for firewalls' external lists; with ports in JSON.

    Parameters
    ----------
    only
        ip: addresses alone, names resolved here and now. domain: names alone. all: as they are configured.
    """
    DataFolder(data).check()
    found = list(dict.fromkeys(_dialed(data)))
    if json_:
        listed = [
            {"host": host, "port": port, "kind": "ip" if _is_ip(host) else "domain"} for host, port in found
        ]
        json_line({"version": 1, "protocol": "tcp", "endpoints": listed})
        return
    hosts = list(dict.fromkeys(host for host, _ in found))
    if only is Listed.DOMAIN:
        hosts = [host for host in hosts if not _is_ip(host)]
    elif only is Listed.IP:
        hosts = sorted({address for host in hosts for address in _addresses(host)})
    say(*hosts)


def _dialed(data: Data) -> Iterator[tuple[str, int]]:
    """Host and port of every address that agents are told, those of edges with settings of their own among them."""
    for config in _configs(data):
        for address in config.addresses(REMOTE):
            host, _, port = address.rpartition(":")
            yield host.strip("[]"), int(port)


def _configs(data: Data) -> Iterator[Config]:
    yield load_config(data)
    for file in sorted((data / "edges").glob("*.toml")):
        yield load_config(data, name=file.stem)


def _addresses(host: str) -> set[str]:
    if _is_ip(host):
        return {host}
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise CommandError(f"{host} can't be resolved here: {error.strerror}", exit_code=FAILED) from None


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
