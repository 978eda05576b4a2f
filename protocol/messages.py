"""What an agent says, and what both may say.

One frozen class per message; the order of the fields is the order on the wire. `limit` is the largest payload in bytes that
the header may announce. The sequenced messages are in `protocol.batches`, the gateway's in `protocol.answers`.
"""

from typing import Annotated, ClassVar

import attrs

from protocol.enums import AgentType, Health
from protocol.fields import Count, Epoch, Message, Name, Percent, Position, Time, Uid, Version
from protocol.kinds import INT64_MAX, Blob, Choice, Flag, Integer, ListOf, frozen

# Before authentication a peer is nobody yet: 4 KiB hold the longest sensible Hello, and an Enroll with a CSR of 2 KiB.
PRE_AUTH_LIMIT = 4 * 1024
SMALL_LIMIT = 4 * 1024
# What an agent saw of a path on which no session opens, with the chain that it was shown: five RSA-4096 certificates and the rest.
PATH_LIMIT = 32 * 1024
# A Welcome or an Ack with marks for 1,024 epochs, or a chain of five RSA-4096 certificates and the pins.
MEDIUM_LIMIT = 64 * 1024
LARGE_LIMIT = 1024 * 1024


@attrs.frozen(kw_only=True)
class Hello:
    """The first message of an enrolled agent: who it is and where its outbox stands."""

    tag: ClassVar[int] = 1
    limit: ClassVar[int] = PRE_AUTH_LIMIT

    minor: Annotated[int, Integer(0, 255), "newest minor version the agent speaks"]
    capabilities: Annotated[Count, "[abilities](#capabilities) of the agent, as bits"]
    agent_uid: Annotated[Uid, "as the certificate says it"]
    installation_uid: Annotated[Uid, "made once per installation; a cloned machine shares it"]
    host_name: Annotated[Name, "the server's name"]
    agent_version: Annotated[Version, "of the agent's software"]
    platform: Annotated[Version, "operating system and architecture"]
    agent_type: Annotated[AgentType, Choice(AgentType), "where it runs"]
    nonces: Annotated[
        tuple[bytes, ...],
        ListOf(Blob(16, 16), 2),
        "nonces of the last Welcomes it stored: current, then previous",
    ] = attrs.field(converter=frozen)
    epoch: Annotated[Epoch, "the epoch it cuts batches into"]
    next_sequence: Annotated[Position, "the number its next record will get"]
    released_sequence: Annotated[Position, "the released mark it has reached in that epoch"]
    agent_time_ms: Annotated[Time, "its clock, when this was written"]
    synthetic: Annotated[bool, Flag(), "whether it is simulated"] = False
    gateway_list_revision: Annotated[Count, "of the gateway list it holds; 0 for none"] = 0
    trust_revision: Annotated[Count, "of the trust settings it holds; 0 for none"] = 0


@attrs.frozen(kw_only=True)
class Enroll:
    """The first message of an agent without a certificate; later, over its live session, a renewal."""

    tag: ClassVar[int] = 2
    limit: ClassVar[int] = PRE_AUTH_LIMIT

    token_id: Annotated[Uid, "of the enrollment token; empty for a renewal"]
    csr: Annotated[bytes, Blob(1, 2048), "PKCS #10 request, DER"]
    signature: Annotated[bytes, Blob(0, 128), "Ed25519, by the token's seed; empty for a renewal"]
    installation_uid: Annotated[Uid, "made once per installation"]
    host_name: Annotated[Name, "the server's name"]
    agent_version: Annotated[Version, "of the agent's software"]
    platform: Annotated[Version, "operating system and architecture"]
    agent_type: Annotated[AgentType, Choice(AgentType), "where it runs"]
    agent_time_ms: Annotated[Time, "its clock, when this was written"]
    synthetic: Annotated[bool, Flag(), "whether it is simulated"] = False


@attrs.frozen(kw_only=True)
class Heartbeat:
    """Proof of life, once per interval."""

    tag: ClassVar[int] = 3
    limit: ClassVar[int] = SMALL_LIMIT

    agent_time_ms: Annotated[Time, "its clock, when this was written"]
    health: Annotated[Health, Choice(Health), "how the agent judges itself"]
    outbox_records: Annotated[Count, "records not yet released"] = 0
    outbox_bytes: Annotated[Count, "bytes they take"] = 0


@attrs.frozen(kw_only=True)
class CommandProgress:
    """How far a command has come. Not sequenced: the next one makes it worthless."""

    tag: ClassVar[int] = 7
    limit: ClassVar[int] = SMALL_LIMIT

    command_uid: Annotated[Uid, "the command"]
    percent: Annotated[Percent, "0 to 100"]
    message: Annotated[Message, "what a person should read"] = ""


@attrs.frozen(kw_only=True)
class PathReport:
    """The first message of an agent on a path that it does not trust: what it saw, for the gateway's eyes alone."""

    tag: ClassVar[int] = 9
    limit: ClassVar[int] = PATH_LIMIT

    sealed: Annotated[bytes, Blob(64, 31 * 1024), "id of the report key (8 bytes), then what is sealed to it"]

    @property
    def key_id(self) -> bytes:
        """Which of the gateway's report keys it is sealed to."""
        return self.sealed[:8]


@attrs.frozen(kw_only=True)
class Goodbye:
    """The last message of a session that ends in order, from either side."""

    tag: ClassVar[int] = 10
    limit: ClassVar[int] = SMALL_LIMIT

    code: Annotated[int, Integer(0, 9999), "an FG code"]
    message: Annotated[Message, "what a person should read"] = ""
    epoch: Annotated[int, Integer(0, INT64_MAX), "of the batch at fault (FG-4004), else 0"] = 0
    first_sequence: Annotated[int, Integer(0, INT64_MAX), "of the batch at fault (FG-4004), else 0"] = 0
