"""Lines that are slower than this machine's: an HTTP proxy on loopback that delays what passes, and lets so much pass a second.

An agent dials through it as through any proxy (CONNECT), so nothing of TLS or of names is different: it is the same session over a
worse line. Each connection is a line of its own, in each direction as slow as was asked. What is under way on it is bounded by
the time that it takes; beyond that nobody reads, and the sender's window closes, as it would.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import attrs
import trio

from agent.path import PathError, split_address
from transport import Proxy

_HOST: Final = "127.0.0.1"
_MOST_HEAD: Final = 8 * 1024
_CHUNK: Final = 4 * 1024
_UNDER_WAY: Final = 64
"""Chunks: 256 KiB, what a second of 2 Mbit/s holds."""


@attrs.frozen(kw_only=True)
class SlowLines:
    """What they are like; `serve` while somebody dials through them."""

    latency_s: float
    kbit_s: float
    """0: as fast as it goes."""

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Proxy]:
        """The proxy, in the block."""
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, self._tunnel, 0, host=_HOST))
            yield Proxy(host=_HOST, port=listeners[0].socket.getsockname()[1])
            nursery.cancel_scope.cancel()

    async def _tunnel(self, near: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError, OSError, PathError):
            head = b""
            while b"\r\n\r\n" not in head:
                data = await near.receive_some(_MOST_HEAD)
                head += data
                if not data or len(head) > _MOST_HEAD:
                    return
            words = head.split(b" ", 2)
            host, port = split_address(words[1].decode("ascii", "replace"))
            async with await trio.open_tcp_stream(host, port) as far:
                await near.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._pass, near, far)
                    nursery.start_soon(self._pass, far, near)

    async def _pass(self, one: trio.SocketStream, other: trio.SocketStream) -> None:
        """What comes from *one* goes to *other*, later; a break of either is one of both."""
        sending, coming = trio.open_memory_channel[tuple[float, bytes]](_UNDER_WAY)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_deliver, coming, other)
            async with sending:
                free_at = -math.inf
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    while data := await one.receive_some(_CHUNK):
                        start = max(free_at, trio.current_time())
                        free_at = start + (len(data) * 8 / (self.kbit_s * 1000) if self.kbit_s else 0.0)
                        await sending.send((free_at + self.latency_s, data))


async def _deliver(coming: trio.MemoryReceiveChannel[tuple[float, bytes]], other: trio.SocketStream) -> None:
    async with coming:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for at, data in coming:
                await trio.sleep_until(at)
                await other.send_all(data)
            await other.send_eof()
