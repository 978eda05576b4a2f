"""504x, 63xx: what can happen to who looks into restore points and restores, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

RESTORE: Final[dict[Code, Explanation]] = {
    Code.RESTORE_SOURCE_UNKNOWN: Explanation(
        "no such workload or restore point on this agent",
        "None of the agent's collectors that can look into backups has the workload, or the workload has no such restore point: it may have been "
        "removed by its retention since it was listed.",
        "List the restore points again with `fieldgate restore points`. If the workload is the problem, see in the agent's status whether "
        "its collector answers.",
    ),
    Code.RESTORE_ITEM_UNKNOWN: Explanation(
        "no such item in the restore point",
        "The path names nothing in this restore point, or something of another kind: a file was asked for its content and is a link, say, or a folder "
        "was to be listed and is a file.",
        "Browse to it with `fieldgate restore browse`, and use its path as it stands there. A name that is no UTF-8 cannot be asked for by itself: "
        "take its folder.",
    ),
    Code.RESTORE_TOO_BIG: Explanation(
        "an item is larger than the command allows",
        "The agent had read as much of the item as the command allows when there was more of it. Nothing was sent.",
        "Ask again with a larger --max-bytes; the gateway's `limits.spool_bytes` must have room for it, too.",
    ),
    Code.RESTORE_NO_ROOM: Explanation(
        "the agent's server has no room for what it is to send",
        "What is sent is first read onto the disk of the agent's server, in its state folder, and 512 MiB must stay free there; or the disk can't be written. "
        "What was read is removed again.",
        "Make room on that disk, or ask for less: a file instead of its folder.",
    ),
    Code.RESTORE_TARGET_REFUSED: Explanation(
        "the agent does not restore to that place",
        "The place is not below a folder that the server's administrator has named in agent.toml (`[restore] targets`), or on the way to it there is "
        "a link, or something else that is no folder; links are never followed. Nothing was changed.",
        "Restore to a folder that is named there, or ask the server's administrator to name one and to restart the agent.",
    ),
    Code.RESTORE_INCOMPLETE: Explanation(
        "not everything that was asked for was restored",
        "Some of it could not be put in its place: there is a folder where a file belongs or the other way round, another file system begins on the "
        "way, or the agent's user may not write there. What could be restored was.",
        "Read the message; it names the first of them. Restore those to another folder.",
    ),
    Code.RESTORE_LISTING_INVALID: Explanation(
        "an agent's list of what can be restored can't be read",
        "What the agent sent is no list of restore points or items in the form that this gateway knows, or has something in it that can't be true. "
        "Nothing of it is shown.",
        "Upgrade whichever of the two is older. If they are of one version, the agent is not ours, or broken: look at it.",
    ),
    Code.RESTORE_FILE_MISSING: Explanation(
        "there is no file to download",
        "The restore has not ended yet, or has failed, or its file was removed from the spool after `limits.spool_keep_s`, or the edge that took it "
        "has its data folder on another machine, or what lies there is not what the agent sent.",
        "`fieldgate restore sessions` says how it stands. If it is gone, start it again.",
    ),
    Code.RESTORE_NO_ANSWER: Explanation(
        "the agent did not answer in time",
        "The agent was asked what there is to restore, and its answer did not come within the time that the request had: it is not connected, is busy, or "
        "its repository is slow. The question was taken back.",
        "See with `fieldgate agent show` whether it is connected, and ask again, with a longer --timeout if its repository is far away.",
    ),
    Code.RESTORE_OPERATORS_ONLY: Explanation(
        "only the provider's operators restore whole machines",
        "All of a restore point was asked for by somebody who may have items of it: files and folders.",
        "Name the files and folders that are wanted, or ask the provider.",
    ),
    Code.RESTORE_TOO_MANY: Explanation(
        "an agent has too many restores under way",
        "Eight restores of one agent are under way or wait for it. An agent sends one file at a time.",
        "Wait until one has ended, or take one back with `fieldgate command cancel`; a restore's uid is its command's.",
    ),
    Code.RESTORE_REFUSED: Explanation(
        "the agent could not do it",
        "The agent, or the backup product on its server, answered that it can't do what was asked, for a reason that has no code of its own.",
        "Read the message: it has the agent's words. Its log may have more (`fieldgate-agent logs` on its server).",
    ),
    Code.RESTORE_RANGE_INVALID: Explanation(
        "a part of a file was asked for that it has not",
        "A client wanted to go on with a download from a place where the file has no bytes: it has all of it already, or it is another file.",
        "Compare what there is with the size and the SHA-256 of the restore; fetch it again from the beginning if they differ.",
    ),
}
