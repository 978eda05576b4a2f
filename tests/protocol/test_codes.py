"""Codes: stable, explained, and readable in every form in which people write them."""

import pytest

from protocol import CODES, Code


@pytest.mark.parametrize("code", Code, ids=str)
def test_every_code_is_explained(code: Code) -> None:
    """Title, meaning and action are there, and are sentences."""
    words = CODES[code]
    assert words.title
    assert not words.title.endswith(".")
    assert words.meaning.endswith(".")
    assert words.action.endswith((".", "`."))


def test_codes_are_in_order() -> None:
    """The table is read from top to bottom: one number each, rising."""
    assert list(Code) == sorted(Code)
    assert list(CODES) == list(Code)
    assert len({code.value for code in Code}) == len(Code.__members__)


@pytest.mark.parametrize(
    "text", ["FG-2107", "fg-2107", "FG2107", " 2107 ", "CREDIT_EXCEEDED", "credit-exceeded"]
)
def test_codes_are_read_as_people_write_them(text: str) -> None:
    """`fieldgate explain` takes what stands in a log, a ticket or a mail."""
    assert Code.parse(text) is Code.CREDIT_EXCEEDED


@pytest.mark.parametrize("text", ["", "FG-", "FG-9999", "2107x", "hello", "²107", "FG--2107-"])
def test_what_is_no_code_is_said_to_be_none(text: str) -> None:
    """A code that does not exist is not guessed at."""
    with pytest.raises(ValueError, match="there is no code"):
        Code.parse(text)


def test_the_printed_form() -> None:
    """A code prints as people see it, and is still its number."""
    assert str(Code.CREDIT_EXCEEDED) == "FG-2107"
    assert f"{Code.CREDIT_EXCEEDED}" == "FG-2107"
    assert Code(2107) is Code.CREDIT_EXCEEDED
    assert int(Code.CREDIT_EXCEEDED) == 2107
