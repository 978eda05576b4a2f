"""Why a session ends, and what the agent is told about it.

Every end has one typed reason. What the agent hears depends on the reason alone: an order to do something is a Rejected, an end that
asks nothing of it is a Goodbye, and a peer that is gone or does not read is told nothing.
"""

from typing import Final

import attrs

from protocol import Action, Code, Goodbye, Message, Rejected
from transport import Break

__all__ = ["BREAKS", "Ending", "hang_up", "lost", "send_off"]

BREAKS: Final = {Break.RESET: Code.CONNECTION_RESET, Break.POISONED: Code.SLOW_CONSUMER}
"""What a broken stream means; anything else is a connection lost."""


@attrs.frozen(kw_only=True)
class Ending:
    """The reason, for the log; and the last words, if there is somebody to hear them."""

    code: Code
    detail: str = ""
    last_words: Message | None = None


def lost(code: Code, detail: str = "") -> Ending:
    """The peer is gone, or does not read: there is nothing to say and nobody to say it to."""
    return Ending(code=code, detail=detail)


def hang_up(code: Code, message: str, *, epoch: int = 0, first_sequence: int = 0) -> Ending:
    """We end it, and the agent may come back as it sees fit."""
    words = Goodbye(code=code, message=message[:1024], epoch=epoch, first_sequence=first_sequence)
    return Ending(code=code, detail=message, last_words=words)


def send_off(
    code: Code,
    message: str,
    action: Action,
    *,
    now_ms: int,
    retry_after_ms: int = 0,
    epoch: int = 0,
    first: int = 0,
) -> Ending:
    """We end it, and the agent is told what to do."""
    words = Rejected(
        code=code,
        message=message[:1024],
        gateway_time_ms=now_ms,
        action=action,
        retry_after_ms=retry_after_ms,
        epoch=epoch,
        first_sequence=first,
    )
    return Ending(code=code, detail=message, last_words=words)
