"""Everything that the lists of the interface can be asked, made from the table of its routes: a list that is added tomorrow is asked, too.

A list of a view is asked for a page as it is, for as many rows as it gives, from far down, for one property alone, sorted by every property
both ways, and filtered by every property with every operation, in the default order and in another one; the values are some that rows
have. A list without a view is asked for pages. A path below a list, such as one row or a row's history, is asked for some of its rows.
"""

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import attrs
from litestar.handlers import HTTPRouteHandler

from gateway.management.routes import ROUTES
from gateway.store import Collation, Kind, Operation, Order, Property, View, without_restore_point

SAMPLE: Final = 200
OFFSETS: Final = (0, 300, 4_000)
MOST_ROWS: Final = 500
FAR: Final = 5_000
FARTHEST: Final = 50_000
PARAMETER: Final = re.compile(r"\{(\w+):\w+\}")
# A stream, a redirection to another program, files, questions to agents, documents of a whole month; `settings` of three words.
NO_LISTS: Final = (
    "/about", "/events", "/login/", "}/file", "}/download", "/restorePoints", "/licensing/reports/", "/alarms/templates", "/organizations/lint",
)  # fmt: skip
WITH_VIEWS: Final = {"/morning/workloads": without_restore_point(24)}
"""Lists of views that have a parameter besides."""

Row = dict[str, Any]


class Ask(Protocol):
    """Whoever asks: an answer's JSON, None where the key may not ask that."""

    def __call__(self, target: str, who: str) -> Any:
        """Ask for a path, with its query, below the interface's base, by the key of *who*."""


@attrs.frozen(kw_only=True)
class Question:
    """A way of asking a list, as many times as it is to be asked.

    Attributes:
        path: the list's.
        what: in words: whose, sort, filter.
        who: whose key.
        targets: path and query, with other values each.
    """

    path: str
    what: str
    who: str
    targets: list[str]


def lists() -> dict[str, View | None]:
    """Every path that lists something, with its view if it has one; and every path of a row of such a list, with None."""
    found: dict[str, View | None] = {}
    for handler in ROUTES:
        if "GET" in handler.http_methods and handler.include_in_schema is not False:
            for path in sorted(handler.paths):
                if not any(each in path for each in NO_LISTS):
                    found[path] = WITH_VIEWS.get(path) or _view(handler)
    return found


def _view(handler: HTTPRouteHandler) -> View | None:
    view: View | None = handler.opt.get("view")
    return view


def questions(ask: Ask, rng: random.Random, *, runs: int, whose: Sequence[str]) -> Iterator[Question]:
    """All that there are, list by list.

    Args:
        whose: the keys; the first sees everything.
    """
    known = lists()
    for path, view in known.items():
        if PARAMETER.search(path):
            yield from _of_rows(ask, known, path, rng, runs=runs, who=whose[0])
            continue
        for who in whose:
            if ask(path, who) is None:
                continue
            for what, queries in _queries(ask, path, view, rng, runs=runs, who=who):
                targets = [f"{path}?{urlencode(each)}" if each else path for each in queries]
                yield Question(path=path, what=f"{who}: {what}", who=who, targets=targets)


Queries = list[dict[str, str]]


def _queries(
    ask: Ask, path: str, view: View | None, rng: random.Random, *, runs: int, who: str
) -> Iterator[tuple[str, Queries]]:
    total = ask(f"{path}?limit=1", who)["meta"]["pagingInfo"]["total"]
    yield "as it is", [{}] * runs
    yield "500 rows", [{"limit": str(MOST_ROWS)}] * runs
    if total > FAR:
        yield "from the 5,000th on", [{"offset": str(FAR)}] * runs
    if total >= 10_000:  # and nobody knows how many more
        yield "from the 50,000th on", [{"offset": str(FARTHEST)}] * runs
    if view is None:
        return
    if path in WITH_VIEWS:
        yield "of other hours", [{"hours": str(hours)} for hours in (1, 72, 720)]
    yield (
        "one property",
        [{"select": json.dumps([name])} for name in (each.name for each in view.properties[:runs])],
    )
    for name in sortable(view):
        yield f"by {name}", [{"sort": _sort(Order(name))}] * runs
        yield f"by {name}, falling", [{"sort": _sort(Order(name, True))}] * runs
    rows = sample(ask, path, who)
    others = cycle(sortable(view))
    for what, sought in filters(view):
        some = [sought.filter(rows, rng) for _ in range(runs)]
        yield what, [{"filter": each} for each in some]
        by = next(others)
        yield f"{what}, by {by}", [{"filter": each, "sort": _sort(Order(by))} for each in some]


def _sort(*by: Order) -> str:
    words = {False: "ascending", True: "descending"}
    return json.dumps([{"property": each.property, "direction": words[each.descending]} for each in by])


def _of_rows(
    ask: Ask, known: Mapping[str, View | None], path: str, rng: random.Random, *, runs: int, who: str
) -> Iterator[Question]:
    """A path with the uid of a row of another list in it."""
    before, name, after = PARAMETER.split(path, maxsplit=1)
    above = {"/alarms/": "/alarms/active"}.get(before, before.rstrip("/"))
    view = known.get(above)
    if view is None or view.key is None:
        raise AssertionError(f"what {name} is in {path} is not known here")
    uids = [row[view.key] for row in sample(ask, above, who)]
    if uids:
        targets = [f"{before}{rng.choice(uids)}{after}" for _ in range(max(runs, 20))]
        yield Question(path=path, what=f"{who}: as it is", who=who, targets=targets)


@attrs.frozen
class Sought:
    """A way to compare a property."""

    property: Property
    operation: Operation
    collation: Collation

    def filter(self, rows: Sequence[Row], rng: random.Random) -> str:
        """The parameter, with a value of some row's."""
        name = self.property.name
        known = [row[name] for row in rows if row[name] is not None] or [self.property.example]
        value = rng.choice(known)
        if self.operation is Operation.IN:
            value = [rng.choice(known) for _ in range(3)]
        elif self.operation is Operation.STARTS_WITH:
            value = value[: rng.randrange(1, 5)]
        elif self.operation is Operation.CONTAINS:
            value = value[1:4]
        compared = {
            "property": name, "operation": self.operation.value, "collation": self.collation.value, "value": value,
        }  # fmt: skip
        return json.dumps([compared])


def filters(view: View) -> Iterator[tuple[str, Sought]]:
    """Every filter: in words, and what is sought."""
    for each in view.properties:
        for operation in view.operations(each):
            for collation in collations(view, each):
                folded = " ignorecase" if collation is Collation.IGNORECASE else ""
                yield f"{each.name} {operation}{folded}", Sought(each, operation, collation)


def sortable(view: View) -> list[str]:
    """The properties that a view may be sorted by."""
    return [each.name for each in view.properties if each.sort]


def collations(view: View, property_: Property) -> list[Collation]:
    """By which a property may be compared."""
    ignorecase = property_.kind is Kind.TEXT and (property_.folded is not None or not view.large)
    return [Collation.ORDINAL, Collation.IGNORECASE] if ignorecase else [Collation.ORDINAL]


def sample(ask: Ask, path: str, who: str) -> list[Row]:
    """Rows from several places of a list."""
    return [row for offset in OFFSETS for row in ask(f"{path}?limit={SAMPLE}&offset={offset}", who)["data"]]
