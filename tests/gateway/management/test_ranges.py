"""Parts of files: what a client that broke off asks for, and whatever else somebody writes into that header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.management.rest.ranges import asked_range


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, (0, 10, False)),
        ("bytes=0-", (0, 10, True)),
        ("bytes=4-", (4, 10, True)),
        ("bytes=4-6", (4, 7, True)),
        ("bytes=4-400", (4, 10, True)),
        ("bytes=-3", (7, 10, True)),
        ("bytes=-300", (0, 10, True)),
        ("BYTES = 4 - 6", (4, 7, True)),
        ("bytes=10-", None),
        ("bytes=-0", None),
        ("bytes=6-4", (0, 10, False)),
        ("bytes=-", (0, 10, False)),
        ("bytes=0-1,4-5", (0, 10, False)),
        ("lines=0-1", (0, 10, False)),
        ("bytes=a-b", (0, 10, False)),
        ("bytes=\u0664-", (0, 10, False)),
        ("bytes=99999999999999999999-", (0, 10, False)),
    ],
)
def test_one_range_is_understood_and_all_else_is_all(
    header: str | None, part: tuple[int, int, bool] | None
) -> None:
    """None: the file has nothing of it."""
    assert asked_range(header, 10) == part


@given(
    st.text(max_size=20) | st.from_regex(r"bytes=[0-9]{0,4}-[0-9]{0,4}", fullmatch=True), st.integers(0, 2000)
)
def test_a_part_is_a_part(header: str, size: int) -> None:
    """Never a byte that is not there, and never none."""
    part = asked_range(header, size)
    if part is not None:
        start, stop, partial = part
        assert 0 <= start <= stop <= size
        assert start < stop or not partial
