"""The options that commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

__all__ = ["DEFAULT_DATA", "Data", "Json"]

DEFAULT_DATA = Path("fieldgate-data")

Data = Annotated[
    Path, Parameter(name=("--data", "-d"), env_var="FIELDGATE_DATA", help="The provider's data folder.")
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="JSON for scripts instead of a table.")]
