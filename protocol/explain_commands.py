"""5xxx: what can happen to commands, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

COMMANDS: Final[dict[Code, Explanation]] = {
    Code.COMMAND_UNSUPPORTED: Explanation(
        "the agent does not know this command",
        "The command's kind is unknown to that agent, usually because the agent is older than the gateway.",
        "Upgrade the agent. The command has ended; issue it anew afterwards.",
    ),
    Code.COMMAND_INVALID: Explanation(
        "a command does not say what its kind calls for",
        "A field of the command is missing, unknown or out of its bounds, or names something that the agent has not, such as a job. "
        "Nothing was done.",
        "Read the message; it names the field. The help of `fieldgate command send` has the kinds and what each takes. If the agent refuses "
        "what the gateway let pass, the two are of different versions.",
    ),
    Code.COMMAND_NOT_ALLOWED: Explanation(
        "the agent's own policy forbids this command",
        "Whoever looks after the server has not listed this kind under `[commands] allow` in the agent's agent.toml. The gateway has no "
        "say in it. Nothing was done.",
        "Ask the server's administrator to allow the kind there and to restart the agent, then send the command anew.",
    ),
    Code.COMMAND_EXPIRED: Explanation(
        "a command was not begun in time",
        "Its time ran out before the agent began it: most often the agent was not connected. Nothing was done, and an agent that "
        "comes back later is not given the command any more.",
        "See with `fieldgate agent show` when the agent was last there. Send the command anew, with a longer --ttl if it may wait.",
    ),
    Code.COMMAND_INTERRUPTED: Explanation(
        "the agent stopped in the middle of a command",
        "The agent was stopped, killed or lost its machine's power after it had begun. How far it came is not known, and it does not begin "
        "again by itself, because the command may not be one to do twice.",
        "Look at what the command was about (a job's last session, say), then send it anew if it is still wanted.",
    ),
    Code.COMMAND_CANCELLED: Explanation(
        "a command was cancelled",
        "Somebody took the command back. If the agent had begun, it stopped what it could; what was done until then is not undone.",
        "Nothing to do. `fieldgate command show` says who cancelled it and when.",
    ),
    Code.COMMAND_NOT_GIVEN: Explanation(
        "a result of a command that this agent was not given",
        "An agent reported the end of a command that does not exist here, or that is another agent's. The result is in quarantine, and "
        "no command has changed.",
        "After the gateway's data was restored from an older copy this is normal: commands given since then are not known any more. "
        "Otherwise two machines may share one state folder, or the agent is not ours: look at it.",
    ),
    Code.BULK_UNSUPPORTED: Explanation(
        "the gateway takes no files",
        "A command asked the agent for a file, and the gateway that it is connected to does not know how files are sent. Nothing was collected.",
        "Upgrade that gateway, then send the command anew.",
    ),
    Code.BULK_NOT_ASKED: Explanation(
        "a file that no command asked for",
        "An agent offered a file, or sent a part of one, that answers no unfinished command which asks for one and which it was given in this session. "
        "Nothing of it was kept.",
        "After a command was cancelled this may happen once, and means nothing. An agent that does it again and again is not ours, or broken: "
        "look at it, and revoke it if need be.",
    ),
    Code.BULK_OUT_OF_PLACE: Explanation(
        "a part of a file came where it does not belong",
        "An agent sent a part of a file at another offset than the next one, or more than it was allowed to. What had come of the file was "
        "removed.",
        "Send the command anew. If it happens again, the agent is not ours, or broken: upgrade it.",
    ),
    Code.BULK_TWO_AT_ONCE: Explanation(
        "a second file while the first one is under way",
        "An agent offered a file while another one of its own was still being received. The second was refused; the first goes on.",
        "Send the command anew. If it happens again, upgrade the agent.",
    ),
    Code.BULK_TOO_BIG: Explanation(
        "a file is larger than it may be",
        "An agent offered a file that is larger than the command allows, or sent more of it than it had announced. Nothing of it was kept.",
        "Send the command anew, with a larger --max-bytes if more is wanted; of logs, 64 MiB is the most.",
    ),
    Code.BULK_HASH_MISMATCH: Explanation(
        "a file is not what it was said to be",
        "The SHA-256 of what lies on the disk is not the one that the agent announced: the file changed on the agent's disk while it was sent, "
        "or on the gateway's. It was not kept; what `fieldgate command fetch` had begun to write is removed.",
        "Send the command anew. If it happens again, check the disks of both machines.",
    ),
    Code.SPOOL_FULL: Explanation(
        "the spool takes no file",
        "The spool has reached `limits.spool_bytes`, or the gateway's disk is nearly full (its rest is the journal's) or can't be written. The file "
        "was refused; records go on as before.",
        "Fetch what is wanted from the spool and remove it there, make room on the disk or raise the limit, then send the command anew.",
    ),
    Code.BULK_STALLED: Explanation(
        "a file did not come",
        "A file was announced and nothing of it came for ten minutes of an open session, or it was not there after a day. What had come of it was removed.",
        "Look at the agent's line and its log, then send the command anew.",
    ),
    Code.ARCHIVE_FAILED: Explanation(
        "the agent could not make its archive",
        "The archive of logs could not be written on the agent's disk, or not even its smallest form fits the size that the command allows.",
        "Read the message. Make room on the agent's disk, or allow more with --max-bytes, then send the command anew.",
    ),
}
