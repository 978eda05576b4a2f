"""What every answer says to whatever stands between it and a person: keep nothing, guess nothing, run nothing.

There is no Strict-Transport-Security: nothing answers here without TLS, and the header would bind every other port of the host's name.
No Access-Control header either: pages of other origins read nothing.
"""

from typing import Final

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

__all__ = ["harden"]

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""A handler that needs another value of one of them says so itself."""


async def harden(message: Message, _: Scope) -> None:
    """Add what the answer itself does not say."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
