"""One process of a simulation: a fleet, driven by the command that started it over a channel.

It hears `plan`, then orders: `connect`, `rate`, `produce` (from when on what is due is timed), `deliver`, `stop`. It says each second what
happened in it (`tick`), and `enrolled`, `up`, `failed`, `done` when that is so. Seconds are the machine's monotonic clock's, so
that those of several workers are the same seconds. It ends with whoever started it: when the channel does, and where the
kernel can be asked to, when that process does.
"""

import ctypes
import math
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import trio

from agent.failures import unwrapped
from agent.simulator.berths import Berths
from agent.simulator.channel import Channel
from agent.simulator.fleet import Fleet
from agent.simulator.members import FleetError, Phase
from agent.simulator.personas import PERSONAS
from agent.simulator.plan import Plan
from agent.simulator.pulse import Pulse
from agent.simulator.reading import ReadingError, read_back
from agent.simulator.slowline import SlowLines
from agent.simulator.tally import Tally
from agent.simulator.troupe import Troupe
from agent.spool import OutboxError, Spool
from agent.state import StateError

# Between two looks whether everything is in the store.
_LOOK_S: Final = 0.05

_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>
_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024


class Worker:
    """Use once: `await Worker(channel, plan).run(…)`."""

    def __init__(self, channel: Channel, plan: Plan, spool: Spool) -> None:
        self._channel = channel
        self._plan = plan
        self._pulse = Pulse()
        self._tally = Tally(count=plan.count, stood_s=self._pulse.stood_s)
        self.fleet = Fleet(
            spool, plan.options, self._tally, Berths(plan.folder) if plan.keeps else None, data=plan.data
        )
        self._troupe = Troupe(())
        self._cpu_s = time.process_time()
        self._enrolling = trio.CancelScope()
        self._connect = trio.Event()

    async def run(self) -> None:
        """Until it is told to stop and everybody has left, or the channel is gone."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._obey, nursery)
            nursery.start_soon(self._tick)
            nursery.start_soon(self._pulse.run)
            options = self._plan.options
            if options.slow_share:
                lines = SlowLines(latency_s=options.latency_ms / 1000, kbit_s=options.kbit_s)
                async with lines.serve() as self.fleet.slow_line:
                    await self._live()
            else:
                await self._live()
            await self._say_tick(math.floor(time.monotonic()))
            self.fleet.ledger.save(self._plan.ledger)
            found = await self._read_back() if self._plan.reads_back else None
            personas = {name: account.to_document() for name, account in self._troupe.accounts.items()}
            await self._channel.say(
                done=True, waiting=self.fleet.waiting_records, found=found, personas=personas
            )
            nursery.cancel_scope.cancel()

    async def _live(self) -> None:
        try:
            self.fleet.come_back()
            with unwrapped(), self._enrolling:
                await self.fleet.enroll(self._plan.parts, first=self._plan.first)
            if self._enrolling.cancelled_caught:
                return
            await self._channel.say(enrolled=self._tally.enrolled)
            await self._connect.wait()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._say_when_up)
                with unwrapped():
                    await self.fleet.run()
                nursery.cancel_scope.cancel()
        except (FleetError, OutboxError, StateError) as error:
            await self._channel.say(failed=str(error))

    async def _read_back(self) -> dict[str, Any] | None:
        agents = [member.facilities for member in self.fleet.members]
        agents += [stage.agent for name, stage in self.fleet.cast if PERSONAS[name].again]
        try:
            return (await read_back(agents, self.fleet.ledger)).to_document()
        except ReadingError as error:
            await self._channel.say(failed=f"the store could not be verified: {error}")
            return None

    async def _say_when_up(self) -> None:
        await self.fleet.up.wait()
        await self._channel.say(up=True)

    async def _obey(self, nursery: trio.Nursery) -> None:
        while (order := await self._channel.hear()) is not None:
            match order:
                case {"order": "connect"}:
                    self._connect.set()
                case {"order": "rate", "rate": rate}:
                    self.fleet.rate = rate
                case {"order": "produce", "from": begin}:
                    self._tally.measured_from = _here(begin)
                    self.fleet.phase = Phase.PRODUCING
                    self._troupe = Troupe(self.fleet.cast)
                    nursery.start_soon(self._troupe.run)
                case {"order": "deliver", "at": end}:
                    self._tally.measured_until = _here(end)
                    self.fleet.phase = Phase.DELIVERING
                    self._troupe.wind_down()
                    nursery.start_soon(self._say_when_delivered)
                case {"order": "stop"}:
                    self._enrolling.cancel()
                    self._connect.set()
                    self.fleet.stop()
        nursery.cancel_scope.cancel()  # nobody is there any more who wants to know

    async def _say_when_delivered(self) -> None:
        while self.fleet.waiting_records or not self._troupe.is_over:  # noqa: ASYNC110  # outboxes set no event
            await trio.sleep(_LOOK_S)
        await self._channel.say(delivered=True)

    # -- what it says of itself --------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            now = time.monotonic()
            await trio.sleep(math.floor(now) + 1 - now)
            await self._say_tick(math.floor(time.monotonic()) - 1)

    async def _say_tick(self, second: int) -> None:
        cpu_s = time.process_time()
        tick: dict[str, Any] = {
            "second": second,
            "counts": self._tally.take().to_document(),
            "enrolled": self._tally.enrolled,
            "connected": self._tally.connected,
            "waiting": self.fleet.waiting_records,
            "away": self.fleet.away,
            "cpu_s": cpu_s - self._cpu_s,
            "rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
            "lag": self._pulse.take().to_document(),
        }
        self._cpu_s = cpu_s
        await self._channel.say(tick=tick)


def _here(monotonic: float) -> float:
    """A moment of the machine's clock on trio's."""
    return trio.current_time() + monotonic - time.monotonic()


def _tie(parent: int) -> None:
    """End with the process that started us, whatever becomes of it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # gone before the kernel knew whom to tell
        os._exit(0)


async def _serve(sock: socket.socket) -> None:
    channel = Channel(sock)
    if (first := await channel.hear()) is None:
        return
    plan = Plan.from_document(first["plan"])
    try:
        with Spool.open(plan.folder / plan.outbox) as spool:
            await Worker(channel, plan, spool).run()
    except OutboxError as error:
        await channel.say(failed=str(error))


def main(arguments: Sequence[str]) -> None:
    """The process: told the descriptor of its channel, and who started it."""
    descriptor, parent = map(int, arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for who started us
    _tie(parent)
    trio.run(_serve, socket.socket(fileno=descriptor))


if __name__ == "__main__":
    main(sys.argv[1:])
