"""What each kind of command does here. All of it is done by parts of the agent that do the same without a command."""

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import trio

from agent.archive import ArchiveError, build_archive
from agent.bulk import Bulk, BulkError
from agent.collectors.contract import CollectorError, JobEnd
from agent.collectors.desk import INVENTORY_S, Desk
from agent.collectors.meter import Meter
from agent.execution.executor import Action, Progress
from agent.execution.ledger import End, Ledger
from agent.facilities import Facilities
from agent.licence import LicenceDesk, LicenceRefused
from protocol import Code, JobStatus, Outcome, commands

RENEWAL_S: Final = 600.0
"""From the wish for a new certificate to the first session with it."""

_INTERVAL: Final = "inventory_s"


@attrs.frozen(kw_only=True)
class Hands:
    """What the kinds work with."""

    facilities: Facilities
    desk: Desk
    meter: Meter
    ledger: Ledger
    state: Path
    """The agent's folder."""
    bulk: Bulk
    configured_s: int | None = None
    """`inventory_s` of agent.toml."""

    def actions(self) -> Mapping[type[commands.Instruction], Action]:
        """What each kind does."""
        return {
            commands.CollectNow: Action(self.collect_now),
            commands.SetInterval: Action(self.set_interval),
            commands.RenewCertificate: Action(self.renew_certificate),
            commands.StartJob: Action(self.start_job, stop=self._stop_run),
            commands.StopJob: Action(self.stop_job),
            commands.EnableJob: Action(_job(self.desk.enable_job, "enabled")),
            commands.CollectLogs: Action(self.collect_logs, by_uid=True),
            commands.DisableJob: Action(_job(self.desk.disable_job, "disabled")),
            commands.InstallLicence: Action(self.install_licence),
            commands.RemoveLicence: Action(self.remove_licence),
        }

    # -- collecting --------------------------------------------------------------------------------------------

    async def collect_now(self, said: commands.CollectNow, progress: Progress) -> End:
        """Ask all collectors; their answers are in the outbox before the result is."""
        progress(0, "asking the collectors")
        await self.desk.collect_now(full=said.mode == "full")
        progress(50, "measuring usage")
        await self.meter.measure()
        collector = self.facilities.collector
        collector.occasion()
        collector.collect(self.facilities.now())
        collector.stored()
        self.facilities.bell.ring()
        failing = {name: line for name, line in self.desk.status().items() if line.startswith("fails: ")}
        if failing:
            text = "; ".join(f"{name} {line}" for name, line in failing.items())
            return End.failed(Code.COLLECTOR_FAILED.value, text)
        if collector.paused:
            return End.failed(Code.OUTBOX_FULL.value, collector.why_paused)
        return End(Outcome.SUCCEEDED, f"collected, {said.mode}")

    async def set_interval(self, said: commands.SetInterval, _progress: Progress) -> End:
        """From now on, and after a restart; until a person changes agent.toml's own figure."""
        self.ledger.keep(_INTERVAL, json.dumps([said.inventory_s, self.configured_s]))
        self.take_interval()
        return End(Outcome.SUCCEEDED, f"every {said.inventory_s} s from now on")

    def take_interval(self) -> None:
        """Let the interval that was set last hold.

        Raises:
            OutboxError: the ledger cannot be read.
        """
        kept = self.ledger.kept(_INTERVAL)
        inventory_s = self.configured_s
        if kept is not None:
            commanded_s, configured_then = json.loads(kept)
            if configured_then == self.configured_s:
                inventory_s = commanded_s
        self.desk.set_interval(float(inventory_s or INVENTORY_S))

    # -- the certificate ---------------------------------------------------------------------------------------

    async def renew_certificate(self, _said: commands.RenewCertificate, progress: Progress) -> End:
        """Until a gateway has accepted the new one."""
        keeper = self.facilities.keeper
        before = keeper.credential.chain_pem
        self.facilities.renew_now = True
        self.facilities.bell.ring()
        progress(0, "asking for a new certificate")
        with trio.move_on_after(RENEWAL_S):
            while keeper.credential.chain_pem == before:
                await self.facilities.opened.wait()
            return End(Outcome.SUCCEEDED, f"good until {keeper.credential.expires:%Y-%m-%d %H:%M} UTC")
        self.facilities.renew_now = False
        return End.failed(0, f"no gateway gave a new certificate within {RENEWAL_S:.0f} s")

    # -- logs --------------------------------------------------------------------------------------------------

    async def collect_logs(self, said: commands.CollectLogs, progress: Progress, *, command_uid: str) -> End:
        """Until a gateway has all of the archive, and says that it is the right one."""
        try:
            self.bulk.make_sure()
            progress(0, "packing the log")
            archive = await trio.to_thread.run_sync(
                lambda: build_archive(
                    self.state, command_uid, max_bytes=said.max_bytes, hours=said.hours, now_ms=self.facilities.now()
                )
            )  # fmt: skip
        except ArchiveError as error:
            return End.failed(Code.ARCHIVE_FAILED.value, str(error))
        except BulkError as error:
            return End.failed(error.code, str(error))
        size = archive.size_bytes
        try:
            await self.bulk.send(
                archive.path, name=archive.name, command_uid=command_uid, size_bytes=size, sha256=archive.sha256,
                progress=lambda done: progress(100 * done // size, f"{done} of {size} bytes are there"),
            )  # fmt: skip
        except BulkError as error:
            return End.failed(error.code, str(error))
        finally:
            archive.remove()
        return End(Outcome.SUCCEEDED, f"{archive.name}, {size} bytes, {archive.lines} lines of the log")

    # -- the licence -------------------------------------------------------------------------------------------

    async def install_licence(self, said: commands.InstallLicence, _progress: Progress) -> End:
        """If it is to be believed, and for here; it is on the disk when this returns."""
        return _licensed(lambda: self._licences.install(said.licence, said.organization_uid))

    async def remove_licence(self, said: commands.RemoveLicence, _progress: Progress) -> End:
        """If the server has it."""
        return _licensed(lambda: self._licences.remove(said.licence_uid, revoked=said.revoked))

    @property
    def _licences(self) -> LicenceDesk:
        keeper = self.facilities.keeper
        return LicenceDesk(folder=self.state, identity=lambda: keeper.identity, now=self.facilities.now)

    # -- jobs --------------------------------------------------------------------------------------------------

    async def start_job(self, said: commands.StartJob, progress: Progress) -> End:
        """Run it to its end."""
        end = await self.desk.start_job(said.job_uid, progress)
        return _end_of(end)

    async def _stop_run(self, said: commands.StartJob) -> bool:
        return await self.desk.stop_job(said.job_uid)

    async def stop_job(self, said: commands.StopJob, _progress: Progress) -> End:
        """End its run, if there is one."""
        if await self.desk.stop_job(said.job_uid):
            return End(Outcome.SUCCEEDED, "stopped")
        raise CollectorError("it was not running", Code.COMMAND_INVALID)


def _job(ask: Callable[[str], Awaitable[None]], done: str) -> Callable[[Any, Progress], Awaitable[End]]:
    async def perform(said: commands.EnableJob | commands.DisableJob, _progress: Progress) -> End:
        await ask(said.job_uid)
        return End(Outcome.SUCCEEDED, done)

    return perform


def _licensed(do: Callable[[], str]) -> End:
    try:
        return End(Outcome.SUCCEEDED, do())
    except LicenceRefused as error:
        return End.failed(error.code.value, error.message)


def _end_of(end: JobEnd) -> End:
    if end.status is JobStatus.FAILED:
        return End.failed(end.code, end.message)
    text = f"job session {end.session_uid}"
    return End(Outcome.SUCCEEDED, f"{text}: {end.message}"[:1024] if end.message else text, end.code)
