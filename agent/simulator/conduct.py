"""The course of a simulation: enroll, connect, warm up, measure, deliver, stop; and what came of it.

    enroll ─▶ connect ─▶ warm up ─▶ measure ─▶ deliver ─▶ stop
                         (produce)             (nothing new, until all is in the store or it takes too long)

Only what is due in the measured time is in the figures of latency; what follows is waited for, so that what came late is there too.
"""

import contextlib
import math
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import attrs
import trio

from agent.backoff import CEILING_S
from agent.simulator.crew import Crew
from agent.simulator.expectations import BACK
from agent.simulator.machine import GatewayWatch
from agent.simulator.members import FleetError
from agent.simulator.result import Phase
from agent.simulator.scenario import KILL_EDGE, Act

# After the last event: as long as a projector may lag before back-pressure, twice.
SETTLE_S: Final = 60.0
# When a person is waiting.
HURRY_S: Final = 5.0


@attrs.define(eq=False, kw_only=True)
class Conductor:
    """Of one simulation.

    Attributes:
        acts: of the measured time; the last one may be infinite: until somebody says that it is enough.
        watch: what the gateway takes, if it is on this machine.
        phase: what the simulation is about, for who shows it.
    """

    crew: Crew
    warm_up_s: float
    acts: Sequence[Act]
    watch: GatewayWatch | None = None
    phase: str = "starting"
    began_ms: int = 0
    phases: list[Phase] = attrs.field(factory=list)
    """Those that are over."""
    hurry: trio.Event = attrs.field(factory=trio.Event)
    _patience: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
    _latest: float = attrs.field(default=math.inf, init=False)
    """When the wait for what is left is over, whatever is left; on trio's clock."""
    _settling: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)

    async def run(self, show: Callable[["Conductor"], Awaitable[None]]) -> None:
        """From beginning to end.

        Raises:
            FleetError: a worker cannot do what it should.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hear_signals)
            nursery.start_soon(self._watch_gateway)
            nursery.start_soon(show, self)
            nursery.start_soon(self.crew.serve)
            await self._conduct()
            await self.crew.until(lambda crew: crew.is_done)
            if self.watch is not None:
                self.watch.look(math.floor(time.monotonic()))  # the second that is not over yet
            nursery.cancel_scope.cancel()

    async def _conduct(self) -> None:
        self.phase = "enrolling"
        with self._unless_hurried():
            await self.crew.until(lambda crew: crew.is_enrolled)
            self.phase = "connecting"
            await self.crew.order("connect")
            await self.crew.until(lambda crew: crew.is_up)
        end = time.monotonic() if self.hurry.is_set() else await self._measure()
        await self._deliver(end)
        self.phase = "stopping"
        await self.crew.order("stop")

    @property
    def duration_s(self) -> float:
        """Of the measured time."""
        return sum(act.duration_s for act in self.acts)

    async def _measure(self) -> float:
        """Until it is over, and when that was."""
        begin = math.ceil(time.monotonic() + self.warm_up_s)
        self.crew.record.measured_from = begin
        await self.crew.order("rate", rate=self.acts[0].rate)
        await self.crew.order("produce", **{"from": begin})
        self.phase = "warming up"
        with self._unless_hurried():
            await trio.sleep(begin - time.monotonic())
        self.began_ms = time.time_ns() // 1_000_000
        at = 0.0
        for act in self.acts:
            if self.hurry.is_set():
                break
            at = await self._play(act, begin, at)
        return begin + at

    async def _play(self, act: Act, begin: float, at: float) -> float:
        """One act, from *at* on; when it was over, both in the measured time."""
        self.phase = act.name
        before = self.crew.record.connected
        await self.crew.order("rate", rate=act.rate)
        if act.does:
            await trio.to_thread.run_sync(self._do, act.does)
        with self._unless_hurried(), trio.move_on_after(begin + at + act.duration_s - time.monotonic()):
            if act.until_back:
                await self.crew.until(lambda crew: crew.record.connected < BACK * before)
                await self.crew.until(lambda crew: crew.record.connected >= BACK * before)
            else:
                await trio.sleep_forever()
        end = min(at + act.duration_s, time.monotonic() - begin)
        self.phases.append(Phase(name=act.name, from_s=round(at, 3), until_s=round(end, 3), does=act.does))
        return end

    def _do(self, deed: str) -> None:
        """What a scenario does to the gateway; runs in a thread, because finding it takes a while.

        Raises:
            FleetError: it is not there.
        """
        pid = None if self.watch is None else self.watch.find("edge")
        if pid is None:
            raise FleetError(f"{deed}: no edge of this provider runs on this machine")
        try:
            os.kill(pid, signal.SIGKILL if deed == KILL_EDGE else signal.SIGTERM)
        except OSError as error:
            raise FleetError(f"{deed}: process {pid}: {error.strerror}") from error

    async def _deliver(self, end: float) -> None:
        self.crew.record.measured_until = math.ceil(end)
        self._latest = trio.current_time() + CEILING_S + SETTLE_S
        await self.crew.order("deliver", at=end)
        self.phase = "delivering"
        with trio.move_on_after(HURRY_S if self.hurry.is_set() else SETTLE_S) as self._settling:
            await self.crew.until(self._is_settled)

    def _is_settled(self, crew: Crew) -> bool:
        """Whether all is delivered; looked at whenever a worker has said something, which it does each second."""
        if crew.record.away and not self.hurry.is_set():
            # Nobody who waits to connect again can deliver; who came late in a herd waits for minutes.
            self._settling.deadline = min(trio.current_time() + SETTLE_S, self._latest)
        return crew.is_delivered

    @contextlib.contextmanager
    def _unless_hurried(self) -> Iterator[None]:
        """Leave the block as soon as a person has had enough."""
        with trio.CancelScope() as self._patience:
            if self.hurry.is_set():
                self._patience.cancel()
            yield

    async def _hear_signals(self) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for _ in received:
                if self.hurry.is_set():
                    raise KeyboardInterrupt
                self.hurry.set()
                self._patience.cancel()
                self._settling.deadline = min(self._settling.deadline, trio.current_time() + HURRY_S)

    async def _watch_gateway(self) -> None:
        if self.watch is None:
            return
        while True:
            now = time.monotonic()
            await trio.sleep(math.floor(now) + 1 - now)
            self.watch.look(math.floor(time.monotonic()) - 1)
