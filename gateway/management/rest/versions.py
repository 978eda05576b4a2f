"""Which versions of the interface a client may have been written for (`x-client-version`)."""

import re
from typing import Final

from litestar import Request
from litestar.datastructures import State

from gateway.management.rest.errors import Refused
from protocol import Code

__all__ = ["API_VERSION", "require_known_version"]

API_VERSION: Final = "3.6.1"
"""The version of the console's interface whose names and shapes this one has (API 3.6.1)."""
OLDEST: Final = (3, 0)
NEWEST: Final = (3, 6)


async def require_known_version(request: Request[object, object, State]) -> None:
    """Refuse a client that was written for another interface; one that says nothing is taken at its path.

    Raises:
        Refused: the version is older or newer than what is spoken here, or is none (400, FG-6009).
    """
    said = request.headers.get("x-client-version")
    if said is None:
        return
    found = re.fullmatch(r"(\d{1,4})\.(\d{1,4})(?:\.\d{1,6}){0,2}", said)
    if found is None or not OLDEST <= (int(found[1]), int(found[2])) <= NEWEST:
        spoken = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
        why = f"x-client-version: versions {spoken} are spoken here, not {said[:40]!r}"
        raise Refused(400, Code.REST_VERSION_UNSUPPORTED, why)
