"""The course of a simulation: enroll, connect, warm up, measure, deliver, stop; and what came of it.

    enroll ─▶ connect ─▶ warm up ─▶ measure ─▶ deliver ─▶ stop
                         (produce)             (nothing new, until all is in the store or it takes too long)

Only what is due in the measured time is in the figures of latency; what follows is waited for, so that what came late is there too.
"""

import contextlib
import math
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import attrs
import trio

from agent.simulator.crew import Crew
from agent.simulator.machine import GatewayWatch

# After the last event: as long as a projector may lag before back-pressure, twice.
SETTLE_S: Final = 60.0
# When a person is waiting.
HURRY_S: Final = 5.0


@attrs.define(eq=False, kw_only=True)
class Conductor:
    """Of one simulation.

    Attributes:
        duration_s: of the measured time; infinite: until somebody says that it is enough.
        watch: what the gateway takes, if it is on this machine.
        phase: what the simulation is about, for who shows it.
    """

    crew: Crew
    warm_up_s: float
    duration_s: float
    watch: GatewayWatch | None = None
    phase: str = "starting"
    began_ms: int = 0
    hurry: trio.Event = attrs.field(factory=trio.Event)
    _patience: trio.CancelScope = attrs.field(factory=trio.CancelScope, init=False)
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

    async def _measure(self) -> float:
        """Until it is over, and when that was."""
        begin = math.ceil(time.monotonic() + self.warm_up_s)
        self.crew.record.measured_from = begin
        await self.crew.order("produce", **{"from": begin})
        self.phase = "warming up"
        with self._unless_hurried():
            await trio.sleep(begin - time.monotonic())
        self.began_ms = time.time_ns() // 1_000_000
        self.phase = "reporting"
        with self._unless_hurried():
            await trio.sleep(begin + self.duration_s - time.monotonic())
        return min(begin + self.duration_s, time.monotonic())

    async def _deliver(self, end: float) -> None:
        self.crew.record.measured_until = math.ceil(end)
        await self.crew.order("deliver", at=end)
        self.phase = "delivering"
        with trio.move_on_after(HURRY_S if self.hurry.is_set() else SETTLE_S) as self._settling:
            await self.crew.until(lambda crew: crew.is_delivered)

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
