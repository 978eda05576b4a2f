"""What a field may hold, and how that is checked: once by value, once by column.

A kind judges a value in three ways. `load` turns a decoded value into the one the program uses, or raises `FieldError`
with a reason. `dump` does the reverse, and holds us to the same bounds. `fits` answers yes or no for a whole column of raw
cells, with nothing but C loops inside (`set(map(type, …))`, `min`, `max`, `join`), because rows come by the thousand:
asking every cell for its reason would cost ten times as much, and is done only when a column says no.

Strict means: no bool for an integer, no float at all, 64 bits signed, no NUL and no surrogates in text (PostgreSQL stores
no NUL, and UTF-8 has no surrogates), and nothing without an upper bound.
"""

import functools
import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum, IntFlag
from typing import Any, Final, Protocol

import attrs

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
# The last millisecond of the year 9999: what datetime and PostgreSQL's timestamp can still show.
TIME_MAX_MS: Final = 253_402_300_799_999


class FieldError(Exception):
    """Why a value was refused: lower case, no full stop, the fact and the limit."""


class Kind(Protocol):
    """What every field is declared with."""

    def load(self, value: object) -> object:
        """The program's value for a decoded one, or FieldError."""

    def dump(self, value: object) -> object:
        """The wire's value for the program's, or FieldError."""

    def describe(self) -> str:
        """The words of docs/protocol.md."""


class CellKind(Kind, Protocol):
    """A kind that may stand in a row."""

    def fits(self, column: Sequence[object]) -> bool:
        """Whether every cell of a non-empty column is valid."""


@attrs.frozen
class Integer:
    """An integer between two bounds, both included."""

    low: int = INT64_MIN
    high: int = INT64_MAX
    _is_wide: bool = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_is_wide", self.high == INT64_MAX and self.low in (INT64_MIN, 0))

    def load(self, value: object) -> int:
        if type(value) is not int:
            raise FieldError(f"expected an integer, got {_name_of(value)}")
        if not self.low <= value <= self.high:
            raise FieldError(f"{value} is outside {self.low}..{self.high}")
        return value

    def dump(self, value: object) -> int:
        return self.load(value.value if isinstance(value, IntEnum | IntFlag) else value)

    def fits(self, column: Sequence[object]) -> bool:
        if not all_are(int, column):
            return False
        if self._is_wide:
            # A third of the price of min and max: pack refuses what has no 64 bits, and the sign is in the first of 8 bytes.
            try:
                packed = _int64s(len(column)).pack(*column)
            except struct.error:
                return False
            return self.low < 0 or packed[::8].isascii()
        return (
            min(column) >= self.low  # type: ignore[type-var, operator]  # proved integers above
            and max(column) <= self.high  # type: ignore[type-var, operator]  # likewise
        )

    def describe(self) -> str:
        names = {INT64_MIN: "-2^63", INT64_MAX: "2^63-1", 2**31 - 1: "2^31-1", TIME_MAX_MS: "end of 9999"}
        return f"int, {names.get(self.low, str(self.low))} to {names.get(self.high, str(self.high))}"


@attrs.frozen
class Text:
    """Text of bounded length, counted in code points."""

    limit: int
    at_least: int = 0

    def load(self, value: object) -> str:
        if type(value) is not str:
            raise FieldError(f"expected text, got {_name_of(value)}")
        if not self.at_least <= len(value) <= self.limit:
            raise FieldError(f"text of {len(value)} characters, limits are {self.at_least} and {self.limit}")
        if "\0" in value:
            raise FieldError("text with NUL in it")
        if not _is_utf8(value):
            raise FieldError("text that is not UTF-8")
        return value

    dump = load

    def fits(self, column: Sequence[object]) -> bool:
        try:
            joined = "".join(column)  # type: ignore[arg-type]  # refuses whatever is not text
        except TypeError:
            return False
        return (
            max(map(len, column)) <= self.limit  # type: ignore[arg-type]  # the join proved them text
            and "\0" not in joined
            and (not self.at_least or min(map(len, column)) >= self.at_least)  # type: ignore[arg-type]  # likewise
            and _is_utf8(joined)
        )

    def describe(self) -> str:
        return f"text, {self.at_least} to {self.limit} characters"


@attrs.frozen
class Blob:
    """Bytes whose length is one of a few, or between two bounds."""

    low: int
    high: int
    or_empty: bool = False

    def load(self, value: object) -> bytes:
        if type(value) is not bytes:
            raise FieldError(f"expected bytes, got {_name_of(value)}")
        if not self.low <= len(value) <= self.high and not (self.or_empty and not value):
            raise FieldError(f"{len(value)} bytes, expected {self.describe()}")
        return value

    dump = load

    def fits(self, column: Sequence[object]) -> bool:
        return all_are(bytes, column) and all(
            self.low <= size <= self.high or (self.or_empty and not size)
            for size in map(len, column)  # type: ignore[arg-type]  # proved bytes above
        )

    def describe(self) -> str:
        span = str(self.low) if self.low == self.high else f"{self.low} to {self.high}"
        return f"bin, {span} bytes" + (", or empty" if self.or_empty else "")


@attrs.frozen
class Flag:
    """True or false, and no number for either."""

    def load(self, value: object) -> bool:
        if type(value) is not bool:
            raise FieldError(f"expected true or false, got {_name_of(value)}")
        return value

    dump = load

    def fits(self, column: Sequence[object]) -> bool:
        return all_are(bool, column)

    def describe(self) -> str:
        return "bool"


@attrs.frozen
class Choice:
    """A member of a closed set, sent as its number."""

    enum: type[IntEnum]
    values: frozenset[int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "values", frozenset(member.value for member in self.enum))

    def load(self, value: object) -> IntEnum:
        if type(value) is not int:
            raise FieldError(f"expected an integer, got {_name_of(value)}")
        if value not in self.values:
            raise FieldError(f"{value} is no {self.enum.__name__}")
        return self.enum(value)

    def dump(self, value: object) -> int:
        if not isinstance(value, self.enum):
            raise FieldError(f"expected a {self.enum.__name__}, got {_name_of(value)}")
        return value.value

    def fits(self, column: Sequence[object]) -> bool:
        return all_are(int, column) and self.values.issuperset(column)

    def describe(self) -> str:
        return f"[{self.enum.__name__}](#{self.enum.__name__.lower()})"


@attrs.frozen
class ListOf:
    """A short list of one kind of value."""

    kind: Kind
    limit: int

    def load(self, value: object) -> tuple[object, ...]:
        if type(value) is not tuple:
            raise FieldError(f"expected an array, got {_name_of(value)}")
        return self._each(value, self.kind.load)

    def dump(self, value: object) -> tuple[object, ...]:
        if type(value) is not tuple:
            raise FieldError(f"expected a tuple, got {_name_of(value)}")
        return self._each(value, self.kind.dump)

    def _each(self, values: tuple[object, ...], convert: "_Convert") -> tuple[object, ...]:
        if len(values) > self.limit:
            raise FieldError(f"{len(values)} entries, limit is {self.limit}")
        return tuple(convert(entry) for entry in values)

    def describe(self) -> str:
        return f"array, up to {self.limit}, of {self.kind.describe()}"


class _Convert(Protocol):
    def __call__(self, value: object, /) -> object: ...


def frozen(values: Iterable[Any]) -> tuple[Any, ...]:
    """A converter: callers may hand over any iterable, messages hold tuples."""
    return tuple(values)


def all_are(cls: type, column: Sequence[object]) -> bool:
    """Whether every value has exactly this type."""
    # list.count compares by identity first: a quarter faster than building a set of the types.
    return list(map(type, column)).count(cls) == len(column)


@functools.lru_cache(maxsize=512)
def _int64s(count: int) -> struct.Struct:
    return struct.Struct(f">{count}q")


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name_of(value: object) -> str:
    return {
        type(None): "nothing",
        tuple: "an array",
        float: "a float",
        bool: "a bool",
        str: "text",
        int: "an integer",
    }.get(type(value), type(value).__name__)
