"""A small gateway for the agent's tests: real sockets, real TLS, the real protocol, and a script instead of a product.

By default it welcomes everybody with credit, keeps what comes, and acknowledges it as durable. A test replaces what it wants to
be different: `welcome`, `on_message`, or says something to a `Peer` by hand.
"""

import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import attrs
import trio

from certs import (
    EXPORTER_BYTES,
    EXPORTER_LABEL,
    Authority,
    Token,
    agent_uid_of,
    from_ms,
    read_csr,
    verify_enrollment,
)
from protocol import (
    MINOR,
    NEED_DATA,
    PEER_CLOSED,
    Ack,
    Action,
    Code,
    CommandResult,
    Connection,
    Durability,
    Enroll,
    Enrolled,
    EventBatch,
    Goodbye,
    Heartbeat,
    Hello,
    Inventory,
    Mark,
    Message,
    Rejected,
    RemoteProtocolError,
    Role,
    Sequenced,
    Standing,
    State,
    Welcome,
    batch_id,
)
from transport import BrokenStreamError, TLSStream, TransportError, server_context

NOW = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
NOW_MS = 1_790_000_000_000
LIMIT_S = 600
CREDIT = 4 * 1024 * 1024


def mark_of(batch: Sequenced, first_sequence: int = 1) -> Mark:
    """The mark that says: everything up to and with *batch* is in."""
    return Mark(
        epoch=batch.epoch, next_sequence=batch.next_sequence, batch_id=batch_id(batch), first_sequence=first_sequence
    )  # fmt: skip


@attrs.define(eq=False)
class Peer:
    """One connection, from the gateway's side."""

    gateway: "Gateway"
    stream: TLSStream
    connection: Connection = attrs.field(factory=lambda: Connection(Role.GATEWAY))
    hello: Hello | None = None
    heard: list[Message] = attrs.field(factory=list)
    closed: trio.Event = attrs.field(factory=trio.Event)
    _lock: trio.Lock = attrs.field(factory=trio.Lock)

    async def say(self, *messages: Message) -> None:
        """Say something to the agent."""
        await self.say_bytes(b"".join(self.connection.send(message) for message in messages))

    async def say_bytes(self, data: bytes) -> None:
        """Say what the protocol value has given already."""
        async with self._lock:
            await self.stream.send_all(data)

    async def hang_up(self, last: Message) -> None:
        """Say a last word and wait until the agent has closed."""
        await self.say(last)
        await self.stream.send_eof()
        await self.closed.wait()

    async def dismiss(self, last: Message) -> None:
        """The same, for the task that reads: say a last word, let it arrive, and close."""
        await self.stream.send_last(self.connection.send(last), within_s=5)

    def all(self, kind: type[object]) -> list[Message]:
        """What it has said of one kind."""
        return [message for message in self.heard if isinstance(message, kind)]

    @property
    def batches(self) -> list[EventBatch | Inventory | CommandResult]:
        """The sequenced messages it has said."""
        return [m for m in self.heard if isinstance(m, EventBatch | Inventory | CommandResult)]


Handler = Callable[[Peer, Message], Awaitable[None]]


@attrs.define(eq=False)
class Gateway:
    """The provider and its one gateway."""

    authority: Authority
    names: Sequence[str] = ("127.0.0.1",)
    credit: int = CREDIT
    heartbeat_s: int = 30
    now_ms: Callable[[], int] = lambda: NOW_MS
    released: tuple[Mark, ...] = ()
    durable: tuple[Mark, ...] = ()
    request_client_cert: bool = True
    chains: Sequence[tuple[bytes, bytes]] = ()
    """(chain, key) PEM to show in the place of its own."""
    mute: bool = False
    """It answers no Hello."""
    tokens: dict[str, bytes] = attrs.field(factory=dict)
    peers: list[Peer] = attrs.field(factory=list)
    enrolls: list[Enroll] = attrs.field(factory=list)
    uids: dict[bytes, str] = attrs.field(factory=dict)
    welcome: Callable[[Hello], Message] = attrs.field()
    on_message: Handler = attrs.field()
    port: int = 0
    _changed: trio.Event = attrs.field(factory=trio.Event)

    @welcome.default
    def _welcome(self) -> Callable[[Hello], Message]:
        return self.greet

    @on_message.default
    def _on_message(self) -> Handler:
        return self.acknowledge

    @classmethod
    def make(cls, *, names: Sequence[str] = ("127.0.0.1",), now: datetime = NOW) -> "Gateway":
        """A provider of its own."""
        return cls(Authority.create("Example Provider", now).rotate_gateway(now, names=names), names=names)

    @property
    def address(self) -> str:
        """Where agents dial."""
        return f"127.0.0.1:{self.port}"

    def token(self, *addresses: str) -> Token:
        """A token for this gateway."""
        pins = self.authority.pins_current()
        token = Token.create(seed=bytes(range(32)), pins=pins, gateways=addresses or (self.address,))
        self.tokens[token.id] = token.public_key()
        return token

    def greet(self, hello: Hello, **changes: Any) -> Message:
        """The usual Welcome."""
        welcome = Welcome(
            minor=MINOR, capabilities=hello.capabilities, session_uid=str(uuid.uuid4()), nonce=uuid.uuid4().bytes,
            heartbeat_s=self.heartbeat_s, credit=self.credit, gateway_time_ms=self.now_ms(),
            standing=Standing.VERIFIED, durable=self.durable, released=self.released,
        )  # fmt: skip
        return attrs.evolve(welcome, **changes)

    async def acknowledge(self, peer: Peer, message: Message) -> None:
        """Everything sequenced is durable at once; a renewal is granted."""
        if isinstance(message, Sequenced):
            await peer.say(Ack(durability=Durability.DISK, durable=(mark_of(message),)))
        elif isinstance(message, Enroll):
            await peer.say(self.issue(message, peer.hello.agent_uid if peer.hello else ""))

    def issue(self, enroll: Enroll, agent_uid: str) -> Enrolled:
        """A certificate."""
        at = from_ms(self.now_ms())
        return Enrolled(
            agent_uid=agent_uid, certificate_chain=self.authority.issue_agent(enroll.csr, agent_uid, at),
            standing=Standing.VERIFIED, code=0, pins_current=self.authority.pins_current(),
            pins_next=self.authority.pins_next(), gateways=(self.address,), gateway_time_ms=self.now_ms(),
        )  # fmt: skip

    async def heard(self, count: int, kind: type[object] = Sequenced) -> list[Message]:
        """Wait until that many messages of a kind have come, over all connections, and return them."""
        with trio.fail_after(LIMIT_S):
            while True:
                found = [m for peer in self.peers for m in peer.heard if isinstance(m, kind)]
                if len(found) >= count:
                    return found
                await self._changed.wait()

    async def peer(self, number: int = 0) -> Peer:
        """Wait for the *number*-th connection that said Hello."""
        with trio.fail_after(LIMIT_S):
            while True:
                greeted = [peer for peer in self.peers if peer.hello is not None]
                if len(greeted) > number:
                    return greeted[number]
                await self._changed.wait()

    def _note(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator["Gateway"]:
        """Accept connections while the block lasts."""
        with socket.create_server(("127.0.0.1", port), backlog=128) as listener:
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._accept, listener, nursery)
                try:
                    yield self
                finally:
                    nursery.cancel_scope.cancel()

    async def _accept(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        while True:
            await trio.lowlevel.wait_readable(listener)
            sock, _ = listener.accept()
            nursery.start_soon(self._serve, sock)

    async def _serve(self, sock: socket.socket) -> None:
        chains = self.chains or self.authority.gateway_chains()
        context = server_context(chains, request_client_cert=self.request_client_cert)
        stream = TLSStream(sock, context, server_side=True)
        peer = Peer(self, stream)
        self.peers.append(peer)
        try:
            await stream.do_handshake()
            await self._talk(peer)
        except (TransportError, trio.ClosedResourceError):
            pass
        except RemoteProtocolError as error:
            last = Goodbye(
                code=error.code, message=error.message, epoch=error.epoch, first_sequence=error.first_sequence
            )
            await peer.dismiss(last)
        finally:
            peer.closed.set()
            self._note()
            await trio.aclose_forcefully(stream)

    async def _talk(self, peer: Peer) -> None:
        connection = peer.connection
        while True:
            connection.receive_data(await peer.stream.receive_some())
            while (event := connection.next_event()) is not NEED_DATA:
                if event is PEER_CLOSED:
                    return
                peer.heard.append(event)
                self._note()
                if isinstance(event, Hello):
                    peer.hello = event
                    if self.mute:
                        continue
                    answer = self.welcome(event)
                    if isinstance(answer, Rejected):
                        await peer.dismiss(answer)
                        return
                    await peer.say(answer)
                elif isinstance(event, Enroll) and connection.state is State.AWAIT_ENROLLED:
                    self.enrolls.append(event)
                    await peer.dismiss(self._enroll(peer, event))
                    return
                elif isinstance(event, Goodbye):
                    return
                elif not isinstance(event, Heartbeat):
                    await self.on_message(peer, event)

    def _enroll(self, peer: Peer, event: Enroll) -> Message:
        exporter = peer.stream.exporter(EXPORTER_LABEL, EXPORTER_BYTES)
        public = self.tokens.get(event.token_id)
        if public is None or not verify_enrollment(public, exporter, event.csr, event.signature):
            return Rejected(
                code=Code.TOKEN_UNKNOWN, message="no token has that id", gateway_time_ms=self.now_ms(), action=Action.STOP
            )  # fmt: skip
        return self.issue(event, self.uids.setdefault(read_csr(event.csr).spki_sha256, str(uuid.uuid4())))

    def certified_uid(self, peer: Peer) -> str | None:
        """Whom the peer's certificate names."""
        return agent_uid_of(peer.stream.peer_chain_der()[0])


__all__ = ["NOW", "NOW_MS", "BrokenStreamError", "Gateway", "Peer", "mark_of"]
