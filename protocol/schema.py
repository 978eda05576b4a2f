"""From a class declaration to what travels.

A message or a row is an attrs class whose fields are annotated with their kind and their meaning:

    outbox_bytes: Annotated[int, Integer(0), "what the outbox holds"]

The order of the declarations is the order on the wire. Trailing fields with a default may be missing (the sender is
older than they are); fields after the last known one are ignored (the sender is newer than we are). A field without a
default, and every field before it, is required. Attributes without a kind do not travel.
"""

from typing import Annotated, Any, get_args, get_origin, get_type_hints

import attrs

from protocol.kinds import Kind

Row = tuple[Any, ...]


@attrs.frozen(kw_only=True)
class WireField:
    """One field as it travels."""

    name: str
    kind: Kind
    meaning: str
    required: bool
    default: object


@attrs.frozen(kw_only=True)
class Layout:
    """All fields of a class, in wire order."""

    fields: tuple[WireField, ...]
    required: int

    @property
    def width(self) -> int:
        return len(self.fields)


def layout_of(cls: type) -> Layout:
    """The wire layout of a message or row class, read once."""
    layout = _layouts.get(cls)
    if layout is None:
        layout = _layouts[cls] = _read(cls)
    return layout


_layouts: dict[type, Layout] = {}


def _read(cls: type) -> Layout:
    hints = get_type_hints(cls, include_extras=True)
    declared = []
    for attribute in attrs.fields(cls):
        if get_origin(hints[attribute.name]) is Annotated:
            _, *extras = get_args(hints[attribute.name])
            kind = next(e for e in extras if not isinstance(e, str))
            meaning = next((e for e in reversed(extras) if isinstance(e, str)), "")
            declared.append((attribute, kind, meaning))
    required = max((i for i, (a, _, _) in enumerate(declared, 1) if a.default is attrs.NOTHING), default=0)
    return Layout(
        fields=tuple(
            WireField(name=a.name, kind=kind, meaning=meaning, required=i < required, default=a.default)
            for i, (a, kind, meaning) in enumerate(declared)
        ),
        required=required,
    )
