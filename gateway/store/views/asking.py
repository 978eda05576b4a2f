"""What may be asked of a view, and what comes back: the vocabulary of everybody who shows a list."""

import typing
from enum import StrEnum

import attrs

from gateway.store.errors import StoreError
from protocol import Code

EXACT: typing.Final = 10_000
"""Totals are exact up to here: a person reads no further, and counting further would mean reading the table."""
MOST_VALUES: typing.Final = 1000
"""In one `in`."""


class QueryRefused(StoreError):  # noqa: N818  # named after what it reports, like the other kinds of StoreError
    """A list was asked for something that it does not offer; the text names what it does."""

    code = Code.QUERY_REFUSED


class Operation(StrEnum):
    """How a property is compared."""

    EQUALS = "equals"
    NOT_EQUALS = "notEquals"
    IN = "in"
    CONTAINS = "contains"
    STARTS_WITH = "startsWith"
    LESS_THAN = "lessThan"
    LESS_THAN_OR_EQUAL = "lessThanOrEqual"
    GREATER_THAN = "greaterThan"
    GREATER_THAN_OR_EQUAL = "greaterThanOrEqual"


class Collation(StrEnum):
    """What makes two texts the same: their characters, or their characters whether they are capital or small."""

    ORDINAL = "ordinal"
    IGNORECASE = "ignorecase"


@attrs.frozen
class Compare:
    """A property held against a value, as REST has it: JSON, with times and enums as texts.

    A missing value (None) equals None alone; it is neither less nor greater than anything, contains nothing, and differs from everything
    else. For `in`, *value* is a list.
    """

    property: str
    operation: Operation
    value: typing.Any
    collation: Collation = Collation.ORDINAL


@attrs.frozen
class Every:
    """All of the conditions; of none, everything."""

    items: tuple["Condition", ...]


@attrs.frozen
class Any_:  # noqa: N801  # `Any` is typing's
    """At least one of the conditions; of none, nothing."""

    items: tuple["Condition", ...]


Condition = Compare | Every | Any_


@attrs.frozen
class Order:
    """To be sorted by a property: nothing before something, false before true, words as they are declared, texts whether capital or small."""

    property: str
    descending: bool = False


@attrs.frozen(kw_only=True)
class Asked:
    """What a list is asked for.

    Attributes:
        select: the properties that a row is to have; None: all.
    """

    where: Condition | None = None
    sort: tuple[Order, ...] = ()
    limit: int = 100
    offset: int = 0
    select: tuple[str, ...] | None = None


@attrs.frozen
class Scope:
    """Whose rows may be seen. What lies outside does not exist."""

    reseller_uid: str | None = None
    organization_uid: str | None = None

    @classmethod
    def everything(cls) -> "Scope":
        """For the provider's people."""
        return cls()

    @classmethod
    def reseller(cls, uid: str) -> "Scope":
        """A reseller and its companies."""
        return cls(reseller_uid=uid)

    @classmethod
    def organization(cls, uid: str) -> "Scope":
        """One organization."""
        return cls(organization_uid=uid)


@attrs.frozen(kw_only=True)
class Page:
    """Some rows of a list.

    Attributes:
        rows: as REST shows them: JSON values by the properties' names.
        total: how many fit in all; EXACT where there are more than that.
        total_is_exact: whether there are not.
    """

    rows: list[dict[str, typing.Any]]
    total: int
    total_is_exact: bool
