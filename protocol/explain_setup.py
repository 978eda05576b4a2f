"""1xxx: what keeps a process of the provider from starting, in words."""

from typing import Final

from protocol.codes import Code
from protocol.explanation import Explanation

SETUP: Final[dict[Code, Explanation]] = {
    Code.CONFIG_UNKNOWN_KEY: Explanation(
        "unknown configuration key",
        "The configuration file or a FIELDGATE_ variable names a setting that does not exist. Unknown keys are refused, "
        "because a misspelt limit that is silently ignored is worse than a process that does not start.",
        "Correct the spelling; the message suggests the nearest known key. All settings are in docs/operations.md.",
    ),
    Code.CONFIG_INVALID_VALUE: Explanation(
        "invalid configuration value",
        "A setting has the wrong type, or is outside its limits.",
        "Change the value as the message says. Durations and sizes carry their unit in the key's name (_s, _ms, _bytes).",
    ),
    Code.DATA_FOLDER_MISSING: Explanation(
        "no data folder",
        "The folder given by --data does not exist, or holds no Fieldgate data.",
        "Run `fieldgate init --data FOLDER` to make one, or point --data at the folder that you meant: the default is "
        "./fieldgate-data, relative to where the command runs.",
    ),
    Code.DATA_FOLDER_NEWER: Explanation(
        "data folder from a newer version",
        "The data folder or the store was written by a newer Fieldgate, which no longer admits readers as old as this one.",
        "Install the version named in the message, or a newer one. Never edit version.json: the tables have changed too.",
    ),
    Code.DATA_FOLDER_IN_USE: Explanation(
        "data folder in use",
        "Another process of the same kind works with this data folder and holds its lock.",
        "Stop the other process, or give this one a folder of its own. The lock goes with the process that holds it, so "
        "no file has to be removed after a crash.",
    ),
    Code.PORT_IN_USE: Explanation(
        "address in use",
        "A listener could not bind its address, because another program listens there.",
        "Find it with `ss -ltnp 'sport = :PORT'`. Stop it, or change the listener in fieldgate.toml; agents also need the "
        "new port in their gateway list.",
    ),
    Code.OWN_CERTIFICATE_REJECTED: Explanation(
        "the gateway's own certificate is unfit",
        "The certificate that this gateway is told to serve would be refused by its agents: a name is missing, the key "
        "does not belong to it, the chain is incomplete or out of order, it has expired, or it is not for servers.",
        "Each fault is listed with its cure. `fieldgate ca show` says what is served now; `fieldgate ca rotate --gateway` issues a "
        "new certificate from the provider's own authority.",
    ),
    Code.STORE_UNREACHABLE: Explanation(
        "store unreachable",
        "The database does not answer, or refuses us. Sessions stay up and records are still journaled and acknowledged as "
        "durable; nothing is released meanwhile, and new enrollments wait.",
        "Check that the database runs and that the store setting's host, user and password are right. Projection resumes "
        "by itself where it stopped.",
    ),
    Code.JOURNAL_LOCKED: Explanation(
        "journal has another writer",
        "Another edge with the same name is writing this journal. Two writers would destroy it, so the second is refused.",
        "Give every edge a name of its own (--name), or stop the other one.",
    ),
    Code.AGENT_STATE_UNUSABLE: Explanation(
        "the agent's state folder cannot be used",
        "A file in the folder given with --state is missing, damaged, written by a newer agent, readable by others, or cannot "
        "be written. The message names it.",
        "Give the agent's user access to the folder and free space on its disk. If an identity file is damaged and there is "
        "no copy, enroll again with a new token.",
    ),
    Code.AUTHORITY_UNUSABLE: Explanation(
        "the certificate authority cannot do this",
        "The folder DATA/ca is missing, damaged or being changed, or what was asked takes a private key that is not on this "
        "machine, or does not fit the state of a rotation. The message says which.",
        "Do as the message says. A folder that is missing or damaged comes from a backup; a key that is kept offline is put "
        "into DATA/ca for the time of the command. docs/certificates.md has the steps.",
    ),
    Code.STORE_MISSING: Explanation(
        "no store there",
        "The database exists and holds no Fieldgate tables, or the file does not exist. A data folder that had one does not "
        "get an empty one in its place: it would know no agent, and turn them all away for good.",
        "Restore the store from its last backup, or correct the store setting. To begin anew, make another data folder with "
        "`fieldgate init`.",
    ),
    Code.STORE_OLDER: Explanation(
        "store of an older version",
        "The store has an older schema than this version reads.",
        "Back the store up, then upgrade it as this version's notes in CHANGELOG.md say.",
    ),
    Code.STORE_LOCKED: Explanation(
        "store locked",
        "Another process held the store's write lock for longer than we wait. Nothing was written.",
        "It is tried again by itself. If it lasts, find who holds it: a backup tool that copies the file, or a forgotten "
        "database shell with an open transaction.",
    ),
    Code.STORE_FULL: Explanation(
        "no space for the store",
        "The disk under the store is full. Nothing was written, and nothing is lost: the journals keep what comes.",
        "Free space, or enlarge the disk. Work resumes by itself.",
    ),
    Code.STORE_DAMAGED: Explanation(
        "store damaged",
        "The file is no database, or its pages contradict each other.",
        "Stop all processes and restore the store from its last backup; the journals of the last 24 hours are projected "
        "again by themselves. Then check the disk.",
    ),
    Code.SQLITE_TOO_OLD: Explanation(
        "SQLite too old",
        "The SQLite library at hand has the WAL-reset bug, which can corrupt a database.",
        "Install the pysqlite3 package, which brings its own SQLite (3.51.3 or later is needed), or use PostgreSQL.",
    ),
    Code.NOT_FOUND: Explanation(
        "no such thing",
        "Nothing has the name or id that was given.",
        "List what there is: `fieldgate company list`, `location list`, `token list`, `agent list`.",
    ),
    Code.CONFLICT: Explanation(
        "not possible in this state",
        "The thing exists already, or is in a state that does not allow what was asked.",
        "The message names the state. Nothing was changed.",
    ),
}
