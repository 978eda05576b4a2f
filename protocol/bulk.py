"""Files beside the records: what is too big for the journal and worth nothing to a table.

A transfer is one file from the agent to the gateway's spool. It is neither sequenced nor journaled: the gateway's word is the offset up
to which the file is on its disk, and from there the agent goes on, in this session or another. It sends no more than it has credit
for, and one chunk at a time between other messages, so that heartbeats and records pass.
"""

from typing import Annotated, ClassVar

import attrs

from protocol.fields import Count, Digest, FgCode, KeyUid, Message, Name, Uid
from protocol.kinds import Blob
from protocol.messages import SMALL_LIMIT

# The longest that anything else waits behind a chunk: 1 s at 1 Mbit/s.
MAX_CHUNK = 128 * 1024
CHUNK_LIMIT = MAX_CHUNK + 4 * 1024


@attrs.frozen(kw_only=True)
class BulkOpen:
    """Here is a file; or, of one that was begun before, where is it to go on?"""

    tag: ClassVar[int] = 11
    limit: ClassVar[int] = SMALL_LIMIT

    transfer_uid: Annotated[KeyUid, "its key; the same uid is the same file"]
    command_uid: Annotated[Uid, "the command that asked for it, or empty"]
    name: Annotated[Name, "what the file is called; never a path"]
    size_bytes: Annotated[Count, "its size"]
    sha256: Annotated[Digest, "of all of it"]


@attrs.frozen(kw_only=True)
class BulkChunk:
    """The next bytes of a file."""

    tag: ClassVar[int] = 12
    limit: ClassVar[int] = CHUNK_LIMIT

    transfer_uid: Annotated[KeyUid, "the transfer"]
    offset: Annotated[Count, "where in the file they belong"]
    data: Annotated[bytes, Blob(1, MAX_CHUNK), "the bytes"]


@attrs.frozen(kw_only=True)
class BulkCredit:
    """How far a file has come, and how much more may be sent; with the file's size as offset and no code, it is complete."""

    tag: ClassVar[int] = 75
    limit: ClassVar[int] = SMALL_LIMIT

    transfer_uid: Annotated[KeyUid, "the transfer"]
    offset: Annotated[Count, "what is safely on disk: go on from here"]
    credit: Annotated[Count, "bytes that may be sent beyond the offset; 0 for stop"]
    code: Annotated[FgCode, "why it stops; 0 while it goes on, and when it is complete"] = 0
    message: Annotated[Message, "what a person should read"] = ""
