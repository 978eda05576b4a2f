"""The edge's end of the doorbell: whoever commits a change rings, and the feed looks.

A ring says nothing but "look". Rings that come while nobody listens are one ring, so they are taken off the queue before the
store is read, and a ring that comes while it is being read is the next one.
"""

from pathlib import Path

import trio

from gateway.store import answer, listen

__all__ = ["Doorbell"]


class Doorbell:
    """The bell of the edge *name*, in *folder* (the data folder's run/).

    Raises:
        OSError: the socket can't be made there.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._socket = listen(folder, name)
        self._ring = trio.Event()

    def next_ring(self) -> trio.Event:
        """The event of the next ring; ask before reading what it may be about, so that none falls between."""
        if self._ring.is_set():
            self._ring = trio.Event()
        return self._ring

    async def listen(self) -> None:
        """Turn datagrams into rings until cancelled."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            answer(self._socket)
            self._ring.set()

    def close(self) -> None:
        """Be rung no more; the next who rings removes what is left in the folder."""
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
