"""A connection as a value: bytes in, messages out, bytes back. No socket, no clock, no task.

    connection.receive_data(data)
    while (event := connection.next_event()) is not NEED_DATA:
        ...
    data = connection.send(Welcome(…))

A frame is judged from its five header bytes, before its body is read: is the type known, may the peer say it now, is it
within the type's limit, does its credit cover it. So what a connection buffers is bounded at every moment: by 4 KiB before
the session opens (32 KiB for a PathReport), then by 64 KiB or by the credit that was granted.

Credit counts bytes of sequenced payload. On the agent's side it is what may still be sent, on the gateway's what may still
come; both sides count the same messages, so the two numbers agree once everything in flight has arrived.

What needs an ability that Welcome did not name (`protocol.capability`) is refused like a message that its state does not admit.
"""

import struct
from enum import Enum
from typing import Final, Literal

from protocol.answers import Credit, Welcome
from protocol.batches import Sequenced
from protocol.capability import NEEDS, Capability, agreed
from protocol.codec import MESSAGES, Message, decode, encode
from protocol.codes import Code
from protocol.errors import LocalProtocolError, RemoteProtocolError
from protocol.messages import LARGE_LIMIT, PRE_AUTH_LIMIT, Hello
from protocol.states import TRANSITIONS, Role, State

HEADER: Final = struct.Struct(">IB")
# Types from here on may be skipped by who does not know them.
FIRST_OPTIONAL: Final = 128


class Signal(Enum):
    """What `next_event` answers when it has no message."""

    NEED_DATA = "need-data"
    PEER_CLOSED = "peer-closed"


NEED_DATA: Final = Signal.NEED_DATA
PEER_CLOSED: Final = Signal.PEER_CLOSED


class Connection:
    """One side of one connection.

    Args:
        role: whose side we are.
    """

    __slots__ = ("_buffer", "_capabilities", "_credit", "_eof", "_error", "_peer", "_role", "_state")

    def __init__(self, role: Role) -> None:
        self._role = role
        self._peer = Role.GATEWAY if role is Role.AGENT else Role.AGENT
        self._state = State.AWAIT_HELLO
        self._buffer = bytearray()
        self._credit = 0
        self._capabilities = Capability(0)
        self._eof = False
        self._error: RemoteProtocolError | None = None

    def __repr__(self) -> str:
        return f"<Connection {self._role.value} {self._state.value} credit={self._credit}>"

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def credit(self) -> int:
        """Bytes of sequenced payload that the agent may still send."""
        return self._credit

    @property
    def capabilities(self) -> Capability:
        """What both sides can; before Welcome, what the agent can."""
        return self._capabilities

    @property
    def missing(self) -> int:
        """Bytes still to come of the frame under way, as far as its header tells; 0 between frames."""
        received = len(self._buffer)
        if not received:
            return 0
        if received < HEADER.size:
            return HEADER.size - received
        length, _ = HEADER.unpack_from(self._buffer)
        return max(HEADER.size + int(length) - received, 0)

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take what the peer sent; nothing at all (b"") means that it will send no more."""
        if not data:
            self._eof = True
        elif self._state not in (State.CLOSED, State.FAILED):
            self._buffer += data

    def next_event(self) -> Message | Literal[Signal.NEED_DATA, Signal.PEER_CLOSED]:
        """The next message, NEED_DATA, or PEER_CLOSED after the last one.

        Raises:
            RemoteProtocolError: the peer broke the protocol, and again at every later call. Any other exception is a
                bug here.
        """
        if self._error is None:
            try:
                message = self._next_message()
            except RemoteProtocolError as error:
                self._error = error.copy()
                self._state = State.FAILED
                self._buffer = bytearray()
            else:
                if message is None:
                    return PEER_CLOSED if self._eof else NEED_DATA
                return message
        raise self._error.copy()

    def send(self, message: Message) -> bytes:
        """The bytes of a message, framed; the state moves as if they had been sent.

        Raises:
            LocalProtocolError: it may not be said now, a field is out of bounds, or the credit does not cover it.
        """
        target = self._may_send(type(message))
        payload = encode(message)
        if isinstance(message, Sequenced):
            self._spend(len(payload))
        self._note(message)
        self._state = target
        return HEADER.pack(len(payload), message.tag) + payload

    def send_batch(self, tag: int, payload: bytes) -> bytes:
        """The bytes of a sequenced message that was cut and stored earlier, framed as it is.

        Raises:
            LocalProtocolError: the tag is not a sequenced message's, it may not be said now, it is too big, or the
                credit does not cover it.
        """
        cls = MESSAGES.get(tag)
        if cls is None or not issubclass(cls, Sequenced):
            raise LocalProtocolError(Code.INVALID_VALUE, f"type {tag} is no sequenced message")
        target = self._may_send(cls)
        if len(payload) > cls.limit:
            raise LocalProtocolError(
                Code.MESSAGE_TOO_BIG, f"{cls.__name__} of {len(payload)} bytes, limit is {cls.limit}"
            )
        self._spend(len(payload))
        self._state = target
        return HEADER.pack(len(payload), tag) + payload

    def _next_message(self) -> Message | None:
        while self._state is not State.CLOSED and len(self._buffer) >= HEADER.size:
            length, tag = HEADER.unpack_from(self._buffer)
            cls = self._judge_header(length, tag)
            end = HEADER.size + length
            if len(self._buffer) < end:
                break
            payload = bytes(memoryview(self._buffer)[HEADER.size : end])
            del self._buffer[:end]
            if cls is not None:
                return self._accept(cls, tag, payload)
        if self._state is State.CLOSED:
            self._buffer = bytearray()
        elif self._eof and self._buffer:
            raise RemoteProtocolError(
                Code.CONNECTION_LOST, f"end of stream inside a frame, after {len(self._buffer)} bytes of it"
            )
        return None

    def _judge_header(self, length: int, tag: int) -> type[Message] | None:
        """The class of the message that a header announces, or None for one to be skipped."""
        cls = MESSAGES.get(tag)
        if cls is None:
            if tag < FIRST_OPTIONAL:
                raise RemoteProtocolError(Code.UNKNOWN_MESSAGE_TYPE, f"message type {tag} is not defined")
            limit = LARGE_LIMIT if self._state in (State.OPEN, State.DRAINING) else PRE_AUTH_LIMIT
            if length > limit:
                raise RemoteProtocolError(
                    Code.MESSAGE_TOO_BIG, f"optional message of {length} bytes, limit is {limit}"
                )
            return None
        name = cls.__name__
        if cls not in TRANSITIONS[self._peer, self._state]:
            raise RemoteProtocolError(
                Code.UNEXPECTED_MESSAGE, f"{name} from the {self._peer.value} in state {self._state.value}"
            )
        if lacking := self._lacks(cls):
            raise RemoteProtocolError(
                Code.UNEXPECTED_MESSAGE, f"{name} without {lacking}, which was not agreed"
            )
        if length > cls.limit:
            raise RemoteProtocolError(Code.MESSAGE_TOO_BIG, f"{name} of {length} bytes, limit is {cls.limit}")
        if issubclass(cls, Sequenced) and length > self._credit:
            raise RemoteProtocolError(
                Code.CREDIT_EXCEEDED, f"{name} of {length} bytes, credit is {self._credit}"
            )
        return cls

    def _accept(self, cls: type[Message], tag: int, payload: bytes) -> Message:
        message = decode(tag, payload)
        if isinstance(message, Sequenced):
            self._credit -= len(payload)
        self._note(message)
        self._state = TRANSITIONS[self._peer, self._state][cls]
        return message

    def _may_send(self, cls: type[Message]) -> State:
        target = TRANSITIONS[self._role, self._state].get(cls)
        if target is None:
            raise LocalProtocolError(
                Code.UNEXPECTED_MESSAGE,
                f"{cls.__name__} from the {self._role.value} in state {self._state.value}",
            )
        if lacking := self._lacks(cls):
            raise LocalProtocolError(
                Code.UNEXPECTED_MESSAGE, f"{cls.__name__} without {lacking}, which was not agreed"
            )
        return target

    def _lacks(self, cls: type[Message]) -> str:
        """The ability that a message needs and this session has not; empty if it has."""
        needed = NEEDS.get(cls)
        return "" if needed is None or needed in self._capabilities else str(needed.name)

    def _spend(self, n_bytes: int) -> None:
        if n_bytes > self._credit:
            raise LocalProtocolError(
                Code.CREDIT_EXCEEDED, f"batch of {n_bytes} bytes, credit is {self._credit}"
            )
        self._credit -= n_bytes

    def _note(self, message: Message) -> None:
        """What a message does beyond its transition: it may grant something, whichever way we look at it."""
        if isinstance(message, Hello):
            self._capabilities = agreed(message.capabilities)
        elif isinstance(message, Welcome):
            self._credit += message.credit
            self._capabilities = agreed(message.capabilities, self._capabilities)
        elif isinstance(message, Credit):
            self._credit += message.bytes
