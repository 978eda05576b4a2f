"""One connection of a simulated agent that is spoken on by hand: for reading back, and for those who misbehave."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self

import attrs
import trio

from agent.facilities import Facilities
from agent.hello import hello
from agent.identity import Credential
from agent.observer import code_text, known
from agent.path import judge_path, open_path, split_address
from certs import from_ms
from protocol import (
    NEED_DATA,
    PEER_CLOSED,
    Capability,
    Code,
    Connection,
    Goodbye,
    Message,
    Rejected,
    RemoteProtocolError,
    Role,
    Welcome,
)
from transport import Break, BrokenStreamError, HandshakeError, TLSStream, client_context

ANSWER_S: Final = 60.0
_LAST_WORD_S: Final = 2.0


class LineError(Exception):
    """The gateway ended it, or the path did.

    Attributes:
        code: why.
    """

    def __init__(self, code: Code | int, message: str) -> None:
        super().__init__(f"{code_text(code)}: {message}")
        self.code = code


@attrs.define(eq=False)
class Line:
    """An open connection. Whatever ends it is a `LineError`."""

    stream: TLSStream
    connection: Connection

    @classmethod
    async def dial(cls, agent: Facilities, credential: Credential | None = None) -> Self:
        """To the agent's gateway, and nothing said yet.

        Raises:
            PathError: no gateway of ours could be reached.
        """
        keeper = agent.keeper
        shown = credential or keeper.credential
        path = await open_path(
            keeper.identity.gateways, context=client_context(shown.chain_pem, shown.key_pem),
            anchors=keeper.identity.anchors(), certified=True, at=from_ms(agent.now()), source=agent.source,
        )  # fmt: skip
        return cls(path.stream, Connection(Role.AGENT))

    @classmethod
    async def over(cls, sock: socket.socket, agent: Facilities) -> Self:
        """TLS over a connected socket of the caller's, to the agent's first gateway.

        Raises:
            LineError: there is no TLS, or the other end is not our gateway.
        """
        keeper, host = agent.keeper, split_address(agent.keeper.identity.gateways[0])[0]
        credential = keeper.credential
        context = client_context(credential.chain_pem, credential.key_pem)
        stream = TLSStream(sock, context, server_side=False, server_name=host)
        try:
            await stream.do_handshake()
        except HandshakeError as error:
            raise LineError(Code.TLS_HANDSHAKE_FAILED, str(error)) from error
        anchors, at = keeper.identity.anchors(), from_ms(agent.now())
        verdict = judge_path(stream, host=host, anchors=anchors, certified=True, at=at)
        if isinstance(verdict, tuple):
            raise LineError(*verdict)
        return cls(stream, Connection(Role.AGENT))

    async def greet(self, agent: Facilities, *, abilities: int = 0) -> Welcome:
        """Say Hello; the nonce that comes back is remembered.

        Raises:
            LineError: the gateway said no, or nothing.
        """
        greeting = hello(agent.keeper, agent.outbox, now_ms=agent.now())
        greeting = attrs.evolve(greeting, capabilities=greeting.capabilities | Capability(abilities))
        await self.say(greeting)
        welcome = await self.hear()
        if not isinstance(welcome, Welcome):
            raise LineError(Code.UNEXPECTED_MESSAGE, f"answered with {type(welcome).__name__}")
        agent.keeper.remember(welcome.nonce)
        return welcome

    async def say(self, *messages: Message) -> None:
        """Say something.

        Raises:
            LineError: nobody is there any more.
        """
        await self.send(b"".join(map(self.connection.send, messages)))

    async def send(self, data: bytes) -> None:
        """Send bytes, whatever they are.

        Raises:
            LineError: nobody is there any more.
        """
        try:
            await self.stream.send_all(data)
        except BrokenStreamError as error:
            raise _broken(error) from error

    async def hear(self) -> Message:
        """The next message.

        Raises:
            LineError: it was the last one: a Rejected or a Goodbye; or the connection ended, or nothing came.
        """
        with trio.move_on_after(ANSWER_S):
            try:
                while (event := self.connection.next_event()) is NEED_DATA:
                    self.connection.receive_data(await self.stream.receive_some())
            except BrokenStreamError as error:
                raise _broken(error) from error
            except RemoteProtocolError as error:
                raise LineError(error.code, error.message) from error
            if event is PEER_CLOSED:
                raise LineError(Code.CONNECTION_LOST, "the gateway closed without a word")
            if isinstance(event, Rejected | Goodbye):
                raise LineError(known(event.code), event.message)
            return event
        raise LineError(Code.HELLO_TIMEOUT, f"no answer within {ANSWER_S:.0f} s")

    async def hear_the_end(self) -> Code | int:
        """Listen until it ends, and say why it did."""
        try:
            while True:
                await self.hear()
        except LineError as error:
            return error.code

    async def leave(self) -> None:
        """Say goodbye."""
        words = self.connection.send(Goodbye(code=Code.GOODBYE, message="done"))
        await self.stream.send_last(words, within_s=_LAST_WORD_S)


def _broken(error: BrokenStreamError) -> LineError:
    code = Code.CONNECTION_RESET if error.reason is Break.RESET else Code.CONNECTION_LOST
    return LineError(code, error.detail)


@asynccontextmanager
async def line_of(
    agent: Facilities, *, abilities: int = 0, credential: Credential | None = None
) -> AsyncIterator[Line]:
    """An open session, gone after the block.

    Raises:
        LineError: there is none.
        PathError: no gateway of ours could be reached.
    """
    line = await Line.dial(agent, credential)
    try:
        await line.greet(agent, abilities=abilities)
        yield line
    finally:
        await trio.aclose_forcefully(line.stream)
