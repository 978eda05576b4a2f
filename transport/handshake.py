"""The lower half of `TLSStream`: driving OpenSSL on a socket, the handshake, and what the handshake showed.

OpenSSL raises when it wants to wait. The exception's traceback holds the frame of `Connection.recv`, and that frame
its 16 kB buffer: waiting inside the `except` costs 17 kB for every idle connection (measured). So `attempt` turns
what OpenSSL raises into a value first, and nobody here waits while an exception is alive.
"""

import contextlib
import enum
import socket
from collections.abc import Callable
from typing import Any, TypeVar

import trio
from OpenSSL import SSL
from OpenSSL._util import lib as _lib
from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate

from transport.alerts import Alert, alert_named
from transport.contexts import ALPN, Context
from transport.errors import Break, BrokenStreamError, HandshakeError, classify, classify_os_error
from transport.hello import wire_name
from transport.record import Record, Seen, VerifyCodes
from transport.tcp import hear_out, received_bytes

__all__ = ["Handshake", "Outcome"]

T = TypeVar("T")

# Of what a peer said where TLS was expected: enough to tell an HTTP answer from an SSH banner.
_FIRST_BYTES = 120
_HEADER = 5  # of a TLS record, which is what OpenSSL reads first
_TLS_RECORD_TYPES = (b"\x15", b"\x16")  # an alert or a handshake; nothing else may come first

# A gateway serves five at most, while a root is rotated; public chains have four. OpenSSL takes 100 kB, and two
# hundred small certificates, parsed, hold 890 kB of memory for as long as their connection lives (measured).
MAX_CHAIN = 10

_RETRY_S = 0.01
_NO_FAULT = (Break.PROTOCOL, "no fault")


class Outcome(enum.Enum):
    """What OpenSSL says besides a result."""

    WANT_READ = enum.auto()
    WANT_WRITE = enum.auto()
    EOF = enum.auto()
    BROKEN = enum.auto()


def _one_record_at_a_time(conn: SSL.Connection) -> None:
    """Let a read return after every record, one without data included.

    pyOpenSSL makes OpenSSL go on to the next record inside the same call (AUTO_RETRY), for those who block. A peer that
    sends key updates as fast as it can, 640 kB/s of them at 42 µs each, then keeps that one call, and with it everybody's
    event loop, for as long as it likes: before it is authenticated, and no deadline could fire.
    """
    _lib.SSL_clear_mode(conn._ssl, _lib.SSL_MODE_AUTO_RETRY)  # noqa: SLF001  # it has no public way to say so


def _host_and_port(ask: Callable[[], Any]) -> tuple[str, int]:
    try:
        name = ask()
    except OSError:
        return "", 0
    return (name[0], name[1]) if isinstance(name, tuple) else ("", 0)


class Handshake:
    """One TLS connection over *sock*, which it owns from now on.

    Args:
        sock: a connected stream socket; it is made non-blocking.
        context: from `server_context` or `client_context`; it decides nothing about our side.
        server_side: whether we accepted the connection.
        server_name: what a client asks for (SNI); an address is not sent (RFC 6066, 3).
    """

    __slots__ = ("_began", "_broken", "_conn", "_fault", "_first_bytes", "_looked", "_ready", "_record", "_server_side", "_sock", "_taken")  # fmt: skip

    def __init__(
        self, sock: socket.socket, context: Context, *, server_side: bool, server_name: str | None = None
    ) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):  # a socket pair of a test is no TCP
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._record = Record()
        self._began = 0.0
        self._broken = False
        self._fault = _NO_FAULT
        self._first_bytes = b""
        self._looked = server_side  # at what came first: what comes later is no beginning
        self._taken: tuple[Break, str] | None = None
        """An error of the socket's that looking has taken away from OpenSSL."""
        self._ready = False
        self._server_side = server_side
        conn = SSL.Connection(context, sock)
        conn.set_app_data(self._record)
        _one_record_at_a_time(conn)
        if server_side:
            conn.set_accept_state()
        else:
            conn.set_connect_state()
            if (name := wire_name(server_name)) is not None:
                conn.set_tlsext_host_name(name)
        self._conn: SSL.Connection | None = conn

    # -- the handshake -----------------------------------------------------------------------------------------

    async def do_handshake(self) -> None:
        """Run the handshake to its end, whatever certificate the peer shows.

        Raises:
            HandshakeError: with the evidence there is. The stream is then good for `linger` or `aclose` only;
                `linger` lets the alert that OpenSSL sent arrive.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if not self._server_side:
            self._began = trio.current_time()
        # The gateway's listener has looked at its peer's first bytes already. A client looks before OpenSSL reads: for those
        # that talk at once, again when the hello is made and sent (a millisecond later), and when the first answer comes.
        self._look()
        self._record.hello_sent = None if self._looked else self._glance
        while True:
            # Of anything else OpenSSL would read five bytes, and throw them away.
            await self._refuse_strange(read=0)
            outcome = self._attempt(self._open().do_handshake)
            self._record.hello_sent = None
            if outcome is None:
                break
            if self._taken is not None and outcome is not Outcome.WANT_WRITE:
                raise self.handshake_failed(*self._taken)
            await self._refuse_strange(read=_HEADER)
            if outcome is Outcome.BROKEN:
                raise self.handshake_failed(*self._fault)
            if outcome is Outcome.EOF:
                raise self.handshake_failed(Break.TRUNCATED, "closed by the peer during the handshake")
            await self._wait(outcome)
            self._look()
        if not self._server_side:
            self._record.complete = True
            self._record.handshake_s = trio.current_time() - self._began
        self._judge()
        self._ready = True

    def came_up(self, *, connect_s: float, received: int) -> None:
        """Note how long TCP took, and how many bytes came before TLS."""
        self._record.connect_s = connect_s
        self._record.received_before = received

    def _judge(self) -> None:
        """Refuse what no layer above should have to think of."""
        conn = self._open()
        if not self._record.verify_codes and conn.get_peer_certificate() is not None:
            raise self.handshake_failed(
                Break.UNVERIFIED, "the peer's certificate was not verified in this handshake"
            )
        if (length := len(conn.get_peer_cert_chain() or ())) > MAX_CHAIN:
            raise self.handshake_failed(
                Break.PROTOCOL, f"a chain of {length} certificates, limit is {MAX_CHAIN}"
            )

    def _glance(self) -> None:
        """Peek at what comes first, if it is there, and keep it if it is no TLS."""
        try:
            seen = self._sock.recv(_FIRST_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError as error:
            self._taken = classify_os_error(error.errno or 0)
            seen = b""
        self._looked = True
        if seen and seen[:1] not in _TLS_RECORD_TYPES:
            self._first_bytes = seen
        if seen:
            self._record.first_byte_s = trio.current_time() - self._began

    async def _refuse_strange(self, *, read: int) -> None:
        """Hear out what came first, if it is no TLS, and fail. OpenSSL has *read* so many bytes of it."""
        if self._first_bytes:
            rest = await hear_out(self._sock, _FIRST_BYTES - read)
            self._first_bytes = max(self._first_bytes, self._first_bytes[:read] + rest, key=len)
            raise self.handshake_failed(Break.PROTOCOL, "what came first is no tls")

    def _look(self) -> None:
        if not self._looked:
            self._glance()
            if self._taken is not None:
                raise self.handshake_failed(*self._taken)

    def handshake_failed(self, reason: Break, detail: str) -> HandshakeError:
        """What to raise when the handshake ends here, with the evidence there is; the stream is broken from now on."""
        self._broken = True
        self._fault = reason, detail
        if not self._server_side and self._record.handshake_s is None:
            self._record.handshake_s = trio.current_time() - self._began
        return HandshakeError(
            reason,
            detail,
            first_bytes=self._first_bytes,
            chain_der=tuple(self.peer_chain_der()[:MAX_CHAIN]),
            verify_codes=self.verify_codes,
            seen=None if self._server_side else self.seen(),
        )

    # -- what the handshake showed -----------------------------------------------------------------------------

    @property
    def alpn(self) -> bytes:
        """The protocol agreed on, b"" if none was."""
        return self._open().get_alpn_proto_negotiated()

    @property
    def version(self) -> str:
        """Like "TLSv1.3"."""
        return self._open().get_protocol_version_name()

    @property
    def cipher(self) -> str:
        """The cipher suite's OpenSSL name, "" before there is one."""
        return self._open().get_cipher_name() or ""

    @property
    def carries_sessions(self) -> bool:
        """Whether this is TLS 1.3 with our protocol agreed on: anything less may be told why, and no more."""
        return self.version == "TLSv1.3" and self.alpn == ALPN

    @property
    def verify_codes(self) -> VerifyCodes:
        """(depth, X509_V_ERR code) as OpenSSL judged the peer's chain by itself; empty if there was none to judge."""
        return self._record.verify_codes

    @property
    def certificate_requested(self) -> bool:
        """On the client's side: whether the server asked for a certificate."""
        return self._record.certificate_requested

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """On the client's side, those in both directions; on the server's, a fatal one that came and ended it."""
        if not self._server_side:
            return self._record.alerts
        alert = alert_named(self._fault[1]) if self._fault[0] is Break.ALERT else None
        return () if alert is None else (alert,)

    @property
    def exporter_binds(self) -> bool:
        """Whether the exporter belongs to this connection alone: not on TLS 1.2 without an extended master secret."""
        conn = self._open()
        return self.version == "TLSv1.3" or _lib.SSL_get_extms_support(conn._ssl) == 1  # noqa: SLF001  # no public way

    def seen(self) -> Seen:
        """On the client's side: all that was seen so far. Not after `close`."""
        record = self._record
        received = received_bytes(self._sock, ended=self._fault[0] is Break.TRUNCATED)
        return Seen(
            local=self.sockname, remote=self.peername, connect_s=record.connect_s, handshake_s=record.handshake_s,
            first_byte_s=record.first_byte_s, first_bytes=self._first_bytes,
            received_bytes=None if received is None else max(received - record.received_before, 0),
            client_random=self.client_random(), complete=record.complete,
            version=self.version if record.complete else "", alpn=self.alpn if record.complete else b"",
            cipher=self.cipher if record.complete else "", certificate_requested=record.certificate_requested,
            chain_der=tuple(self.peer_chain_der()[:MAX_CHAIN]), verify_codes=self.verify_codes, alerts=record.alerts,
        )  # fmt: skip

    @property
    def sockname(self) -> tuple[str, int]:
        """Our end's address and port; ("", 0) once the socket is gone."""
        return _host_and_port(self._sock.getsockname)

    @property
    def peername(self) -> tuple[str, int]:
        """The other end's address and port, as this socket sees it; ("", 0) once it is gone."""
        return _host_and_port(self._sock.getpeername)

    def own_leaf_der(self) -> bytes:
        """On the server's side: the certificate that was served on this connection, of those that its context has."""
        own = self._open().get_certificate()
        return b"" if own is None else dump_certificate(FILETYPE_ASN1, own)

    def peer_chain_der(self) -> list[bytes]:
        """The certificates the peer sent, leaf first, unjudged; empty if it sent none."""
        conn = self._open()
        leaf = conn.get_peer_certificate()
        if leaf is None:
            return []
        chain = [dump_certificate(FILETYPE_ASN1, leaf)]
        # OpenSSL's chain has the leaf in it on a client's side and not on a server's.
        rest = [dump_certificate(FILETYPE_ASN1, each) for each in conn.get_peer_cert_chain() or ()]
        return chain + (rest[1:] if rest[:1] == chain else rest)

    def exporter(self, label: bytes, length: int) -> bytes:
        """Keying material both ends of this very TLS connection share (RFC 5705), and no box between two of them."""
        return self._open().export_keying_material(label, length)

    def client_random(self) -> bytes:
        """The 32 random bytes of the ClientHello; b"" before it was sent, or came."""
        return self._open().client_random() or b""

    # -- between OpenSSL and trio ------------------------------------------------------------------------------

    def _open(self) -> SSL.Connection:
        if self._conn is None:
            raise trio.ClosedResourceError("this stream was closed")
        return self._conn

    def _usable(self) -> SSL.Connection:
        conn = self._open()
        if self._broken:
            raise BrokenStreamError(*self._fault)
        if not self._ready:
            raise RuntimeError("do_handshake comes first")
        return conn

    def _attempt(self, operation: Callable[..., T], *args: Any) -> T | Outcome:
        """Run *operation*; what OpenSSL raises comes back as a value, its traceback gone. A failure is in `_fault`."""
        try:
            return operation(*args)
        except SSL.WantReadError:
            return Outcome.WANT_READ
        except SSL.WantWriteError:
            return Outcome.WANT_WRITE
        except SSL.ZeroReturnError:
            return Outcome.EOF
        except SSL.Error as error:
            # Kept as two values: the exception would hold its traceback, and that this stream.
            self._fault = classify(error)
        return Outcome.BROKEN

    async def _wait(self, outcome: Outcome) -> None:
        try:
            if outcome is Outcome.WANT_READ:
                await trio.lowlevel.wait_readable(self._sock)
            else:
                await trio.lowlevel.wait_writable(self._sock)
        except trio.BusyResourceError:
            # Our reader has to answer a key update while our writer waits for room (or the reverse, in a
            # renegotiation that we refuse anyway). Too rare for more than trying again.
            await trio.sleep(_RETRY_S)

    def close(self) -> None:
        """Close at once, without a goodbye; a second time does nothing."""
        # OpenSSL knows the socket by its number, which another connection may have a moment from now: whoever waits
        # here is woken and finds no connection to touch.
        self._conn = None
        if self._sock.fileno() >= 0:
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()
