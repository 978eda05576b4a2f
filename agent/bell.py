"""Wakes whoever waits for something to do, without saying what."""

import trio


class Bell:
    """Wakes one sleeper; rung while nobody sleeps, it is heard by the next who would."""

    __slots__ = ("_rung", "_sleeper")

    def __init__(self) -> None:
        self._rung = False
        self._sleeper: trio.Event | None = None

    def ring(self) -> None:
        """There is something to do."""
        self._rung = True
        if self._sleeper is not None:
            self._sleeper.set()

    async def wait(self) -> None:
        """Sleep until it rings."""
        if self._rung:
            await trio.lowlevel.checkpoint()
        else:
            self._sleeper = trio.Event()
            try:
                await self._sleeper.wait()
            finally:
                self._sleeper = None
        self._rung = False
