"""What a gateway says."""

from typing import Annotated, ClassVar

import attrs

from protocol.enums import Action, Durability, ResyncScope, Standing
from protocol.fields import Count, FgCode, Message, Name, Nonce, Time, Uid
from protocol.kinds import INT64_MAX, Blob, Choice, Integer, ListOf, Text, frozen
from protocol.messages import LARGE_LIMIT, MEDIUM_LIMIT, SMALL_LIMIT
from protocol.rowlists import Objects
from protocol.rows import Mark

MAX_MARKS = 1024
MAX_GATEWAYS = 32
MAX_PINS = 8
MAX_REPORT_KEYS = 4

Marks = Annotated[tuple[Mark, ...], Objects(Mark, MAX_MARKS)]
Gateways = Annotated[
    tuple[str, ...], ListOf(Text(300, at_least=1), MAX_GATEWAYS), 'addresses, "host:port", best first'
]
Pins = Annotated[tuple[bytes, ...], ListOf(Blob(32, 32), MAX_PINS)]
Names = Annotated[tuple[str, ...], ListOf(Text(255, at_least=1), MAX_GATEWAYS)]
ReportKeys = Annotated[
    tuple[bytes, ...],
    ListOf(Blob(64, 64), MAX_REPORT_KEYS),
    "what to seal path reports to, current first: X25519, then Ed25519, 32 bytes each",
]


@attrs.frozen(kw_only=True)
class Welcome:
    """The answer to Hello: the session is open."""

    tag: ClassVar[int] = 64
    limit: ClassVar[int] = MEDIUM_LIMIT

    minor: Annotated[int, Integer(0, 255), "minor version of this session: the smaller of both"]
    capabilities: Annotated[Count, "[abilities](#capabilities) that both have"]
    session_uid: Annotated[Uid, "names this session in logs and tickets"]
    nonce: Annotated[Nonce, "to be stored, and said in the next Hello"]
    heartbeat_s: Annotated[int, Integer(1, 3600), "seconds between heartbeats"]
    credit: Annotated[Count, "bytes of sequenced payload the agent may send at once"]
    gateway_time_ms: Annotated[Time, "the gateway's clock"]
    standing: Annotated[Standing, Choice(Standing), "what the session may do"]
    code: Annotated[FgCode, "why it is not verified; 0 when it is"] = 0
    durable: Annotated[Marks, "what this gateway itself holds; a hint"] = attrs.field(
        converter=frozen, default=()
    )
    released: Annotated[Marks, "what is in the store: send from here"] = attrs.field(
        converter=frozen, default=()
    )


@attrs.frozen(kw_only=True)
class Enrolled:
    """The answer to Enroll: a certificate, and whom to trust from now on."""

    tag: ClassVar[int] = 65
    limit: ClassVar[int] = MEDIUM_LIMIT

    agent_uid: Annotated[Uid, "assigned by the gateway"]
    certificate_chain: Annotated[
        tuple[bytes, ...], ListOf(Blob(1, 16384), 5), "DER; the agent's own certificate, alone"
    ] = attrs.field(converter=frozen)
    standing: Annotated[Standing, Choice(Standing), "what its sessions may do"]
    code: Annotated[FgCode, "why it is not verified; 0 when it is"]
    pins_current: Annotated[Pins, "SHA-256 of the SPKI of the provider's CA keys"] = attrs.field(
        converter=frozen
    )
    pins_next: Annotated[Pins, "those of the next CA, when a rotation is under way"] = attrs.field(
        converter=frozen
    )
    gateways: Gateways = attrs.field(converter=frozen)
    gateway_time_ms: Annotated[Time, "the gateway's clock"]
    trust_revision: Annotated[Count, "of the pins and names"] = 0
    names: Annotated[Names, "gateway names that a public CA vouches for, if any"] = attrs.field(
        converter=frozen, default=()
    )
    report_keys: ReportKeys = attrs.field(converter=frozen, default=())


@attrs.frozen(kw_only=True)
class Ack:
    """How far the agent's records have come."""

    tag: ClassVar[int] = 66
    limit: ClassVar[int] = MEDIUM_LIMIT

    durability: Annotated[Durability, Choice(Durability), "what durable means here"]
    durable: Annotated[Marks, "journaled: need not be sent again to this gateway"] = attrs.field(
        converter=frozen, default=()
    )
    released: Annotated[Marks, "in the store: delete from the outbox"] = attrs.field(
        converter=frozen, default=()
    )


@attrs.frozen(kw_only=True)
class Credit:
    """More room."""

    tag: ClassVar[int] = 67
    limit: ClassVar[int] = SMALL_LIMIT

    bytes: Annotated[int, Integer(1, INT64_MAX), "added to what the agent may send"]


@attrs.frozen(kw_only=True)
class Command:
    """Something the agent is to do."""

    tag: ClassVar[int] = 68
    limit: ClassVar[int] = LARGE_LIMIT

    command_uid: Annotated[Uid, "its key; the same uid is the same command"]
    kind: Annotated[Name, "what to do"]
    fence: Annotated[Count, "to be returned in the result"]
    ttl_ms: Annotated[Count, "how long after receipt it may still start"]
    payload: Annotated[bytes, Blob(0, LARGE_LIMIT), "the kind's own parameters"] = b""


@attrs.frozen(kw_only=True)
class CancelCommand:
    """Something that the agent need not do any more, or is to stop doing."""

    tag: ClassVar[int] = 77
    limit: ClassVar[int] = SMALL_LIMIT

    command_uid: Annotated[Uid, "the command, which may never have come"]
    fence: Annotated[Count, "to be returned in the result"]


@attrs.frozen(kw_only=True)
class Resync:
    """Send again."""

    tag: ClassVar[int] = 69
    limit: ClassVar[int] = SMALL_LIMIT

    scope: Annotated[ResyncScope, Choice(ResyncScope), "what"]
    epoch: Annotated[Count, "of a range; else 0"] = 0
    from_sequence: Annotated[Count, "of a range: what the outbox holds from there; else 0"] = 0


@attrs.frozen(kw_only=True)
class GatewayList:
    """Where else to connect."""

    tag: ClassVar[int] = 70
    limit: ClassVar[int] = MEDIUM_LIMIT

    revision: Annotated[Count, "larger is newer"]
    gateways: Gateways = attrs.field(converter=frozen)


@attrs.frozen(kw_only=True)
class TrustUpdate:
    """Whom to trust from now on."""

    tag: ClassVar[int] = 71
    limit: ClassVar[int] = MEDIUM_LIMIT

    revision: Annotated[Count, "larger is newer"]
    pins_current: Annotated[Pins, "SHA-256 of the SPKI of the provider's CA keys"] = attrs.field(
        converter=frozen
    )
    pins_next: Annotated[Pins, "those of the next CA, when a rotation is under way"] = attrs.field(
        converter=frozen, default=()
    )
    names: Annotated[Names, "gateway names that a public CA vouches for, if any"] = attrs.field(
        converter=frozen, default=()
    )
    report_keys: ReportKeys = attrs.field(converter=frozen, default=())


@attrs.frozen(kw_only=True)
class PathVerdict:
    """The answer to PathReport: what the gateway makes of it, for the reporter's eyes alone."""

    tag: ClassVar[int] = 74
    limit: ClassVar[int] = MEDIUM_LIMIT

    sealed: Annotated[
        bytes,
        Blob(0, 60 * 1024),
        "sealed with the report's answer key; empty if the report could not be opened",
    ]


@attrs.frozen(kw_only=True)
class Notice:
    """Something that a person at the agent should know; the session goes on as before."""

    tag: ClassVar[int] = 128
    limit: ClassVar[int] = SMALL_LIMIT

    code: Annotated[FgCode, "an FG code"]
    message: Annotated[Message, "what a person should read"] = ""


@attrs.frozen(kw_only=True)
class Rejected:
    """No, why, and what to do about it; then the gateway hangs up."""

    tag: ClassVar[int] = 72
    limit: ClassVar[int] = SMALL_LIMIT

    code: Annotated[FgCode, "an FG code"]
    message: Annotated[Message, "what a person should read"]
    gateway_time_ms: Annotated[Time, "the gateway's clock"]
    action: Annotated[Action, Choice(Action), "what the agent is to do"]
    retry_after_ms: Annotated[Count, "with RETRY: not before"] = 0
    epoch: Annotated[int, Integer(0, INT64_MAX), "of the batch at fault (FG-4004), else 0"] = 0
    first_sequence: Annotated[int, Integer(0, INT64_MAX), "of the batch at fault (FG-4004), else 0"] = 0


@attrs.frozen(kw_only=True)
class Drain:
    """The gateway is about to stop; each agent gets a slot of its own."""

    tag: ClassVar[int] = 73
    limit: ClassVar[int] = SMALL_LIMIT

    reconnect_in_ms: Annotated[Count, "when to connect anew, from receipt"]
    window_ms: Annotated[Count, "the span over which all agents are spread"]
