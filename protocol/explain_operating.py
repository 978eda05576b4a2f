"""1020 to 1039: what happens to a gateway in its life: reloads, backups, restores, rebuilds, upgrades, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

OPERATING: Final[dict[Code, Explanation]] = {
    Code.RELOAD_REFUSED: Explanation(
        "reload refused",
        "The process was told to read its configuration again, and what it found can't be used: a setting, or a certificate "
        "that agents would refuse. It goes on with what it had. No session was touched.",
        "Correct what the message names, then `fieldgate reload` again. A restart would fail for the same reason.",
    ),
    Code.RESTART_NEEDED: Explanation(
        "a setting takes a restart",
        "The configuration was read again, and some of what changed can't change in a running process, such as a port. What could "
        "change has, and the named settings stay as they were until the next start.",
        "Restart when it suits: agents are drained and come back by themselves. docs/operations.md says which settings change live.",
    ),
    Code.BACKUP_DAMAGED: Explanation(
        "backup damaged",
        "A file of the backup is missing, was changed since it was made, or was not meant to be there, or its store contradicts "
        "itself. The message names it. Nothing was restored.",
        "Use another backup, or fetch this one anew if it was copied. `fieldgate backup verify` looks at every byte.",
    ),
    Code.BACKUP_INCOMPLETE: Explanation(
        "backup not made",
        "Something went away while it was copied: an edge deleted old journal files faster than they could be read, or the store has "
        "the schema of another version. What was written of the backup was removed again.",
        "Try again. If it is always the journals, set limits.journal_keep_s higher than a backup takes; if it is the schema, run the "
        "Fieldgate that the store belongs to.",
    ),
    Code.RESTORE_TARGET_IN_USE: Explanation(
        "the place is taken",
        "A backup is made in a new file or an empty folder, and restored into an empty folder and an empty database. There is "
        "something there already, which is never overwritten.",
        "Name another place. If a PostgreSQL database is meant to be replaced, drop it and create it empty.",
    ),
    Code.BACKUP_NO_ROOM: Explanation(
        "no room for the backup",
        "The disk (or the quota) is full at the place that the message names: where a backup is made, restored or unpacked to be looked at. "
        "What was written there was removed again. The gateway itself and its store are not concerned.",
        "Make room there, or name a place on another disk. A backup being made takes twice the store's size for a while, and the journals'.",
    ),
    Code.REVOCATIONS_MISSING: Explanation(
        "later revocations are not known",
        "A backup can't know which agents and tokens were revoked after it was made, and without the revocation log a restore would let "
        "them in again. So it stopped.",
        "Give the log with --revocation-log: DATA/revocations.log of the lost machine, or its copy (setting revocation_log). If "
        "there is none, --accept-lost-revocations restores and holds every agent and token until you accept each.",
    ),
    Code.REVOCATION_LOG_DAMAGED: Explanation(
        "revocation log unfit",
        "The log of revocations can't be read in full, belongs to another provider, or lacks what the backup knew already: lines are "
        "missing or were changed.",
        "Give another copy of it. What can still be read of a damaged log is not enough to trust, because the missing line may be the "
        "one that matters.",
    ),
    Code.REVOCATION_COPY_BEHIND: Explanation(
        "second revocation log not written",
        "The copy that the setting revocation_log names can't be written, or is not a copy of this folder's log. The decision itself "
        "was made and is in DATA/revocations.log.",
        "Make the place writable; the next decision, or the next start, brings the copy up to date. If it belongs to another gateway or to "
        "a life of this one before a restore, move it away.",
    ),
    Code.JOURNAL_SHORTER: Explanation(
        "journals shorter than the tables",
        "The tables hold batches that no journal holds any more, because journals are kept for a day. Built anew from the journals "
        "alone, those would be lost. Nothing was changed.",
        "`fieldgate projector rebuild --resync` keeps what only the tables have, builds the rest anew, and asks every agent for its whole "
        "inventory. If the tables are damaged, restore a backup instead.",
    ),
    Code.UPGRADE_REFUSED: Explanation(
        "upgrade refused",
        "This version must not work with the data folder as it is: it is from a newer version, a running process would be shut out, "
        "a setting can't be read, or the disk has no room for it. Nothing was changed.",
        "`fieldgate upgrade check` names each reason and what to do about it.",
    ),
    Code.BUNDLE_WITHHELD: Explanation(
        "support bundle withheld",
        "The last look over a finished support bundle found a secret of this data folder in it, so it was not written.",
        "Report it with the name of the part that the message gives; that part can be left out with --without.",
    ),
}
