"""`https://…`: batches POSTed as JSON, each confirmed by a 2xx.

    POST /path HTTP/1.1
    Content-Type: application/json
    Idempotency-Key: "64 hexadecimal digits of exactly these lines"
    Authorization: Bearer …                      (with --token-file)

    {"lines":[{"id":…,"kind":…,"cursor":…,"body":{…}}, …]}

A connection lives for one batch: none is ever found to have died meanwhile. Redirects are not followed, because lines and token would go to
somebody whom nobody named. Proxies of the environment are not used.
"""

import contextlib
import email.utils
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gateway.sinks.contract import Batch, Options, Sink, SinkRefused, SinkUnavailable, SinkUnusable
from protocol import Code, printable

TIMEOUT_S: Final = 30.0
# A receiver that asks for more is asked again after this long.
LONGEST_RETRY_AFTER_S: Final = 3600.0
# Of an answer, for the message; what else there is of it is not read.
SHOWN_BYTES: Final = 300
NOT_NOW: Final = frozenset({408, 425, 429})


def make(target: str, options: Options) -> Sink:
    """The sink of an https URL.

    Raises:
        SinkUnusable: it is none, or the authorities or the token can't be read.
    """
    return HttpsSink(target, options)


class HttpsSink(Sink):
    """Posts to *url*.

    Args:
        timeout_s: for one batch as a whole, from the connection to the answer's status.
    """

    def __init__(self, url: str, options: Options, *, timeout_s: float = TIMEOUT_S) -> None:
        self._host, self._port, self._path = parsed(url)
        self._token_file = options.token_file
        self._timeout_s = timeout_s
        try:
            self._tls = ssl.create_default_context(cafile=options.ca)
        except (OSError, ssl.SSLError) as error:
            raise SinkUnusable(f"{options.ca}: no certificates can be read from it: {error}") from None
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._headers()

    def deliver(self, batch: Batch) -> None:
        """Post and wait for the answer's status; see Sink."""
        body = b'{"lines":[' + b",".join(batch.encoded) + b"]}"
        headers = self._headers() | {"Idempotency-Key": f'"{batch.key}"'}
        try:
            status, retry_after, said = self._post(body, headers)
        except ssl.SSLCertVerificationError as error:
            raise SinkRefused(f"{self._host}: {error.verify_message}", Code.SINK_UNTRUSTED) from None
        except TimeoutError:
            raise SinkUnavailable(f"no answer within {self._timeout_s:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise SinkUnavailable(f"{self._host}: {error or type(error).__name__}") from None
        if 200 <= status < 300:
            return
        answer = printable(f"{self._host} answered {status}" + (f": {said}" if said else ""))
        if status >= 500 or status in NOT_NOW:
            raise SinkUnavailable(answer, seconds_of(retry_after))
        if 300 <= status < 400:
            raise SinkRefused(f"{answer}: redirections are not followed, name the address that they lead to")
        raise SinkRefused(answer)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "fieldgate"}
        if self._token_file is not None:
            headers["Authorization"] = f"Bearer {token_of(self._token_file)}"
        return headers

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str | None, str]:
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=self._timeout_s, context=self._tls
        )
        try:
            with self._limited(connection):
                connection.request("POST", self._path, body, headers)
                answer = connection.getresponse()
                said = b""
                if answer.status >= 300:
                    with contextlib.suppress(OSError, http.client.HTTPException):  # the status has come
                        said = answer.read(SHOWN_BYTES)
                retry_after = answer.headers["Retry-After"]
                return answer.status, retry_after, said.decode(errors="replace").strip()
        finally:
            connection.close()

    @contextlib.contextmanager
    def _limited(self, connection: http.client.HTTPSConnection) -> Iterator[None]:
        """A socket's timeout begins anew with every byte of an answer (not of a handshake); this one does not.

        Raises:
            TimeoutError: it was over, whatever that looked like inside.
        """
        over = threading.Event()

        def end() -> None:
            over.set()
            if connection.sock is not None:
                with contextlib.suppress(OSError):  # it ended by itself this moment
                    connection.sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(self._timeout_s, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, http.client.HTTPException):
            if over.is_set():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()


def parsed(url: str) -> tuple[str, int, str]:
    """Host, port and path with query of an https URL.

    Raises:
        SinkUnusable: it is none that can be posted to.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise SinkUnusable(f"{url[:200]!r} is no URL")
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError as error:
        raise SinkUnusable(f"{url[:200]!r} is no URL: {error}") from None
    if parts.scheme != "https" or not parts.hostname:
        raise SinkUnusable(f"{url[:200]!r} is no https URL: https://HOST/PATH")
    if parts.username is not None or parts.password is not None:
        raise SinkUnusable("a secret does not belong into a URL, which others see: name a --token-file")
    return parts.hostname, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def token_of(path: Path) -> str:
    """The token in a file; read for every batch, so that a new one needs no restart.

    Raises:
        SinkUnusable: there is none, or one that no header can hold.
    """
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise SinkUnusable(f"{path}: {error}") from None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise SinkUnusable(f"{path} holds no token: one line of ASCII without spaces")
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
