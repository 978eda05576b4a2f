"""Looking once, or again and again until the path is clean or somebody presses Ctrl-C."""

import signal
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from agent.probe.examine import Examined
from certs.inspection import Family

__all__ = ["PAUSE_S", "look_again", "look_once"]

# Who has just saved a firewall's rule looks at the screen; a gateway is not to mind.
PAUSE_S: Final = 10.0

Look = Callable[[], Awaitable[Examined]]
T = TypeVar("T")


async def look_once(look: Look, tell: Callable[[Examined], None]) -> Examined | None:
    """What came of it; None if it was interrupted."""
    examined = await _unless_interrupted(look)
    if examined is not None:
        tell(examined)
    return examined


async def look_again(look: Look, tell: Callable[[Examined], None], *, until_clean: bool) -> Examined | None:
    """The last that came of it; None if it was interrupted before there was any."""

    async def pause() -> bool:
        await trio.sleep(PAUSE_S)
        return True

    last: Examined | None = None
    while (examined := await look_once(look, tell)) is not None:
        last = examined
        if until_clean and last.finding.family is Family.CLEAN:
            break
        if not await _unless_interrupted(pause):
            break
    return last


async def _unless_interrupted(work: Callable[[], Awaitable[T]]) -> T | None:
    """What *work* returns; None if SIGINT or SIGTERM came first."""
    result: T | None = None
    async with trio.open_nursery() as nursery:

        async def listen() -> None:
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

        nursery.start_soon(listen)
        result = await work()
        nursery.cancel_scope.cancel()
    return result
