"""Conditions and orders as SQL that finds the same rows in the same order on both databases.

- Values are parameters, never text of a statement. What they contain has no meaning: parts of texts are found by functions that take
  them as they are, not by LIKE, whose per cent signs would have to be escaped.
- Texts are compared by their code points: SQLite does so; PostgreSQL is told to by the collation "C".
- Without regard to capital letters: by `fold` (gateway/store/folding.py).
- No text in a store has a NUL in it (PostgreSQL has no such texts), and neither database takes one as it is. So a value with a NUL equals
  nothing; and since it is greater than its own beginning and less than all that is longer, it is compared by that beginning.
- A missing value is less than all others in an order and fits no comparison but with null; databases differ in the former.
"""

import operator
from collections.abc import Callable
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from gateway.store.folding import fold
from gateway.store.views.asking import (
    Asked,
    Collation,
    Compare,
    Condition,
    Every,
    Operation,
    Order,
    QueryRefused,
)
from gateway.store.views.describing import CLOSED, ORDERING, Kind, Property, View
from gateway.store.views.judging import operands, property_of, sorted_by

Expression = sa.ColumnElement[Any]
Test = sa.ColumnElement[bool]

COMPARISONS: Final[dict[Operation, Callable[[Any, Any], Any]]] = {
    Operation.LESS_THAN: operator.lt,
    Operation.LESS_THAN_OR_EQUAL: operator.le,
    Operation.GREATER_THAN: operator.gt,
    Operation.GREATER_THAN_OR_EQUAL: operator.ge,
}
PLUS: Final = custom_op[Any]("+")
COMMON: Final = CLOSED | {Kind.INTEGER, Kind.TIME}
"""Kinds of properties by which very many rows may be alike."""
LOWER: Final = (Operation.EQUALS, Operation.GREATER_THAN, Operation.GREATER_THAN_OR_EQUAL)
UPPER: Final = (Operation.LESS_THAN, Operation.LESS_THAN_OR_EQUAL)


@attrs.frozen
class Dialect:
    """What has to be said differently on each database.

    Attributes:
        folding: PostgreSQL's collation whose `lower` is our `fold`; None on SQLite, which has a function of ours.
        scoped: whether a large table is entered by the agents of an organization. Few of its rows are meant then, and not to be looked for
            among all that have the same flag or word, or lie in the same range.
        walked: the property in whose order a large table is gone through, because many of its rows fit (answering.py).
    """

    folding: str | None
    walked: str | None = None
    scoped: bool = False

    def searched(self, view: View, property_: Property, column: Expression) -> Expression:
        """A column to be compared: not by an index where there is a better way into the table."""
        elsewhere = self.walked is not None and self.walked != property_.name
        common = property_.kind in COMMON and property_.name != view.window
        if elsewhere or (self.scoped and common):
            return self.unindexed(column)
        return column

    def unindexed(self, column: Expression) -> Expression:
        """A column that SQLite does not look for an index of. PostgreSQL knows by its statistics which way is the shorter one."""
        return (
            column if self.folding is not None else UnaryExpression(column, operator=PLUS, type_=column.type)
        )

    def by_code_points(self, column: Expression) -> Expression:
        """A text to be compared or sorted."""
        return column if self.folding is None else column.collate("C")

    def folded(self, column: Expression) -> Expression:
        """A text in small letters."""
        if self.folding is None:
            return sa.func.fieldgate_fold(column)
        return self.by_code_points(sa.func.lower(column.collate(self.folding)))

    def position(self, column: Expression, part: str) -> Expression:
        """Where in a text another one is, from 1 on; 0: nowhere."""
        return sa.func.instr(column, part) if self.folding is None else sa.func.strpos(column, part)


@attrs.frozen
class Ordered:
    """A part of an order.

    Attributes:
        nullable: whether the column may be NULL, which databases sort to different ends.
    """

    column: Expression
    descending: bool = False
    nullable: bool = False

    def directed(self) -> Expression:
        """As a part of ORDER BY."""
        if self.descending:
            return self.column.desc().nulls_last() if self.nullable else self.column.desc()
        return self.column.asc().nulls_first() if self.nullable else self.column.asc()


def tests(view: View, asked: Asked, dialect: Dialect, now_ms: int) -> list[Test]:
    """What a row must fit to be in the list, whoever asks for it.

    Raises:
        QueryRefused: something is asked that the view does not offer.
    """
    found = [] if view.where is None else [view.where]
    if asked.where is not None:
        found.append(_test(view, asked.where, dialect))
    if view.window is not None:
        found += _within(view, view.by_name[view.window], asked.where, now_ms)
    return found


def orders(view: View, asked: Asked, dialect: Dialect) -> list[Ordered]:
    """What the list is sorted by, and at the end what makes the order total.

    Raises:
        QueryRefused: by something that the view does not offer.
    """
    wanted = asked.sort or view.default_sort
    if view.large and len(wanted) > 1:
        raise QueryRefused(f"{view.name} are too many to be sorted by more than one property")
    found = [_ordered_by(view, order, dialect) for order in wanted]
    falls = bool(wanted) and wanted[-1].descending
    return found + [Ordered(column, descending=falls) for column in view.ties]


def _ordered_by(view: View, order: Order, dialect: Dialect) -> Ordered:
    property_ = sorted_by(view, order)
    column = property_.column
    if property_.kind is Kind.TEXT:
        column = dialect.folded(column) if property_.folded is None else property_.folded
    elif property_.kind is Kind.UID or any(isinstance(each, str) for each in property_.words.values()):
        column = dialect.by_code_points(column)
    # Where a value stands for none, it is the least one.
    return Ordered(column, order.descending, nullable=property_.nullable and property_.empty is None)


def _within(view: View, time: Property, where: Condition | None, now_ms: int) -> list[Test]:
    """A lower bound where none is asked for: so long before the upper one, or before now."""
    bounds = [each for each in _all_of(where) if each.property == time.name]
    if any(each.operation in LOWER for each in bounds):
        return []
    until = [operands(view, time, each)[0] for each in bounds if each.operation in UPPER]
    return [time.column >= min([now_ms, *until]) - view.window_ms]


def _all_of(where: Condition | None) -> list[Compare]:
    """The comparisons each of which every row must fit."""
    if isinstance(where, Every):
        return [each for item in where.items for each in _all_of(item)]
    return [where] if isinstance(where, Compare) else []


def _names(where: Condition) -> set[str]:
    if isinstance(where, Compare):
        return {where.property}
    return {name for item in where.items for name in _names(item)}


def _test(view: View, where: Condition, dialect: Dialect) -> Test:
    if isinstance(where, Compare):
        return _compare(view, where, dialect)
    tested = [_test(view, item, dialect) for item in where.items]
    if isinstance(where, Every):
        return sa.and_(sa.true(), *tested)
    if view.large and len(_names(where)) > 1:
        raise QueryRefused(
            f"{view.name} are too many to fit one or the other of several properties ({', '.join(sorted(_names(where)))}); "
            "ask for each alone"
        )
    return sa.or_(sa.false(), *tested)


def _compare(view: View, compare: Compare, dialect: Dialect) -> Test:
    property_ = property_of(view, compare)
    values = operands(view, property_, compare)
    if property_.kind is Kind.TEXT:
        return _text(view, property_, compare, values, dialect)
    column = dialect.searched(view, property_, property_.column)
    if compare.operation in ORDERING:
        return _ordered(property_, compare.operation, column, values[0])
    return _equal(property_, compare.operation, column, values)


def _text(view: View, property_: Property, compare: Compare, values: list[Any], dialect: Dialect) -> Test:
    """Of a large view by the folded column, which has an index: what is equal as it is written, is so in small letters, too."""
    ignorecase = compare.collation is Collation.IGNORECASE
    if property_.folded is not None:
        folded = dialect.searched(view, property_, property_.folded)
        small = _texts(property_, compare.operation, folded, [v and fold(v) for v in values], dialect)
        if ignorecase:
            return small
        exact = _texts(
            property_, compare.operation, dialect.by_code_points(property_.column), values, dialect
        )
        narrows = compare.operation in (Operation.EQUALS, Operation.IN, Operation.STARTS_WITH)
        return sa.and_(small, exact) if narrows else exact
    if not ignorecase:
        ordered = compare.operation in ORDERING
        column = dialect.searched(view, property_, property_.column)
        column = dialect.by_code_points(column) if ordered else column
    elif view.large:
        raise QueryRefused(f"{property_.name} is compared as it is written only: collation ordinal")
    else:
        column = dialect.folded(property_.column)
    return _texts(property_, compare.operation, column, values, dialect)


def _texts(
    property_: Property, operation: Operation, column: Expression, values: list[Any], dialect: Dialect
) -> Test:
    if operation in (Operation.EQUALS, Operation.IN):
        return _equal(property_, operation, column, [each for each in values if not _has_nul(each)])
    (value,) = values
    if operation in ORDERING:
        beginning, nul, _ = value.partition("\0")
        if nul:
            below = operation in UPPER
            operation = Operation.LESS_THAN_OR_EQUAL if below else Operation.GREATER_THAN
        return _ordered(property_, operation, column, beginning)
    if _has_nul(value):
        return sa.true() if operation is Operation.NOT_EQUALS else sa.false()
    if operation is Operation.CONTAINS:
        return sa.and_(_present(property_, column), dialect.position(column, value) > 0)
    if operation is Operation.STARTS_WITH:
        return _begins(property_, column, value)
    return _equal(property_, operation, column, values)


def _has_nul(value: str | None) -> bool:
    return value is not None and "\0" in value


def _begins(property_: Property, column: Expression, value: str) -> Test:
    if property_.folded is None:
        return sa.and_(_present(property_, column), sa.func.substr(column, 1, len(value)) == value)
    bounds = [column >= value]
    if (behind := _behind(value)) is not None:
        bounds.append(column < behind)
    return sa.and_(_present(property_, column), *bounds)


def _behind(beginning: str) -> str | None:
    """The least text that is greater than all that begin so; None: there is none."""
    for n in range(len(beginning) - 1, -1, -1):
        point = ord(beginning[n])
        if point < 0x10FFFF:
            following = 0xE000 if point == 0xD7FF else point + 1  # between the two are no characters
            return beginning[:n] + chr(following)
    return None


def _ordered(property_: Property, operation: Operation, column: Expression, value: Any) -> Test:
    compare = COMPARISONS[operation]
    test: Test = compare(column, value)
    if property_.empty is not None and compare(property_.empty, value):
        return sa.and_(test, _present(property_, column))
    return test


def _equal(property_: Property, operation: Operation, column: Expression, values: list[Any]) -> Test:
    if operation is Operation.NOT_EQUALS:
        if property_.kind in CLOSED:
            every = [*property_.words.values()] if property_.words else [False, True]
            others = [*every, None] if property_.nullable else every
            return _equal(property_, Operation.IN, column, [each for each in others if each not in values])
        (value,) = values
        if value is None or value == property_.empty:
            return _present(property_, column) if value is None else sa.true()
        return sa.or_(column != value, _missing(property_, column))
    present = [value for value in values if value is not None and value != property_.empty]
    test: Test = column.in_(present) if len(present) != 1 else column == present[0]
    return sa.or_(test, _missing(property_, column)) if None in values else test


def _missing(property_: Property, column: Expression) -> Test:
    if property_.empty is not None:
        return sa.and_(column == property_.empty)
    missing: Test = column.is_(None)
    return missing if property_.nullable else sa.false()


def _present(property_: Property, column: Expression) -> Test:
    if property_.empty is not None:
        return sa.and_(column != property_.empty)
    present: Test = column.is_not(None)
    return present if property_.nullable else sa.true()
