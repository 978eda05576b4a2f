"""What goes wrong on backup servers, how often, and in which words.

A backup server's night is mostly quiet. The rates below give about one estate in three a yellow or red job on an average
morning, which is what the people who look at such consoles every day describe; what makes it look real is that trouble
*stays*: the same machine fails for the same reason night after night until somebody fixes it (see `run.trouble`).

Codes are the simulated backup software's own, stable per kind of trouble; 0 means nothing to say.
"""

import random
from collections.abc import Sequence

import attrs


@attrs.frozen
class Trouble:
    """One kind of trouble."""

    code: int
    text: str
    """With `{name}`, `{host}`, `{repo}` and `{n}` to fill in."""
    weight: float = 1.0
    retry_helps: float = 0.6
    """The chance that the next attempt, ten minutes later, succeeds."""

    def say(self, rng: random.Random, *, name: str, host: str, repo: str) -> str:
        """The message, filled in."""
        return self.text.format(name=name, host=host, repo=repo, n=rng.randint(2, 48))


VM_FAILURES = (
    Trouble(
        2101,
        "cannot create a snapshot of {name}: the operation timed out after {n} minutes on {host}",
        3,
        0.7,
    ),
    Trouble(2102, "lost connection to {host} while reading disk 1 of {name}", 3, 0.8),
    Trouble(
        2103, "{name}: the guest's writers did not reach a stable state (writer: SqlServerWriter)", 2, 0.5
    ),
    Trouble(
        2104, "cannot consolidate disks of {name}: a file is locked by another process on {host}", 1, 0.3
    ),
    Trouble(2105, "{name} was not found on {host}; it may have been moved or renamed", 1, 0.0),
    Trouble(
        2106,
        "access denied for the account that reads {name} on {host}: the password may have expired",
        1,
        0.0,
    ),
)
VM_WARNINGS = (
    Trouble(
        1101, "{name}: application-aware processing failed, a crash-consistent backup was made instead", 3
    ),
    Trouble(1102, "{name}: changed block tracking was reset, all {n} GB of the disk were read", 2),
    Trouble(1103, "{name}: guest tools on the machine are out of date", 2),
    Trouble(1104, "{name}: transaction logs were not truncated, the guest refused the connection", 1),
)
COMPUTER_FAILURES = (
    Trouble(2201, "{name} is offline: last seen {n} hours ago", 6, 0.15),
    Trouble(2202, "{name}: shadow copy could not be created, the volume has less than 320 MB free", 1, 0.2),
    Trouble(2203, "{name} went to sleep during the backup; {n} % of the volume was read", 2, 0.4),
)
COMPUTER_WARNINGS = (
    Trouble(1201, "{name}: {n} files were in use and have been skipped", 3),
    Trouble(1202, "{name} runs on battery; the backup started late", 1),
)
SERVER_FAILURES = (
    Trouble(2204, "{name}: the volume's shadow copies ran out of room, {n} GB were wanted", 2, 0.3),
    Trouble(2205, "{name}: no answer from the machine for {n} minutes", 3, 0.7),
)
SERVER_WARNINGS = (
    Trouble(1203, "{name}: changes were not tracked since a restart, all {n} GB were read", 2),
)
SHARE_FAILURES = (
    Trouble(2301, "{name} cannot be reached: the network path was not found", 2, 0.6),
    Trouble(2302, "{name}: access denied below the folder 'Personnel'", 1, 0.0),
)
SHARE_WARNINGS = (Trouble(1301, "{name}: {n} files with paths too long to store were skipped", 1),)
LOG_FAILURES = (
    Trouble(2401, "{name}: log backup failed, the log chain was broken by another backup product", 1, 0.1),
)
LOG_WARNINGS = (Trouble(1401, "{name}: the log backup took longer than its interval of 15 minutes", 1),)
COPY_FAILURES = (
    Trouble(2501, "copy of {name} to {repo} was interrupted: the remote host closed the connection", 3, 0.8),
    Trouble(2502, "copy of {name} to {repo}: no route to host", 1, 0.5),
)
COPY_WARNINGS = (Trouble(1501, "copy of {name} did not complete within the copy interval", 1),)
TENANT_FAILURES = (
    Trouble(2601, "tenant {name}: the connection was lost after {n} minutes", 3, 0.8),
    Trouble(2602, "tenant {name}: the account's lease has expired", 0.3, 0.0),
)
TENANT_WARNINGS = (
    Trouble(1601, "tenant {name}: the maximum number of concurrent tasks was reached, {n} tasks waited", 1),
)

REPOSITORY_FULL = Trouble(2901, "not enough free space on repository {repo}", retry_helps=0.0)
REPOSITORY_LOW = Trouble(1901, "repository {repo} is below its free-space threshold")
QUOTA_FULL = Trouble(2902, "tenant {name} has used up its storage quota on {repo}", retry_helps=0.0)
QUOTA_LOW = Trouble(1902, "tenant {name} is close to its storage quota on {repo}")

CATALOGUE: dict[str, tuple[Sequence[Trouble], Sequence[Trouble]]] = {
    "Backup": (VM_FAILURES, VM_WARNINGS),
    "Computer Backup": (COMPUTER_FAILURES, COMPUTER_WARNINGS),
    "Server Backup": (SERVER_FAILURES, SERVER_WARNINGS),
    "File Share Backup": (SHARE_FAILURES, SHARE_WARNINGS),
    "Log Backup": (LOG_FAILURES, LOG_WARNINGS),
    "Backup Copy": (COPY_FAILURES, COPY_WARNINGS),
    "Cloud Backup": (TENANT_FAILURES, TENANT_WARNINGS),
}
"""Failures and warnings by kind of job."""


def pick(rng: random.Random, troubles: Sequence[Trouble]) -> Trouble:
    """Draw one by weight."""
    return rng.choices(troubles, [t.weight for t in troubles])[0]
