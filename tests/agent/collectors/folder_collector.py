import os

import attrs

from agent.collectors import config, contract
from agent.facts import Facts
from protocol import EventKind, Job, JobEvent, JobStatus


@attrs.frozen(kw_only=True)
class Options:
    folder: str


class Dumps(contract.Collector):
    """One job, which writes a file such as 2026-03-10.dump into a folder every night; each is a job session."""

    abilities = frozenset({contract.Ability.INVENTORY, contract.Ability.JOBS})

    def __init__(self, settings: contract.CollectorSettings, _around: contract.Surroundings) -> None:
        super().__init__(settings.name)
        self._folder = config.read_options(Options, settings.options, f"collector {settings.name}").folder

    async def inventory(self) -> Facts:
        return Facts(jobs=(Job(uid=self.name, server_uid="", name=self.name, kind="dump").to_row(),))

    async def events(self, since: str) -> contract.Found:
        try:
            with os.scandir(self._folder) as entries:
                files = sorted((each.name, each.stat()) for each in entries if each.name > since)[:100]
        except OSError as error:
            raise contract.CollectorError(f"cannot read {self._folder}: {error.strerror}") from error
        rows = [self._event(name, stat).to_row() for name, stat in files]
        return contract.Found(rows=rows, cursor=files[-1][0] if files else since, more=len(files) == 100)

    def _event(self, name: str, stat: os.stat_result) -> JobEvent:
        return JobEvent(
            time_ms=stat.st_mtime_ns // 1_000_000, kind=EventKind.JOB_FINISHED, job_uid=self.name, session_uid=name,
            workload_uid="", status=JobStatus.SUCCESS, processed_bytes=stat.st_size,
        )  # fmt: skip
