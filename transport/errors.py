"""Why a connection did not come up, or ended: one small closed list, so that an end can be counted and explained.

OpenSSL reports through four exceptions, an error queue of texts, and errno. `classify` folds them into a `Break` and
one line of text; nothing above this package ever reads an OpenSSL exception. The originals are dropped on purpose:
their tracebacks keep the 16 kB buffer of the read that failed.
"""

import enum
import errno
import os

import trio
from OpenSSL import SSL

from transport.alerts import alert_named
from transport.record import Seen

__all__ = [
    "Break",
    "BrokenStreamError",
    "ConnectError",
    "HandshakeError",
    "ProxyError",
    "TransportError",
    "classify",
    "classify_os_error",
]


class Break(enum.Enum):
    """What ended a connection that nobody closed."""

    RESET = "reset"
    """The peer, or a box in the path, sent a TCP reset."""
    TRUNCATED = "truncated"
    """The TCP stream ended without TLS saying goodbye."""
    ALERT = "alert"
    """The peer sent a fatal TLS alert; the detail is its name."""
    PROTOCOL = "protocol"
    """What came was not TLS, or not the TLS that we accept."""
    TIMED_OUT = "timed-out"
    """The kernel, or the caller's deadline, gave up waiting."""
    UNREACHABLE = "unreachable"
    """No such name, no route, or nobody listens there."""
    PROXY = "proxy"
    """An HTTP proxy did not open the way."""
    UNVERIFIED = "unverified"
    """A certificate was shown and OpenSSL recorded no verdict on it, as in a resumed session."""
    POISONED = "poisoned"
    """A send was cancelled or failed halfway: what the peer has of it is unknown."""


class TransportError(Exception):
    """What every error of this package is.

    Attributes:
        reason: the kind, for counters and decisions.
        detail: one line for people, lower case, from OpenSSL or the operating system.
    """

    def __init__(self, reason: Break, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class ConnectError(TransportError):
    """No TCP connection came up in time.

    Attributes:
        errno_name: as in "ECONNREFUSED", of the resolver as in "EAI_NONAME"; "ETIMEDOUT" also for our own deadline.
    """

    def __init__(self, reason: Break, detail: str, *, errno_name: str = "") -> None:
        super().__init__(reason, detail)
        self.errno_name = errno_name


class ProxyError(ConnectError):
    """The proxy is there, and there is no tunnel through it.

    Attributes:
        status: of its answer; None if that was no HTTP.
        words: that follow the status, and how the proxy wants to be asked (407).
        first_bytes: up to 120 bytes of the answer.
    """

    def __init__(
        self,
        reason: Break,
        detail: str,
        *,
        status: int | None = None,
        words: str = "",
        first_bytes: bytes = b"",
    ) -> None:
        super().__init__(reason, detail)
        self.status = status
        self.words = words
        self.first_bytes = first_bytes


class HandshakeError(TransportError):
    """TCP came up and TLS did not.

    Attributes:
        first_bytes: up to 120 bytes the peer sent where TLS was expected; empty if it said nothing, or spoke TLS.
        chain_der: the peer's certificates, leaf first, as far as they were seen.
        verify_codes: what OpenSSL recorded about them, as (depth, X509_V_ERR code).
        seen: on a client's side, these and all else that was seen.
    """

    def __init__(
        self,
        reason: Break,
        detail: str,
        *,
        first_bytes: bytes = b"",
        chain_der: tuple[bytes, ...] = (),
        verify_codes: tuple[tuple[int, int], ...] = (),
        seen: Seen | None = None,
    ) -> None:
        super().__init__(reason, detail)
        self.seen = seen
        self.first_bytes = first_bytes
        self.chain_der = chain_der
        self.verify_codes = verify_codes


class BrokenStreamError(TransportError, trio.BrokenResourceError):
    """An established stream ended without a clean close."""


_BY_ERRNO = {
    errno.ECONNABORTED: Break.RESET,
    errno.ECONNREFUSED: Break.UNREACHABLE,
    errno.ECONNRESET: Break.RESET,
    errno.EHOSTUNREACH: Break.UNREACHABLE,
    errno.ENETUNREACH: Break.UNREACHABLE,
    errno.EPIPE: Break.RESET,
    errno.ETIMEDOUT: Break.TIMED_OUT,
}


def classify_os_error(number: int) -> tuple[Break, str]:
    """The kind and the text of an errno; what we do not know counts as a reset, with its own text."""
    return _BY_ERRNO.get(number, Break.RESET), os.strerror(number).lower()


def classify(error: SSL.Error) -> tuple[Break, str]:
    """The kind and one line of text of what OpenSSL raised.

    WantReadError, WantWriteError and ZeroReturnError are not failures and do not belong here.
    """
    if isinstance(error, SSL.SysCallError):
        number = error.args[0]
        if number <= 0:  # pyOpenSSL says (-1, "Unexpected EOF")
            return Break.TRUNCATED, "connection ended without a tls close"
        return classify_os_error(number)
    queue = error.args[0] if error.args else ()
    reasons = [entry[2] for entry in queue if len(entry) > 2 and entry[2]]
    if not reasons:
        return Break.PROTOCOL, "openssl gave no reason"
    for reason in reasons:
        # "ssl/tls alert bad certificate", "tlsv1 alert unknown ca", "tlsv13 alert certificate required": what the
        # peer told us. Our own objections have no "alert" in them.
        # Those that extensions brought lack the word, as in "tlsv1 unrecognized name".
        _, separator, name = reason.partition(" alert ")
        if not separator and reason.startswith("tlsv1 ") and alert_named(reason[6:]) is not None:
            separator, name = " ", reason[6:]
        if separator:
            return Break.ALERT, name
    return Break.PROTOCOL, reasons[-1]
