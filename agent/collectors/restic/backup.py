"""One run of `restic backup`, and what came of a run that the agent did not live to see.

A run marks its snapshot with a tag of its job, so that it is known as that job's for good, whatever becomes of the agent or of the job's
paths. restic backs up what it can: a path that is not there, or a file that cannot be read, does not make it fail, and in some versions
not even its exit code. Such a run is a warning here.
"""

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any, Final

import attrs
import structlog

from agent.collectors.contract import CollectorError, Progress
from agent.collectors.program import Ran
from agent.collectors.restic.snapshots import Shelf, Snapshot, fit
from agent.collectors.restic.tool import Restic, strange
from agent.jobs.book import Run
from protocol import JobStatus

INCOMPLETE: Final = 3
"""restic's exit code when it could not read everything."""

# A snapshot's time is when its backup began, by the same clock.
_CLOCK_MS: Final = 1000

_SHOWN: Final = 3


@attrs.frozen(eq=False)
class Backup:
    """The work of a job (`agent.jobs.scheduler.Work`)."""

    shelf: Shelf
    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    tag: str

    @property
    def _restic(self) -> Restic:
        return self.shelf.restic

    async def __call__(self, run: Run, progress: Progress, note_pid: Callable[[int], None]) -> Run:
        """Make a snapshot.

        Raises:
            CollectorError: there is none.
        """
        said = _Said(progress)
        excludes = [word for pattern in self.exclude for word in ("--exclude", pattern)]
        ran = await self._restic.run(
            "backup", "--json", "--tag", self.tag, *excludes, "--", *self.paths,
            on_line=said.line, started=note_pid,
        )  # fmt: skip
        summary = said.summary
        if ran.code not in (0, INCOMPLETE) or summary is None:
            return attrs.evolve(
                run, status=JobStatus.FAILED, code=ran.code, message=fit(ran.last_words or f"exit code {ran.code}", 1024)
            )  # fmt: skip
        snapshot = await self._resolve(str(summary.get("snapshot_id", "")))
        try:
            processed = int(summary["total_bytes_processed"])
            added = int(summary.get("data_added_packed", summary["data_added"]))
            text = f"{summary['files_new']} new and {summary['files_changed']} changed of {summary['total_files_processed']} files"
        except (KeyError, TypeError, ValueError) as error:
            raise strange("backup") from error
        self.shelf.sizes[snapshot.id] = processed
        wrong = self._wrong(ran, snapshot)
        return attrs.evolve(
            run, status=JobStatus.WARNING if wrong else JobStatus.SUCCESS, restore_point=snapshot.id,
            processed_bytes=processed, transferred_bytes=added, code=ran.code,
            message=fit(f"{text}; {wrong}" if wrong else text, 1024),
        )  # fmt: skip

    async def recover(self, run: Run) -> Run | None:
        """A snapshot that was made although the agent ended. If there is none, a lock that the run has left is removed.

        Raises:
            CollectorError: the repository cannot be read.
        """
        for snapshot in reversed(await self.shelf.look()):
            if self.tag in snapshot.tags and snapshot.time_ms >= run.started_ms - _CLOCK_MS:
                await self.shelf.measure([snapshot])
                return attrs.evolve(
                    run, status=JobStatus.SUCCESS, restore_point=snapshot.id, ended_ms=snapshot.end_ms or snapshot.time_ms,
                    processed_bytes=self.shelf.sizes.get(snapshot.id, 0), transferred_bytes=snapshot.added_bytes,
                    message="made while the agent was away",
                )  # fmt: skip
        if run.pid and not _is_alive(run.pid):
            await self._unlock(run.pid)
        return None

    async def _resolve(self, snapshot_id: str) -> Snapshot:
        """The snapshot in the repository. Some versions give the beginning of its id only."""
        for snapshot in reversed(await self.shelf.look()):
            if snapshot_id and snapshot.id.startswith(snapshot_id):
                return snapshot
        raise CollectorError(
            f"snapshot {snapshot_id or 'without an id'} is not in the repository after the backup"
        )

    def _wrong(self, ran: Ran, snapshot: Snapshot) -> str:
        left_out = [
            path
            for path in self.paths
            if path.rstrip("/") not in {each.rstrip("/") for each in snapshot.paths}
        ]
        if left_out:
            return "not backed up: " + ", ".join(left_out[:_SHOWN])
        if ran.code == INCOMPLETE:
            lines = [line for line in ran.errors.splitlines() if line.strip()]
            return "not everything could be read: " + "; ".join(lines[:_SHOWN])
        return ""

    async def _unlock(self, pid: int) -> None:
        """Remove a lock that a dead process of ours has left; only if nobody else has one: `unlock` cannot be told which."""
        listed = await self._restic.run("list", "locks", "--no-lock", "--quiet", limit_s=120)
        ids = listed.output.decode(errors="replace").split()
        locks = [await self._restic.ask("cat", "lock", lock_id) for lock_id in ids]
        if locks and all(_is_of(lock, pid) for lock in locks):
            await self._restic.run("unlock", "--quiet", limit_s=120)
            structlog.get_logger().info("lock of an interrupted run removed", pid=pid)


class _Said:
    """What restic prints while it works: a JSON object a line.

    It counts what there is while it backs up, so that its percent sinks when a large folder is found. Ours waits for it instead.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._percent = 0
        self.summary: dict[str, Any] | None = None

    def line(self, line: bytes) -> None:
        """One line; what is none of ours is passed over."""
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            said = json.loads(line)
            if said.get("message_type") == "summary":
                self.summary = said
            elif said.get("message_type") == "status":
                done, all_ = int(said.get("bytes_done", 0)), int(said.get("total_bytes", 0))
                self._percent = min(100, max(self._percent, int(100 * float(said.get("percent_done", 0)))))
                self._progress(self._percent, f"{done} of {all_} bytes")


def _is_of(lock: Any, pid: int) -> bool:
    return isinstance(lock, dict) and lock.get("pid") == pid and lock.get("hostname") == os.uname().nodename


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
