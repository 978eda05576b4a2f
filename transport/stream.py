"""TLS over a non-blocking socket, as a trio stream.

OpenSSL reads and writes the socket itself; we only wait, with `trio.lowlevel`, for what it says it needs. That costs
half of what `trio.SSLStream` costs for a request and its reply, and it shows the evidence (exporter, chain, verify
codes) by public API. The price is a list of rules:

1. *One task reads, one writes.* A second one at the same time is a bug and gets `trio.BusyResourceError`.
2. *A send that was cancelled or failed halfway poisons the stream.* OpenSSL has encrypted a record and insists on
   the rest of it first; nobody can say what the peer has. Every later send raises, and closing says no goodbye.
   After a cancelled one, receiving goes on; after a failed one, OpenSSL does not read any more.
3. *Nothing waits inside an `except`* (see `transport.handshake`).
4. *No buffer between reads.* OpenSSL reads a record's 5-byte header and then the record, no further (read-ahead is
   off), and releases its buffers when they are empty.
5. *A refusal arrives.* A plain close with unread input makes the kernel send a reset, which overtakes and destroys
   what was said last (28 times in 30). `send_last` half-closes and drains before it closes, both bounded.

Receiving may be cancelled at any time and loses nothing.
"""

import contextlib
import socket
import struct
import sys

import trio
from OpenSSL import SSL

from transport.contexts import Context
from transport.errors import Break, BrokenStreamError
from transport.handshake import Handshake, Outcome

__all__ = ["TLSStream"]

# One TLS record: OpenSSL never returns more from one read (RFC 8446, 5.1), so a larger buffer is never filled.
RECORD_BYTES = 16384

# struct linger: on, zero seconds. Windows has shorts where POSIX has ints.
_LINGER_NOT = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)

# A refused agent may have a megabyte frame under way, and its kernel and ours hold a few more.
_DRAIN_BYTES = 8 * 1024 * 1024


class TLSStream(Handshake, trio.abc.HalfCloseableStream):
    """One TLS connection over *sock*, which it owns from now on. Call `do_handshake` before anything else.

    Args:
        sock: a connected stream socket; it is made non-blocking.
        context: from `server_context` or `client_context`.
        server_side: whether we accepted the connection.
        server_name: what a client asks for (SNI); an address is not sent (RFC 6066, 3).
    """

    __slots__ = ("_eof", "_owing", "_poisoned", "_receiving", "_sending", "_shut")

    def __init__(
        self, sock: socket.socket, context: Context, *, server_side: bool, server_name: str | None = None
    ) -> None:
        super().__init__(sock, context, server_side=server_side, server_name=server_name)
        self._eof = self._owing = self._poisoned = self._receiving = self._sending = self._shut = False

    # -- receiving ---------------------------------------------------------------------------------------------

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Up to *max_bytes*, at most one TLS record; b"" once the peer said goodbye.

        Raises:
            BrokenStreamError: the connection ended in any other way, a TCP close without goodbye included.
        """
        if max_bytes is None:
            max_bytes = RECORD_BYTES
        elif not isinstance(max_bytes, int):
            raise TypeError("max_bytes must be an integer")
        elif max_bytes < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving from this stream")
        self._receiving = True
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            waited = False
            while True:
                conn = self._usable()
                got = Outcome.EOF if self._eof else self._attempt(conn.recv, min(max_bytes, RECORD_BYTES))
                if isinstance(got, bytes):
                    break
                if got is Outcome.BROKEN:
                    self._broken = True
                    raise BrokenStreamError(*self._fault)
                if got is Outcome.EOF:
                    self._eof = True
                    got = b""
                    break
                if got is Outcome.WANT_READ:
                    # Here an idle connection spends its life, and every frame of it is 0.2 kB. Nobody else waits for
                    # this: a write wants to read in a renegotiation only, and there is none.
                    await trio.lowlevel.wait_readable(self._sock)
                else:
                    await self._wait(got)
                waited = True
            if not waited:
                await trio.lowlevel.cancel_shielded_checkpoint()
            return got
        finally:
            self._receiving = False

    def wake_reader(self) -> None:
        """Make a `receive_some` that waits raise trio.ClosedResourceError. The stream itself is none the worse.

        For an owner whose reader has to hear of something else: a cancel scope for each reader costs 1 kB. A send that
        waits is woken too, and goes on waiting.
        """
        trio.lowlevel.notify_closing(self._sock)

    # -- sending -----------------------------------------------------------------------------------------------

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Hand all of *data* to the kernel.

        Raises:
            BrokenStreamError: the connection is gone, or an earlier send was cut short.
            trio.ClosedResourceError: this side was closed, or `send_eof` was called.
        """
        self._claim_sending()
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._usable_to_send()
            rest = memoryview(data).cast("B")
            if not await self._write(rest):
                await trio.lowlevel.cancel_shielded_checkpoint()
        finally:
            self._sending = False

    def send_now(self, data: bytes | memoryview) -> int:
        """Hand the kernel as much of *data* as it has room for, and say how much that was. Never waits.

        What is left has to be sent next, as a slice of the same object: OpenSSL may hold a record of it already, and
        refuses any other buffer (which breaks the stream).

        Raises:
            BrokenStreamError: the connection is gone, or an earlier send was cut short.
            trio.BusyResourceError: a `send_all` is under way.
            trio.ClosedResourceError: this side was closed, or `send_eof` was called.
        """
        self._claim_sending()
        try:
            conn = self._usable_to_send()
            rest = memoryview(data)
            while rest:
                sent = self._attempt(conn.send, rest)
                if not isinstance(sent, int):
                    if sent is Outcome.WANT_WRITE or sent is Outcome.WANT_READ:
                        self._owing = True
                        break
                    raise self._send_failed(sent)
                rest = rest[sent:]
            return len(data) - len(rest)
        finally:
            self._sending = False

    def _send_failed(self, outcome: Outcome) -> BrokenStreamError:
        # In both directions: OpenSSL reads no more after a failed write, whatever has arrived.
        self._broken = True
        if outcome is Outcome.EOF:
            self._fault = Break.RESET, "the peer closed while we were sending"
        return BrokenStreamError(*self._fault)

    async def _write(self, rest: memoryview) -> bool:
        """Send *rest*, say whether that had to wait; leave the stream poisoned if anything cuts it short."""
        waited = False
        done = False
        try:
            while rest:
                sent = self._attempt(self._usable_to_send().send, rest)
                if isinstance(sent, int):
                    rest = rest[sent:]
                elif sent is Outcome.WANT_READ or sent is Outcome.WANT_WRITE:
                    # The next look finds out whether we were closed meanwhile; if not, it offers the very same bytes again.
                    with contextlib.suppress(trio.ClosedResourceError):
                        await self._wait(sent)
                    waited = True
                else:
                    raise self._send_failed(sent)
            done = True
            self._owing = False
        finally:
            if not done:
                self._poisoned = True
        return waited

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel has room."""
        self._claim_sending()
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._usable_to_send()
            await trio.lowlevel.wait_writable(self._sock)
        finally:
            self._sending = False

    async def send_eof(self) -> None:
        """Say goodbye (TLS close_notify) and go on receiving. A second call does nothing."""
        self._claim_sending()
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            conn = self._usable() if self._shut else self._usable_to_send()
            while not self._shut:
                outcome = self._attempt(conn.shutdown)
                if outcome is Outcome.BROKEN:
                    self._poisoned = True
                    raise BrokenStreamError(*self._fault)
                if outcome is Outcome.WANT_WRITE:
                    await self._wait(outcome)
                else:  # sent; True, False and WANT_READ only tell whether the peer's has come
                    self._shut = True
            await trio.lowlevel.cancel_shielded_checkpoint()
        finally:
            self._sending = False

    def _usable_to_send(self) -> SSL.Connection:
        if self._shut:
            raise trio.ClosedResourceError("send_eof was called")
        conn = self._usable()
        if self._poisoned:
            raise BrokenStreamError(Break.POISONED, "an earlier send was cut short")
        return conn

    def _claim_sending(self) -> None:
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._sending = True

    # -- the end -----------------------------------------------------------------------------------------------

    async def send_last(self, data: bytes, *, within_s: float, drain_bytes: int = _DRAIN_BYTES) -> bool:
        """Say *data* and goodbye, let the peer finish what it is saying, and close; a broken peer raises nothing.

        Returns:
            Whether the peer closed its side in time, which it does after it has read what we said.
        """
        ended = False
        try:
            with trio.move_on_after(within_s), contextlib.suppress(BrokenStreamError):
                await self.send_all(data)
                await self.send_eof()
                ended = await self._drain(drain_bytes)
        finally:
            self.abort() if self._poisoned or self._broken else self.close()
        return ended

    async def linger(self, *, within_s: float, drain_bytes: int = _DRAIN_BYTES) -> bool:
        """Stop talking, throw away what still comes, and close: what was sent last (an alert, say) arrives.

        Returns:
            Whether the peer closed its side in time.
        """
        ended = False
        try:
            with trio.move_on_after(within_s):
                ended = await self._drain(drain_bytes)
        finally:
            self.close()
        return ended

    async def _drain(self, drain_bytes: int) -> bool:
        self._conn = None  # nobody reads it any more: no reason to decrypt, nor to keep what decrypting takes
        try:
            self._sock.shutdown(socket.SHUT_WR)
            while drain_bytes > 0:
                await trio.lowlevel.wait_readable(self._sock)
                seen = len(self._sock.recv(4 * RECORD_BYTES))
                if not seen:
                    return True
                drain_bytes -= seen
        except OSError:
            pass
        return False

    async def aclose(self) -> None:
        """Say goodbye if nothing stands in its way, and close. Never waits for the peer."""
        cut_short = self._broken or self._poisoned or self._owing
        if self._conn is not None and self._ready and not (cut_short or self._shut or self._sending):
            self._attempt(self._conn.shutdown)
        self.close()
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        """Reset the connection and forget what the kernel still wanted to send: for a peer that does not read."""
        with contextlib.suppress(OSError):  # closed already
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.close()
