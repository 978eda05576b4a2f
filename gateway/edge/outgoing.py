"""One writer per stream, without a task per connection.

What is said to an agent is almost always small, and its socket almost always has room. So `put` hands the bytes to the kernel at
once, from whatever task has something to say: the committer with an acknowledgement, the sweeper with a probe. Only when the
kernel has no room a task is started, which sends what is left and what is said meanwhile, and ends. An idle connection pays
for none of this but the object.

A peer that does not read is cut off: when what waits for it outgrows its bound, or when a piece of it has not gone out in time.

When the session is over, `finish` wakes its reader, as soon as nothing waits to be sent any more.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import trio

from transport import BrokenStreamError, TLSStream

__all__ = ["Outgoing", "Owner"]

# The kernel's buffer holds 2.5 MB besides. Acks are 60 bytes, a chain for renewal 3 kB, a command up to 1 MiB.
MAX_WAITING = 2 * 1024 * 1024


class Owner(Protocol):
    """Who is told that saying something failed; both end the connection."""

    def on_slow(self) -> None:
        """The peer does not read."""

    def on_broken(self, error: BrokenStreamError) -> None:
        """The connection is gone."""


Spawn = Callable[..., Any]


class Outgoing:
    """The only way to write to *stream* while a session lives.

    Args:
        spawn: starts a task (a nursery's `start_soon`).
        send_s: how long one piece may wait for the kernel to have room.
    """

    __slots__ = (
        "_finishing",
        "_owner",
        "_scope",
        "_send_s",
        "_spawn",
        "_stream",
        "_waiting",
        "_waiting_bytes",
    )

    def __init__(self, stream: TLSStream, owner: Owner, spawn: Spawn, send_s: float) -> None:
        self._stream = stream
        self._owner = owner
        self._spawn = spawn
        self._send_s = send_s
        self._waiting: deque[memoryview] | None = None
        self._waiting_bytes = 0
        self._scope: trio.CancelScope | None = None
        self._finishing = False

    @property
    def idle(self) -> bool:
        """Whether everything said so far is the kernel's business."""
        return self._waiting is None

    def put(self, data: bytes) -> None:
        """Say *data*. Never waits; failures reach the owner."""
        if self._waiting is not None:
            self._enqueue(memoryview(data))
            return
        try:
            sent = self._stream.send_now(data)
        except BrokenStreamError as error:
            self._owner.on_broken(error)
            return
        except trio.ClosedResourceError:
            return  # we hung up meanwhile: nobody is there to hear it
        if sent < len(data):
            self._waiting = deque()
            self._enqueue(memoryview(data)[sent:])
            self._scope = trio.CancelScope(deadline=trio.current_time() + self._send_s)
            self._spawn(self._flush, self._waiting, self._scope)

    def _enqueue(self, rest: memoryview) -> None:
        assert self._waiting is not None  # noqa: S101  # both callers have just made sure
        self._waiting.append(rest)
        self._waiting_bytes += len(rest)
        if self._waiting_bytes > MAX_WAITING:
            self._owner.on_slow()

    async def _flush(self, waiting: deque[memoryview], scope: trio.CancelScope) -> None:
        try:
            with scope:
                while waiting:
                    piece = waiting[0]
                    await self._stream.send_all(piece)
                    waiting.popleft()
                    self._waiting_bytes -= len(piece)
                    if not self._finishing:
                        scope.deadline = trio.current_time() + self._send_s
        except BrokenStreamError as error:
            self._owner.on_broken(error)
        except trio.ClosedResourceError:
            pass  # we hung up meanwhile
        finally:
            self._waiting = self._scope = None
            self._waiting_bytes = 0
            if self._finishing:
                self._stream.wake_reader()
        if scope.cancelled_caught:
            self._owner.on_slow()

    def finish(self, within_s: float) -> None:
        """Wake the reader, once what was said before is sent; who does not take it in time is cut short."""
        if self._scope is None:
            self._stream.wake_reader()
        else:
            self._scope.deadline = min(self._scope.deadline, trio.current_time() + within_s)
            self._finishing = True
