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
import http.client
import ssl
from typing import Final
from urllib.parse import urlsplit

from gateway.outgoing import Connection, NoTokenError, limited, seconds_of, token_of
from gateway.sinks.contract import Batch, Options, Sink, SinkRefused, SinkUnavailable, SinkUnusable
from protocol import Code, printable

TIMEOUT_S: Final = 30.0
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
            try:
                headers["Authorization"] = f"Bearer {token_of(self._token_file)}"
            except NoTokenError as error:
                raise SinkUnusable(str(error)) from None
        return headers

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str | None, str]:
        connection = Connection(self._host, self._port, timeout=self._timeout_s, context=self._tls)
        try:
            with limited(connection, self._timeout_s):
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
