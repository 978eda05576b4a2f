"""The body of a journal record: one sequenced message of one agent, as it came over the wire.

    16 bytes  agent uid         8 bytes  received, ms since the epoch, unsigned
     1 byte   message tag       1 byte   flags
     rest     the message's payload, untouched: its hash is the batch id, so it may not be encoded again

All integers big-endian.
"""

import struct
from enum import IntFlag

import attrs

_HEAD = struct.Struct(">16sQBB")


class RecordFlags(IntFlag):
    """What the edge found out about a message before it journaled it."""

    NONE = 0
    QUARANTINED = 1  # some rows are invalid: the projector puts those aside, with the reason
    SYNTHETIC = 2  # from a simulated agent


@attrs.frozen(kw_only=True)
class Record:
    """One journaled message.

    `received_ms` is the gateway's clock: an agent's is never trusted alone.
    """

    agent_uid: bytes
    received_ms: int
    tag: int
    payload: bytes
    flags: RecordFlags = RecordFlags.NONE

    def encode(self) -> tuple[bytes, bytes]:
        """The parts to append, without copying the payload."""
        return _HEAD.pack(self.agent_uid, self.received_ms, self.tag, self.flags), self.payload

    @classmethod
    def decode(cls, body: bytes) -> "Record":
        """The reverse of encode.

        Raises:
            ValueError: The body is too short to be a record.
        """
        if len(body) < _HEAD.size:
            raise ValueError(f"record of {len(body)} bytes, the shortest has {_HEAD.size}")
        agent_uid, received_ms, tag, flags = _HEAD.unpack_from(body)
        return cls(
            agent_uid=agent_uid,
            received_ms=received_ms,
            tag=tag,
            flags=RecordFlags(flags),
            payload=body[_HEAD.size :],
        )
