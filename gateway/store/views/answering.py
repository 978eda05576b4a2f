"""Pages of views: `store.views`.

A page costs two queries. The first counts what fits, up to EXACT and no further. The second fetches the rows; and for a large view
the count says which way is the shorter one, where a planner would have to guess. Where few rows fit, they are found by the condition and
sorted then. Where many do, the rows of the page are met soon by going through the table in the order asked for, which a large view
offers by an index only. Either way no more than some ten thousand rows are touched, in a table of millions. The rows' other columns,
with the joins that they take, are fetched for the page alone.

Within a scope a large table is entered by the organization's agents, whose items lie together.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.util import find_tables

from gateway.store.engine import Database
from gateway.store.errors import NotFound
from gateway.store.onboarding.schema import organization_details
from gateway.store.schema import agents, organizations
from gateway.store.views.asking import EXACT, Asked, Compare, Operation, Page, QueryRefused, Scope
from gateway.store.views.describing import Kind, Property, View
from gateway.store.views.judging import operands, selected
from gateway.store.views.searching import Dialect, Ordered, Test, orders, tests

EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # UTC, as the Z behind it says
LAST_TIME: Final = "9999-12-31T23:59:59.999Z"
FOLDING: Final = ("pg_c_utf8", "und-x-icu")


class Views:
    """The verbs: `store.views`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._dialect: Dialect | None = None

    def page(self, view: View, asked: Asked, scope: Scope, *, now_ms: int) -> Page:
        """Some rows of a list, with how many there are.

        Raises:
            QueryRefused: something is asked that the view does not offer (FG-6003).
        """
        if asked.limit < 0 or asked.offset < 0:
            raise QueryRefused("limit and offset are 0 or more")
        properties = selected(view, asked.select)
        now = {"now_ms": now_ms}
        with self._db.read() as connection:
            dialect = attrs.evolve(self._known(connection), scoped=view.large and scope != Scope.everything())
            query = prepared(view, asked, scope, dialect, now_ms=now_ms)
            counted = int(connection.execute(query.counting(), now).scalar_one())
            few = counted <= EXACT
            if view.large and not few:
                walked = (asked.sort or view.default_sort)[0].property
                query = prepared(view, asked, scope, attrs.evolve(dialect, walked=walked), now_ms=now_ms)
            rows: Sequence[Any] = ()
            if asked.offset < counted or not few:
                rows = connection.execute(query.fetching(properties, few=few), now).all()
        return Page(
            rows=[shown(properties, row) for row in rows],
            total=min(counted, EXACT),
            total_is_exact=counted <= EXACT,
        )

    def get(self, view: View, key: str, scope: Scope, *, now_ms: int) -> dict[str, Any]:
        """One row, by the view's key.

        Raises:
            NotFound: there is none, or it lies outside the scope.
        """
        assert view.key is not None, f"{view.name} are listed only"  # noqa: S101  # a mistake of a route's
        property_ = view.by_name[view.key]
        absent = NotFound(f"none of the {view.name} is {key!r}")
        try:
            (wanted,) = operands(view, property_, Compare(view.key, Operation.EQUALS, key))
        except QueryRefused:
            raise absent from None
        own = [] if view.where is None else [view.where]
        query = sa.select(*[each.column for each in view.properties]).select_from(view.source)
        with self._db.read() as connection:
            tested = [*own, *within(view, scope, self._known(connection))]
            query = query.where(property_.column == wanted, *tested)
            row = connection.execute(query, {"now_ms": now_ms}).first()
        if row is None:
            raise absent
        return shown(view.properties, row)

    def owned_agents(self, uids: Collection[str], scope: Scope) -> set[str]:
        """Those of the agents that are an organization's within *scope*."""
        return self._owned(agents.c.uid, agents.c.organization_uid, uids, scope)

    def owned_organizations(self, uids: Collection[str], scope: Scope) -> set[str]:
        """Those of the organizations that lie within *scope*."""
        return self._owned(organizations.c.uid, organizations.c.uid, uids, scope)

    def _owned(
        self, uid: sa.ColumnElement[str], of: sa.ColumnElement[str], uids: Collection[str], scope: Scope
    ) -> set[str]:
        query = sa.select(uid).where(uid.in_(uids), inside(of, scope))
        with self._db.read() as connection:
            return set(connection.execute(query).scalars())

    def _known(self, connection: Connection) -> Dialect:
        """What is different on this database; it is asked once."""
        if self._dialect is None:
            self._dialect = Dialect(None if self._db.dialect == "sqlite" else folding_collation(connection))
        return self._dialect


@attrs.frozen
class Query:
    """A list as it was asked for."""

    view: View
    asked: Asked
    tests: list[Test]
    orders: list[Ordered]

    def counting(self) -> sa.Select[int]:
        """How many rows fit; EXACT + 1 where there are more than EXACT."""
        some = self._of(sa.literal(1)).limit(EXACT + 1).subquery()
        return sa.select(sa.func.count()).select_from(some)

    def fetching(self, properties: Sequence[Property], *, few: bool) -> sa.Select[Any]:
        """The page's rows, a column for each of the properties."""
        columns = [each.column.label(f"p{n}") for n, each in enumerate(properties)]
        # First which rows, then what is in them: joins are made for those of the page alone.
        labels = [f"o{n}" for n in range(len(self.orders))]
        found = self._of(*[each.column.label(label) for label, each in zip(labels, self.orders, strict=True)])
        if few and self.view.large:
            # Materialized: the planner must not put the order into it and walk through the table after all.
            fitting = found.cte("fitting").prefix_with("MATERIALIZED")
            page = self._paged(sa.select(fitting), self._by(fitting, labels)).subquery("page")
        else:
            page = self._paged(found, self.orders).subquery("page")
        keys = zip(self.view.ties, labels[-len(self.view.ties) :], strict=True)
        joined = sa.join(
            page, self.view.source, sa.and_(*[column == page.c[label] for column, label in keys])
        )
        by = [each.directed() for each in self._by(page, labels)]
        return sa.select(*columns).select_from(joined).order_by(*by)

    def _of(self, *columns: Any) -> sa.Select[Any]:
        mentioned = (*columns, *self.tests, *[each.column for each in self.orders])
        needed: set[sa.FromClause] = set()
        for each in mentioned:
            needed.update(find_tables(each, check_columns=True))
        return sa.select(*columns).select_from(pruned(self.view.source, needed)).where(*self.tests)

    def _by(self, found: sa.FromClause, labels: list[str]) -> list[Ordered]:
        """The order, over columns that were found before."""
        pairs = zip(labels, self.orders, strict=True)
        return [attrs.evolve(each, column=found.c[label]) for label, each in pairs]

    def _paged(self, query: sa.Select[Any], by: list[Ordered]) -> sa.Select[Any]:
        ordered = query.order_by(*[each.directed() for each in by])
        return ordered.limit(self.asked.limit).offset(self.asked.offset)


def pruned(source: sa.FromClause, needed: set[sa.FromClause]) -> sa.FromClause:
    """*source* without the outer joins of tables that are not *needed*.

    Databases leave such joins out, too, but only after they have decided that an index does not have all columns that those mention.
    """
    if not isinstance(source, sa.Join):
        return source
    if source.isouter and source.right not in needed:
        return pruned(source.left, needed)
    assert source.onclause is not None  # noqa: S101  # all of ours have one
    left = pruned(source.left, needed.union(find_tables(source.onclause, check_columns=True)))
    return sa.join(left, source.right, source.onclause, isouter=source.isouter)


def prepared(view: View, asked: Asked, scope: Scope, dialect: Dialect, *, now_ms: int) -> Query:
    """What is asked, judged.

    Raises:
        QueryRefused: something is asked that the view does not offer.
    """
    return Query(
        view,
        asked,
        tests(view, asked, dialect, now_ms) + within(view, scope, dialect),
        orders(view, asked, dialect),
    )


def within(view: View, scope: Scope, dialect: Dialect) -> list[Test]:
    """What a row must fit to exist for whoever asks."""
    if scope == Scope.everything():
        return []
    if view.organization is None:
        return [sa.false()]
    by = view.organization if view.agent is None else view.agent
    by = by if dialect.walked is None else dialect.unindexed(by)
    if view.agent is None:
        return [inside(by, scope, rows=dialect.walked is not None)]
    known_by = agents.c.uid if isinstance(by.type, sa.Text) else agents.c.id
    return [by.in_(sa.select(known_by).where(inside(agents.c.organization_uid, scope)))]


def inside(organization: sa.ColumnElement[str], scope: Scope, *, rows: bool = False) -> Test:
    """Whether an organization, by its uid, lies within *scope*.

    Args:
        rows: rows are met in another order and tested one by one: not to be found by whose they are.
    """
    if scope == Scope.everything():
        return sa.true()
    if scope.organization_uid is not None:
        return organization == scope.organization_uid
    companies = sa.select(organization_details.c.uid).where(
        organization_details.c.reseller_uid == scope.reseller_uid
    )
    if rows:  # an alternative is no join: PostgreSQL keeps the companies in a hash, and would compare each row with all of them
        return sa.or_(organization == scope.reseller_uid, organization.in_(companies))
    return organization.in_(companies.union_all(sa.select(sa.literal(scope.reseller_uid))))


def folding_collation(connection: Connection) -> str:
    """PostgreSQL's collation that has the small letters of all scripts; "C", of ASCII's alone, where it was built without."""
    known = sa.text("SELECT collname FROM pg_collation WHERE collname IN :names").bindparams(
        sa.bindparam("names", FOLDING, expanding=True)
    )
    found = set(connection.execute(known).scalars())
    return next((name for name in FOLDING if name in found), "C")


def shown(properties: Sequence[Property], row: Sequence[Any]) -> dict[str, Any]:
    """A row as REST shows it."""
    return {each.name: _shown(each, value) for each, value in zip(properties, row, strict=True)}


def _shown(property_: Property, value: Any) -> Any:
    if value is None or value == property_.empty:
        return None
    match property_.kind:
        case Kind.TIME:
            return time_text(value)
        case Kind.WORD:
            # A newer version may have written what has no word here.
            return next((word for word, stored in property_.words.items() if stored == value), str(value))
        case Kind.FLAG:
            return bool(value)
        case Kind.INTEGER:
            return int(value)
        case Kind.OBJECT:
            return json.loads(value)
        case Kind.UID | Kind.TEXT:
            return value


def time_text(at_ms: int) -> str:
    """Milliseconds since the epoch as RFC 3339; LAST_TIME for what an agent's clock says of later millennia."""
    try:
        return (EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds") + "Z"
    except OverflowError:
        return LAST_TIME
