"""Connections brought to a given state by what a real session says."""

import attrs

from protocol import (
    AgentType,
    Capability,
    Connection,
    Drain,
    Enroll,
    Enrolled,
    Goodbye,
    Hello,
    Message,
    PathReport,
    PathVerdict,
    RemoteProtocolError,
    Role,
    Standing,
    State,
    Welcome,
)

EVERYTHING = sum(Capability)

HELLO = Hello(
    minor=0,
    capabilities=EVERYTHING,
    agent_uid="agent-1",
    installation_uid="install-1",
    host_name="backup01",
    agent_version="0.1.0",
    platform="linux",
    agent_type=AgentType.CLIENT,
    nonces=(),
    epoch=7,
    next_sequence=1,
    released_sequence=1,
    agent_time_ms=1,
)
WELCOME = Welcome(
    minor=0,
    capabilities=0,
    session_uid="session-1",
    nonce=bytes(16),
    heartbeat_s=30,
    credit=0,
    gateway_time_ms=1,
    standing=Standing.VERIFIED,
)
ENROLL = Enroll(
    token_id="token-1",
    csr=b"csr",
    signature=bytes(64),
    installation_uid="install-1",
    host_name="backup01",
    agent_version="0.1.0",
    platform="linux",
    agent_type=AgentType.CLIENT,
    agent_time_ms=1,
)
ENROLLED = Enrolled(
    agent_uid="agent-1",
    certificate_chain=(b"leaf",),
    standing=Standing.VERIFIED,
    code=0,
    pins_current=(bytes(32),),
    pins_next=(),
    gateways=("gw:6180",),
    gateway_time_ms=1,
)

PATH_REPORT = PathReport(sealed=bytes(64))
PATH_VERDICT = PathVerdict(sealed=b"verdict")

# The shortest way into each state: who says what.
WAYS: dict[State, tuple[tuple[Role, Message], ...]] = {
    State.AWAIT_HELLO: (),
    State.AWAIT_WELCOME: ((Role.AGENT, HELLO),),
    State.AWAIT_ENROLLED: ((Role.AGENT, ENROLL),),
    State.AWAIT_VERDICT: ((Role.AGENT, PATH_REPORT),),
    State.OPEN: ((Role.AGENT, HELLO), (Role.GATEWAY, WELCOME)),
    State.DRAINING: (
        (Role.AGENT, HELLO),
        (Role.GATEWAY, WELCOME),
        (Role.GATEWAY, Drain(reconnect_in_ms=1, window_ms=1)),
    ),
    State.CLOSING: ((Role.AGENT, ENROLL), (Role.GATEWAY, ENROLLED)),
    State.CLOSED: ((Role.AGENT, Goodbye(code=2001)),),
}


def pair_in(state: State, *, credit: int = 0, capabilities: int = EVERYTHING) -> dict[Role, Connection]:
    """Both sides of a connection in *state*; for FAILED, each has been told nonsense."""
    sides = {role: Connection(role) for role in Role}
    way = WAYS[State.AWAIT_HELLO if state is State.FAILED else state]
    for sender, message in way:
        if isinstance(message, Welcome):
            message = attrs.evolve(message, credit=credit, capabilities=capabilities)
        data = sides[sender].send(message)
        receiver = sides[other(sender)]
        receiver.receive_data(data)
        assert receiver.next_event() == message
    if state is State.FAILED:
        for side in sides.values():
            fail(side)
    assert {side.state for side in sides.values()} == {state}
    return sides


def connection_in(state: State, role: Role, *, credit: int = 0, capabilities: int = EVERYTHING) -> Connection:
    """One side of a connection in *state*."""
    return pair_in(state, credit=credit, capabilities=capabilities)[role]


def fail(connection: Connection) -> None:
    """Break the protocol towards a connection."""
    connection.receive_data(b"\x00\x00\x00\x00\x7f")
    try:
        connection.next_event()
    except RemoteProtocolError:
        return
    raise AssertionError("nonsense was accepted")


def other(role: Role) -> Role:
    """The other side."""
    return Role.GATEWAY if role is Role.AGENT else Role.AGENT
