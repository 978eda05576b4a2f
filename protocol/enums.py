"""The closed sets of values that travel as small integers.

A value's number is its wire form and never changes; a new value needs a new minor version or an ability that both have
agreed to, because a receiver refuses what it does not know (a row that holds one is quarantined, not guessed at). Zero is used only where "none" means
something, so that a forgotten field does not pass for a value.
"""

from enum import IntEnum


class AgentType(IntEnum):
    """What kind of server the agent runs on."""

    CLIENT = 1
    SITE = 2


class Health(IntEnum):
    """How the agent judges itself."""

    HEALTHY = 1
    WARNING = 2
    ERROR = 3


class InventoryMode(IntEnum):
    """Whether an inventory replaces everything known of the agent, or changes some of it."""

    FULL = 1
    DELTA = 2


class Outcome(IntEnum):
    """How a command ended."""

    SUCCEEDED = 1
    FAILED = 2
    INTERRUPTED = 3
    UNSUPPORTED = 4
    REFUSED = 5
    EXPIRED = 6
    CANCELLED = 7


class Standing(IntEnum):
    """What a session may do."""

    VERIFIED = 1
    UNVERIFIED = 2
    RENEW_ONLY = 3


class Durability(IntEnum):
    """What a durable mark promises."""

    DISK = 1
    QUORUM = 2


class ResyncScope(IntEnum):
    """What the gateway wants again."""

    QUICK = 1
    FULL = 2
    RANGE = 3


class Action(IntEnum):
    """What a rejected agent is to do; anything else it may conclude from the code is wrong."""

    RETRY = 1
    RENEW = 2
    REENROLL = 3
    STOP = 4


class EventKind(IntEnum):
    """What happened."""

    JOB_STARTED = 1
    JOB_FINISHED = 2
    WORKLOAD_STARTED = 3
    WORKLOAD_FINISHED = 4
    RETRY = 5
    NOTICE = 6


class JobStatus(IntEnum):
    """The state of a job or of one of its sessions."""

    NONE = 0
    RUNNING = 1
    SUCCESS = 2
    WARNING = 3
    FAILED = 4


class ServerKind(IntEnum):
    """What a server does in the backup estate."""

    BACKUP_SERVER = 1
    HYPERVISOR = 2
    PROXY = 3
    REPOSITORY_HOST = 4


class WorkloadKind(IntEnum):
    """What is being protected."""

    VM = 1
    COMPUTER = 2
    FILE_SHARE = 3


class ItemKind(IntEnum):
    """Which inventory list a removed item was in."""

    SERVER = 1
    REPOSITORY = 2
    WORKLOAD = 3
    JOB = 4
    CLOUD_TENANT = 5


class UsageSubject(IntEnum):
    """What uses something."""

    CLOUD_TENANT = 1
    SERVER = 2
    WORKSTATION = 3
    VM = 4
    M365_USER = 5
    REPOSITORY = 6
    AGENT = 7


class UsageMetric(IntEnum):
    """What is used, or granted."""

    STORAGE_BYTES = 1
    QUOTA_BYTES = 2
    COUNT = 3
    RESTORE_POINTS = 4
    FILES = 5
    NEWEST_POINT_MS = 6
    PERFORMANCE_BYTES = 7
    CAPACITY_BYTES = 8
    ARCHIVE_BYTES = 9
    VM_BACKUPS = 10
    SERVER_BACKUPS = 11
    WORKSTATION_BACKUPS = 12
