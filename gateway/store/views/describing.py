"""How a view is declared: its properties once, from which the query, the row and the interface's description are all made."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

import attrs
import sqlalchemy as sa

from gateway.store.columns import Int
from gateway.store.views.asking import Operation, Order

NOW: Final = sa.bindparam("now_ms", type_=Int)
"""The moment of asking, for columns that are judged by it."""

EQUALITY: Final = frozenset({Operation.EQUALS, Operation.NOT_EQUALS, Operation.IN})
ORDERING: Final = frozenset(
    {
        Operation.LESS_THAN,
        Operation.LESS_THAN_OR_EQUAL,
        Operation.GREATER_THAN,
        Operation.GREATER_THAN_OR_EQUAL,
    }
)
PARTS: Final = frozenset({Operation.CONTAINS, Operation.STARTS_WITH})


class Kind(StrEnum):
    """What a property's value is, in the store and in JSON."""

    UID = "uid"
    """A uuid in both."""
    TEXT = "text"
    INTEGER = "integer"
    FLAG = "flag"
    TIME = "time"
    """Milliseconds since the epoch in the store, RFC 3339 in UTC with milliseconds in JSON."""
    WORD = "word"
    """One of few words in JSON; what each is in the store, the property says."""
    OBJECT = "object"
    """JSON in a text; an object in JSON."""


OPERATIONS: Final = {
    Kind.UID: EQUALITY,
    Kind.TEXT: EQUALITY | ORDERING | PARTS,
    Kind.INTEGER: EQUALITY | ORDERING,
    Kind.FLAG: EQUALITY,
    Kind.TIME: EQUALITY | ORDERING,
    Kind.WORD: EQUALITY,
    Kind.OBJECT: frozenset[Operation](),
}

# Of these there are few values, so that "not this one" is "one of the others", which an index finds.
CLOSED: Final = frozenset({Kind.FLAG, Kind.WORD})


@attrs.frozen(kw_only=True, eq=False)
class Property:
    """One property of a view's rows.

    Attributes:
        name: as REST shows it, in camelCase.
        says: a line for the description of the interface.
        example: of a value, as JSON.
        column: its value, over the view's source.
        words: of a WORD: what stands in the store for each, in rising order, which is the order in which they are sorted.
        filter: whether a list may be filtered by it. Of a large view: an index finds rows by it.
        sort: whether a list may be sorted by it. Of a large view: an index has this order.
        nullable: whether it may be missing.
        empty: the value in the store that means that it is missing, such as 0 for "never": then the column itself is never NULL.
        folded: of a TEXT: a column with `fold` of it. A large view has an index on that one; without, its texts are found as they are written.
    """

    name: str
    kind: Kind
    says: str
    example: Any
    column: sa.ColumnElement[Any]
    words: Mapping[str, Any] = attrs.field(factory=dict)
    filter: bool = True
    sort: bool = True
    nullable: bool = False
    empty: Any = None
    folded: sa.ColumnElement[str] | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what can't be meant.

        Raises:
            ValueError: that.
        """
        stored = list(self.words.values())
        if bool(stored) != (self.kind is Kind.WORD) or stored != sorted(stored):
            raise ValueError(f"{self.name}: a WORD has words, whose stored values rise")
        if self.empty is not None and not self.nullable:
            raise ValueError(f"{self.name}: what has a value for none is nullable")
        if self.kind is Kind.OBJECT and (self.filter or self.sort):
            raise ValueError(f"{self.name}: an object is neither filtered nor sorted by")


@attrs.frozen(kw_only=True, eq=False)
class View:
    """A list that REST and the commands show.

    Attributes:
        name: in the plural, as its path has it.
        model: what one row is called in the description of the interface.
        says: a line for that description.
        key: the property by which one row is got; None: rows are only listed.
        source: what its columns come from; a row of it is a row of the list.
        identity: columns that no two rows share, in an order that an index has: the tiebreaker of every order. The key's, if not given.
        organization: of the source, whose row it is; None: the provider's alone.
        agent: of the source, the number of the agent whose row it is, or its uid, where that is how it belongs to an organization: the
            way from a scope into a large table.
        where: which rows of the source are meant.
        large: it may have more rows than may be read for a page: no operation and no order without an index.
        window: the TIME property by whose range the list is always bounded; see `window_ms`.
        window_ms: how far the list goes back unless it is asked from when on.
    """

    name: str
    model: str
    says: str
    key: str | None
    properties: tuple[Property, ...]
    source: sa.FromClause
    organization: sa.ColumnElement[str] | None
    default_sort: tuple[Order, ...]
    identity: tuple[sa.ColumnElement[Any], ...] = ()
    agent: sa.ColumnElement[Any] | None = None
    where: sa.ColumnElement[bool] | None = None
    large: bool = False
    window: str | None = None
    window_ms: int = 0

    @cached_property
    def by_name(self) -> Mapping[str, Property]:
        """Its properties."""
        return {each.name: each for each in self.properties}

    @property
    def ties(self) -> tuple[sa.ColumnElement[Any], ...]:
        """The tiebreaker."""
        return self.identity if self.key is None or self.identity else (self.by_name[self.key].column,)

    def operations(self, property_: Property) -> list[Operation]:
        """What one of its properties may be filtered by, in the order of Operation."""
        if not property_.filter:
            return []
        offered = OPERATIONS[property_.kind]
        if self.large and (property_.kind not in CLOSED or property_.nullable):
            offered -= {Operation.NOT_EQUALS, Operation.CONTAINS}
            if property_.kind is Kind.TEXT:
                offered -= ORDERING if property_.folded is not None else ORDERING | PARTS
        return [each for each in Operation if each in offered]

    def finds_none(self, property_: Property) -> bool:
        """Whether null may be asked for: in a large view where an index has a value for it, and not where only a join knows."""
        return not self.large or not property_.nullable or property_.empty is not None
