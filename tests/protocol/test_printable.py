"""What a peer says reaches a terminal as letters, and as nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import printable


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ("backup-1 ä 日本", "backup-1 ä 日本"),
        ("x\x1b[31mRED\x1b]0;pwned\x07", r"x\x1b[31mRED\x1b]0;pwned\x07"),
        ("two\nlines\r", r"two\nlines\r"),
        ("C1 \x9b31m", r"C1 \x9b31m"),
        ("abc\u202edef", r"abc\u202edef"),
        ("[bold]it is no markup[/]", "[bold]it is no markup[/]"),
    ],
)
def test_what_steers_a_terminal_is_written_out(said: str, printed: str) -> None:
    """And everything that can be read stays as it is."""
    assert printable(said) == printed


@given(st.text())
def test_whatever_is_said_can_be_printed(said: str) -> None:
    """Any text at all; and a second time changes nothing."""
    printed = printable(said)

    assert printed.isprintable()
    assert printable(printed) == printed
