"""Commands through a session: what a gateway asks, what the collectors are asked, and what comes back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import attrs
import pytest
import trio
from trio.testing import MockClock

from agent.bulk import Bulk
from agent.collector import Collector as Intake
from agent.collectors.contract import (
    Ability,
    Collector,
    CollectorError,
    JobEnd,
    Progress,
    UnknownJobError,
)
from agent.collectors.desk import INVENTORY_S, Desk
from agent.collectors.meter import Meter
from agent.cursors import Cursors
from agent.execution import Executor, Ledger
from agent.execution.executor import PROGRESS_S
from agent.execution.kinds import RENEWAL_S, Hands
from agent.facts import Facts
from agent.settings import DEFAULT_ALLOW
from protocol import (
    Capability,
    Code,
    CommandProgress,
    CommandResult,
    Enroll,
    Inventory,
    InventoryMode,
    JobStatus,
    Message,
    Outcome,
    Server,
    ServerKind,
    commands,
)
from protocol.commands import Instruction
from tests.agent.execution.rig import cancel, command
from tests.agent.rig import Rig
from tests.helpers.gateway import Gateway, Peer


class Jobs(Collector):
    """One job, which a test lets end."""

    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.INVENTORY, Ability.START_JOB})

    def __init__(self) -> None:
        super().__init__("jobs")
        self.asked: list[str] = []
        self.end = JobEnd(status=JobStatus.SUCCESS, session_uid="0a1b2c")
        self.go = trio.Event()
        self.stopped = trio.Event()
        self.told: Progress | None = None
        self.fails: Exception | None = None

    async def inventory(self) -> Facts:
        self.asked.append("inventory")
        if self.fails:
            raise self.fails
        return Facts(servers=(Server(uid="s", name="BKP-01", kind=ServerKind.BACKUP_SERVER).to_row(),))

    async def start_job(self, job_uid: str, progress: Progress) -> JobEnd:
        self._mine(job_uid)
        self.asked.append("start")
        self.told = progress
        if self.fails:
            raise self.fails
        await self.go.wait()
        return self.end

    async def stop_job(self, job_uid: str) -> bool:
        self._mine(job_uid)
        self.asked.append("stop")
        if self.told is None:
            return False
        self.end = JobEnd(status=JobStatus.FAILED, session_uid="", message="stopped", code=4037)
        self.go.set()
        return True

    async def enable_job(self, job_uid: str) -> None:
        self._mine(job_uid)
        self.asked.append("enable")

    async def disable_job(self, job_uid: str) -> None:
        self._mine(job_uid)
        self.asked.append("disable")

    def _mine(self, job_uid: str) -> None:
        if job_uid != "job-1":
            raise UnknownJobError(job_uid)


@attrs.define(eq=False)
class Commanded:
    """An agent with collectors and an executor, and the gateway that it talks to."""

    gateway: Gateway
    rig: Rig
    jobs: Jobs
    desk: Desk
    hands: Hands
    fence: int = 0

    @classmethod
    def make(cls, gateway: Gateway, folder: Path, *, configured_s: int | None = None) -> "Commanded":
        rig = Rig.make(gateway, folder)
        outbox, facilities, jobs = rig.outbox, rig.facilities, Jobs()
        desk = Desk([jobs], Cursors(rig.spool, "me"), now=facilities.now)
        facilities.collector = Intake(source=desk, outbox=outbox, live=desk)
        desk.attach(facilities.collector, facilities.bell)
        hands = Hands(
            facilities=facilities, desk=desk, ledger=Ledger(rig.spool, outbox, "me"), configured_s=configured_s,
            meter=Meter(desk, outbox, agent_uid="a1", bell=facilities.bell, agreed=lambda: Capability(0), now=facilities.now), state=folder, bulk=Bulk(facilities.bell),
        )  # fmt: skip
        hands.take_interval()
        return cls(gateway, rig, jobs, desk, hands)

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Peer]:
        """The agent runs, and a session is open."""
        facilities = self.rig.facilities
        executor = facilities.executor = Executor(
            self.hands.ledger, self.hands.actions(), allowed=DEFAULT_ALLOW, now=facilities.now,
            bell=facilities.bell, observer=facilities.observer,
        )  # fmt: skip
        async with self.rig.running(), trio.open_nursery() as nursery:
            nursery.start_soon(executor.run)
            yield await self.gateway.peer()
            nursery.cancel_scope.cancel()

    async def answer(self, peer: Peer, said: Instruction) -> CommandResult:
        """What comes of a command."""
        self.fence += 1
        count = len(peer.all(CommandResult))
        await peer.say(command(f"uid-{self.fence}", said, fence=self.fence))
        (result,) = (await self.gateway.heard(count + 1, CommandResult))[count:]
        assert isinstance(result, CommandResult)
        assert (result.command_uid, result.fence) == (f"uid-{self.fence}", self.fence)
        return result


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway.make().listening() as gateway:
        yield gateway


@pytest.fixture
async def commanded(gateway: Gateway, tmp_path: Path) -> Commanded:
    return Commanded.make(gateway, tmp_path)


async def test_collect_now_is_in_the_outbox_before_its_result(clock: MockClock, commanded: Commanded) -> None:
    """Whoever waits for the command finds in the store what it was about."""
    async with commanded.living() as peer:
        result = await commanded.answer(peer, commands.CollectNow(mode="full"))
        assert (result.outcome, result.message) == (Outcome.SUCCEEDED, "collected, full")
        newest = peer.all(Inventory)[-1]
        assert isinstance(newest, Inventory)
        assert newest.mode is InventoryMode.FULL
        assert newest.first_sequence < result.first_sequence
        assert commanded.jobs.asked.count("inventory") == 1
        assert (await commanded.answer(peer, commands.CollectNow())).message == "collected, quick"
        assert commanded.jobs.asked.count("inventory") == 2
        assert peer.all(Inventory)[-1] == newest  # quick: nothing has changed


async def test_collect_now_says_what_could_not_be_collected(clock: MockClock, commanded: Commanded) -> None:
    """A collector that fails fails the command, in its own words."""
    commanded.jobs.fails = CollectorError("the repository is away")
    async with commanded.living() as peer:
        result = await commanded.answer(peer, commands.CollectNow())
    assert (result.outcome, result.code) == (Outcome.FAILED, Code.COLLECTOR_FAILED)
    assert "the repository is away" in result.message


async def test_an_interval_holds_until_a_person_sets_another(
    clock: MockClock, gateway: Gateway, tmp_path: Path
) -> None:
    """It is there after a restart; a changed agent.toml is newer than a command."""
    commanded = Commanded.make(gateway, tmp_path, configured_s=300)
    async with commanded.living() as peer:
        assert commanded.desk.inventory_s == 300
        result = await commanded.answer(peer, commands.SetInterval(inventory_s=60))
        assert result.outcome is Outcome.SUCCEEDED
        assert commanded.desk.inventory_s == 60
    for configured_s, holds in ((300, 60), (900, 900), (None, INVENTORY_S)):
        attrs.evolve(commanded.hands, configured_s=configured_s).take_interval()
        assert commanded.desk.inventory_s == holds


async def test_a_job_is_started_followed_and_ends(clock: MockClock, commanded: Commanded) -> None:
    """Progress as it comes, and the result names the job session."""
    async with commanded.living() as peer:
        await peer.say(command("c1", commands.StartJob(job_uid="job-1"), fence=3))
        await commanded.gateway.heard(1, CommandProgress)
        assert commanded.jobs.told is not None
        await trio.sleep(PROGRESS_S)
        commanded.jobs.told(40, "reading")
        said = (await commanded.gateway.heard(2, CommandProgress))[1]
        assert said == CommandProgress(command_uid="c1", percent=40, message="reading")
        commanded.jobs.go.set()
        (result,) = await commanded.gateway.heard(1, CommandResult)
    assert isinstance(result, CommandResult)
    assert (result.fence, result.outcome, result.message) == (3, Outcome.SUCCEEDED, "job session 0a1b2c")


async def test_progress_without_end_is_said_once_a_second(clock: MockClock, commanded: Commanded) -> None:
    """Of a job that reports ten times a second the newest is said, and the last one too."""
    async with commanded.living() as peer:
        await peer.say(command("c1", commands.StartJob(job_uid="job-1")))
        await commanded.gateway.heard(1, CommandProgress)
        assert commanded.jobs.told is not None
        for n in range(100):
            commanded.jobs.told(n, f"{n} files")
            await trio.sleep(0.1)
        await trio.sleep(PROGRESS_S)
        said = peer.all(CommandProgress)
        assert 9 <= len(said) <= 13
        assert isinstance(said[-1], CommandProgress)
        assert said[-1].message == "99 files"


async def test_a_job_that_is_taken_back_is_stopped_in_order(clock: MockClock, commanded: Commanded) -> None:
    """Through its collector, which writes down how the run ended; the command has been cancelled."""
    async with commanded.living() as peer:
        await peer.say(command("c1", commands.StartJob(job_uid="job-1")))
        await commanded.gateway.heard(1, CommandProgress)
        await peer.say(cancel("c1", fence=2))
        (result,) = await commanded.gateway.heard(1, CommandResult)
    assert isinstance(result, CommandResult)
    assert (result.fence, result.outcome, result.code) == (2, Outcome.CANCELLED, Code.COMMAND_CANCELLED)
    assert commanded.jobs.asked[-2:] == ["start", "stop"]


async def deaf(_peer: Peer, _message: Message) -> None:
    """A gateway that grants nothing."""


async def test_what_has_no_gentle_end_is_cancelled(clock: MockClock, commanded: Commanded) -> None:
    """A renewal that no gateway answers can be taken back."""
    commanded.gateway.on_message = deaf
    async with commanded.living() as peer:
        await peer.say(command("c1", commands.RenewCertificate()))
        await commanded.gateway.heard(1, CommandProgress)
        await peer.say(cancel("c1", fence=2))
        (result,) = await commanded.gateway.heard(1, CommandResult)
    assert isinstance(result, CommandResult)
    assert result.outcome is Outcome.CANCELLED


@pytest.mark.parametrize(
    ("said", "outcome", "code", "message"),
    [
        (commands.EnableJob(job_uid="job-1"), Outcome.SUCCEEDED, 0, "enabled"),
        (commands.DisableJob(job_uid="job-1"), Outcome.SUCCEEDED, 0, "disabled"),
        (commands.StopJob(job_uid="job-1"), Outcome.FAILED, 5002, "it was not running"),
        (commands.StartJob(job_uid="x"), Outcome.FAILED, 5002, "no job 'x' that this agent can start"),
        (
            commands.CollectLogs(),
            Outcome.REFUSED,
            5003,
            "agent.toml of this server does not allow collect-logs",
        ),
    ],
)
async def test_the_other_kinds(
    said: Instruction, outcome: Outcome, code: int, message: str, clock: MockClock, commanded: Commanded
) -> None:
    """What a collector answers is the result."""
    async with commanded.living() as peer:
        result = await commanded.answer(peer, said)
    assert (result.outcome, result.code, result.message) == (outcome, code, message)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (CollectorError("it runs already", Code.JOB_BUSY), Code.JOB_BUSY, "it runs already"),
        (ZeroDivisionError("division by zero"), 0, "ZeroDivisionError: division by zero"),
    ],
)
async def test_whatever_a_command_raises_is_its_own_failure(
    error: Exception, code: int, message: str, clock: MockClock, commanded: Commanded
) -> None:
    """The agent, its session and its other commands go on."""
    async with commanded.living() as peer:
        commanded.jobs.fails = error
        result = await commanded.answer(peer, commands.StartJob(job_uid="job-1"))
        assert (result.outcome, result.code, result.message) == (Outcome.FAILED, code, message)
        assert (
            await commanded.answer(peer, commands.EnableJob(job_uid="job-1"))
        ).outcome is Outcome.SUCCEEDED


async def test_a_certificate_is_renewed_when_a_gateway_has_seen_it(
    clock: MockClock, commanded: Commanded
) -> None:
    """Asking for one is not having one: the result comes in the first session with the new one."""
    before = commanded.rig.keeper.credential
    async with commanded.living() as peer:
        await peer.say(command("c1", commands.RenewCertificate()))
        (result,) = await commanded.gateway.heard(1, CommandResult)
        assert commanded.gateway.peers[-1].all(CommandResult) == [result]
        assert peer.closed.is_set()
    assert isinstance(result, CommandResult)
    assert (result.outcome, result.message[:10]) == (Outcome.SUCCEEDED, "good until")
    assert commanded.rig.keeper.credential != before
    assert commanded.rig.keeper.pending is None


async def test_a_certificate_that_nobody_gives_is_a_failure(clock: MockClock, commanded: Commanded) -> None:
    """After ten minutes; and the wish is forgotten."""
    commanded.gateway.on_message, commanded.rig.pump_s = deaf, RENEWAL_S
    async with commanded.living() as peer:
        await peer.say(command("c1", commands.RenewCertificate()))
        await commanded.gateway.heard(1, Enroll)
        await trio.sleep(RENEWAL_S)
        (result,) = await commanded.gateway.heard(1, CommandResult)
    assert isinstance(result, CommandResult)
    assert result.outcome is Outcome.FAILED
    assert not commanded.rig.facilities.renew_now
