"""The cases of cases.toml, and the runs that they come to."""

import itertools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

__all__ = ["Case", "Run", "all_runs", "read_cases"]

FILE = Path(__file__).with_name("cases.toml")


@attrs.frozen(kw_only=True)
class Case:
    """One entry; see the head of cases.toml."""

    name: str
    what: str
    expected: dict[str, str]
    """By `store`."""
    who: tuple[str, ...]
    store: tuple[str, ...]
    """Empty text where it makes no difference."""
    loopback: str = ""
    innocent: bool = False
    session: bool = False


@attrs.frozen(kw_only=True)
class Run:
    """A case with one reporter and one root store, at a site of its own."""

    case: Case
    who: str
    store: str
    site: int

    @property
    def id(self) -> str:
        """For tests and for the table."""
        return "-".join(filter(None, (self.case.name, self.who, self.store)))

    @property
    def expected(self) -> str:
        """The verdict."""
        return self.case.expected[self.store]

    def expected_on(self, ground: str) -> str:
        """The verdict there: on loopback it may be another."""
        return (ground == "loopback" and self.case.loopback) or self.expected

    @property
    def enrolled(self) -> bool:
        """Whether an agent with a certificate reports."""
        return self.who == "enrolled"


def read_cases() -> list[Case]:
    """As they stand in the file."""
    return [_case(entry) for entry in tomllib.loads(FILE.read_text(encoding="utf-8"))["case"]]


def _case(entry: dict[str, Any]) -> Case:
    store = tuple(entry.pop("store", ("",)))
    expected = entry.pop("expected")
    by_store = expected if isinstance(expected, dict) else dict.fromkeys(store, expected)
    assert set(by_store) == set(store), entry
    return Case(store=store, expected=by_store, who=tuple(entry.pop("who", ("enrolled", "token"))), **entry)


def all_runs() -> list[Run]:
    """Every case with everybody, numbered."""
    return list(_numbered(read_cases()))


def _numbered(cases: list[Case]) -> Iterator[Run]:
    sites = itertools.count(1)
    for case in cases:
        for who, store in itertools.product(case.who, case.store):
            yield Run(case=case, who=who, store=store, site=next(sites))
