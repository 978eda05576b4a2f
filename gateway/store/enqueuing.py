"""A command's beginning: it is asked for, within a transaction that may have more to write."""

from typing import Final
from uuid import uuid4

from gateway.store.command_rows import IN_UNFINISHED, CommandState, StoredCommand, Told, find
from gateway.store.errors import Conflict, NotFound
from gateway.store.hot import Hot, insert_into
from gateway.store.standing import Standing
from protocol import commands

# An agent that is offered more than this at once would be told 20 kB; a person who queues more for one has a loop somewhere.
MOST_UNFINISHED: Final = 100

# A file's worth of waiting; whatever was meant a month ago is not meant any more.
LONGEST_TTL_MS: Final = 30 * 24 * 3600 * 1000


def enqueue_in(
    hot: Hot,
    told: Told,
    agent_uid: str,
    instruction: commands.Instruction,
    *,
    who: str,
    ttl_ms: int,
    now_ms: int,
    uid: str | None = None,
) -> StoredCommand:
    """`Commands.enqueue` within a transaction of the caller's."""
    payload = instruction.payload()
    if not 0 < ttl_ms <= LONGEST_TTL_MS:
        raise Conflict(f"a command waits for up to {LONGEST_TTL_MS // 86_400_000} days")
    row = (
        uid or str(uuid4()), agent_uid, instruction.kind, payload, CommandState.QUEUED.value, 0, now_ms, who,
        now_ms + ttl_ms, 0, 0,
    )  # fmt: skip
    names = (
        "uid", "agent_uid", "kind", "payload", "state", "fence", "created_ms", "created_by", "not_after_ms",
        "percent", "code",
    )  # fmt: skip
    require_verified(hot, agent_uid)
    if uid is not None and (asked := find(hot, uid)) is not None:
        if (asked.agent_uid, asked.kind, asked.payload, asked.created_by) == (*row[1:4], who):
            return asked
        raise Conflict(f"{uid} is another command's uid")
    unfinished = hot.one(
        f"SELECT count(*) FROM commands WHERE agent_uid = ? AND state IN {IN_UNFINISHED}",  # noqa: S608  # names of ours
        (agent_uid,),
    )
    if unfinished is not None and unfinished[0] >= MOST_UNFINISHED:
        raise Conflict(f"the agent has {MOST_UNFINISHED} unfinished commands: cancel some first")
    hot.run(insert_into("commands", names), row)
    command = require(hot, row[0])
    told.note(command, "command queued", who=who, at_ms=now_ms)
    return command


def require(hot: Hot, uid: str) -> StoredCommand:
    """The command of that uid.

    Raises:
        NotFound: there is none.
    """
    command = find(hot, uid)
    if command is None:
        raise NotFound(f"no command has the uid {uid!r}")
    return command


def require_verified(hot: Hot, agent_uid: str) -> None:
    """Make sure that the agent may be asked for something, and stays so until the transaction ends.

    Raises:
        Conflict: it may not.
        NotFound: there is no such agent.
    """
    lock = " FOR UPDATE" if hot.postgresql else ""
    row = hot.one(f"SELECT standing FROM agents WHERE uid = ?{lock}", (agent_uid,))  # noqa: S608  # words of ours
    if row is None:
        raise NotFound(f"no agent has the uid {agent_uid!r}")
    standing = Standing.read(row[0])
    if standing is not Standing.VERIFIED:
        raise Conflict(f"the agent is {standing}: only a verified one is given commands")
