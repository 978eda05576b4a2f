"""The Fieldgate protocol, version 1: what agents and gateways say to one another.

A sans-IO package: bytes in, messages out, bytes back. docs/protocol.md is its specification.
"""

from protocol.answers import (
    Ack,
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
from protocol.batches import NO_BATCH, CommandResult, EventBatch, Inventory, Sequenced, batch_id
from protocol.codec import MESSAGES, Message, decode, encode
from protocol.codes import Code
from protocol.connection import NEED_DATA, PEER_CLOSED, Connection, Signal
from protocol.enums import (
    Action,
    AgentType,
    Durability,
    EventKind,
    Health,
    InventoryMode,
    ItemKind,
    JobStatus,
    Outcome,
    ResyncScope,
    ServerKind,
    Standing,
    WorkloadKind,
)
from protocol.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from protocol.explanation import Explanation
from protocol.explanations import CODES
from protocol.kinds import FieldError
from protocol.messages import CommandProgress, Enroll, Goodbye, Heartbeat, Hello, PathReport
from protocol.printable import printable
from protocol.rowlists import InvalidRow
from protocol.rows import CloudTenant, Job, JobEvent, Mark, Removed, Repository, Server, Workload
from protocol.schema import Row
from protocol.states import TRANSITIONS, Role, State
from protocol.version import ALPN, MINOR, negotiate

__all__ = [
    "ALPN",
    "CODES",
    "MESSAGES",
    "MINOR",
    "NEED_DATA",
    "NO_BATCH",
    "PEER_CLOSED",
    "TRANSITIONS",
    "Ack",
    "Action",
    "AgentType",
    "CloudTenant",
    "Code",
    "Command",
    "CommandProgress",
    "CommandResult",
    "Connection",
    "Credit",
    "Drain",
    "Durability",
    "Enroll",
    "Enrolled",
    "EventBatch",
    "EventKind",
    "Explanation",
    "FieldError",
    "GatewayList",
    "Goodbye",
    "Health",
    "Heartbeat",
    "Hello",
    "InvalidRow",
    "Inventory",
    "InventoryMode",
    "ItemKind",
    "Job",
    "JobEvent",
    "JobStatus",
    "LocalProtocolError",
    "Mark",
    "Message",
    "Notice",
    "Outcome",
    "PathReport",
    "PathVerdict",
    "ProtocolError",
    "Rejected",
    "RemoteProtocolError",
    "Removed",
    "Repository",
    "Resync",
    "ResyncScope",
    "Role",
    "Row",
    "Sequenced",
    "Server",
    "ServerKind",
    "Signal",
    "Standing",
    "State",
    "TrustUpdate",
    "Welcome",
    "Workload",
    "WorkloadKind",
    "batch_id",
    "decode",
    "encode",
    "negotiate",
    "printable",
]
