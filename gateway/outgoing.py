"""What calls that go out have in common: a time limit on all of one, tokens that lie in files, and how long a server asks to wait."""

import contextlib
import email.utils
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

__all__ = ["LONGEST_RETRY_AFTER_S", "Connection", "NoTokenError", "limited", "seconds_of", "token_of"]

# A server that asks for more is asked again after this long.
LONGEST_RETRY_AFTER_S: Final = 3600.0


class Connection(http.client.HTTPSConnection):
    """A connection whose socket is still known while an answer without a length is read: http.client lets go of it then."""

    wire: ssl.SSLSocket | None = None

    def connect(self) -> None:
        """To the server, by TCP and TLS."""
        super().connect()
        self.wire = self.sock


class NoTokenError(ValueError):
    """A file holds no token that a header could."""


class Wired(Protocol):
    """Something that talks over a socket."""

    @property
    def wire(self) -> socket.socket | None:
        """The socket, in TLS if it is; None before there is one."""

    @property
    def sock(self) -> socket.socket | None:
        """Where it is known before."""


@contextlib.contextmanager
def limited(connection: Wired, timeout_s: float) -> Iterator[threading.Event]:
    """A socket's timeout begins anew with every byte of an answer (not of a handshake); this one does not.

    It gives what is set once it is over: an answer without a length just ends then.

    Raises:
        TimeoutError: it was over, whatever that looked like inside.
    """
    over = threading.Event()

    def end() -> None:
        over.set()
        wire = connection.wire or connection.sock
        if wire is not None:
            with contextlib.suppress(OSError):  # it ended by itself this moment
                wire.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(timeout_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield over
    except (OSError, http.client.HTTPException):
        if over.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()


def token_of(path: Path) -> str:
    """The token in a file; read for every call, so that a new one needs no restart.

    Raises:
        NoTokenError: there is none, or one that no header can hold.
    """
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise NoTokenError(f"{path}: {error}") from None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise NoTokenError(f"{path} holds no token: one line of ASCII without spaces")
    return token


def seconds_of(retry_after: str | None) -> float:
    """How long a Retry-After asks to wait: seconds or a date; 0 for one that says neither."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), LONGEST_RETRY_AFTER_S)
    try:
        at = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(at - time.time(), 0.0), LONGEST_RETRY_AFTER_S)
