"""HTTP proxies: a tunnel by CONNECT (RFC 9110, 9.3.6), with Basic authentication.

The proxy's answer is read to the end of its header and not one byte further: what follows is the gateway's. It is bounded
in size, and by the caller's deadline in time. Where a proxy is configured is for others to know.
"""

import base64
import re
import socket
from urllib.parse import unquote, urlsplit

import attrs
import trio

from transport.errors import Break, ProxyError, classify_os_error

__all__ = ["Proxy", "open_tunnel"]

# Proxies put cookies, and now and then a page, behind a refusal; Squid's own limit for a header is 64 KiB.
_MAX_ANSWER = 16 * 1024
_PEEK = 2048

_END = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: ([^\r\n]{0,200}))?\r?\n")
_ASKS_FOR = re.compile(rb"^proxy-authenticate:[ \t]*([A-Za-z0-9-]{1,30})", re.IGNORECASE | re.MULTILINE)


@attrs.frozen(kw_only=True)
class Proxy:
    """An HTTP proxy. Its text has no credentials in it."""

    host: str
    port: int
    user: str | None = None
    password: str = attrs.field(default="", repr=False)

    @classmethod
    def from_url(cls, url: str) -> "Proxy":
        """From `http://user:password@host:port`, or `host:port`; without a port it is 3128.

        Raises:
            ValueError: it is none, or a proxy of another kind (https, socks). The text has no credentials in it.
        """
        try:
            parts = urlsplit(url if "//" in url else "//" + url)
            host, port = parts.hostname, parts.port or 3128
        except ValueError:  # its text may quote the credentials
            raise ValueError("the proxy is no host and port") from None
        if parts.scheme not in ("", "http"):
            raise ValueError(f"a proxy by {parts.scheme!r} is not supported, only by http")
        if not host or not re.fullmatch(r"[^\s/@\x00-\x1f]+", host):
            raise ValueError("the proxy has no host")
        user = None if parts.username is None else unquote(parts.username)
        return cls(host=host, port=port, user=user, password=unquote(parts.password or ""))

    def __str__(self) -> str:
        return f"http://{bracketed(self.host, self.port)}"

    def request(self, host: str, port: int) -> bytes:
        """What to say to it for a tunnel to *host*."""
        target = bracketed(host, port)
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if self.user is not None:
            credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode("ascii")
            lines.append(f"Proxy-Authorization: Basic {credentials}")
        return "\r\n".join((*lines, "", "")).encode("ascii")


def bracketed(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets, a name of other letters by IDNA."""
    if ":" in host:
        return f"[{host}]:{port}"
    return f"{host if host.isascii() else host.encode('idna').decode('ascii')}:{port}"


async def open_tunnel(sock: socket.socket, proxy: Proxy, host: str, port: int) -> int:
    """Ask the proxy behind *sock* (non-blocking) for a tunnel to *host*; how many bytes its answer had.

    Raises:
        ProxyError: it refused, said something that is no HTTP, or went away.
    """
    try:
        await _say(sock, proxy.request(host, port))
        answer = await _answer(sock)
    except OSError as error:
        reason, detail = classify_os_error(error.errno or 0)
        failure = ProxyError(reason, f"the proxy went away: {detail}")
    else:
        refusal = _refusal(answer)
        if refusal is None:
            return len(answer)
        failure = refusal
    raise failure


async def _say(sock: socket.socket, words: bytes) -> None:
    while words:
        try:
            words = words[sock.send(words) :]
        except BlockingIOError:
            pass
        else:
            continue
        await trio.lowlevel.wait_writable(sock)


async def _answer(sock: socket.socket) -> bytes:
    """The header, to its empty line; or less, where the stream or our patience with it ends."""
    answer = b""
    while len(answer) < _MAX_ANSWER:
        await trio.lowlevel.wait_readable(sock)
        try:
            seen = sock.recv(_PEEK, socket.MSG_PEEK)
        except BlockingIOError:
            continue
        end = (answer + seen).find(_END)
        length = len(seen) if end < 0 else end + len(_END) - len(answer)
        answer += sock.recv(length)
        if not seen or end >= 0 or not b"HTTP/".startswith(answer[:5]):
            break
    return answer


def _refusal(answer: bytes) -> ProxyError | None:
    if not answer:
        return ProxyError(Break.TRUNCATED, "the proxy closed without an answer")
    status = _STATUS.match(answer)
    if status is None:
        return ProxyError(Break.PROXY, "the proxy's answer is not HTTP", first_bytes=answer[:120])
    code, words = int(status[1]), _printable(status[2] or b"")
    if not answer.endswith(_END):
        return ProxyError(Break.PROXY, "the proxy's answer has no end", status=code, first_bytes=answer[:120])
    if 200 <= code < 300:
        return None
    schemes = ", ".join(sorted({scheme.decode("ascii") for scheme in _ASKS_FOR.findall(answer)}))
    said = f"{words} (asks for {schemes})" if schemes else words
    return ProxyError(
        Break.PROXY,
        f"the proxy answered {code} {said}".rstrip(),
        status=code,
        words=said,
        first_bytes=answer[:120],
    )


def _printable(text: bytes) -> str:
    return "".join(c if c.isprintable() else "?" for c in text.decode("latin-1")).strip()
