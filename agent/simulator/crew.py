"""The processes of a simulation, from the side of the command that started them."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import attrs
import trio

from agent.simulator.channel import Channel
from agent.simulator.members import FleetError
from agent.simulator.plan import Plan
from agent.simulator.record import Record
from agent.simulator.verification import Result

# A worker that was told to stop ends its sessions in order, at most so long; then it is ended.
STOP_S: Final = 20.0


@attrs.define(eq=False)
class _Hired:
    """One worker."""

    plan: Plan
    process: "subprocess.Popen[bytes]"
    sock: socket.socket
    channel: Channel | None = None
    is_enrolled: bool = False
    is_up: bool = False
    is_delivered: bool = False
    is_done: bool = False


@contextlib.contextmanager
def hired(plans: Sequence[Plan]) -> Iterator["Crew"]:
    """Start a worker for each plan; whatever happens, none outlives the block."""
    workers: list[_Hired] = []
    try:
        for plan in plans:
            ours, theirs = socket.socketpair()
            with theirs:
                argv = [
                    sys.executable,
                    "-m",
                    "agent.simulator.worker",
                    str(theirs.fileno()),
                    str(os.getpid()),
                ]
                process = subprocess.Popen(argv, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
            workers.append(_Hired(plan, process, ours))
        yield Crew(workers)
    finally:
        for worker in workers:
            worker.sock.close()
        deadline = time.monotonic() + STOP_S
        for worker in workers:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()


class Crew:
    """All workers; `serve` while they are wanted."""

    def __init__(self, workers: Sequence[_Hired]) -> None:
        self._workers = workers
        self.record = Record()
        self.personas: list[dict[str, Any]] = []
        """What each says of those who misbehaved."""
        self.found = Result(said=0, released=0)
        """What those found who read back."""
        self._changed = trio.Event()

    @property
    def asked(self) -> int:
        """How many agents there are to be."""
        return sum(worker.plan.count for worker in self._workers)

    async def serve(self) -> None:
        """Tell each its plan, and hear what they say, until all are done.

        Raises:
            FleetError: one of them cannot do what it should, or has ended.
        """
        async with trio.open_nursery() as nursery:
            for worker in self._workers:
                worker.channel = Channel(worker.sock)
                nursery.start_soon(self._listen, worker, worker.channel)

    async def _listen(self, worker: _Hired, channel: Channel) -> None:
        await channel.say(plan=worker.plan.to_document())
        while (said := await channel.hear()) is not None:
            match said:
                case {"tick": tick}:
                    self.record.take(worker.plan.number, tick)
                case {"enrolled": _}:
                    worker.is_enrolled = True
                case {"up": _}:
                    worker.is_up = True
                case {"failed": why}:
                    raise FleetError(why)
                case {"delivered": _}:
                    worker.is_delivered = True
                case {"done": _, "waiting": waiting, "found": found, "personas": personas}:
                    worker.is_done = True
                    self.personas.append(personas)
                    if found is not None:
                        self.found.take(Result.from_document(found))
                    self.record.hands[worker.plan.number].waiting = waiting
            self._changed.set()
            self._changed = trio.Event()
        if not worker.is_done:
            raise FleetError(f"process {worker.plan.number} of the simulation has ended before its time")

    async def order(self, order: str, **more: Any) -> None:
        """Say the same to all."""
        for worker in self._workers:
            if worker.channel is not None:
                await worker.channel.say(order=order, **more)

    async def until(self, what: Callable[["Crew"], bool]) -> None:
        """Wait until something is so."""
        while not what(self):
            await self._changed.wait()

    @property
    def is_enrolled(self) -> bool:
        """Whether everybody is."""
        return all(worker.is_enrolled for worker in self._workers)

    @property
    def is_up(self) -> bool:
        """Whether everybody has tried to connect once."""
        return all(worker.is_up for worker in self._workers)

    @property
    def is_delivered(self) -> bool:
        """Whether everything is in the store, and nothing new is made."""
        return all(worker.is_delivered for worker in self._workers)

    @property
    def is_done(self) -> bool:
        """Whether everybody has left."""
        return all(worker.is_done for worker in self._workers)
