"""A process that executes one command and is killed in the middle: `python -m tests.agent.execution.dying FOLDER KIND WHEN`.

WHEN is "begun" (written down, nothing done), "done" (done, the result not written down) or "never". Doing it adds a line to FOLDER/done.
At the end it writes the results that are in the outbox to FOLDER/results.
"""

import json
import os
import signal
import sys
from pathlib import Path

import trio

from agent.bell import Bell
from agent.execution import End, Executor, Ledger
from agent.execution.executor import Action, Progress
from agent.observer import Observer
from agent.outbox import Outbox
from agent.spool import Spool
from protocol import CommandResult, Outcome, commands, decode
from protocol.commands import Instruction
from tests.agent.execution.rig import ALLOWED, command

SAID: dict[str, Instruction] = {
    "start-job": commands.StartJob(job_uid="job-1"),
    "collect-now": commands.CollectNow(),
}


async def run(folder: Path, kind: str, when: str) -> None:
    def die(at: str) -> None:
        if when == at:
            os.kill(os.getpid(), signal.SIGKILL)

    async def perform(_said: Instruction, _progress: Progress) -> End:
        die("begun")
        with (folder / "done").open("a") as done:
            done.write("x\n")
        die("done")
        return End(Outcome.SUCCEEDED)

    with Spool.open(folder / "outbox.sqlite") as spool:
        outbox, bell = Outbox(spool, "me"), Bell()
        ledger = Ledger(spool, outbox, "me")
        executor = Executor(
            ledger, {type(each): Action(perform) for each in SAID.values()}, allowed=ALLOWED, now=lambda: 1,
            bell=bell, observer=Observer(),
        )  # fmt: skip
        async with trio.open_nursery() as nursery:
            nursery.start_soon(executor.run)
            while ledger.unfinished():  # taken up from the process before
                await bell.wait()
            executor.command(command("c1", SAID[kind], fence=1 if ledger.find("c1") is None else 2))
            while not outbox.records:
                await bell.wait()
            nursery.cancel_scope.cancel()
        said, position = [], 0
        while (batch := outbox.next_batch(position)) is not None:
            result = decode(batch.tag, batch.payload)
            assert isinstance(result, CommandResult)
            said.append((result.fence, result.outcome.name))
            position = batch.position
        (folder / "results").write_text(json.dumps(said))


if __name__ == "__main__":
    trio.run(run, Path(sys.argv[1]), sys.argv[2], sys.argv[3])
