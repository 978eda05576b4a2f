"""The options that commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

State = Annotated[
    Path, Parameter(name=("--state", "-s"), env_var="FIELDGATE_AGENT_STATE", help="The agent's state folder.")
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="JSON for scripts instead of text.")]
