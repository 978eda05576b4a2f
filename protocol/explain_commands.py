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
}
