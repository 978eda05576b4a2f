"""A dry run says what the real connection said."""

import socket

import pytest
import trio

from agent.inspection.hello import offered_hello
from certs.inspection import ClientHello, parse_client_hello
from tests.agent.inspection.peers import gateway_context, listening, tls
from tests.transport.pki import chain
from transport import TLSStream, client_context, connect


@pytest.mark.parametrize("hello_bytes", [None, 0, 1400])
@pytest.mark.parametrize("name", ["gateway.example", "127.0.0.1", "gätewäy.example"])
async def test_the_dry_run_is_the_hello_that_was_sent(name: str, hello_bytes: int | None) -> None:
    """All of it, once its random bytes are filled in: read here where it arrived."""
    arrived: list[ClientHello] = []

    async def note(stream: TLSStream) -> None:
        await stream.send_all(b"noted")

    async def peek_and_serve(sock: socket.socket) -> None:
        await trio.lowlevel.wait_readable(sock)
        arrived.append(parse_client_hello(sock.recv(65536, socket.MSG_PEEK)))
        await tls(gateway_context(), note)(sock)

    context = client_context(*chain("agent"), hello_bytes=hello_bytes)
    async with listening(peek_and_serve) as address:
        host, _, port = address.rpartition(":")
        stream = await connect(host, int(port), context, name)
        assert await stream.receive_some() == b"noted"
        offered = offered_hello(context, name, client_random=stream.client_random())
        await stream.aclose()
    assert [offered] == arrived
