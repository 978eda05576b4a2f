"""One event is one line of the journal, whatever a stranger got into it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import is_journal, log_line
from protocol.logline import LINE_BYTES

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.dictionaries(
    st.sampled_from(("event", "level", "code", "timestamp", "process", "exception")) | st.text(max_size=20),
    VALUES | st.text().map(lambda text: text * 300),
    max_size=12,
)


@given(EVENTS)
def test_one_event_is_one_line(event: dict[str, object]) -> None:
    """It has one priority, at its beginning, nothing that ends a line or steers a terminal, and no reader cuts it."""
    line = log_line(event)

    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= LINE_BYTES
    assert line[0] == "<"
    assert line[1] in "234567"
    assert line[2:4] == ">{"
    assert type(json.loads(line[3:])) is dict


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200) | st.integers(), max_size=6))
def test_nothing_is_lost_of_an_event_that_fits(event: dict[str, object]) -> None:
    """What was said comes back, in an order that does not depend on who said it first."""
    line = log_line(event)

    assert json.loads(line[3:]) == event
    assert log_line(dict(reversed(event.items()))) == line


@pytest.mark.parametrize(
    ("level", "priority"),
    [("critical", 2), ("error", 3), ("warning", 4), ("info", 6), ("debug", 7), ("odd", 3)],
)
def test_the_priority_is_the_levels(level: str, priority: int) -> None:
    """`journalctl -p warning` goes by it; an odd one is rather seen than not."""
    assert log_line({"event": "x", "level": level}).startswith(f"<{priority}>")


def test_the_order_is_a_readers() -> None:
    """What it is comes first, the rest by the alphabet."""
    line = log_line(
        {"zone": 1, "agent": "a1", "level": "info", "code": "FG-2107", "event": "e", "process": "edge"}
    )

    assert list(json.loads(line[3:])) == ["event", "process", "level", "code", "agent", "zone"]


def test_no_line_can_be_forged() -> None:
    """Neither by a line end nor by a length at which somebody else would cut it."""
    forged = '\n<2>{"event": "journal failed"}\r\u2028\x85'
    for said in (forged, "x" * 48 * 1024 + forged):
        line = log_line({"event": "session open", "level": "info", "host_name": said})
        assert len(line.splitlines()) == 1
        assert len(line) <= LINE_BYTES
        assert line.startswith('<6>{"event": "session open"')


def test_of_a_long_traceback_the_end_stays() -> None:
    """What was raised stands last."""
    line = log_line(
        {"event": "session crashed", "level": "error", "exception": "frame\n" * 5_000 + "ValueError: x"}
    )

    assert json.loads(line[3:])["exception"].endswith("ValueError: x")


def test_what_is_left_of_too_many_fields_says_so() -> None:
    """Rather than a line that somebody cuts."""
    line = log_line({"event": "x", "level": "info"} | {f"key{n}": "y" * 60 for n in range(500)})

    assert json.loads(line[3:]) == {"event": "x", "level": "info", "fields_left_out": 500}


@pytest.mark.parametrize(
    ("text", "journal"), [("8:99", True), ("8:98", False), ("9:99", False), ("", False), ("8", False)]
)
def test_which_file_is_the_journal(text: str, journal: bool) -> None:
    """Both numbers count; a variable that was inherited with another standard error does not."""
    assert is_journal(text, 8, 99) is journal
