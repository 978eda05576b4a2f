"""What a value may look like in a document, derived from the classes of evidence and finding.

A shape judges in two directions. `load` takes what a stranger's JSON holds and raises `DocumentError` for whatever is not
exactly right: no bool for an integer, no NaN, no NUL and no surrogates in text, nothing without an upper bound. `dump` takes
what we saw ourselves. That may hold what a stranger made long (a proxy's reason, a ClientHello with a thousand ciphers), so it cuts
texts and lists at their bound instead of refusing them: a report that can't be written helps nobody.
"""

import base64
import binascii
import enum
import types
from collections.abc import Mapping
from typing import Any, Protocol, Union, get_args, get_origin, get_type_hints

import attrs

__all__ = ["Bound", "DocumentError", "Shape", "shape_of"]

_MAX_KEYS = 64


class DocumentError(ValueError):
    """No document of ours, or not within its bounds; the message names the place and the reason."""


class Shape(Protocol):
    """What a field may hold."""

    def load(self, value: object) -> Any:
        """The program's value for the document's, or DocumentError."""

    def dump(self, value: Any) -> Any:
        """The document's value for the program's, or DocumentError."""

    def schema(self) -> dict[str, Any]:
        """JSON schema (2020-12) of the document's value."""


@attrs.frozen(kw_only=True)
class Bound:
    """How much a field may hold: characters of a text, bytes of a blob, entries of a list, and a number's range."""

    text: int = 255
    blob: int = 64
    items: int = 32
    low: int = -(2**63)
    high: int = 2**63 - 1


@attrs.frozen
class IntegerShape:
    low: int
    high: int

    def load(self, value: object) -> int:
        if type(value) is not int or not self.low <= value <= self.high:
            raise DocumentError(f"expected an integer from {self.low} to {self.high}")
        return value

    dump = load

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@attrs.frozen
class NumberShape:
    low: int
    high: int

    def load(self, value: object) -> float:
        if isinstance(value, int | float) and type(value) is not bool and self.low <= value <= self.high:
            number = float(value)
            if number <= self.high:  # 2**63 - 1 becomes 2**63, which could not be written again
                return number
        raise DocumentError(f"expected a number from {self.low} to {self.high}")

    dump = load

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@attrs.frozen
class FlagShape:
    def load(self, value: object) -> bool:
        if type(value) is not bool:
            raise DocumentError("expected true or false")
        return value

    dump = load

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@attrs.frozen
class TextShape:
    limit: int

    def load(self, value: object) -> str:
        if type(value) is not str or len(value) > self.limit:
            raise DocumentError(f"expected text of at most {self.limit} characters")
        if clean(value) != value:
            raise DocumentError("text with NUL or a surrogate in it")
        return value

    def dump(self, value: object) -> str:
        if not isinstance(value, str):
            raise DocumentError("expected text")
        return clean(value[: self.limit])

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": self.limit}


@attrs.frozen
class BlobShape:
    limit: int

    def load(self, value: object) -> bytes:
        if type(value) is not str or len(value) > -(-self.limit // 3) * 4:
            raise DocumentError(f"expected base64 of at most {self.limit} bytes")
        try:
            decoded = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise DocumentError("not base64") from None
        if base64.b64encode(decoded).decode("ascii") != value:
            raise DocumentError("not base64 in its one form")
        return self._within(decoded)

    def dump(self, value: object) -> str:
        if not isinstance(value, bytes):
            raise DocumentError("expected bytes")
        return base64.b64encode(self._within(value)).decode("ascii")

    def _within(self, value: bytes) -> bytes:
        if len(value) > self.limit:
            raise DocumentError(f"{len(value)} bytes, limit is {self.limit}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "contentEncoding": "base64", "maxLength": -(-self.limit // 3) * 4}


@attrs.frozen
class EnumShape:
    members: type[enum.Enum]

    def load(self, value: object) -> enum.Enum:
        if type(value) is not str:
            raise DocumentError(f"expected a {self.members.__name__}")
        try:
            return self.members(value)
        except ValueError:
            raise DocumentError(f"no {self.members.__name__}") from None

    def dump(self, value: object) -> str:
        if not isinstance(value, self.members):
            raise DocumentError(f"expected a {self.members.__name__}")
        return str(value.value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": [member.value for member in self.members]}


@attrs.frozen
class OptionalShape:
    shape: Shape

    def load(self, value: object) -> Any:
        return None if value is None else self.shape.load(value)

    def dump(self, value: object) -> Any:
        return None if value is None else self.shape.dump(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.shape.schema(), {"type": "null"}]}


@attrs.frozen
class ListShape:
    """A tuple, or a set (kept sorted, so that equal sets give equal documents)."""

    shape: Shape
    limit: int
    is_set: bool = False

    def load(self, value: object) -> Any:
        if type(value) is not list or len(value) > self.limit:
            raise DocumentError(f"expected a list of at most {self.limit} entries")
        loaded = [_at(f"[{n}]", self.shape.load, entry) for n, entry in enumerate(value)]
        return frozenset(loaded) if self.is_set else tuple(loaded)

    def dump(self, value: Any) -> list[Any]:
        if not isinstance(value, frozenset if self.is_set else tuple):
            raise DocumentError("expected a set" if self.is_set else "expected a tuple")
        entries: list[Any] = sorted(value) if self.is_set else list(value)
        return [_at(f"[{n}]", self.shape.dump, entry) for n, entry in enumerate(entries[: self.limit])]

    def schema(self) -> dict[str, Any]:
        unique = {"uniqueItems": True} if self.is_set else {}
        return {"type": "array", "items": self.shape.schema(), "maxItems": self.limit, **unique}


@attrs.frozen
class PairShape:
    """A tuple of a fixed length."""

    shapes: tuple[Shape, ...]

    def load(self, value: object) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(self.shapes):
            raise DocumentError(f"expected a list of {len(self.shapes)} entries")
        return tuple(shape.load(entry) for shape, entry in zip(self.shapes, value, strict=True))

    def dump(self, value: Any) -> list[Any]:
        if not isinstance(value, tuple) or len(value) != len(self.shapes):
            raise DocumentError(f"expected a tuple of {len(self.shapes)} entries")
        return [shape.dump(entry) for shape, entry in zip(self.shapes, value, strict=True)]

    def schema(self) -> dict[str, Any]:
        shapes = [shape.schema() for shape in self.shapes]
        return {"type": "array", "prefixItems": shapes, "items": False, "minItems": len(shapes)}


@attrs.frozen
class ObjectShape:
    """An attrs class, by the names of its fields. Keys that are not known are ignored: the sender is newer than we are."""

    cls: type[Any]
    fields: Mapping[str, Shape]
    required: frozenset[str]

    def load(self, value: object) -> Any:
        if type(value) is not dict or len(value) > _MAX_KEYS:
            raise DocumentError(f"expected an object of at most {_MAX_KEYS} keys")
        if missing := self.required - value.keys():
            raise DocumentError(f"{min(missing)} is missing")
        loaded = {
            name: _at(f".{name}", shape.load, value[name])
            for name, shape in self.fields.items()
            if name in value
        }
        return self.cls(**loaded)

    def dump(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, self.cls):
            raise DocumentError(f"expected {self.cls.__name__}")
        return {
            name: _at(f".{name}", shape.dump, getattr(value, name)) for name, shape in self.fields.items()
        }

    def schema(self) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self.cls.__name__}"}

    def definition(self) -> dict[str, Any]:
        """The schema of the object itself, which `schema` refers to."""
        return {
            "type": "object",
            "properties": {name: shape.schema() for name, shape in self.fields.items()},
            "required": sorted(self.required),
        }


def shape_of(hint: Any, bounds: Mapping[str, Bound], bound: Bound) -> Shape:
    """The shape of a type hint.

    Args:
        hint: a class of evidence or finding, or what one of their fields is declared as.
        bounds: of fields, by `Class.field`; what is not named has *bound*, or `Bound()` within a class.
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (arg for arg in args if arg is not type(None))
        return OptionalShape(shape_of(inner, bounds, bound))
    if origin is tuple and args[-1] is not Ellipsis:
        return PairShape(tuple(shape_of(arg, bounds, bound) for arg in args))
    if origin in (tuple, frozenset):
        return ListShape(shape_of(args[0], bounds, bound), bound.items, origin is frozenset)
    return _plain(hint, bounds, bound)


def _plain(cls: type[Any], bounds: Mapping[str, Bound], bound: Bound) -> Shape:
    if attrs.has(cls):
        hints = get_type_hints(cls)
        declared = attrs.fields(cls)
        return ObjectShape(
            cls,
            {a.name: shape_of(hints[a.name], bounds, bounds.get(f"{cls.__name__}.{a.name}", Bound())) for a in declared},
            frozenset(a.name for a in declared if a.default is attrs.NOTHING),
        )  # fmt: skip
    if issubclass(cls, enum.Enum):
        return EnumShape(cls)
    shapes: dict[type[Any], Shape] = {
        bool: FlagShape(),
        int: IntegerShape(bound.low, bound.high),
        float: NumberShape(bound.low, bound.high),
        str: TextShape(bound.text),
        bytes: BlobShape(bound.blob),
    }
    return shapes[cls]


def clean(text: str) -> str:
    """*text* without what no store and no JSON reader takes: NUL and surrogates become U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def _at(place: str, convert: Any, value: object) -> Any:
    try:
        return convert(value)
    except DocumentError as error:
        raise DocumentError(f"{place}{'' if str(error).startswith(('.', '[')) else ': '}{error}") from None
