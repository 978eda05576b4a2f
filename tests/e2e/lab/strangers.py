"""People who are no agents and call a gateway all the same."""

import ssl
from collections.abc import Awaitable, Callable

import trio

__all__ = ["KINDS"]

Stranger = Callable[[str, int], Awaitable[None]]


async def _scanner(host: str, port: int) -> None:
    """Is the port open?"""
    async with await trio.open_tcp_stream(host, port):
        pass


async def _http(host: str, port: int) -> None:
    async with await trio.open_tcp_stream(host, port) as stream:
        await stream.send_all(b"GET / HTTP/1.0\r\nUser-Agent: scanner/1.0\r\n\r\n")
        with trio.move_on_after(10):
            while await stream.receive_some(4096):
                pass


async def _tls(host: str, port: int) -> None:
    """A handshake by Python's own TLS, as of a monitoring program, and not a word."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tcp = await trio.open_tcp_stream(host, port)
    async with trio.SSLStream(
        tcp, context, server_hostname="gateway.example.test", https_compatible=True
    ) as stream:
        await stream.do_handshake()


KINDS: dict[str, Stranger] = {"port-scanner": _scanner, "http-scanner": _http, "tls-scanner": _tls}
