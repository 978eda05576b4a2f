"""[[collector]] and [[job]] of agent.toml, as values.

    [[collector]]
    kind = "restic"                      # what offers it: fieldgate-agent collector list
    name = "nas"                         # default: the kind
    repository = "/srv/backup"           # this and what follows is the kind's own

    [[job]]
    name = "home directories"
    collector = "nas"                    # default: the only one
    paths = ["/home"]                    # likewise the kind's own

A key that nobody knows is refused and the nearest one named: a setting that is silently ignored is found out when it is too late.
"""

import re
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

import attrs

from agent.collectors.contract import CollectorSettings, JobSettings
from agent.settings import SETTINGS, SettingError, nearest, read_document

__all__ = ["SettingError", "load_collectors", "nearest", "read_options"]

T = TypeVar("T")

_NAME: Final = re.compile(r"[\w][\w .-]{0,63}")


def load_collectors(folder: Path) -> tuple[CollectorSettings, ...]:
    """What agent.toml in *folder* says of collectors, in its order; nothing where there is no such file.

    Raises:
        SettingError: it cannot be read, or says something that is no setting.
    """
    document = read_document(folder)
    try:
        return _collectors(document)
    except SettingError as error:
        raise SettingError(f"{folder / SETTINGS}: {error}") from None


def read_options(cls: type[T], options: Mapping[str, object], where: str) -> T:
    """Make an attrs class of options; those without a default are required.

    Args:
        cls: its fields are text, whole numbers, true or false, or tuples of texts.
        options: as TOML has them.
        where: for the message, such as "collector nas".

    Raises:
        SettingError: one is missing, unknown, or of another type.
    """
    hints = get_type_hints(cls)
    fields = attrs.fields(cls)  # type: ignore[arg-type]  # an attrs class; no type says so
    known = [field.name for field in fields]
    for key in options:
        if key not in known:
            raise SettingError(f"{where}: there is no setting {key!r}{nearest(key, known)}")
    found: dict[str, Any] = {}
    for field in fields:
        if field.name in options:
            found[field.name] = _typed(options[field.name], hints[field.name], f"{where}: {field.name}")
        elif field.default is attrs.NOTHING:
            raise SettingError(f"{where}: {field.name} is missing")
    try:
        return cls(**found)
    except ValueError as error:
        raise SettingError(f"{where}: {error}") from None


def _collectors(document: Mapping[str, Any]) -> tuple[CollectorSettings, ...]:
    found: list[CollectorSettings] = []
    for number, table in enumerate(_tables(document, "collector"), 1):
        kind = _text(table.pop("kind", None), f"[[collector]] {number}: kind")
        name = _text(table.pop("name", kind), f"[[collector]] {number}: name")
        if name in (other.name for other in found):
            raise SettingError(f"[[collector]] {number}: there is another one named {name!r}; give it a name")
        found.append(CollectorSettings(name=name, kind=kind, options=table))
    jobs: dict[str, tuple[str, JobSettings]] = {}
    for number, table in enumerate(_tables(document, "job"), 1):
        name = _text(table.pop("name", None), f"[[job]] {number}: name")
        if name in jobs:
            raise SettingError(f"[[job]] {number}: there is another one named {name!r}")
        whose = _whose(table.pop("collector", None), [each.name for each in found], f"job {name}")
        jobs[name] = whose, JobSettings(name=name, options=table)
    return tuple(
        attrs.evolve(each, jobs=tuple(job for whose, job in jobs.values() if whose == each.name))
        for each in found
    )


def _tables(document: Mapping[str, Any], key: str) -> Sequence[dict[str, Any]]:
    tables = document.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise SettingError(f"{key} is a list of tables: write [[{key}]] above each")
    return [dict(table) for table in tables]


def _whose(named: object, collectors: Sequence[str], where: str) -> str:
    if not collectors:
        raise SettingError(f"{where}: there is no collector to run it: add its [[collector]]")
    if named is None:
        if len(collectors) != 1:
            raise SettingError(f"{where}: collector is missing: name one of {', '.join(collectors)}")
        return collectors[0]
    if named not in collectors:
        raise SettingError(f"{where}: there is no collector {named!r}{nearest(str(named), collectors)}")
    return str(named)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise SettingError(f"{where} is a text of 1 to 64 letters, digits, spaces, dots, hyphens")
    return value


_WORDS: Final[dict[object, str]] = {str: "a text", int: "a whole number", bool: "true or false"}


def _typed(value: object, hint: object, where: str) -> object:
    if isinstance(hint, types.UnionType):  # such as str | None: what is not set is None
        hint = next(each for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is tuple:
        if not isinstance(value, list) or not all(type(each) is str for each in value):
            raise SettingError(f"{where} is a list of texts")
        value = tuple(value)
    elif type(value) is not hint:
        raise SettingError(f"{where} is {_WORDS[hint]}")
    texts = value if isinstance(value, tuple) else (value,)
    if any(isinstance(text, str) and "\0" in text for text in texts):
        raise SettingError(f"{where} has a NUL character in it, which no program and no file can be given")
    return value
