"""The Fieldgate protocol, version 1: what agents and gateways say to one another.

A sans-IO package: bytes in, messages out, bytes back. docs/protocol.md is its specification.
"""

from protocol import commands, listing
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
from protocol.batches import (
    NO_BATCH,
    CommandResult,
    EventBatch,
    Inventory,
    Sequenced,
    UsageReport,
    batch_id,
)
from protocol.bulk import MAX_CHUNK, BulkChunk, BulkCredit, BulkOpen
from protocol.capability import NEEDS, Capability, agreed
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
    UsageMetric,
    UsageSubject,
    WorkloadKind,
)
from protocol.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from protocol.explanation import Explanation
from protocol.explanations import CODES
from protocol.kinds import FieldError
from protocol.logline import is_journal, log_line
from protocol.messages import CommandProgress, Enroll, Goodbye, Heartbeat, Hello, PathReport
from protocol.printable import printable
from protocol.rowlists import InvalidRow
from protocol.rows import (
    CloudTenant,
    HeldEvent,
    Job,
    JobEvent,
    Mark,
    Removed,
    Repository,
    Server,
    Usage,
    Workload,
)
from protocol.schema import Row
from protocol.states import TRANSITIONS, Role, State
from protocol.verification import MAX_VERIFY_ROWS, VerifyRequest, VerifyRows
from protocol.version import ALPN, MINOR, negotiate

__all__ = [
    "ALPN",
    "CODES",
    "MAX_CHUNK",
    "MAX_VERIFY_ROWS",
    "MESSAGES",
    "MINOR",
    "NEEDS",
    "NEED_DATA",
    "NO_BATCH",
    "PEER_CLOSED",
    "TRANSITIONS",
    "Ack",
    "Action",
    "AgentType",
    "BulkChunk",
    "BulkCredit",
    "BulkOpen",
    "CancelCommand",
    "Capability",
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
    "HeldEvent",
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
    "Usage",
    "UsageMetric",
    "UsageReport",
    "UsageSubject",
    "VerifyRequest",
    "VerifyRows",
    "Welcome",
    "Workload",
    "WorkloadKind",
    "agreed",
    "batch_id",
    "commands",
    "decode",
    "encode",
    "is_journal",
    "listing",
    "log_line",
    "negotiate",
    "printable",
]
