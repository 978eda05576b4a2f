"""The connection as a value: framing, limits, credit, ends."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import (
    MESSAGES,
    NEED_DATA,
    NEEDS,
    NO_BATCH,
    PEER_CLOSED,
    TRANSITIONS,
    Ack,
    Capability,
    Code,
    Connection,
    Credit,
    Drain,
    Durability,
    EventBatch,
    EventKind,
    Goodbye,
    Health,
    Heartbeat,
    JobEvent,
    JobStatus,
    LocalProtocolError,
    Message,
    Rejected,
    RemoteProtocolError,
    Role,
    Sequenced,
    Signal,
    State,
    encode,
)
from tests.protocol.roles import HELLO, WELCOME, connection_in, other, pair_in
from tests.protocol.strategies import messages_of

BEAT = Heartbeat(agent_time_ms=1, health=Health.HEALTHY)
EVENT = JobEvent(
    time_ms=1, kind=EventKind.NOTICE, job_uid="j", session_uid="s", workload_uid="", status=JobStatus.RUNNING
).to_row()
BATCH = EventBatch(epoch=7, first_sequence=1, count=1, previous=NO_BATCH, rows=(EVENT,))
SIZE = len(encode(BATCH))


def frame(tag: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + bytes([tag]) + payload


def events_of(connection: Connection) -> list[Message | Signal]:
    """All messages at hand, and the signal that ends them."""
    events: list[Message | Signal] = []
    while True:
        event = connection.next_event()
        events.append(event)
        if isinstance(event, Signal):
            return events


@settings(max_examples=60)
@given(data=st.data())
def test_cutting_bytes_changes_nothing(data: st.DataObject) -> None:
    """However the network cuts a stream, the messages in it are the same."""
    said = data.draw(
        st.lists(
            st.one_of(messages_of(Heartbeat), st.just(BATCH), st.integers(129, 255)), min_size=1, max_size=6
        )
    )
    sender = connection_in(State.OPEN, Role.AGENT, credit=10_000)
    stream = b"".join(frame(m, b"optional") if isinstance(m, int) else sender.send(m) for m in said)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    receiver = connection_in(State.OPEN, Role.GATEWAY, credit=10_000)

    heard: list[Message | Signal] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        if start < end:
            receiver.receive_data(stream[start:end])
            heard += [event for event in events_of(receiver) if event is not NEED_DATA]

    assert heard == [m for m in said if not isinstance(m, int)]
    assert receiver.missing == 0
    assert receiver.credit == sender.credit


def test_byte_by_byte() -> None:
    """A whole session that arrives in single bytes, with the next frame's first byte behind every frame."""
    agent, gateway = Connection(Role.AGENT), Connection(Role.GATEWAY)
    heard: list[Message | Signal] = []

    def deliver(data: bytes, receiver: Connection) -> None:
        for index in range(len(data)):
            receiver.receive_data(data[index : index + 1])
            heard.extend(event for event in events_of(receiver) if event is not NEED_DATA)

    deliver(agent.send(HELLO), gateway)
    deliver(gateway.send(WELCOME) + gateway.send(Credit(bytes=SIZE)), agent)
    deliver(agent.send(BATCH) + agent.send(BEAT) + agent.send(Goodbye(code=Code.GOODBYE)), gateway)

    assert heard == [HELLO, WELCOME, Credit(bytes=SIZE), BATCH, BEAT, Goodbye(code=2001)]


def test_no_frame_is_held_to_be_complete_too_early() -> None:
    """`missing` counts down to the end of the frame under way, first of its header, then of its body."""
    receiver = connection_in(State.OPEN, Role.GATEWAY)
    data = frame(3, encode(BEAT))

    assert receiver.missing == 0
    receiver.receive_data(data[:2])
    assert receiver.missing == 3
    receiver.receive_data(data[2:6])
    assert receiver.missing == len(data) - 6
    receiver.receive_data(data[6:])
    assert receiver.missing == 0
    assert events_of(receiver) == [BEAT, NEED_DATA]


# -- limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "tag", "length", "code"),
    [
        (State.AWAIT_HELLO, 1, 4096, None),
        (State.AWAIT_HELLO, 1, 4097, Code.MESSAGE_TOO_BIG),
        (State.AWAIT_HELLO, 2, 4097, Code.MESSAGE_TOO_BIG),
        (State.AWAIT_HELLO, 5, 10, Code.UNEXPECTED_MESSAGE),
        (State.AWAIT_HELLO, 200, 4096, None),
        (State.AWAIT_HELLO, 200, 4097, Code.MESSAGE_TOO_BIG),
        (State.AWAIT_HELLO, 14, 0, Code.UNKNOWN_MESSAGE_TYPE),
        (State.AWAIT_HELLO, 9, 2**15, None),
        (State.AWAIT_HELLO, 9, 2**15 + 1, Code.MESSAGE_TOO_BIG),
        (State.AWAIT_VERDICT, 9, 10, Code.UNEXPECTED_MESSAGE),
        (State.OPEN, 9, 10, Code.UNEXPECTED_MESSAGE),
        (State.OPEN, 3, 4097, Code.MESSAGE_TOO_BIG),
        (State.OPEN, 6, 2**20, None),
        (State.OPEN, 12, 132 * 1024, None),
        (State.OPEN, 12, 132 * 1024 + 1, Code.MESSAGE_TOO_BIG),
        (State.OPEN, 5, 2**20, None),
        (State.OPEN, 5, 2**20 + 1, Code.MESSAGE_TOO_BIG),
        (State.OPEN, 200, 2**20, None),
        (State.OPEN, 200, 2**20 + 1, Code.MESSAGE_TOO_BIG),
        (State.OPEN, 5, 2**32 - 1, Code.MESSAGE_TOO_BIG),
    ],
)
def test_limits_are_judged_from_the_header(state: State, tag: int, length: int, code: Code | None) -> None:
    """Five bytes are enough to refuse a frame; nothing of its body is waited for or kept."""
    receiver = connection_in(state, Role.GATEWAY, credit=2**21)
    receiver.receive_data(length.to_bytes(4, "big") + bytes([tag]))

    if code is None:
        assert receiver.next_event() is NEED_DATA
        assert receiver.missing == length
    else:
        with pytest.raises(RemoteProtocolError) as caught:
            receiver.next_event()
        assert caught.value.code is code


def test_http_on_the_wire_is_a_frame_too_big() -> None:
    """Another protocol's first bytes make an absurd frame, which is refused at once."""
    gateway = Connection(Role.GATEWAY)
    gateway.receive_data(b"GET / HTTP/1.1\r\n")

    with pytest.raises(RemoteProtocolError) as caught:
        gateway.next_event()

    assert caught.value.code in (Code.UNKNOWN_MESSAGE_TYPE, Code.MESSAGE_TOO_BIG, Code.UNEXPECTED_MESSAGE)


# -- credit ------------------------------------------------------------------------------------------------------


def test_both_sides_count_the_same_credit() -> None:
    """Credit is granted by Welcome and Credit, spent by the payloads of batches, and untouched by all else."""
    sides = pair_in(State.OPEN, credit=SIZE)
    agent, gateway = sides[Role.AGENT], sides[Role.GATEWAY]

    agent.receive_data(gateway.send(Credit(bytes=100)))
    agent.next_event()
    assert agent.credit == gateway.credit == SIZE + 100

    gateway.receive_data(agent.send(BATCH) + agent.send(BEAT))
    assert events_of(gateway) == [BATCH, BEAT, NEED_DATA]
    assert agent.credit == gateway.credit == 100


def test_an_agent_does_not_overdraw() -> None:
    """Without the credit for it a batch is not sent, and nothing else changes."""
    agent = connection_in(State.OPEN, Role.AGENT, credit=SIZE - 1)

    with pytest.raises(LocalProtocolError) as whole:
        agent.send(BATCH)
    with pytest.raises(LocalProtocolError) as stored:
        agent.send_batch(EventBatch.tag, encode(BATCH))

    assert whole.value.code is stored.value.code is Code.CREDIT_EXCEEDED
    assert agent.credit == SIZE - 1
    assert agent.send(BEAT)


def test_a_gateway_does_not_let_itself_be_overdrawn() -> None:
    """A batch beyond the credit is refused by its header; what is within it is taken."""
    gateway = connection_in(State.OPEN, Role.GATEWAY, credit=SIZE)
    gateway.receive_data(frame(EventBatch.tag, encode(BATCH)) * 2)

    assert gateway.next_event() == BATCH
    with pytest.raises(RemoteProtocolError) as caught:
        gateway.next_event()

    assert caught.value.code is Code.CREDIT_EXCEEDED


def test_agents_grant_nothing() -> None:
    """Only a gateway has credit to give."""
    agent = connection_in(State.OPEN, Role.AGENT)

    with pytest.raises(LocalProtocolError) as caught:
        agent.send(Credit(bytes=1))

    assert caught.value.code is Code.UNEXPECTED_MESSAGE


# -- stored batches ----------------------------------------------------------------------------------------------


def test_a_stored_batch_is_sent_as_it_was_cut() -> None:
    """The bytes on the wire are the bytes that were stored, with a header before them."""
    sides = pair_in(State.OPEN, credit=2 * SIZE)
    stored = encode(BATCH)

    data = sides[Role.AGENT].send_batch(EventBatch.tag, stored)
    sides[Role.GATEWAY].receive_data(data)
    heard = sides[Role.GATEWAY].next_event()

    assert data[5:] == stored
    assert isinstance(heard, Sequenced)
    assert heard.payload == stored


@pytest.mark.parametrize(
    ("state", "tag", "size", "code"),
    [
        (State.OPEN, 3, 10, Code.INVALID_VALUE),
        (State.OPEN, 14, 10, Code.INVALID_VALUE),
        (State.OPEN, 5, 2**20 + 1, Code.MESSAGE_TOO_BIG),
        (State.AWAIT_WELCOME, 5, 10, Code.UNEXPECTED_MESSAGE),
        (State.CLOSED, 5, 10, Code.UNEXPECTED_MESSAGE),
    ],
)
def test_stored_batches_keep_the_rules(state: State, tag: int, size: int, code: Code) -> None:
    """A stored payload is held to type, size and state like any other message."""
    agent = connection_in(state, Role.AGENT, credit=2**22)

    with pytest.raises(LocalProtocolError) as caught:
        agent.send_batch(tag, bytes(size))

    assert caught.value.code is code


# -- ends --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [s for s in State if s is not State.FAILED])
@pytest.mark.parametrize("role", Role)
def test_the_end_of_the_stream(state: State, role: Role) -> None:
    """A peer that closes between frames is reported as closed, after whatever it said before."""
    connection = connection_in(state, role)
    connection.receive_data(b"")

    assert connection.next_event() is PEER_CLOSED
    assert connection.next_event() is PEER_CLOSED


def test_the_last_words_before_the_end_are_heard() -> None:
    """End of stream does not overtake the messages before it."""
    gateway = connection_in(State.OPEN, Role.GATEWAY)
    gateway.receive_data(frame(3, encode(BEAT)))
    gateway.receive_data(b"")

    assert events_of(gateway) == [BEAT, PEER_CLOSED]


@pytest.mark.parametrize("kept", [1, 4, 5, 6])
def test_an_end_inside_a_frame_is_an_error(kept: int) -> None:
    """Half a frame and then nothing is no orderly end."""
    gateway = connection_in(State.OPEN, Role.GATEWAY)
    gateway.receive_data(frame(3, encode(BEAT))[:kept])
    gateway.receive_data(b"")

    with pytest.raises(RemoteProtocolError) as caught:
        gateway.next_event()

    assert caught.value.code is Code.CONNECTION_LOST


@pytest.mark.parametrize("role", Role)
def test_after_a_goodbye_nothing_is_read_or_said(role: Role) -> None:
    """What crossed our goodbye is dropped unread, in any amount, and we have no more to say."""
    connection = connection_in(State.OPEN, role, credit=10_000)
    connection.send(Goodbye(code=Code.GOODBYE))
    for _ in range(100):
        connection.receive_data(b"\xff" * 10_000)
        assert connection.next_event() is NEED_DATA

    assert connection.missing == 0
    with pytest.raises(LocalProtocolError):
        connection.send(Goodbye(code=Code.GOODBYE))
    connection.receive_data(b"")
    assert connection.next_event() is PEER_CLOSED


def test_what_follows_a_goodbye_in_the_same_bytes_is_dropped() -> None:
    """A peer that goes on after its last word is not listened to."""
    gateway = connection_in(State.OPEN, Role.GATEWAY)
    gateway.receive_data(frame(10, encode(Goodbye(code=1))) + frame(3, encode(BEAT)) + b"\x00\x00")
    gateway.receive_data(b"")

    assert events_of(gateway) == [Goodbye(code=1), PEER_CLOSED]
    assert gateway.state is State.CLOSED


@pytest.mark.parametrize("role", Role)
def test_an_error_stays(role: Role) -> None:
    """Once the peer has broken the protocol it is asked nothing more, and may still be told why."""
    connection = connection_in(State.FAILED, role)

    connection.receive_data(frame(3, encode(BEAT)))
    with pytest.raises(RemoteProtocolError):
        connection.next_event()
    connection.receive_data(b"")
    with pytest.raises(RemoteProtocolError):
        connection.next_event()

    assert connection.missing == 0
    assert connection.send(Goodbye(code=Code.UNKNOWN_MESSAGE_TYPE))
    assert connection.state is State.CLOSED


def test_a_refused_message_leaves_the_connection_as_it_was() -> None:
    """What could not be sent has not been sent: no state has moved, no credit is spent."""
    agent = connection_in(State.OPEN, Role.AGENT, credit=5_000)
    bad = attrs.evolve(BATCH, count=2)

    with pytest.raises(LocalProtocolError):
        agent.send(bad)

    assert agent.state is State.OPEN
    assert agent.credit == 5_000
    assert agent.send(BATCH)


def test_the_peers_words_cross_ours() -> None:
    """A gateway that has begun to drain still takes what its agent sent before it heard of it."""
    sides = pair_in(State.OPEN, credit=10_000)
    agent, gateway = sides[Role.AGENT], sides[Role.GATEWAY]
    crossing = agent.send(BATCH) + agent.send(BEAT)
    drain = gateway.send(Drain(reconnect_in_ms=1, window_ms=1))
    gateway.receive_data(crossing)
    agent.receive_data(drain)

    assert events_of(gateway) == [BATCH, BEAT, NEED_DATA]
    agent.next_event()
    agent.receive_data(gateway.send(Ack(durability=Durability.DISK)))
    assert agent.next_event() == Ack(durability=Durability.DISK)
    assert agent.state is gateway.state is State.DRAINING


def test_connections_show_what_they_are() -> None:
    """The repr says side, state and credit, and nothing of what was said."""
    assert repr(connection_in(State.OPEN, Role.AGENT, credit=5)) == "<Connection agent open credit=5>"


# -- every (role, state, message) --------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("sender", Role)
@settings(max_examples=40)
@given(data=st.data())
def test_every_message_is_defined_or_refused(sender: Role, state: State, data: st.DataObject) -> None:
    """In each state each message moves both sides as the table says, or is refused by both with one code."""
    cls = data.draw(st.sampled_from(list(MESSAGES.values())))
    message = data.draw(messages_of(cls))
    sides = pair_in(state, credit=2**21)
    target = TRANSITIONS[sender, state].get(cls)

    if target is None:
        with pytest.raises(LocalProtocolError) as refused:
            sides[sender].send(message)
        assert refused.value.code is Code.UNEXPECTED_MESSAGE
        assert sides[sender].state is state
    else:
        sides[sender].send(message)
        assert sides[sender].state is target

    receiver = sides[other(sender)]
    receiver.receive_data(frame(cls.tag, encode(message)))
    if state is State.CLOSED:
        assert receiver.next_event() is NEED_DATA
    elif state is State.FAILED or target is None:
        with pytest.raises(RemoteProtocolError) as broken:
            receiver.next_event()
        assert state is State.FAILED or broken.value.code is Code.UNEXPECTED_MESSAGE
        assert receiver.state is State.FAILED
    else:
        assert receiver.next_event() == message
        assert receiver.state is target


@pytest.mark.parametrize("lacking", sorted(set(NEEDS.values())), ids=lambda bit: bit.name)
@settings(max_examples=10)
@given(data=st.data())
def test_what_needs_an_ability_is_refused_without_it(lacking: Capability, data: st.DataObject) -> None:
    """A message of an ability that the session lacks is neither sent nor taken; with the others it is as ever."""
    cls = data.draw(st.sampled_from([cls for cls, needed in NEEDS.items() if needed is lacking]))
    sender = Role.GATEWAY if cls in TRANSITIONS[Role.GATEWAY, State.OPEN] else Role.AGENT
    message = data.draw(messages_of(cls))
    sides = pair_in(State.OPEN, credit=2**21, capabilities=sum(Capability) - lacking)

    with pytest.raises(LocalProtocolError, match=str(lacking.name)) as refused:
        sides[sender].send(message)
    receiver = sides[other(sender)]
    receiver.receive_data(frame(cls.tag, encode(message))[:5])
    with pytest.raises(RemoteProtocolError, match=str(lacking.name)) as broken:
        receiver.next_event()

    assert refused.value.code is broken.value.code is Code.UNEXPECTED_MESSAGE
    assert sides[sender].state is State.OPEN


@pytest.mark.parametrize(
    ("said", "welcomed", "both"),
    [(0, 15, 0), (8, 15, 8), (15 + 64, 4 + 64, 4), (2**63 - 1, 15, 15), (15, 0, 0)],
)
def test_abilities_are_what_both_have(said: int, welcomed: int, both: int) -> None:
    """Neither a Welcome that grants more than was asked for, nor bits that nobody knows, add to a session."""
    agent, gateway = Connection(Role.AGENT), Connection(Role.GATEWAY)
    gateway.receive_data(agent.send(attrs.evolve(HELLO, capabilities=said)))
    gateway.next_event()
    agent.receive_data(gateway.send(attrs.evolve(WELCOME, capabilities=welcomed)))
    agent.next_event()

    assert agent.capabilities == gateway.capabilities == Capability(both)


def test_the_table_is_complete() -> None:
    """Every side has a row for every state; from everywhere but CLOSED there is a last word."""
    assert set(TRANSITIONS) == {(role, state) for role in Role for state in State}
    for (role, state), moves in TRANSITIONS.items():
        if state is not State.CLOSED:
            assert moves[Goodbye] is State.CLOSED
            assert (Rejected in moves) is (role is Role.GATEWAY)
