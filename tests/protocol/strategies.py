"""Hypothesis strategies for everything that travels, derived from the declarations."""

from typing import Any

import attrs
from hypothesis import strategies as st

from protocol import (
    MESSAGES,
    CloudTenant,
    EventBatch,
    HeldEvent,
    Job,
    JobEvent,
    Mark,
    Message,
    Removed,
    Repository,
    Sequenced,
    Server,
    Usage,
    Workload,
)
from protocol.batches import MAX_RECORDS
from protocol.instruction import Word
from protocol.kinds import Blob, Choice, Flag, Integer, Kind, ListOf, Text
from protocol.restoring import FolderPath, ItemPath, ItemPaths
from protocol.rowlists import Objects, RowsOf
from protocol.rows import WireRow
from protocol.schema import layout_of

ROW_CLASSES: tuple[type[WireRow], ...] = (
    CloudTenant,
    HeldEvent,
    Job,
    JobEvent,
    Mark,
    Removed,
    Repository,
    Server,
    Usage,
    Workload,
)

TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")

# What a hostile or mistaken peer puts into a cell: each is wrong for most kinds and right for some.
HOSTILE: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from(
        [0, 1, -1, 2**63, 2**63 - 1, 2**64 - 1, -(2**63), 253_402_300_799_999, 253_402_300_800_000]
    ),
    st.sampled_from(["", "\0", "a\0b", "x" * 64, "x" * 65, "x" * 1025, "\udc80", "\ud800"]),
    st.text(st.characters(), max_size=3),
    st.binary(max_size=3),
    st.just(()),
    st.tuples(st.integers(0, 9)),
)


def values_of(kind: Kind) -> st.SearchStrategy[Any]:
    """Every value that a kind allows, as the program has it."""
    match kind:
        case Integer():
            return st.integers(kind.low, kind.high)
        case Text():
            return st.text(TEXT, min_size=kind.at_least, max_size=kind.limit)
        case Blob():
            sized = st.binary(min_size=kind.low, max_size=kind.high)
            return st.just(b"") | sized if kind.or_empty else sized
        case Flag():
            return st.booleans()
        case Choice():
            return st.sampled_from(list(kind.enum))
        case ListOf():
            return st.lists(values_of(kind.kind), max_size=min(kind.limit, 3)).map(tuple)
        case Objects():
            return st.lists(instances_of(kind.row_class), max_size=3).map(tuple)
        case RowsOf():
            return st.lists(rows_of(kind.row_class), max_size=3).map(tuple)
    return said_in_json(kind)


def said_in_json(kind: Kind) -> st.SearchStrategy[Any]:
    """The same of the kinds that only payloads of commands have."""
    match kind:
        case Word():
            return st.sampled_from(kind.words)
        case FolderPath():
            return st.just("") | values_of(ItemPath())
        case ItemPaths():
            items = values_of(ItemPath()).filter(lambda path: path != "/")
            return st.lists(items, min_size=1, max_size=3).map(tuple)
        case ItemPath():
            name = st.text(TEXT, min_size=1, max_size=9).filter(
                lambda name: name not in (".", "..") and "/" not in name
            )
            return st.lists(name, max_size=4).map(lambda names: "/" + "/".join(names))
    raise AssertionError(f"no strategy for {kind!r}")


def instances_of(row_class: type[WireRow]) -> st.SearchStrategy[Any]:
    """Rows with named cells."""
    return st.builds(row_class, **{f.name: values_of(f.kind) for f in layout_of(row_class).fields})


def rows_of(row_class: type[WireRow]) -> st.SearchStrategy[Any]:
    """Rows as they travel."""
    return instances_of(row_class).map(lambda row: row.to_row())


def hostile_rows_of(row_class: type[WireRow]) -> st.SearchStrategy[Any]:
    """Rows of which some are wrong: in one cell, in their length, or altogether."""
    good = rows_of(row_class)
    width = layout_of(row_class).width

    def spoil(row: tuple[Any, ...], index: int, cell: Any) -> tuple[Any, ...]:
        return (*row[:index], cell, *row[index + 1 :])

    return st.one_of(
        good,
        st.builds(spoil, good, st.integers(0, width - 1), HOSTILE),
        st.builds(lambda row, n: row[:n], good, st.integers(0, width)),
        st.builds(lambda row, more: row + more, good, st.tuples(HOSTILE)),
        st.text(TEXT, min_size=width, max_size=width),
        st.binary(min_size=width, max_size=width),
        HOSTILE,
    )


def messages_of(cls: type[Message]) -> st.SearchStrategy[Any]:
    """Messages that may be sent."""
    drawn = st.builds(cls, **{f.name: values_of(f.kind) for f in layout_of(cls).fields})
    return drawn.map(_consistent) if issubclass(cls, Sequenced) else drawn


def _consistent(batch: Any) -> Any:
    """Make count, rows and `replaces` fit one another, and the numbers fit in 63 bits."""
    first = min(batch.first_sequence, 2**63 - 1 - MAX_RECORDS)
    if not isinstance(batch, EventBatch):
        return attrs.evolve(batch, first_sequence=first, count=1, replaces=b"")
    if batch.replaces or not batch.rows:
        return attrs.evolve(batch, first_sequence=first, rows=(), replaces=batch.replaces or bytes(16))
    return attrs.evolve(batch, first_sequence=first, count=len(batch.rows))


MESSAGE: st.SearchStrategy[Any] = st.one_of([messages_of(cls) for cls in MESSAGES.values()])
