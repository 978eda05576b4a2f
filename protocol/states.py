"""The states of a connection, as one table.

Rule 1: every transition is in TRANSITIONS; nothing else sets a state.
Rule 2: the table does not know which side we are, so we hold ourselves to the rules we hold the peer to. Its key is the
sender's role and the state at hand.
Rule 3: the peer's words cross ours. A state that we enter by sending therefore still admits what the peer could say
before it heard us: DRAINING takes all that OPEN takes from an agent, and after a last word (CLOSED) whatever still
arrives is dropped unread.

    AWAIT_HELLO ── Hello ──▶ AWAIT_WELCOME ── Welcome ──▶ OPEN ── Drain ──▶ DRAINING
         ├──────── Enroll ─▶ AWAIT_ENROLLED ─ Enrolled ─▶ CLOSING
         └──── PathReport ─▶ AWAIT_VERDICT ─ PathVerdict ─▶ CLOSING

Rejected and Goodbye lead to CLOSED from everywhere. FAILED is where the peer's error leaves us: its bytes are no longer
read, and all we may still say is why.
"""

from enum import Enum
from typing import Final

from protocol.answers import (
    Ack,
    CancelCommand,
    Command,
    Credit,
    Drain,
    Enrolled,
    GatewayList,
    Notice,
    PathVerdict,
    Rejected,
    Resync,
    TrustUpdate,
    Welcome,
)
from protocol.batches import CommandResult, EventBatch, Inventory, UsageReport
from protocol.bulk import BulkChunk, BulkCredit, BulkOpen
from protocol.codec import Message
from protocol.messages import CommandProgress, Enroll, Goodbye, Heartbeat, Hello, PathReport
from protocol.verification import VerifyRequest, VerifyRows


class Role(Enum):
    """Which side of a connection."""

    AGENT = "agent"
    GATEWAY = "gateway"


class State(Enum):
    """Where a connection stands."""

    AWAIT_HELLO = "await-hello"
    AWAIT_WELCOME = "await-welcome"
    AWAIT_ENROLLED = "await-enrolled"
    AWAIT_VERDICT = "await-verdict"
    OPEN = "open"
    DRAINING = "draining"
    CLOSING = "closing"
    FAILED = "failed"
    CLOSED = "closed"


_LAST_WORDS: Final[dict[type[Message], State]] = {Rejected: State.CLOSED, Goodbye: State.CLOSED}

TRANSITIONS: Final[dict[tuple[Role, State], dict[type[Message], State]]] = {
    (Role.AGENT, State.AWAIT_HELLO): {
        Hello: State.AWAIT_WELCOME,
        Enroll: State.AWAIT_ENROLLED,
        PathReport: State.AWAIT_VERDICT,
        Goodbye: State.CLOSED,
    },
    (Role.AGENT, State.AWAIT_WELCOME): {Goodbye: State.CLOSED},
    (Role.AGENT, State.AWAIT_ENROLLED): {Goodbye: State.CLOSED},
    (Role.AGENT, State.AWAIT_VERDICT): {Goodbye: State.CLOSED},
    (Role.AGENT, State.OPEN): {
        Heartbeat: State.OPEN,
        Inventory: State.OPEN,
        EventBatch: State.OPEN,
        UsageReport: State.OPEN,
        CommandProgress: State.OPEN,
        CommandResult: State.OPEN,
        BulkOpen: State.OPEN,
        BulkChunk: State.OPEN,
        VerifyRequest: State.OPEN,
        Enroll: State.OPEN,
        Goodbye: State.CLOSED,
    },
    (Role.AGENT, State.DRAINING): {
        Heartbeat: State.DRAINING,
        Inventory: State.DRAINING,
        EventBatch: State.DRAINING,
        UsageReport: State.DRAINING,
        CommandProgress: State.DRAINING,
        CommandResult: State.DRAINING,
        BulkOpen: State.DRAINING,
        BulkChunk: State.DRAINING,
        VerifyRequest: State.DRAINING,
        Enroll: State.DRAINING,
        Goodbye: State.CLOSED,
    },
    (Role.AGENT, State.CLOSING): {Goodbye: State.CLOSED},
    (Role.AGENT, State.FAILED): {Goodbye: State.CLOSED},
    (Role.AGENT, State.CLOSED): {},
    (Role.GATEWAY, State.AWAIT_HELLO): _LAST_WORDS,
    (Role.GATEWAY, State.AWAIT_WELCOME): {Welcome: State.OPEN, **_LAST_WORDS},
    (Role.GATEWAY, State.AWAIT_ENROLLED): {Enrolled: State.CLOSING, **_LAST_WORDS},
    (Role.GATEWAY, State.AWAIT_VERDICT): {PathVerdict: State.CLOSING, **_LAST_WORDS},
    (Role.GATEWAY, State.OPEN): {
        Ack: State.OPEN,
        Credit: State.OPEN,
        Command: State.OPEN,
        CancelCommand: State.OPEN,
        BulkCredit: State.OPEN,
        VerifyRows: State.OPEN,
        Resync: State.OPEN,
        GatewayList: State.OPEN,
        Notice: State.OPEN,
        TrustUpdate: State.OPEN,
        Enrolled: State.OPEN,
        Drain: State.DRAINING,
        **_LAST_WORDS,
    },
    (Role.GATEWAY, State.DRAINING): {
        Ack: State.DRAINING,
        Credit: State.DRAINING,
        BulkCredit: State.DRAINING,
        VerifyRows: State.DRAINING,
        GatewayList: State.DRAINING,
        Notice: State.DRAINING,
        TrustUpdate: State.DRAINING,
        Enrolled: State.DRAINING,
        **_LAST_WORDS,
    },
    (Role.GATEWAY, State.CLOSING): _LAST_WORDS,
    (Role.GATEWAY, State.FAILED): _LAST_WORDS,
    (Role.GATEWAY, State.CLOSED): {},
}
