"""From a view of the store to what the description of the interface says of its rows.

The properties of a view are written down once, in the store. The schema of an answer is made from them, so that the two can't differ.
Every property may be missing from a row, because `select` leaves out what was not asked for.
"""

from functools import cache
from typing import Annotated, Any, Final

import msgspec

from gateway.store import Kind, Property, View

__all__ = ["Meta", "Paging", "one_model", "page_model", "row_model"]


class Paging(msgspec.Struct, rename="camel"):
    """Where this page is."""

    total: Annotated[
        int, msgspec.Meta(description="How many rows there are; up to 10,000 exactly.", examples=[42])
    ]
    count: Annotated[int, msgspec.Meta(description="How many of them are here.", examples=[42])]
    offset: Annotated[int, msgspec.Meta(description="How many come before.", examples=[0])]
    total_is_exact: Annotated[
        bool, msgspec.Meta(description="False where there are more than `total`.", examples=[True])
    ] = True


class Meta(msgspec.Struct, rename="camel"):
    """About the answer."""

    paging_info: Paging


_TYPES: Final[dict[Kind, Any]] = {
    Kind.UID: str,
    Kind.TEXT: str,
    Kind.WORD: str,
    Kind.TIME: str,
    Kind.INTEGER: int,
    Kind.FLAG: bool,
    Kind.OBJECT: Any,
}
_FORMATS: Final = {Kind.TIME: {"format": "date-time"}}


def _annotation(property_: Property) -> Any:
    extra: dict[str, Any] = dict(_FORMATS.get(property_.kind, {}))
    if property_.words:
        extra["enum"] = [*property_.words, *([None] if property_.nullable else [])]
    meta = msgspec.Meta(
        description=property_.says, examples=[property_.example], extra_json_schema=extra or None
    )
    kind: Any = _TYPES[property_.kind]
    if property_.nullable and property_.kind is not Kind.OBJECT:  # any JSON, null as well
        return Annotated[kind | msgspec.UnsetType | None, meta]
    return Annotated[kind | msgspec.UnsetType, meta]


@cache
def row_model(view: View) -> type[msgspec.Struct]:
    """What one row of *view* looks like."""
    fields = [(each.name, _annotation(each), msgspec.UNSET) for each in view.properties]
    return msgspec.defstruct(view.model, fields, namespace={"__doc__": view.says})


@cache
def page_model(view: View) -> type[msgspec.Struct]:
    """What a page of *view* looks like."""
    rows: Any = list[row_model(view)]  # type: ignore[misc]  # made at run time, which the checker can't follow
    return msgspec.defstruct(f"{view.model}Page", [("meta", Meta), ("data", rows)])


@cache
def one_model(view: View) -> type[msgspec.Struct]:
    """What the answer about one row looks like."""
    return msgspec.defstruct(f"One{view.model}", [("data", row_model(view))])
