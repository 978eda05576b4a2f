"""How the processes of one simulation talk: a socket pair, and one JSON object a line."""

import collections
import json
import socket
from typing import Any, Final

import trio

_READ_BYTES: Final = 64 * 1024


class Channel:
    """One end, which it owns. One task reads; any may write."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
        self._writing = trio.Lock()
        self._begun = bytearray()
        self._lines: collections.deque[bytes | bytearray] = collections.deque()

    async def say(self, **fields: Any) -> None:
        """Send an object; nothing happens when the other end is gone, whose reader will hear of it."""
        line = json.dumps(fields, separators=(",", ":")).encode() + b"\n"
        async with self._writing:
            try:
                await self._stream.send_all(line)
            except trio.BrokenResourceError:
                return

    async def hear(self) -> dict[str, Any] | None:
        """The next object; None once the other end is gone."""
        while not self._lines:
            try:
                data = bytes(await self._stream.receive_some(_READ_BYTES))
            except trio.BrokenResourceError:
                data = b""
            if not data:
                return None
            self._begun += data
            *lines, rest = self._begun.split(b"\n")
            self._lines.extend(lines)
            self._begun = bytearray(rest)
        found: dict[str, Any] = json.loads(self._lines.popleft())
        return found

    async def aclose(self) -> None:
        """Hang up."""
        await self._stream.aclose()
