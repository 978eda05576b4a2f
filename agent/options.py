"""The options that commands share."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

State = Annotated[
    Path, Parameter(name=("--state", "-s"), env_var="FIELDGATE_AGENT_STATE", help="The agent's state folder.")
]
Proxied = Annotated[
    str | None,
    Parameter(
        name="--proxy",
        env_var="FIELDGATE_AGENT_PROXY",
        help="An HTTP proxy to go through, http://host:port, or none. Without it: agent.toml in the state folder, else HTTPS_PROXY.",
    ),
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="JSON for scripts instead of text.")]
