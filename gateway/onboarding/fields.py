"""What may be written down about a company or a reseller: one table for the command line, files and REST.

Values come from people, spreadsheets and scripts. Each is held against its row here before anything is done, so that nobody is
told about the second mistake only after the first was mended.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from gateway.store import OrganizationStatus, StoreError
from protocol import Code, printable

__all__ = ["FIELDS", "Field", "FieldRefused", "checked", "checked_text", "problems_of"]

LONGEST_NAME: Final = 128  # as the command line's names
LONGEST_LINE: Final = 256
LONGEST_NOTES: Final = 4000
LAST_ANCHOR_DAY: Final = 28  # every month has one

# Where mail is delivered to is its server's business; what is refused here could be no address at all.
MAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")


class FieldRefused(StoreError):  # noqa: N818  # named after what it is about
    """A value that can't be written down; the text names the field and says what may be in it."""

    code = Code.FIELD_REFUSED


@attrs.frozen
class Field:
    """A field: what it is, and what is wrong with a value (None: nothing)."""

    says: str
    problem: Callable[[Any], str | None]
    optional: bool = True
    """Whether None, nothing is known, may stand there."""


def _line(longest: int) -> Callable[[Any], str | None]:
    def problem(value: Any) -> str | None:
        if not isinstance(value, str):
            return "has to be text"
        if not value.strip() or value != value.strip():
            return "is empty, or begins or ends with a space"
        if not value.isprintable():
            return "has something in it that can't be printed"
        return f"has {len(value)} characters, of at most {longest}" if len(value) > longest else None

    return problem


def _notes(value: Any) -> str | None:
    if not isinstance(value, str):
        return "has to be text"
    if len(value) > LONGEST_NOTES:
        return f"has {len(value)} characters, of at most {LONGEST_NOTES}"
    readable = all(line.isprintable() for line in value.replace("\t", " ").split("\n"))
    return None if readable and value.strip() else "is empty, or has something in it that can't be printed"


def _mail(value: Any) -> str | None:
    return _line(LONGEST_LINE)(value) or (None if MAIL.fullmatch(value) else "is no mail address")


def _anchor_day(value: Any) -> str | None:
    fits = type(value) is int and 1 <= value <= LAST_ANCHOR_DAY
    return None if fits else f"has to be a day from 1 to {LAST_ANCHOR_DAY}, which every month has"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "has to be true or false"


def _status(value: Any) -> str | None:
    return None if value in frozenset(OrganizationStatus) else "has to be Active or Disabled"


FIELDS: Final[Mapping[str, Field]] = {
    "name": Field("its name, which no other organization has", _line(LONGEST_NAME), optional=False),
    "status": Field("Active or Disabled", _status, optional=False),
    "reseller_uid": Field("the reseller whose customer it is", _line(LONGEST_NAME)),
    "contact_name": Field("a person there", _line(LONGEST_LINE)),
    "contact_mail": Field("where mail reaches that person", _mail),
    "contact_phone": Field("where a call does", _line(LONGEST_LINE)),
    "tax_id": Field("its tax number", _line(LONGEST_LINE)),
    "external_id": Field("its number in the provider's own books; no two have the same", _line(LONGEST_LINE)),
    "notes": Field("whatever else is worth knowing", _notes),
    "billing_anchor_day": Field(
        "the day of a month on which its billing cycles begin, 1 to 28", _anchor_day, optional=False
    ),
    "uses_cloud": Field(
        "whether a cloud tenant has to be mapped to it before it gets a licence", _flag, optional=False
    ),
}


def checked_text(name: str, text: str) -> str:
    """A line that people write and read, such as a reason, if it is one.

    Raises:
        FieldRefused: it is not.
    """
    if problem := _line(LONGEST_LINE)(text):
        raise FieldRefused(f"{name} {problem}")
    return text


def problems_of(values: Mapping[str, Any]) -> list[str]:
    """What is wrong with values of these fields, a line for each."""
    found = []
    for name, value in values.items():
        field = FIELDS.get(name)
        if field is None:
            found.append(f"{printable(name)} is no field: there are {', '.join(FIELDS)}")
        elif value is None:
            if not field.optional:
                found.append(f"{name} can't be empty: {field.says}")
        elif problem := field.problem(value):
            found.append(f"{name} {problem}")
    return found


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, if all of them can be written down.

    Raises:
        FieldRefused: some can't; the text has a line for each.
    """
    if found := problems_of(values):
        raise FieldRefused("\n".join(found))
    return dict(values)
