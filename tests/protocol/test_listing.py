"""Listings: pages within their bounds, and of whatever an agent sends either rows that are what they claim to be, or ListingError."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.listing import (
    FILE,
    MAX_LISTING,
    MAX_ROWS,
    OTHER,
    Item,
    Listing,
    ListingError,
    Page,
    Point,
    read_listing,
)
from tests.protocol.strategies import TEXT

PATHS = st.text(TEXT, min_size=1, max_size=20)
ITEMS = st.builds(
    Item, path=PATHS, type=st.sampled_from(["file", "folder", "link", "other"]),
    size_bytes=st.integers(0, 2**63 - 1), modified_ms=st.integers(0, 253_402_300_799_999),
)  # fmt: skip


def page_of(items: list[Item], limit: int = MAX_ROWS) -> tuple[bytes, int]:
    """A page, and how many went onto it."""
    page = Page[Item](limit)
    taken = 0
    for item in items:
        if not page.add(item, item.path):
            break
        taken += 1
    return bytes(page), taken


@given(st.lists(ITEMS, max_size=8), st.integers(1, 8))
def test_what_is_written_is_read(items: list[Item], limit: int) -> None:
    """As many rows as fit, and where the rest begins."""
    data, taken = page_of(items, limit)
    assert taken == min(len(items), limit)
    rest = items[taken - 1].path if taken < len(items) else ""
    assert read_listing(Item, data) == Listing(rows=items[:taken], next=rest)


def test_a_page_is_bounded_by_its_bytes() -> None:
    """The longest paths that there are, each of which takes six bytes a character at worst."""
    data, taken = page_of([Item(path="\x01" * 4096, type=FILE)] * MAX_ROWS)
    assert len(data) <= MAX_LISTING
    assert 20 < taken < MAX_ROWS
    assert read_listing(Item, data).next == "\x01" * 4096


def test_points_are_rows_too() -> None:
    page = Page[Point](1)
    assert page.add(Point(uid="p", time_ms=5, size_bytes=7, name="n"), "p")
    assert read_listing(Point, bytes(page)).rows == [Point(uid="p", time_ms=5, size_bytes=7, name="n")]


def test_a_newer_agent_may_say_more() -> None:
    """Unknown keys are passed over, an unknown type is something else, and what is missing takes its default."""
    said = {"version": 1, "rows": [{"path": "/a", "type": "socket", "owner": "ada"}], "sorted": True}
    assert read_listing(Item, json.dumps(said).encode()).rows == [Item(path="/a", type=OTHER)]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b" " * (MAX_LISTING + 1), f"limit is {MAX_LISTING}"),
        (b"[]", "no object"),
        (b'{"version": 1}', "no object with version and rows"),
        (b'{"version": true, "rows": []}', "no object"),
        (b'{"version": 2, "rows": []}', "version 2"),
        (b'{"version": 1, "rows": [], "next": 5}', "expected text"),
        (b'{"version": 1, "rows": [5]}', "a row that is no object"),
        (b'{"version": 1, "rows": [{"type": "file"}]}', "path is missing"),
        (b'{"version": 1, "rows": [{"path": "", "type": "file"}]}', "path: text of 0"),
        (b'{"version": 1, "rows": [{"path": "a\\u0000", "type": "file"}]}', "path: text with NUL"),
        (b'{"version": 1, "rows": [{"path": "\\ud800", "type": "file"}]}', "path: .*UTF-8"),
        (b'{"version": 1, "rows": [{"path": "a", "type": "file", "size_bytes": -1}]}', "size_bytes: -1"),
        (b'{"version": 1, "rows": [{"path": "a", "type": "file", "size_bytes": 1.5}]}', "no whole number"),
        (b'{"version": 1, "rows": [{"path": "a", "type": "file", "size_bytes": 1' + b"0" * 5000 + b"}]}", "no JSON"),
        (b'{"version": 1, "rows": [{"path": "a", "type": "file", "modified_ms": NaN}]}', "no whole number"),
        (b'{"version": 1, "rows": [' + b",".join([b"{}"] * (MAX_ROWS + 1)) + b"]}", f"limit is {MAX_ROWS}"),
    ],
    ids=lambda value: repr(value[:50]),
)  # fmt: skip
def test_what_is_no_listing_is_refused(said: bytes, why: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(ListingError, match=why):
        read_listing(Item, said)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["version", "rows", "next", "path", "type", "uid", "time_ms"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_garbage_raises_only_listing_error(data: bytes) -> None:
    """Whichever rows are expected."""
    for read, cls in ((lambda: read_listing(Item, data), Item), (lambda: read_listing(Point, data), Point)):
        try:
            found: Listing[Any] = read()
        except ListingError:
            continue
        assert all(type(row) is cls for row in found.rows)
