"""What a collector is: where an agent's facts come from, and what starts its jobs.

A collector knows one source: this machine, a program, a backup product. The agent asks, one question at a time, and a collector
answers or raises `CollectorError`; it never sends anything itself. What it cannot do it does not name among its abilities, and is
not asked for.

*Events* are told once. The agent asks `events(since)` with the cursor of the last answer whose rows it has stored: rows and cursor
go into one transaction. So a collector that is asked again from an older cursor, because the agent was killed, must tell the same events
again; the first cursor of all is "". The *inventory* is all there is, every time, and the agent finds out what has changed. *Usage* is
measured now.

docs/collectors.md writes one in 40 lines; `agent.collectors.check` holds any against the rules above.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import ClassVar, Final

import attrs

from agent.collector import TAKE
from agent.facts import Facts
from protocol import AgentType, Code, JobStatus, Row, listing

EVENTS_LIMIT: Final = TAKE
"""Events in one answer: what the agent takes at once."""


class Ability(Enum):
    """What a collector can do."""

    INVENTORY = "inventory"
    JOBS = "jobs"
    USAGE = "usage"
    BROWSE = "browse"
    RESTORE = "restore"
    START_JOB = "start-job"


class CollectorError(Exception):
    """It could not be done; the message is for a person and has no secret in it.

    Attributes:
        code: for the log, the status and a command's result.
    """

    def __init__(self, message: str, code: Code = Code.COLLECTOR_FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class UnknownJobError(CollectorError):
    """No such job is this collector's."""

    def __init__(self, job_uid: str) -> None:
        super().__init__(f"no job {job_uid!r} that this agent can start", Code.JOB_UNKNOWN)


class UnknownWorkloadError(CollectorError):
    """No such workload is this collector's."""

    def __init__(self, workload_uid: str) -> None:
        super().__init__(
            f"no workload {workload_uid!r} that this agent can restore from", Code.RESTORE_SOURCE_UNKNOWN
        )


class UnknownPointError(CollectorError):
    """The workload has no such restore point."""

    def __init__(self, point_uid: str) -> None:
        super().__init__(f"the workload has no restore point {point_uid!r}", Code.RESTORE_SOURCE_UNKNOWN)


class UnknownItemError(CollectorError):
    """The restore point has no such item, or one of another kind."""

    def __init__(self, path: str, why: str = "is not in this restore point") -> None:
        super().__init__(f"{path!r} {why}"[:1024], Code.RESTORE_ITEM_UNKNOWN)


@attrs.frozen(kw_only=True)
class Found:
    """An answer to "what has happened?"."""

    rows: Sequence[Row] = ()
    """Of protocol.JobEvent, oldest first, at most `EVENTS_LIMIT`."""
    cursor: str = ""
    """Where to go on once these are stored; at most 1 MiB, and nobody else's business."""
    more: bool = False
    """Whether there is more already: the agent asks again as soon as these are stored."""


@attrs.frozen(kw_only=True)
class Measured:
    """An answer to "how much is used?"."""

    rows: Sequence[Row] = ()
    """Of protocol.Usage."""
    incomplete_why: str = ""
    """What could not be measured; empty if all was."""


@attrs.frozen(kw_only=True)
class JobEnd:
    """How a run ended that `start_job` began."""

    status: JobStatus
    """SUCCESS, WARNING or FAILED."""
    session_uid: str
    """Of the job session: the restore point's id where one was made."""
    message: str = ""
    code: int = 0
    """An FG code, or the product's own number; 0 for success."""


Progress = Callable[[int, str], None]
"""(percent, what is being done)."""

Take = Callable[[listing.Item], bool]
"""Takes an item; False if it takes no more."""

Write = Callable[[bytes], Awaitable[None]]
"""Takes the next bytes; what it raises is to be let through."""


@attrs.frozen(kw_only=True)
class Surroundings:
    """What a collector may know of the agent that it works for."""

    folder: Path
    """The agent's state folder. A collector keeps its own files in a folder of its own there, private to the agent's user."""
    agent_uid: str
    installation_uid: str
    """Also the uid of this machine in the inventory."""
    host_name: str
    agent_type: AgentType = AgentType.CLIENT
    since_ms: int = 0
    """When the agent was enrolled."""
    synthetic: bool = False
    now: Callable[[], int]
    """Milliseconds since the epoch."""


@attrs.frozen(kw_only=True)
class JobSettings:
    """One [[job]] of agent.toml, of a kind that a collector runs."""

    name: str
    options: Mapping[str, object]
    """Its other keys, as they stand in the file."""


@attrs.frozen(kw_only=True)
class CollectorSettings:
    """One [[collector]] of agent.toml, with the jobs that are its own."""

    name: str
    kind: str
    options: Mapping[str, object] = attrs.field(factory=dict)
    """Its other keys, as they stand in the file; `agent.collectors.config.read_options` makes them an object."""
    jobs: Sequence[JobSettings] = ()


class Collector:
    """Base class: it can do nothing. Override what `abilities` names.

    Attributes:
        name: unique in its agent; cursors are kept under it.
        poll_s: how often the agent asks for events when nobody called `changed`.
        changed: call it when there is something new to ask for; set by the agent, does nothing before.
    """

    abilities: ClassVar[frozenset[Ability]] = frozenset()
    poll_s: float = 60.0

    def __init__(self, name: str) -> None:
        self.name = name
        self.changed: Callable[[], None] = lambda: None

    async def run(self) -> None:
        """Whatever it does by itself, such as a schedule; runs beside the questions, and is cancelled when the agent stops."""

    async def events(self, since: str) -> Found:
        """What has happened after *since*.

        Raises:
            CollectorError: it cannot be said now; the agent asks again later, with the same cursor.
        """
        return Found(cursor=since)

    async def inventory(self) -> Facts:
        """All there is; nothing in `removed`.

        Raises:
            CollectorError: it cannot be said now; what was said last stays.
        """
        return Facts()

    async def usage(self) -> Measured:
        """How much is used, as of now.

        Raises:
            CollectorError: it cannot be said now; the report is marked incomplete.
        """
        return Measured()

    async def start_job(self, job_uid: str, progress: Progress) -> JobEnd:
        """Run a job once, to its end.

        Raises:
            UnknownJobError: it is not this collector's.
            CollectorError: it does not begin: FG-4034 where it runs already.
        """
        raise UnknownJobError(job_uid)

    async def stop_job(self, job_uid: str) -> bool:
        """End the run that is under way, and wait for its end; False if none was.

        Raises:
            UnknownJobError: it is not this collector's.
        """
        raise UnknownJobError(job_uid)

    async def enable_job(self, job_uid: str) -> None:
        """Let its schedule run again.

        Raises:
            UnknownJobError: it is not this collector's.
            CollectorError: that cannot be written down.
        """
        raise UnknownJobError(job_uid)

    async def disable_job(self, job_uid: str) -> None:
        """Keep its schedule from running; what runs goes on, and `start_job` still does.

        Raises:
            UnknownJobError: it is not this collector's.
            CollectorError: that cannot be written down.
        """
        raise UnknownJobError(job_uid)

    async def restore_points(self, workload_uid: str) -> Sequence[listing.Point]:
        """The restore points of a workload of the inventory, the newest first. An ability: BROWSE.

        Raises:
            UnknownWorkloadError: it is not this collector's.
            CollectorError: it cannot be said now.
        """
        raise UnknownWorkloadError(workload_uid)

    async def browse(self, workload_uid: str, point_uid: str, path: str, take: Take) -> None:
        """Give what is directly in a folder of a restore point, one by one, always in the same order. An ability: BROWSE.

        Args:
            path: absolute, `/` being all of it; it comes from afar, and is no path of this machine.
            take: as soon as it returns False, no more is asked for.

        Raises:
            UnknownWorkloadError: it is not this collector's.
            UnknownPointError: the workload has no such restore point.
            UnknownItemError: there is no such folder.
            CollectorError: it cannot be said now.
        """
        raise UnknownWorkloadError(workload_uid)

    async def walk(self, workload_uid: str, point_uid: str, path: str, take: Take) -> None:
        """Give everything below a folder, however deep, as `browse` does with what is directly in it. An ability: BROWSE."""
        raise UnknownWorkloadError(workload_uid)

    async def read(self, workload_uid: str, point_uid: str, path: str, write: Write) -> str:
        """Write out a file, or a folder as a tar archive, and say which it was (listing.FILE or FOLDER). An ability: RESTORE.

        The same every time, as long as the restore point is there: what was sent in part goes on.

        Raises:
            UnknownWorkloadError: it is not this collector's.
            UnknownPointError: the workload has no such restore point.
            UnknownItemError: there is no such file or folder.
            CollectorError: it cannot be read.
        """
        raise UnknownWorkloadError(workload_uid)

    async def roots(self, workload_uid: str, point_uid: str) -> Sequence[str]:
        """The paths of a restore point that all else in it is below. An ability: RESTORE.

        Raises:
            UnknownWorkloadError: it is not this collector's.
            UnknownPointError: the workload has no such restore point.
        """
        raise UnknownWorkloadError(workload_uid)

    async def restore(self, workload_uid: str, point_uid: str, paths: Sequence[str], into: Path) -> None:
        """Restore items, with everything that belongs to them, into an empty folder: each below it under its whole path. An ability: RESTORE.

        Raises:
            UnknownWorkloadError: it is not this collector's.
            UnknownPointError: the workload has no such restore point.
            CollectorError: they can't be restored; an item that is not in the restore point need not be an error.
        """
        raise UnknownWorkloadError(workload_uid)

    def status(self) -> str:
        """What a person who looks at `fieldgate-agent status` should know besides whether it fails; one short line."""
        return ""
