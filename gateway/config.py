"""Settings: one frozen value, made once, handed down.

Sources, the later wins: the defaults of `gateway.settings`, ``DATA/fieldgate.toml`` (section ``[fieldgate]``), for an edge
that is run by name ``DATA/edges/NAME.toml``, the environment (``FIELDGATE_NAME``, ``FIELDGATE_LIMITS_CONNECTIONS`` …).
Nothing here is read at import, nothing is global. A key that nobody knows is refused with the nearest name that somebody does: a
typo that is silently ignored costs an evening.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import get_type_hints

import attrs
import typed_settings as ts

from gateway.live import LIVE, Difference, difference
from gateway.settings import (
    CO_LOCATED,
    REMOTE,
    TABLES,
    Agents,
    Config,
    ConfigError,
    Limits,
    Listener,
    Management,
    Oidc,
    cannot_listen,
)
from protocol import Code

__all__ = [
    "CO_LOCATED", "LIVE", "REMOTE",
    "Agents", "Config", "ConfigError", "Difference", "Limits", "Listener", "Management", "Oidc",
    "cannot_listen", "difference", "load_config",
]  # fmt: skip

ENV_PREFIX = "FIELDGATE_"
SECTION = "fieldgate"
# The environment that steers our programs but is no setting of the gateway; the agent's may be set on the same machine.
NOT_SETTINGS = frozenset({"FIELDGATE_BEAT_FD", "FIELDGATE_DATA", "FIELDGATE_TOKEN"})
AGENT_PREFIX = "FIELDGATE_AGENT_"


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
    converter = _converter()
    for path in files:
        _refuse_misplaced(path, converter)
    loaders: list[ts.loaders.Loader] = [
        ts.FileLoader(formats={"*.toml": ts.TomlFormat(SECTION)}, files=files),
        ts.EnvLoader(prefix=ENV_PREFIX),
    ]
    try:
        config = ts.load_settings(Config, loaders, converter=converter)
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
    if not isinstance(value, str):
        raise ConfigError(f"expected text, got {value!r}")
    return value


def _whole(value: object, _: type) -> int:
    if type(value) is int:
        return value
    number = _number(value, float)
    if not number.is_integer():
        raise ConfigError(f"expected a whole number, got {value!r}")
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
        if attribute.name != "data":  # where the settings are is none of them
            keys[attribute.name] = None
    for table, kind in {**TABLES, "listeners": Listener}.items():
        for attribute in attrs.fields(kind):
            keys[f"{table}.{attribute.name}"] = None
    return keys


def _suggest(key: str) -> str:
    """The key that was meant, by its last word alone: a table's name, which many share, makes none of them near.

    It may stand elsewhere: what is written below a table is one of its keys, also where a key of the section was meant.
    """
    table, _, word = key.rpartition(".")
    known = list(_known_keys())
    here = {each.rpartition(".")[2]: each for each in known if each.rpartition(".")[0] == table}
    anywhere = {each: each for each in known} | {each.rpartition(".")[2]: each for each in reversed(known)}
    for names, cutoff in ((anywhere, 1.0), (here, 0.75), (anywhere, 0.6)):
        if near := difflib.get_close_matches(word, names, n=1, cutoff=cutoff):
            meant = names[near[0]]
            place = f" in [{SECTION}], above every table" if table and "." not in meant else ""
            return f"; did you mean {meant}{place}?"
    return f"; known: {', '.join(known)}"


def _name_the_typo(text: str) -> str:
    where, _, keys = text.rpartition(": ")
    where = where.removeprefix("Invalid options found in ")
    first = ".".join(part for part in keys.split(",")[0].strip().split(".") if not part.isdigit())
    return f"{where}: unknown key {first}{_suggest(first)}"


def _refuse_misplaced(path: Path, converter: ts.converters.TSConverter) -> None:
    """Refuse, with the place in the file, what typed-settings would overlook or could not name."""
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
    settings = sections.get(SECTION, {})
    if not isinstance(settings, dict):
        raise ConfigError(f"{path}: {SECTION} is a section: begin it with [{SECTION}]")
    if "data" in settings:
        text = f"{path}: data is no setting: the folder is given by --data or FIELDGATE_DATA"
        raise ConfigError(text, Code.CONFIG_UNKNOWN_KEY)
    for table in TABLES:
        if not isinstance(settings.get(table, {}), dict):
            raise ConfigError(f"{path}: {table} is a table: begin it with [{SECTION}.{table}]")
    listeners = settings.get("listeners", [])
    if not isinstance(listeners, list) or not all(isinstance(each, dict) for each in listeners):
        raise ConfigError(f"{path}: listeners is a list of tables: begin each with [[{SECTION}.listeners]]")
    for number, listener in enumerate(listeners, 1):
        _refuse_listener(f"{path}: [[{SECTION}.listeners]] number {number}", listener, converter)


def _refuse_listener(where: str, table: dict[str, object], converter: ts.converters.TSConverter) -> None:
    """Which of several it is, nobody else could say."""
    types = get_type_hints(Listener)
    given = {}
    for key in table.keys() & types.keys():  # another key is a typo, and told as one
        try:
            given[key] = converter.structure(table[key], types[key])
        except ConfigError as error:
            raise ConfigError(f"{where}: {key}: {error}") from None
        except TypeError:  # what it iterates over is none
            raise ConfigError(f"{where}: {key}: expected a list, got {table[key]!r}") from None
    try:
        Listener(**given)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _refuse_unknown_environment(environ: Mapping[str, str]) -> None:
    words = [
        key.upper().replace(".", "_")
        for key in _known_keys()
        if key not in TABLES and key.partition(".")[0] != "listeners"
    ]
    known = {ENV_PREFIX + word for word in words}
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
        near = difflib.get_close_matches(variable.removeprefix(ENV_PREFIX), words, n=1, cutoff=0.7)
        hint = f"; did you mean {ENV_PREFIX}{near[0]}?" if near else ""
        raise ConfigError(f"environment: unknown variable {variable}{hint}", Code.CONFIG_UNKNOWN_KEY)
