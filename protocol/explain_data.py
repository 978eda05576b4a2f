"""4xxx: what can happen to records, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

DATA: Final[dict[Code, Explanation]] = {
    Code.GAP_OPEN: Explanation(
        "records are missing",
        "Later records of an agent have arrived, and earlier ones have not: they are in a journal that is not read yet, or "
        "still in the agent's outbox. The later ones are parked, not lost.",
        "Wait: the agent has been asked to send them again. If a journal of a stopped edge is left, start a projector on it. "
        "Only when nobody holds them any more, declare the gap lost.",
    ),
    Code.GAP_DECLARED_LOST: Explanation(
        "records declared lost",
        "An operator decided that missing records will not come. The agent sends a full inventory, and usage of that time is "
        "marked incomplete.",
        "Keep the note for billing. Should the records turn up after all, they are counted once.",
    ),
    Code.RECORD_QUARANTINED: Explanation(
        "a record is in quarantine",
        "A record was well-formed but not valid, or could not be projected. It was set aside with its reason, and everything "
        "after it went on.",
        "Read the reason. Most often an agent is newer than the gateway, or a name on the customer's side is not valid text.",
    ),
    Code.BATCH_UNDECODABLE: Explanation(
        "a batch could not be read",
        "The bytes of a batch are not what its type calls for; or the agent found, before sending it, that its disk has changed "
        "them. The agent sets that batch aside and sends a tombstone in its place, so that what follows is not held up.",
        "The batch is kept on the agent's server for inspection. From our own agent, point to a damaged disk or a bug.",
    ),
    Code.FORK_FOLLOWED: Explanation(
        "an agent's history has forked",
        "An agent sent other records under numbers that it had used before: its server was set back to a snapshot, or its "
        "disk was restored. Both histories are kept, each counted once.",
        "Nothing to do; the agent opens a new epoch by itself. If nobody set that server back, look for a clone.",
    ),
    Code.PARKED_OVERFLOW: Explanation(
        "too much is parked",
        "More records of one agent wait behind gaps than may be held, or it has too many gaps open. The newest were left out here; "
        "they are unreleased, so the agent still has them. It is asked for them; with too many gaps it is sent away for a while, "
        "longer each time, and sends them again when it comes back.",
        "Close its gaps: see FG-4001. An agent that opens one after another by itself is broken or means harm: revoke it, and "
        "its gaps are given up.",
    ),
    Code.OUTBOX_FULL: Explanation(
        "the agent's outbox is full",
        "The agent could not deliver for so long that its outbox reached its limit. Collection pauses; nothing that was "
        "collected is dropped.",
        "Restore the connection. See what the gateway last told this agent: without credit it cannot deliver either.",
    ),
    Code.JOURNAL_FULL: Explanation(
        "no space for the journal",
        "The disk under the journal is full. Agents get no acknowledgement and keep their records; sessions stay up.",
        "Free space, or enlarge the disk. Writing resumes by itself. If the projector has stopped, start it: segments are "
        "kept until they are projected.",
    ),
    Code.FSYNC_FAILED: Explanation(
        "the disk refused to make data durable",
        "fdatasync failed. What is on the disk is unknown from here on, so the edge stops instead of trying again; what it "
        "had not acknowledged, agents send again.",
        "Check the disk and the kernel's log before starting it again.",
    ),
    Code.BACK_PRESSURE: Explanation(
        "the projector lags behind",
        "The journal is further ahead of the tables than allowed, so agents get no more credit. They keep their records and "
        "stay connected.",
        "See whether the projector runs, and whether the store is slow or locked. It passes by itself when the lag falls.",
    ),
    Code.RETENTION_HELD_BACK: Explanation(
        "old journal segments cannot be removed",
        "Segments are past their time, but a reader has not come past them. They are kept, and take space.",
        "Start the projector that lags. If a reader no longer exists, remove its cursor.",
    ),
    Code.VERIFICATION_MISMATCH: Explanation(
        "the store differs from what was released",
        "A verification compared what agents were told is stored with what the store holds, and a record is missing, doubled "
        "or altered.",
        "This must not happen. Keep the data folder as it is, and report it with the output of the verification.",
    ),
    Code.JOURNAL_GONE: Explanation(
        "a journal has disappeared",
        "The folder of a journal that was being read is no longer there. Other journals are read on; what was unread in this "
        "one is still in the agents' outboxes, unless they were lost too.",
        "If the folder was moved, put it back under DATA/journals. If its disk died, do nothing: agents send again what was "
        "not released.",
    ),
    Code.JOURNAL_DAMAGED: Explanation(
        "a journal is damaged",
        "A record in the middle of a journal fails its checksum. What can be read around it is projected; what cannot, "
        "agents send again unless it was released.",
        "Check the disk and its kernel log. Keep the folder until no gap is open. If the damage is at the end of a journal the "
        "projector waits there for the next segment: the edge begins one by itself once the projector lags too far, or when it "
        "is started.",
    ),
    Code.JOURNAL_REWOUND: Explanation(
        "a journal is read from its beginning again",
        "The position that was remembered does not fit the journal: it was restored from an older copy. Everything in it is "
        "read again, and what is known already is recognized and skipped.",
        "Nothing to do. Reading takes a while, which shows as lag.",
    ),
    Code.JOURNAL_TWICE: Explanation(
        "two folders are the same journal",
        "Two folders under DATA/journals carry the same journal id, because one was copied from the other. Only one is read.",
        "Remove the copy, or move it out of DATA/journals. To set up another edge, give it a new name and an empty folder.",
    ),
    Code.STREAMS_HELD: Explanation(
        "an agent's history forks too often",
        "The agent has opened as many streams as it may in a day. Further forks are not taken in; the agent keeps those "
        "records.",
        "Find out why its server is set back again and again, or whether two machines share its identity.",
    ),
    Code.TOMBSTONE: Explanation(
        "an agent has set a batch aside",
        "A batch that could not be decoded was replaced by a tombstone, so that what follows goes on. Its records are not in "
        "the store.",
        "See FG-4004 for the cause. The original is kept on the agent's server; if it ever arrives, it is counted.",
    ),
    Code.OUTBOX_UNUSABLE: Explanation(
        "the agent's outbox cannot be used",
        "The file outbox.sqlite in the agent's state folder is damaged, in use by another agent process, or cannot be written.",
        "Run one agent per state folder. If the file is damaged, move it away and start the agent: it begins a new epoch, and "
        "what was not yet released stays in the file that was moved.",
    ),
    Code.FORMER_OUTBOX: Explanation(
        "the outbox of a former identity was put aside",
        "This machine was enrolled as another agent before everything of the former one was delivered. Nobody else may send those "
        "records, so its outbox lies in the state folder as outbox-former-1.sqlite, or a higher number. The last four are kept.",
        "What an edge had acknowledged arrives all the same. Ask the provider whether anything is missed, and keep the file for "
        "whoever looks into it; remove it when nobody needs it. fieldgate-agent status names it until then.",
    ),
    Code.COLLECTOR_UNKNOWN: Explanation(
        "a collector cannot be loaded",
        "The agent's agent.toml names a kind of collector that nothing on this machine offers, or the package that offers it fails "
        "when it is loaded. The agent does not start: what it would report without it would look complete and not be.",
        "Install the package that has that kind, in the agent's own environment, or correct `kind`. "
        "`fieldgate-agent collector list` shows what is there.",
    ),
    Code.COLLECTOR_FAILED: Explanation(
        "a collector cannot collect",
        "A program that the agent asks is missing, was refused, took too long or ended with an error. What was known before stays as "
        "it was, and is not reported as gone; usage of that time is marked incomplete.",
        "Read the message, which has the program's own last words; `fieldgate-agent status` shows it as long as it lasts. The agent "
        "tries again by itself.",
    ),
    Code.COLLECTOR_INVALID: Explanation(
        "a collector says what cannot be reported",
        "What a collector's program printed is not the documented JSON, is too much, or has a field that is out of its bounds. "
        "Nothing of it was taken.",
        "Run `fieldgate-agent collector check NAME`, which names the field. docs/collectors.md says what is expected.",
    ),
    Code.JOB_UNKNOWN: Explanation(
        "no such job on this agent",
        "A command or a person named a job that no collector of this agent runs. Jobs that are only observed, because something else "
        "starts them, cannot be started from here.",
        "Take the job's id from the inventory. For a job that the agent shall run, add a [[job]] to agent.toml.",
    ),
    Code.JOB_BUSY: Explanation(
        "the job is running already",
        "A job runs once at a time. The run that is under way goes on.",
        "Wait for its end, or stop it first.",
    ),
    Code.JOB_RUN_FAILED: Explanation(
        "a run of a job failed",
        "The program that makes the backup ended with an error, and there is no new restore point.",
        "Read the message of the job session, which has that program's own words.",
    ),
    Code.JOB_RUN_INTERRUPTED: Explanation(
        "a run of a job was interrupted",
        "The agent ended while the run was under way: it was stopped or killed, or its server went down. Its programs end with it, and "
        "there is no new restore point. It is reported at the agent's next start.",
        "Run the job again, or wait for its schedule: a run that was missed is made up for. If it happens often, see who stops the agent.",
    ),
    Code.JOB_RUN_STOPPED: Explanation(
        "a run of a job was stopped",
        "Somebody asked the agent to stop a run that was under way. There is no new restore point.",
        "Nothing to do; the schedule goes on.",
    ),
}
