"""Settings: one frozen value, made once, handed down.

Sources, the later wins: the defaults below, ``DATA/fieldgate.toml`` (section ``[fieldgate]``), for an edge that is run
by name ``DATA/edges/NAME.toml``, the environment (``FIELDGATE_NAME``, ``FIELDGATE_LIMITS_CONNECTIONS`` …). Nothing here
is read at import, nothing is global. A key that nobody knows is refused with the nearest name that somebody does: a
typo that is silently ignored costs an evening.
"""

import difflib
import errno
import ipaddress
import itertools
import os
import re
import socket
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import typed_settings as ts

from protocol import Code

__all__ = ["Config", "ConfigError", "Limits", "Listener", "cannot_listen", "load_config"]

CO_LOCATED = "co-located"
REMOTE = "remote"
KINDS = (REMOTE, CO_LOCATED)
ENV_PREFIX = "FIELDGATE_"
SECTION = "fieldgate"
TABLES = ("limits", "listeners")
# The environment that steers our programs but is no setting of the gateway; the agent's may be set on the same machine.
NOT_SETTINGS = frozenset({"FIELDGATE_DATA", "FIELDGATE_TOKEN"})
AGENT_PREFIX = "FIELDGATE_AGENT_"


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
            f"{where}: another process listens there; stop it or change the port", Code.PORT_IN_USE
        )
    return ConfigError(f"{where}: can't listen: {error.strerror or error}")


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@attrs.frozen(kw_only=True)
class Listener:
    """One address that agents dial. ``host`` "" is every address, IPv6 and IPv4."""

    host: str = ""
    port: int = 6180
    kind: str = (
        REMOTE  # remote tenants' agents, or "co-located": servers in the provider's own infrastructure
    )
    proxy_from: tuple[str, ...] = ()  # networks of balancers that speak PROXY protocol v2 to this listener
    advertise: tuple[
        str, ...
    ] = ()  # "host:port" told to agents; default: every name of the gateway, this port

    def __attrs_post_init__(self) -> None:
        """Refuse what could not work.

        Raises:
            ConfigError: a port out of range, an unknown kind, a proxy network that is none.
        """
        _check(0 <= self.port <= 65535, f"listeners: port {self.port} is not between 0 and 65535")
        _check(self.kind in KINDS, f"listeners: kind {self.kind!r} is not one of {', '.join(KINDS)}")
        for network in self.proxy_from:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ConfigError(f"listeners: proxy_from {network!r}: {error}") from None


# The largest batch, and half as much again: credit comes back in quarters.
SMALLEST_CREDIT = 3 * 512 * 1024


@attrs.frozen(kw_only=True)
class Limits:
    """What bounds one edge. Bytes, seconds, counts."""

    connections: int = 15_000  # file descriptors: 20,000 a process on the machines this was measured on
    pre_auth_connections: int = 2_000  # accepted, not yet past Hello
    pre_auth_bytes: int = 64 * 1024 * 1024  # charged for every connection before Hello
    per_address: int = 200  # unauthenticated connections of one source address
    hello_s: float = 15.0  # one deadline over accept, PROXY header, TLS and Hello
    send_s: float = 20.0  # a peer that does not read for this long is cut off
    session_credit: int = 2 * 1024 * 1024  # bytes of batches an agent may have unacknowledged
    in_flight: int = 256 * 1024 * 1024  # memory for large messages under way, all agents together
    lag_bytes: int = 256 * 1024 * 1024  # the projector's lag beyond which no more credit is given
    lag_s: float = 30.0
    drain_s: float = 30.0  # the window over which a stopping edge spreads its agents' reconnects
    journal_segment: int = 64 * 1024 * 1024
    journal_keep_s: float = 24 * 3600.0  # after projection

    def __attrs_post_init__(self) -> None:
        """Refuse a limit that is none.

        Raises:
            ConfigError: zero or negative.
        """
        for name, value in attrs.asdict(self).items():
            _check(value > 0, f"limits.{name} = {value} must be positive")
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
    name: str = "edge"  # this edge's name: its journal lies in DATA/journals/NAME
    # DNS names and addresses of the gateway
    names: tuple[str, ...] = attrs.field(factory=lambda: (socket.gethostname(),))
    listeners: tuple[Listener, ...] = attrs.field(factory=_default_listeners)
    # SQLAlchemy URL; "" is DATA/store.sqlite
    store: ts.SecretStr = ts.secret(factory=lambda: ts.SecretStr(""))  # noqa: RUF009  # a field, as attrs.field is
    heartbeat_s: float = 30.0  # three missed and an agent is Inaccessible
    certificate: str = ""  # your own certificate chain (PEM), leaf first; "" is one of our CA's
    certificate_key: str = ""
    certificate_issuers: str = ""  # CAs (PEM) that agents are to trust for it; alone, they are announced only
    monitor_host: str = "127.0.0.1"
    monitor_port: int = 9180  # /livez, /readyz, /metrics of the edge; the projector takes the next port
    log_format: str = "auto"  # auto | json | console
    limits: Limits = Limits()

    def __attrs_post_init__(self) -> None:
        """Refuse what could not work.

        Raises:
            ConfigError: an empty list of names or listeners, a name that could not be a folder, half of a key pair.
        """
        _check(bool(self.names), "names is empty: give at least one DNS name or address of this gateway")
        _check(bool(self.listeners), "listeners is empty: an edge needs at least one")
        _check(
            bool(self.name) and self.name.replace("-", "").replace("_", "").isalnum(),
            f"name {self.name!r} must consist of letters, digits, - and _",
        )
        # The projector's monitor takes the next port; 0 is any free one.
        _check(0 <= self.monitor_port < 65535, f"monitor_port {self.monitor_port} is not between 0 and 65534")
        _check(self.heartbeat_s > 0, f"heartbeat_s = {self.heartbeat_s} must be positive")
        _check(
            bool(self.certificate) == bool(self.certificate_key),
            "certificate and certificate_key belong together: give both or neither",
        )
        _check(
            self.log_format in ("auto", "json", "console"),
            f"log_format {self.log_format!r} is not auto, json or console",
        )

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of the store, the secret in clear."""
        return str(self.store) or f"sqlite:///{self.data / 'store.sqlite'}"

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


def load_config(data: Path, *, name: str | None = None) -> Config:
    """Read the settings of the data folder *data*.

    Args:
        data: the folder.
        name: the edge's, from the command line. It wins over everything, and `edges/NAME.toml` over `fieldgate.toml`:
            that is where several edges on one machine have their own ports.

    Raises:
        ConfigError: an unknown key (with the nearest known one), or a value that can't be used.
    """
    file = data / "fieldgate.toml"
    files = [file] if name is None else [file, data / "edges" / f"{name}.toml"]
    files = [path for path in files if path.exists()]
    _refuse_unknown_environment(os.environ)
    for path in files:
        _refuse_unknown_sections(path)
    loaders: list[ts.loaders.Loader] = [
        ts.FileLoader(formats={"*.toml": ts.TomlFormat(SECTION)}, files=files),
        ts.EnvLoader(prefix=ENV_PREFIX),
    ]
    try:
        config = ts.load_settings(Config, loaders, converter=_converter())
    except ts.exceptions.InvalidOptionsError as error:
        raise ConfigError(_name_the_typo(str(error)), Code.CONFIG_UNKNOWN_KEY) from None
    except ts.exceptions.InvalidSettingsError as error:
        raise ConfigError("; ".join(map(_reason, error.exceptions))) from None
    except ts.exceptions.TsError as error:
        raise ConfigError(f"{' and '.join(map(str, files))}: {error}") from None
    return attrs.evolve(config, data=data, name=config.name if name is None else name)


def _converter() -> ts.converters.TSConverter:
    """Values as they are written in TOML, or as text in the environment; lists there are separated by commas."""
    converter = ts.converters.TSConverter(
        strlist_sep=lambda text: [part.strip() for part in text.split(",") if part.strip()]
    )
    converter.scalar_converters |= {str: _text, int: _whole, float: _number}
    return converter


def _text(value: object, _: type) -> str:
    _check(isinstance(value, str), f"expected text, got {value!r}")
    return str(value)


def _whole(value: object, _: type) -> int:
    if type(value) is int:
        return value
    number = _number(value, float)
    _check(number.is_integer(), f"expected a whole number, got {value!r}")
    return int(number)


def _number(value: object, _: type) -> float:
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return float(value)
    except ValueError:
        pass
    raise ConfigError(f"expected a number, got {value!r}")


_NOT_CONVERTED = re.compile(
    r"Could not convert value .* for option '(?P<key>[\w.]+)' from loader (?P<loader>.*?\]|\w+): (?P<why>.*)",
    re.DOTALL,
)


def _reason(error: Exception) -> str:
    """What typed-settings says about one value, for people: where it stands, which it is, why not."""
    text = str(error)
    if (found := _NOT_CONVERTED.fullmatch(text)) is None:
        return text.removeprefix("Could not convert loaded settings: ")
    key, loader = found["key"], found["loader"]
    if loader.startswith("EnvLoader"):
        return f"environment: {ENV_PREFIX}{key.upper().replace('.', '_')}: {found['why']}"
    return f"{loader.removeprefix('FileLoader[').removesuffix(']')}: {key}: {found['why']}"


def _known_keys() -> dict[str, None]:
    keys: dict[str, None] = {}
    for attribute in attrs.fields(Config):
        keys[attribute.name] = None
    for attribute in attrs.fields(Limits):
        keys[f"limits.{attribute.name}"] = None
    for attribute in attrs.fields(Listener):
        keys[f"listeners.{attribute.name}"] = None
    return keys


def _suggest(key: str) -> str:
    near = difflib.get_close_matches(key, list(_known_keys()), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known: {', '.join(_known_keys())}"


def _name_the_typo(text: str) -> str:
    where, _, keys = text.rpartition(": ")
    where = where.removeprefix("Invalid options found in ")
    first = ".".join(part for part in keys.split(",")[0].strip().split(".") if not part.isdigit())
    table = first.partition(" ")[0]
    if table in TABLES:
        brackets = f"[{SECTION}.limits]" if table == "limits" else f"[[{SECTION}.listeners]]"
        return f"{where}: {table} is a table: begin it with {brackets}"
    return f"{where}: unknown key {first}{_suggest(first)}"


def _refuse_unknown_sections(path: Path) -> None:
    """A key outside our section would be no key of anybody's."""
    try:
        sections = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise ConfigError(f"{path}: {error}") from None
    for key in sections:
        if key != SECTION:
            raise ConfigError(
                f"{path}: unknown key {key} outside the section [{SECTION}]", Code.CONFIG_UNKNOWN_KEY
            )


def _refuse_unknown_environment(environ: Mapping[str, str]) -> None:
    known = {
        ENV_PREFIX + key.upper().replace(".", "_"): key
        for key in _known_keys()
        if key not in TABLES and not key.startswith("listeners.")
    }
    for variable in sorted(environ):
        if not variable.startswith(ENV_PREFIX) or variable in known or variable in NOT_SETTINGS:
            continue
        if variable.startswith(AGENT_PREFIX):
            continue
        if variable.startswith(f"{ENV_PREFIX}LISTENERS"):
            raise ConfigError(
                f"environment: {variable}: listeners are given in fieldgate.toml only",
                Code.CONFIG_UNKNOWN_KEY,
            )
        near = difflib.get_close_matches(variable, known, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"environment: unknown variable {variable}{hint}", Code.CONFIG_UNKNOWN_KEY)
