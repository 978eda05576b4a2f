"""A tunnel through an HTTP proxy: its answer is read to its end and not a byte further, and is never believed too long."""

import base64
import socket
from collections.abc import Awaitable, Callable

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transport.pairs import tcp_pair
from transport import Break, ConnectError, Proxy, ProxyError, client_context, connect, connect_plain
from transport.proxy import open_tunnel

PROXY = Proxy(host="proxy.example", port=3128)
OPEN = b"HTTP/1.1 200 Connection established\r\n"


async def tunnel(answer: list[bytes], *, end: bool = True) -> tuple[int, bytes, bytes]:
    """Open one over a socket pair whose other end answers in those pieces.

    Returns:
        How long the answer was, what was asked, and what is still to be read on our end.
    """
    near, far = tcp_pair()
    near.setblocking(False)
    with near, far:

        async def serve() -> None:
            for piece in answer:
                far.send(piece)
                await trio.testing.wait_all_tasks_blocked()
            if end:
                far.shutdown(socket.SHUT_WR)

        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve)
                length = await open_tunnel(near, PROXY, "gateway.example", 6180)
        far.settimeout(10)
        rest = b""
        while more := near.recv(65536):
            rest += more
        return length, far.recv(65536), rest


async def refused(answer: list[bytes], *, end: bool = True) -> ProxyError:
    with pytest.raises(BaseExceptionGroup) as caught:
        await tunnel(answer, end=end)
    (error,) = caught.value.exceptions
    assert isinstance(error, ProxyError)
    return error


@settings(max_examples=50)
@given(st.lists(st.integers(1, 60), max_size=6), st.binary(max_size=40))
async def test_cutting_the_answer_changes_nothing(cuts: list[int], behind: bytes) -> None:
    """What follows the header belongs to the gateway: it may talk first."""
    answer = OPEN + b"Via: box\r\n\r\n"
    whole = answer + behind
    ends = sorted({*cuts, len(whole)})
    pieces = [whole[a:b] for a, b in zip([0, *ends], ends, strict=False) if whole[a:b]]
    assert await tunnel(pieces) == (
        len(answer),
        b"CONNECT gateway.example:6180 HTTP/1.1\r\nHost: gateway.example:6180\r\n\r\n",
        behind,
    )


@pytest.mark.parametrize(
    ("answer", "reason", "status", "detail"),
    [
        (b"", Break.TRUNCATED, None, "the proxy closed without an answer"),
        (b"SSH-2.0-OpenSSH\r\n", Break.PROXY, None, "the proxy's answer is not HTTP"),
        (b"HTTP/1.1 999 x\r\n\r\n", Break.PROXY, None, "the proxy's answer is not HTTP"),
        (b"HTTP/2 200\r\n\r\n", Break.PROXY, None, "the proxy's answer is not HTTP"),
        (OPEN + b"Via: box\r\n", Break.PROXY, 200, "the proxy's answer has no end"),
        (b"HTTP/1.1 403 Not \x07here\xff\r\n\r\n", Break.PROXY, 403, "the proxy answered 403 Not ?hereÿ"),
        (b"HTTP/1.0 503\n\r\n\r\n", Break.PROXY, 503, "the proxy answered 503"),
    ],
)
async def test_refusals(answer: bytes, reason: Break, status: int | None, detail: str) -> None:
    error = await refused([answer])
    assert (error.reason, error.status, error.detail) == (reason, status, detail)
    assert error.first_bytes == answer[:120]


async def test_a_proxy_says_how_it_wants_to_be_asked() -> None:
    error = await refused(
        [b"HTTP/1.1 407 Log in\r\nProxy-Authenticate: Negotiate\r\nPROXY-AUTHENTICATE: Basic realm=x\r\n\r\n"]
    )
    assert (error.status, error.words) == (407, "Log in (asks for Basic, Negotiate)")


async def test_an_endless_answer_is_cut() -> None:
    error = await refused([OPEN, b"X: " + b"y" * 20_000])
    assert (error.status, error.detail) == (200, "the proxy's answer has no end")


async def test_an_answer_that_never_comes_ends_with_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = Proxy(host="127.0.0.1", port=listener.getsockname()[1])
        dials: list[Callable[[float], Awaitable[object]]] = [
            lambda deadline: connect("x.test", 1, client_context(), None, deadline, proxy=silent),
            lambda deadline: connect_plain("x.test", 1, deadline, proxy=silent),
        ]
        for dial in dials:
            with pytest.raises(ProxyError) as caught:
                await dial(trio.current_time() + 0.1)
            assert (caught.value.reason, caught.value.status) == (Break.TIMED_OUT, None)
            assert "the proxy did not answer" in caught.value.detail


async def test_a_proxy_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = Proxy(host="127.0.0.1", port=listener.getsockname()[1])
    with pytest.raises(ConnectError) as caught:
        await connect("x.test", 1, client_context(), proxy=gone)
    assert not isinstance(caught.value, ProxyError)
    assert caught.value.errno_name == "ECONNREFUSED"


def test_credentials_are_said_to_the_proxy_and_to_nobody_else() -> None:
    proxy = Proxy.from_url("http://ag%40ent:s%3Acr%C3%A9t@proxy.example:8080")
    asked = proxy.request("::1", 443)
    (line,) = [line for line in asked.split(b"\r\n") if line.startswith(b"Proxy-Authorization: Basic ")]
    assert base64.b64decode(line.split()[-1]).decode() == "ag@ent:s:crét"
    assert asked.startswith(b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n")
    assert str(proxy) == "http://proxy.example:8080"
    assert "cr" not in repr(proxy)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("proxy.example:8080", "http://proxy.example:8080"),
        ("http://proxy.example", "http://proxy.example:3128"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("HTTP://Proxy.Example:80", "http://proxy.example:80"),
    ],
)
def test_proxies_by_url(url: str, said: str) -> None:
    assert str(Proxy.from_url(url)) == said


@pytest.mark.parametrize(
    "url",
    ["", "http://", "https://user:hush@p:1", "socks5://user:hush@p:1", "http://user:hush@p:99999", "http://user:hush@[::1",
     "http://user:hush@p q:1", "http://user:hush@p\x00:1", "http://user:hush@℀.example:1"],
)  # fmt: skip
def test_what_is_no_proxy_is_refused_without_its_credentials(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        Proxy.from_url(url)
    assert "hush" not in str(caught.value)


@given(st.text(max_size=60))
def test_garbage_is_a_proxy_or_a_value_error(text: str) -> None:
    try:
        proxy = Proxy.from_url(text)
    except ValueError:
        return
    assert b"\r\n\r\n" not in proxy.request("gateway.example", 6180)[:-4]
