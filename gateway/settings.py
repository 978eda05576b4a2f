"""What can be set: values that refuse what could not work, wherever they come from (`gateway.config` reads them)."""

import errno
import ipaddress
import itertools
import socket
import string
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs
import typed_settings as ts

from certs import could_be_dns_name
from gateway.releases import Agents
from gateway.settings_alarms import Alarms, Mail
from gateway.settings_licensing import Licensing
from gateway.settings_management import Management
from gateway.settings_oidc import Oidc
from protocol import Code

__all__ = [
    "CO_LOCATED", "REMOTE", "TABLES",
    "Agents", "Config", "ConfigError", "Limits", "Listener", "Management", "Oidc", "cannot_listen",
]  # fmt: skip

CO_LOCATED = "co-located"
REMOTE = "remote"
KINDS = (REMOTE, CO_LOCATED)
LOG_FORMATS = ("auto", "json", "console", "journald", "syslog")
LOG_LEVELS = ("debug", "info", "warning", "error")

# What a Welcome can say is 1 to 3600; a fraction of a second is for tests, and is told as 1.
HEARTBEAT_S = (0.1, 3600.0)

# Less than a tenth of a second is no time for anything, and more than a year is a way of saying never.
LIMIT_S = (0.1, 366 * 24 * 3600.0)


class ConfigError(Exception):
    """The configuration can't be used; says which key, why, and what to do."""

    def __init__(self, message: str, code: Code = Code.CONFIG_INVALID_VALUE) -> None:
        super().__init__(message)
        self.code = code

    def __repr__(self) -> str:
        return str(self)  # typed-settings tells reasons by their repr


def cannot_listen(host: str, port: int, error: OSError) -> ConfigError:
    """What it means that *host* and *port* could not be bound."""
    where = f"{host or 'every address'}, port {port}"
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"{where}: another process listens there; stop it, or change the port in fieldgate.toml",
            Code.PORT_IN_USE,
        )
    return ConfigError(f"{where}: can't listen: {error.strerror or error}")


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


def _check_name(name: str) -> None:
    """Agents dial it, and it stands in the gateway's certificate."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        _check(
            could_be_dns_name(name),
            f"names: {name!r} is neither a DNS name nor an address that agents could dial",
        )
    else:
        could = not (address.is_unspecified or address.is_multicast or "%" in name)
        _check(could, f"names: no agent can dial {name}")


def _check_network(name: str, network: str) -> None:
    try:
        ipaddress.ip_network(network)
    except ValueError as error:
        raise ConfigError(f"{name} {network!r}: {error}") from None


def _check_seconds(name: str, value: float, bounds: tuple[float, float]) -> None:
    _check(
        bounds[0] <= value <= bounds[1], f"{name} = {value} is not between {bounds[0]:g} and {bounds[1]:.0f}"
    )


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        raise ConfigError(
            f"time_zone {name!r} is not known on this machine: give one like Europe/Stockholm"
        ) from None


@attrs.frozen(kw_only=True)
class Listener:
    """One address that agents dial. ``host`` "" is every address, IPv6 and IPv4."""

    host: str = ""
    port: int = 6180
    # remote tenants' agents, or "co-located": servers in the provider's own infrastructure
    kind: str = REMOTE
    # networks of balancers that speak PROXY protocol v2 to this listener
    proxy_from: tuple[str, ...] = ()
    # "host:port" told to agents; default: every name of the gateway, this port
    advertise: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        """Refuse what could not work.

        Raises:
            ConfigError: a port out of range, an unknown kind, a proxy network or an address that is none.
        """
        _check(0 <= self.port <= 65535, f"port {self.port} is not between 0 and 65535")
        _check(self.kind in KINDS, f"kind {self.kind!r} is not one of {', '.join(KINDS)}")
        for network in self.proxy_from:
            _check_network("proxy_from", network)
        for address in self.advertise:
            _check(_is_address(address), f"advertise {address!r} is not of the form host:port or [IPv6]:port")

    def meets(self, other: "Listener") -> bool:
        """Whether the two cannot both be bound; a port that the system chooses meets none."""
        on_one_host = self.host == other.host or "" in (self.host, other.host)
        return self.port != 0 and self.port == other.port and on_one_host


def _is_address(text: str) -> bool:
    host, separator, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return False  # an IPv6 address without brackets: nobody can say where its port begins
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536
    return bool(separator and host and is_port) and not any(each.isspace() for each in host)


# The largest batch, and half as much again: credit comes back in quarters.
SMALLEST_CREDIT = 3 * 512 * 1024


@attrs.frozen(kw_only=True)
class Limits:
    """What bounds one edge. Bytes, seconds, counts."""

    # file descriptors: 20,000 a process on the machines this was measured on
    connections: int = 15_000
    # the part of those beyond which newcomers are told in words when to come back
    connections_soft: float = 0.95
    # accepted, not yet past Hello
    pre_auth_connections: int = 2_000
    # charged for every connection before Hello
    pre_auth_bytes: int = 64 * 1024 * 1024
    # unauthenticated connections of one source address
    per_address: int = 200
    # connects begun a second; 0: as many as this machine was measured to do at the start
    connects_per_s: float = 0.0
    # connections that cannot be an agent's, a second of one stranger's address, beyond which it is banned for a while
    faults_per_s: float = 2.0
    # one deadline over accept, PROXY header, TLS and Hello
    hello_s: float = 15.0
    # a peer that does not read for this long is cut off
    send_s: float = 20.0
    # bytes of batches an agent may have unacknowledged
    session_credit: int = 2 * 1024 * 1024
    # memory for large messages under way, all agents together
    in_flight: int = 256 * 1024 * 1024
    # the projector's lag beyond which no more credit is given
    lag_bytes: int = 256 * 1024 * 1024
    lag_s: float = 30.0
    # the window over which a stopping edge spreads its agents' reconnects
    drain_s: float = 30.0
    journal_segment: int = 64 * 1024 * 1024
    # after projection
    journal_keep_s: float = 24 * 3600.0
    # files from agents, all together; each has 64 MiB at most
    spool_bytes: int = 1024 * 1024 * 1024
    spool_keep_s: float = 7 * 24 * 3600.0

    def __attrs_post_init__(self) -> None:
        """Refuse a limit that is none.

        Raises:
            ConfigError: zero or negative; seconds that nobody can wait.
        """
        for name, value in attrs.asdict(self).items():
            derives = name == "connects_per_s" and value == 0
            _check(value > 0 or derives, f"limits.{name} = {value} must be positive")
            if name.endswith("_s") and not name.endswith("_per_s"):
                _check_seconds(f"limits.{name}", value, LIMIT_S)
        soft = self.connections_soft
        _check(
            soft <= 1,
            f"limits.connections_soft = {soft} must be 1 or less: it is a part of limits.connections",
        )
        least = SMALLEST_CREDIT
        text = (
            f"limits.session_credit = {self.session_credit} must be {least} or more: one batch may have 1 MiB"
        )
        _check(self.session_credit >= least, text)


def _default_listeners() -> tuple[Listener, ...]:
    return (Listener(port=6180), Listener(port=9999, kind=CO_LOCATED))


@attrs.frozen(kw_only=True)
class Config:
    """Everything an edge, a projector or a command needs to know."""

    data: Path = Path("fieldgate-data")
    # this edge's name: its journal lies in DATA/journals/NAME
    name: str = "edge"
    # DNS names and addresses of the gateway
    names: tuple[str, ...] = attrs.field(factory=lambda: (socket.gethostname(),))
    listeners: tuple[Listener, ...] = attrs.field(factory=_default_listeners)
    # SQLAlchemy URL; "" is DATA/store.sqlite
    store: ts.SecretStr = ts.secret(factory=lambda: ts.SecretStr(""))  # noqa: RUF009  # a field, as attrs.field is
    # three missed and an agent is Inaccessible
    heartbeat_s: float = 30.0
    # a second copy of DATA/revocations.log, on another disk; "" is none
    revocation_log: str = ""
    # your own certificate chain (PEM), leaf first; "" is one of our CA's
    certificate: str = ""
    certificate_key: str = ""
    # CAs (PEM) that agents are to trust for it; alone, they are announced only
    certificate_issuers: str = ""
    monitor_host: str = "127.0.0.1"
    # /livez, /readyz, /metrics of the edge; the projector takes the next port
    monitor_port: int = 9180
    # auto | json | console | journald | syslog
    log_format: str = "auto"
    # debug | info | warning | error: what is less than that is not said
    log_level: str = "info"
    # where the provider is, as in Europe/Stockholm: months of usage begin at midnight there
    time_zone: str = "UTC"
    # evidence of paths that carry no session; off for measuring what it costs
    inspection: bool = True
    # networks of your own proxies that speak no PROXY protocol to us
    own_proxies: tuple[str, ...] = ()
    # SHA-256 (hex) of the public keys of certificates that you serve on a box of your own that ends TLS
    own_offload: tuple[str, ...] = ()
    limits: Limits = Limits()
    agents: Agents = attrs.field(factory=Agents)
    management: Management = attrs.field(factory=Management)
    oidc: Oidc = attrs.field(factory=Oidc)
    alarms: Alarms = attrs.field(factory=Alarms)
    mail: Mail = attrs.field(factory=Mail)
    licensing: Licensing = attrs.field(factory=Licensing)

    def __attrs_post_init__(self) -> None:
        """Refuse what could not work.

        Raises:
            ConfigError: an empty list of names or listeners, two listeners on one port, a name that could not be a
                folder, half of a key pair, a network or a hash that is none.
        """
        _check(bool(self.names), "names is empty: give at least one DNS name or address of this gateway")
        for name in self.names:
            _check_name(name)
        _check(bool(self.listeners), "listeners is empty: an edge needs at least one")
        for one, other in itertools.combinations(self.listeners, 2):
            _check(not one.meets(other), f"listeners: two of them on port {one.port} of one address")
        _check(
            bool(self.name) and self.name.replace("-", "").replace("_", "").isalnum(),
            f"name {self.name!r} must consist of letters, digits, - and _",
        )
        # The projector's monitor takes the next port; 0 is any free one.
        _check(0 <= self.monitor_port < 65535, f"monitor_port {self.monitor_port} is not between 0 and 65534")
        _check_seconds("heartbeat_s", self.heartbeat_s, HEARTBEAT_S)
        _check(
            bool(self.certificate) == bool(self.certificate_key),
            "certificate and certificate_key belong together: give both or neither",
        )
        for table in (self.agents, self.alarms, self.licensing, self.mail, self.management, self.oidc):
            problem = table.problem()
            _check(not problem, problem)
        _check_zone(self.time_zone)
        for network in self.own_proxies:
            _check_network("own_proxies", network)
        for key in self.own_offload:
            is_hash = len(key) == 64 and all(digit in string.hexdigits for digit in key)
            _check(is_hash, f"own_offload {key!r} is no SHA-256 in hex")
        _check(
            self.log_format in LOG_FORMATS,
            f"log_format {self.log_format!r} is not one of {', '.join(LOG_FORMATS)}",
        )
        _check(
            self.log_level in LOG_LEVELS,
            f"log_level {self.log_level!r} is not one of {', '.join(LOG_LEVELS)}",
        )

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of the store, the secret in clear."""
        return str(self.store) or f"sqlite:///{self.data / 'store.sqlite'}"

    @property
    def balancers(self) -> tuple[str, ...]:
        """Networks of the provider's own proxies, whichever way they announce themselves, each once."""
        announced = itertools.chain.from_iterable(listener.proxy_from for listener in self.listeners)
        return tuple(dict.fromkeys((*self.own_proxies, *announced)))

    def addresses(self, kind: str = REMOTE) -> list[str]:
        """The ``host:port`` strings that agents of listeners of *kind* are told, each once."""
        told = [self._advertised(listener) for listener in self.listeners if listener.kind == kind]
        return list(dict.fromkeys(itertools.chain.from_iterable(told)))

    def _advertised(self, listener: Listener) -> Iterator[str]:
        if listener.advertise:
            yield from listener.advertise
            return
        for name in self.names:
            yield f"[{name}]:{listener.port}" if ":" in name else f"{name}:{listener.port}"


TABLES: dict[str, type] = {
    "agents": Agents,
    "alarms": Alarms,
    "licensing": Licensing,
    "limits": Limits,
    "mail": Mail,
    "management": Management,
    "oidc": Oidc,
}
"""The tables of settings beside the listeners, each with its class."""
