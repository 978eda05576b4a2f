"""`python -m tests.e2e.crowd COUNT FOLDER TOKEN`: a fleet of the simulator's in FOLDER/agents, each agent whole: with its log, its
status file, and a reporter that looks into paths that fail, as `fieldgate-agent run` has them.

It enrolls, connects and reports until SIGTERM; then it delivers what is left, writes FOLDER/ledger.jsonl and ends. Beside it stands
`Crowd`, its owner's side.
"""

import json
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import trio

from agent.inspection.keep import Keep
from agent.marks import Ruling
from agent.observer import Ending, Observer
from agent.reporter import SPREAD, Reporter
from agent.service import now_ms
from agent.simulator.berths import Berths
from agent.simulator.fleet import Fleet
from agent.simulator.members import FleetOptions, Member, Part, Phase
from agent.simulator.tally import Tally
from agent.spool import Spool
from agent.state import StateFolder
from agent.stored import Stored
from agent.watch import Watch, configure_logs
from certs import Token
from protocol import Code, Mark, Welcome
from tests.e2e.stage import Stage, text_of, until
from tests.helpers.provider import Process

RATE = 0.5
# An estate's history is long enough for so much time; longer than any test.
PLAYED_S = 600.0
RECONNECT_S = 0.5
# To read five hundred files takes 20 ms.
POLL_S = 0.25
LIMIT_S = 200.0


class Watched(Watch):
    """Tells two who watch: the agent's own log and status file, and the fleet's tally with its ledger."""

    def __init__(self, folder: Path, tally: Observer) -> None:
        super().__init__(folder / "status.json", now_ms)
        self._tally = tally

    def welcomed(self, welcome: Welcome, address: str) -> None:
        super().welcomed(welcome, address)
        self._tally.welcomed(welcome, address)

    def sent(self, batch: Stored) -> None:
        self._tally.sent(batch)

    def durable(self, mark: Mark) -> None:
        self._tally.durable(mark)

    def released(self, mark: Mark, ruling: Ruling) -> None:
        super().released(mark, ruling)
        self._tally.released(mark, ruling)

    def trouble(self, code: Code | int, message: str) -> None:
        super().trouble(code, message)
        self._tally.trouble(code, message)

    def ended(self, ending: Ending, wait_s: float) -> None:
        super().ended(ending, wait_s)
        self._tally.ended(ending, wait_s)


def made_whole(member: Member) -> Reporter:
    """Give *member* what a fleet's agents lack; its reporter, to be run."""
    facilities, draw = member.facilities, random.Random(member.plot.seed).random
    keeper = facilities.keeper
    assert isinstance(keeper, StateFolder)
    watch = facilities.observer = Watched(keeper.folder, facilities.observer)
    reporter = facilities.reporter = Reporter(
        keeper, Keep(keeper.folder), now=now_ms, observer=watch, draw=draw, spread_s=SPREAD * RECONNECT_S
    )
    watch.attach(facilities)
    return reporter


async def play(folder: Path, count: int, token: Token) -> None:
    """Until SIGTERM."""
    options = FleetOptions(rate=RATE, duration_s=PLAYED_S, reconnect_s=RECONNECT_S)
    agents = folder / "agents"
    with Spool.open(folder / "outbox.sqlite") as spool:
        fleet = Fleet(spool, options, Tally(count=count), Berths(agents))
        await fleet.enroll([Part(token=token, count=count)])
        async with trio.open_nursery() as nursery:
            for member in fleet.members:
                nursery.start_soon(made_whole(member).run)
            nursery.start_soon(conduct, fleet)
            await fleet.run()
            nursery.cancel_scope.cancel()
    fleet.ledger.save(folder / "ledger.jsonl")


async def conduct(fleet: Fleet) -> None:
    """Report until told to stop, and then until everything is delivered."""
    await fleet.up.wait()
    fleet.phase = Phase.PRODUCING
    with trio.open_signal_receiver(signal.SIGTERM) as received:
        async for _ in received:
            break
    fleet.phase = Phase.DELIVERING
    while fleet.waiting_records:  # noqa: ASYNC110  # what a gateway tells sets no event
        await trio.sleep(0.05)
    fleet.stop()


@attrs.define
class Crowd:
    """The owner's side."""

    stage: Stage
    folder: Path
    process: Process
    count: int

    @classmethod
    def of(cls, stage: Stage, count: int) -> "Crowd":
        """A new one, of which everybody is connected and reports."""
        folder = stage.folder / "crowd"
        (folder / "agents").mkdir(parents=True)
        token = stage.token("--uses", str(count))["token"]
        crowd = cls(
            stage, folder, stage.start(str(count), str(folder), token, module="tests.e2e.crowd"), count
        )
        crowd.until_all(lambda status: status["state"] == "connected")
        return crowd

    def statuses(self) -> dict[str, dict[str, Any]]:
        """What everybody's status file says, by uid."""
        found = [json.loads(path.read_bytes()) for path in self.folder.glob("agents/*/status.json")]
        return {status["agent_uid"]: status for status in found if "agent_uid" in status}

    def sessions(self) -> dict[str, str]:
        """Everybody's session, by the agent's uid."""
        return {uid: status["session_uid"] for uid, status in self.statuses().items()}

    def until_all_have_left(self, sessions: dict[str, str]) -> None:
        """Wait until everybody is connected, and by another session than he had."""

        def has_left(status: dict[str, Any]) -> bool:
            has_moved: bool = status.get("session_uid") != sessions[status["agent_uid"]]
            return has_moved and status["state"] == "connected"

        self.until_all(has_left)

    def until_all_trust(self, *, current: list[str], following: list[str]) -> None:
        """Wait until everybody has written down that these pins count now, and these next."""

        def told() -> bool:
            identities = (
                json.loads(path.read_bytes()) for path in self.folder.glob("agents/*/identity.json")
            )
            return all(
                (each["pins_current"], each["pins_next"]) == (current, following) for each in identities
            )

        self._until(told)

    def until_all(self, holds: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until it *holds* of everybody's status."""
        self._until(lambda: sum(map(holds, self.statuses().values())) == self.count)

    def _until(self, happened: Callable[[], bool]) -> None:
        def look() -> bool:
            assert self.process.running, text_of(self.process)[-4000:]
            return happened()

        until(look, lambda: text_of(self.process)[-4000:], LIMIT_S, poll_s=POLL_S)

    def verified(self) -> int:
        """How many events were said, once each is in the store exactly once."""
        ledger, data = self.folder / "ledger.jsonl", self.stage.provider.data
        said = self.stage.agent("verify", "--ledger", str(ledger), "--data", str(data), "--json")
        assert said.code == 0, said.text
        found = json.loads(said.text.splitlines()[0])
        assert found["said"] == found["released"] == found["stored"], said.text
        return int(found["said"])


if __name__ == "__main__":
    # Five hundred agents have five hundred disks, and here they share one; none of them is to lose its power.
    os.fsync = lambda fd: None
    configure_logs("json")
    trio.run(play, Path(sys.argv[2]), int(sys.argv[1]), Token.parse(sys.argv[3]))
