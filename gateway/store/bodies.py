"""What a change can say, one frozen class each: the vocabulary between the store and the edges.

A body is the whole state of one thing. It travels as a JSON object of its fields (bytes as hexadecimal), with the
class's `kind`; fields that a reader does not know are ignored, so that a newer writer may add one. For the same reason a kind that
a reader does not know is an `Unknown`, which nobody acts on, and a standing that it does not know is `Standing.UNVERIFIED`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, get_args

import attrs

from gateway.store.standing import Standing


@attrs.frozen(kw_only=True)
class AgentEntry:
    """What an edge must know of an agent to admit it. Changed by enrolling, accepting, rejecting, revoking."""

    kind: ClassVar[str] = "agent"
    agent_uid: str
    agent_id: int
    agent_kind: str
    """client or site."""
    standing: Standing
    code: int
    """Why the standing is not verified (an FG code), else 0."""
    organization_uid: str
    organization_kind: str
    """provider or company: the co-located listener admits the provider's agents only."""
    location_uid: str | None
    host_name: str
    synthetic: bool


@attrs.frozen(kw_only=True)
class Revocation:
    """A certificate that no longer speaks for its agent."""

    kind: ClassVar[str] = "revocation"
    serial: int
    agent_uid: str
    why: str
    revoked_ms: int


@attrs.frozen(kw_only=True)
class ReleasedMark:
    """What this stream's chain holds of [first_sequence, next_sequence) is in the store: the agent may delete it."""

    kind: ClassVar[str] = "mark"
    agent_uid: str
    stream_id: int
    epoch: int
    first_sequence: int
    next_sequence: int
    batch_id: bytes
    echo: bool = False
    """Not the stream's end but that of a batch that came again: a reverted agent does not know the end."""


@attrs.frozen(kw_only=True)
class CursorMoved:
    """How far the projector has read a journal: its edge judges the lag by it."""

    kind: ClassVar[str] = "cursor"
    journal_uid: str
    segment: int
    incarnation: bytes
    offset: int
    time_ms: int


@attrs.frozen(kw_only=True)
class ResyncWanted:
    """What is wanted again of an agent; *pending* false takes it back."""

    kind: ClassVar[str] = "resync"
    agent_uid: str
    scope: int
    """A protocol.ResyncScope."""
    epoch: int
    """0 unless the scope is RANGE."""
    from_sequence: int
    pending: bool


@attrs.frozen(kw_only=True)
class Overrun:
    """Batches of this agent were left out, beyond what may wait of it: it has to send again all that it holds, and later."""

    kind: ClassVar[str] = "overrun"
    agent_uid: str
    received_ms: int
    """When the newest of them reached its edge, by that edge's clock."""


@attrs.frozen(kw_only=True)
class ClaimEntry:
    """Which session speaks for an agent; every other one must end."""

    kind: ClassVar[str] = "claim"
    agent_uid: str
    edge_uid: str
    session_uid: str
    nonce: bytes
    previous_nonce: bytes
    fence: int


@attrs.frozen(kw_only=True)
class CommandPending:
    """What an agent is asked to do; in a final state it is asked no more, and the payload is empty."""

    kind: ClassVar[str] = "command"
    agent_uid: str
    command_uid: str
    command_kind: str
    payload: bytes
    fence: int
    """Of the last delivery; 0 before the first."""
    not_after_ms: int
    """It must have begun by then."""
    state: str
    """A commands.CommandState."""
    cancelling: bool
    """Somebody took it back: the agent is told that instead."""


@attrs.frozen(kw_only=True)
class TrustChanged:
    """The authority's folder holds something newer: read it again and send TrustUpdate."""

    kind: ClassVar[str] = "trust"
    revision: int


@attrs.frozen(kw_only=True)
class GatewaysChanged:
    """The addresses at which agents find a gateway."""

    kind: ClassVar[str] = "gateways"
    revision: int
    gateways: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Unknown:
    """Something of a kind that a newer version publishes: it takes its place in the feed, and says nothing to us."""

    kind: str


Body = (
    AgentEntry
    | Revocation
    | ReleasedMark
    | CursorMoved
    | ResyncWanted
    | Overrun
    | ClaimEntry
    | CommandPending
    | TrustChanged
    | GatewaysChanged
    | Unknown
)

KINDS: dict[str, type[Body]] = {body.kind: body for body in get_args(Body) if body is not Unknown}


def kind_of(body: Body) -> str:
    """The word for what sort of thing changed."""
    return body.kind


def key_of(body: Body) -> str:
    """What tells two things of one kind apart: the newer change of a key replaces the older."""
    match body:
        case AgentEntry() | ClaimEntry() | Overrun():
            return body.agent_uid
        case Revocation():
            return format(body.serial, "x")
        case ReleasedMark():
            return f"{body.stream_id}/echo" if body.echo else str(body.stream_id)
        case CursorMoved():
            return body.journal_uid
        case CommandPending():
            return body.command_uid
        case ResyncWanted():
            return f"{body.agent_uid}/{body.scope}/{body.epoch}"
        case TrustChanged() | GatewaysChanged() | Unknown():
            return ""


BYTES_FIELDS = frozenset({"batch_id", "incarnation", "nonce", "payload", "previous_nonce"})


def pack(body: Body) -> dict[str, Any]:
    """*body* as a JSON object."""
    fields = {name: getattr(body, name) for name in (a.name for a in attrs.fields(type(body)))}
    if "serial" in fields:
        fields["serial"] = format(fields["serial"], "x")  # 160 bits: more than other readers of JSON keep
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}


def unpack(kind: str, fields: Mapping[str, Any]) -> Body:
    """The body that `pack` made *fields* of."""
    cls = KINDS.get(kind)
    if cls is None:
        return Unknown(kind=kind)
    known = {a.name: fields[a.name] for a in attrs.fields(cls) if a.name in fields}
    for name in BYTES_FIELDS & known.keys():
        known[name] = bytes.fromhex(known[name])
    if "serial" in known:
        known["serial"] = int(known["serial"], 16)
    if "standing" in known:
        known["standing"] = Standing.read(known["standing"])
    if "gateways" in known:
        known["gateways"] = tuple(known["gateways"])
    return cls(**known)
