"""The options that commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from gateway.cli.errors import UNUSABLE, CommandError

__all__ = ["DEFAULT_DATA", "Data", "Json", "RowId", "require_name"]

DEFAULT_DATA = Path("fieldgate-data")

Data = Annotated[
    Path, Parameter(name=("--data", "-d"), env_var="FIELDGATE_DATA", help="The provider's data folder.")
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="JSON for scripts instead of a table.")]

# What lists call its number. A larger one than a store can hold is none of its rows.
RowId = Annotated[int, Parameter(validator=Number(gte=1, lte=2**63 - 1))]

# A table's column folds at some 40; what is longer than this is no name.
LONGEST_NAME = 128


def require_name(name: str, where: str = "") -> None:
    """Make sure that people can read *name* and will; *where* it stands begins what is said otherwise.

    Raises:
        CommandError: it is empty, too long, or has something in it that can't be printed.
    """
    if not name.strip() or not name.isprintable():
        raise CommandError(f"{where}{name!r} is no name: give one that can be read", exit_code=UNUSABLE)
    if len(name) > LONGEST_NAME:
        text = f"{where}a name of {len(name)} characters: give one of at most {LONGEST_NAME}"
        raise CommandError(text, exit_code=UNUSABLE)
