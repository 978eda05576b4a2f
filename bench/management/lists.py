"""Every question that a view offers, asked with values that are there, and timed."""

import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import cycle
from typing import Any, Final

import attrs
import sqlalchemy as sa

from bench.management.seeding import NOW_MS, Scale, seed
from gateway.store import (
    VIEWS,
    Asked,
    Collation,
    Compare,
    Kind,
    Operation,
    Order,
    Property,
    Scope,
    Store,
    View,
    open_store,
)
from gateway.store.schema import metadata
from tests.helpers.postgres import running_postgres

LIMIT_MS: Final = 150
RUNS: Final = 10
SAMPLE: Final = 200
OFFSETS: Final = (0, 300, 4_000)
# What a small machine would give a server of its own; the defaults are for the smallest.
POSTGRESQL: Final = ("-c", "shared_buffers=512MB", "-c", "work_mem=16MB", "-c", "max_wal_size=4GB")

EVERYTHING: Final = Scope.everything()

Row = dict[str, Any]


@attrs.frozen(kw_only=True)
class Question:
    """A way of asking a view, with as many values as it is to be asked with.

    Attributes:
        what: in words: sort, filter, scope.
    """

    view: View
    what: str
    scope: Scope
    asked: list[Asked]


@attrs.frozen(kw_only=True)
class Figure:
    """What a question took, in milliseconds."""

    view: str
    what: str
    p50_ms: float
    p95_ms: float


def questions(store: Store, view: View, rng: random.Random, *, runs: int) -> Iterator[Question]:
    """All of a view's."""
    rows = sample(store, view)
    scopes = {
        "": EVERYTHING,
        "a company's, ": a_company(rows, rng),
        "a reseller's, ": Scope.reseller(largest_reseller(store)),
    }
    for whose, scope in scopes.items():
        plain = {"as it is": Asked(), "from the 5,000th on": Asked(offset=5_000)}
        plain |= {f"sorted by {name}": Asked(sort=(Order(name),)) for name in sortable(view)}
        plain |= {f"sorted by {name}, falling": Asked(sort=(Order(name, True),)) for name in sortable(view)}
        for what, asked in plain.items():
            yield Question(view=view, what=whose + what, scope=scope, asked=[asked] * runs)
        for what, sought, by in filters(view):
            some = [compare(sought, rows, rng) for _ in range(runs)]
            asked_by = [Asked(where=where, sort=by) for where in some]
            yield Question(view=view, what=whose + what, scope=scope, asked=asked_by)


@attrs.frozen
class Sought:
    """A way to compare a property."""

    property: Property
    operation: Operation
    collation: Collation


def filters(view: View) -> Iterator[tuple[str, Sought, tuple[Order, ...]]]:
    """Every filter: in words, what is sought, sorted by the default and by another property, a different one for each filter."""
    others = cycle(sortable(view))
    for each in view.properties:
        for operation in view.operations(each):
            for collation in collations(view, each):
                what = f"{each.name} {operation}" + (
                    " ignorecase" if collation is Collation.IGNORECASE else ""
                )
                sought = Sought(each, operation, collation)
                yield what, sought, ()
                by = next(others)
                yield f"{what}, by {by}", sought, (Order(by),)


def sortable(view: View) -> list[str]:
    """The properties that a view may be sorted by."""
    return [each.name for each in view.properties if each.sort]


def a_company(rows: Sequence[Row], rng: random.Random) -> Scope:
    """An organization that has rows."""
    known = [row[name] for row in rows for name in ("organizationUid", "assignedForCompany") if row.get(name)]
    return Scope.organization(rng.choice(known))


def largest_reseller(store: Store) -> str:
    """The reseller who has most companies."""
    details = metadata.tables["organization_details"]
    most = (
        sa.select(details.c.reseller_uid)
        .where(details.c.reseller_uid.is_not(None))
        .group_by(details.c.reseller_uid)
        .order_by(sa.func.count().desc())
        .limit(1)
    )
    with store._db.read() as connection:  # noqa: SLF001  # for the bench alone
        return str(connection.execute(most).scalar_one())


def sample(store: Store, view: View) -> list[Row]:
    """Rows from several places of the list."""
    rows: list[Row] = []
    for offset in OFFSETS:
        page = store.views.page(view, Asked(limit=SAMPLE, offset=offset), EVERYTHING, now_ms=NOW_MS)
        rows += page.rows
    return rows


def collations(view: View, property_: Property) -> list[Collation]:
    """By which a property may be compared."""
    ignorecase = property_.kind is Kind.TEXT and (property_.folded is not None or not view.large)
    return [Collation.ORDINAL, Collation.IGNORECASE] if ignorecase else [Collation.ORDINAL]


def compare(sought: Sought, rows: Sequence[Row], rng: random.Random) -> Compare:
    """A comparison with a value of some row's."""
    name, operation = sought.property.name, sought.operation
    known = [row[name] for row in rows if row[name] is not None] or [sought.property.example]
    value = rng.choice(known)
    if operation is Operation.IN:
        value = [rng.choice(known) for _ in range(3)]
    elif operation is Operation.STARTS_WITH:
        value = value[: rng.randrange(1, 5)]
    elif operation is Operation.CONTAINS:
        value = value[1:4]
    return Compare(name, operation, value, sought.collation)


def measured(store: Store, question: Question) -> Figure:
    """Ask it as often as it has values, after once that is not counted."""
    taken = []
    for n, asked in enumerate([question.asked[0], *question.asked]):
        begun = time.perf_counter()
        store.views.page(question.view, asked, question.scope, now_ms=NOW_MS)
        if n:
            taken.append(1000 * (time.perf_counter() - begun))
    return Figure(
        view=question.view.name,
        what=question.what,
        p50_ms=statistics.median(taken),
        p95_ms=sorted(taken)[min(len(taken) - 1, round(0.95 * len(taken)))],
    )


def figures(store: Store, *, runs: int, views: Sequence[str] = tuple(VIEWS)) -> Iterator[Figure]:
    """All questions to all views."""
    rng = random.Random(2)
    for name in views:
        for question in questions(store, VIEWS[name], rng, runs=runs):
            yield measured(store, question)


@contextmanager
def seeded_sqlite(scale: Scale) -> Iterator[Store]:
    """A seeded store in a file."""
    with (
        tempfile.TemporaryDirectory(prefix="fieldgate-bench-") as folder,
        closing(open_store(f"sqlite:///{folder}/store.sqlite", create=True)) as store,
    ):
        seed(store, scale)
        yield store


@contextmanager
def seeded_postgresql(scale: Scale) -> Iterator[Store]:
    """A seeded store on a server of its own."""
    with (
        running_postgres(*POSTGRESQL) as server,
        closing(open_store(server.url(server.new_database()), create=True)) as store,
    ):
        seed(store, scale)
        yield store


STORES: Final = {"sqlite": seeded_sqlite, "postgresql": seeded_postgresql}


def summed_up(database: str, found: Sequence[Figure]) -> list[dict[str, str | float]]:
    """A row for each view: how many questions, the median of all, the slowest, and how many are over the limit."""
    rows: list[dict[str, str | float]] = []
    for name in dict.fromkeys(each.view for each in found):
        of_view = [each for each in found if each.view == name]
        worst = max(of_view, key=lambda each: each.p95_ms)
        rows.append(
            {
                "what": f"{database}: {name}", "unit": "ms", "questions": len(of_view),
                "median": round(statistics.median(each.p50_ms for each in of_view), 1),
                "highest p95": round(worst.p95_ms, 1), "of": worst.what,
                f"over {LIMIT_MS} ms": sum(each.p95_ms > LIMIT_MS for each in of_view),
            }
        )  # fmt: skip
    return rows


def run(
    share: float = 1.0, *, runs: int = RUNS, only: Sequence[str] = tuple(STORES)
) -> list[dict[str, str | float]]:
    """Seed and measure on each database; a row for each view."""
    rows: list[dict[str, str | float]] = []
    for database in only:
        with STORES[database](Scale.of(share)) as store:
            rows += summed_up(database, list(figures(store, runs=runs)))
    return rows
