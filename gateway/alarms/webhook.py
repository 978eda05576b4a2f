"""A delivery to a webhook: one HTTPS POST, signed as Standard Webhooks has it, to an address that was judged before.

    POST /path HTTP/1.1
    Content-Type: application/json
    webhook-id: UID                          the same for every attempt: who has it already drops it
    webhook-timestamp: SECONDS
    webhook-signature: v1,BASE64             HMAC-SHA256 over "UID.SECONDS.BODY"

    {"event":"alarm.raised","alarm":{…}}

A connection lives for one delivery. Redirects are not followed, because they lead to an address that nobody judged; proxies of the
environment are not used. An answer is read no further than its excerpt.
"""

import base64
import binascii
import contextlib
import functools
import hashlib
import hmac
import http.client
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import attrs

from gateway.alarms.addresses import AddressRefused, Resolve, permitted, resolve
from gateway.alarms.backoff import retried
from gateway.alarms.sealing import NotOpenedError, Seal
from gateway.outgoing import Connection, limited
from gateway.store import Attempt, DueDelivery, StoreError
from protocol import Code, printable

__all__ = ["WebhookUnusable", "Webhooks", "new_secret", "parsed_webhook", "signature"]

# An attempt as a whole, from the name's look-up to the answer's status.
TIMEOUT_S: Final = 10.0
SHOWN_BYTES: Final = 500
LONGEST_URL: Final = 2000
SECRET: Final = "whsec_"  # noqa: S105  # what a secret begins with


class WebhookUnusable(StoreError):  # noqa: N818  # named after what it is about
    """What was given as a webhook is none that may be called."""

    code = Code.WEBHOOK_UNUSABLE


def new_secret() -> str:
    """What a webhook's deliveries are signed with."""
    return SECRET + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, uid: str, at_s: int, body: bytes) -> str:
    """The value of webhook-signature.

    Raises:
        ValueError: the secret is none.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET), validate=True)
    except binascii.Error as error:
        raise ValueError("not a webhook's secret") from error
    mac = hmac.digest(key, f"{uid}.{at_s}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(mac).decode()}"


def parsed_webhook(url: str) -> tuple[str, int, str]:
    """Host, port, and path with query of a webhook's URL.

    Raises:
        WebhookUnusable: it is none that can be posted to.
    """
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > LONGEST_URL:
        raise WebhookUnusable(f"{url[:200]!r} is no URL")
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError as error:
        raise WebhookUnusable(f"{url[:200]!r} is no URL: {error}") from None
    if parts.scheme != "https" or not parts.hostname:
        raise WebhookUnusable(f"{url[:200]!r} is no https URL: https://HOST/PATH")
    if parts.username is not None or parts.password is not None:
        raise WebhookUnusable("a secret does not belong into a URL, which others see: deliveries are signed")
    if parts.fragment:
        raise WebhookUnusable(f"{url[:200]!r} has a fragment, which nobody is sent")
    return parts.hostname, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@attrs.frozen
class Answered:
    """What a receiver said."""

    status: int
    excerpt: str
    retry_after: str | None


@attrs.frozen
class Webhooks:
    """Sends deliveries to webhooks.

    Args:
        allowed: hosts that may be at addresses which are not public.
        ca: a file of authorities (PEM) that count besides the system's.
    """

    allowed: Collection[str] = ()
    ca: Path | None = None
    seal: Seal = attrs.field(kw_only=True)
    """What secrets lie in the store with."""
    resolver: Resolve = resolve
    timeout_s: float = TIMEOUT_S

    def check(self, url: str) -> None:
        """Refuse a URL that no delivery could ever go to; a name that can't be resolved now may be later.

        Raises:
            WebhookUnusable: it is none, or its host is not public.
        """
        host, port, _ = parsed_webhook(url)
        try:
            permitted(host, port, allowed=self.allowed, resolver=self.resolver)
        except AddressRefused as refused:
            raise WebhookUnusable(str(refused)) from None
        except OSError:
            return

    def send(self, due: DueDelivery, *, now_ms: int) -> Attempt:
        """One attempt, and what came of it."""
        try:
            host, port, path = parsed_webhook(due.receiver.target)
            answered = self._post(due, host, port, path, now_ms=now_ms)
        except (AddressRefused, WebhookUnusable) as refused:
            return Attempt(delivered=False, retry_ms=None, outcome=f"{Code.WEBHOOK_UNUSABLE}: {refused}")
        except NotOpenedError as error:
            return retried(due, str(error), now_ms=now_ms)
        except ssl.SSLCertVerificationError as error:
            return retried(due, f"{host}: {error.verify_message}", now_ms=now_ms)
        except TimeoutError:
            return retried(due, f"no answer within {self.timeout_s:g} s", now_ms=now_ms)
        except (OSError, http.client.HTTPException) as error:
            return retried(due, f"{host}: {error or type(error).__name__}", now_ms=now_ms)
        return judged(due, answered, now_ms=now_ms)

    def _post(self, due: DueDelivery, host: str, port: int, path: str, *, now_ms: int) -> Answered:
        secret = self.seal.open(due.secret, about=due.receiver.uid)
        body = due.delivery.payload.encode()
        at_s = now_ms // 1000
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "fieldgate",
            "webhook-id": due.delivery.uid,
            "webhook-timestamp": str(at_s),
            "webhook-signature": signature(secret, due.delivery.uid, at_s, body),
        }
        tls = trusting(self.ca)
        connection = Judged(host, port, timeout=self.timeout_s, context=tls)
        connection.tls = tls
        connection.judge = lambda: permitted(host, port, allowed=self.allowed, resolver=self.resolver)
        try:
            with limited(connection, self.timeout_s):
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                said = b""
                with contextlib.suppress(OSError, http.client.HTTPException):  # the status has come
                    said = answer.read(SHOWN_BYTES)
                excerpt = printable(said.decode(errors="replace").strip())
                return Answered(answer.status, excerpt[:SHOWN_BYTES], answer.headers["Retry-After"])
        finally:
            connection.close()


class Judged(Connection):
    """A connection to an address that was judged right before, and to no other: the name is asked for once."""

    tls: ssl.SSLContext
    judge: Callable[[], Sequence[str]]
    """The addresses that it may go to; raises AddressRefused."""

    def connect(self) -> None:
        """To the first of the addresses that takes a connection, and TLS with the name's certificate."""
        raw = connected(self.judge(), self.port, timeout_s=float(self.timeout or TIMEOUT_S))
        self.sock = self.wire = self.tls.wrap_socket(
            raw, server_hostname=self.host, do_handshake_on_connect=False
        )
        self.wire.do_handshake()  # which the limit can end now


def trusting(ca: Path | None) -> ssl.SSLContext:
    """TLS with the system's authorities and those in *ca*: as the files are, or were within this minute.

    Raises:
        OSError: they can't be read.
    """
    return _trusting(ca, ca.stat().st_mtime_ns if ca else 0, int(time.monotonic() // 60))


@functools.lru_cache(maxsize=2)
def _trusting(ca: Path | None, changed_ns: int, minute: int) -> ssl.SSLContext:
    """Reading what the system trusts takes longer than a delivery."""
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def connected(addresses: Collection[str], port: int, *, timeout_s: float) -> socket.socket:
    """A connection to the first of these very addresses that takes one.

    Raises:
        OSError: none does.
    """
    failed: OSError = OSError("no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=timeout_s / len(addresses))
        except OSError as error:
            failed = error
    raise failed


def judged(due: DueDelivery, answered: Answered, *, now_ms: int) -> Attempt:
    """What an answer means."""
    status, excerpt = answered.status, answered.excerpt
    if 200 <= status < 300:
        return Attempt(delivered=True, retry_ms=None, outcome="delivered", status=status, excerpt=excerpt)
    if status == http.client.GONE:
        said = "the receiver is gone for good (410)"
        return Attempt(delivered=False, retry_ms=None, outcome=said, status=status, excerpt=excerpt)
    said = "redirections are not followed" if 300 <= status < 400 else f"answered {status}"
    again = retried(due, said, now_ms=now_ms, retry_after=answered.retry_after)
    return attrs.evolve(again, status=status, excerpt=excerpt)
