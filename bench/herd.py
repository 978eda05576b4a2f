"""An edge that is restarted under its whole herd: how soon it is back, what that takes, and whether anything is lost on the way.

    python -m bench herd                   # 10,000 agents
    python -m bench herd --agents 1000     # a small one

A real `fieldgate serve`, and the simulator's fleet, which are the real clients, each with an event every 20 s. Gateway and fleet
share the machine: about half of what a handshake costs is the fleet's. Three times anew, each as a phase of the scenario restart-herd
does it:

- *killed*: SIGKILL. Nobody is told anything, everybody comes back by its own draw, up to 8 s after it noticed.
- *drained*: SIGTERM. Everybody is told a slot of its own; *told* is that, *after it* how long after its slot each was welcomed.
- *killed, 30 % half-open*: as killed, and as many connections as 30 % of the herd open at the edge as soon as it listens again, say
  the first bytes of a handshake and never the next: what a path leaves behind that swallows FINs. Closed, they come again.

*back* is from the signal until 99 % of those had a session who had one before. CPU is the edge's from then until then, memory its
most. *ack* is timed from when events were due, so who waits to come back is in it; *answer* from when a batch was sent: what those who
are back get to feel meanwhile. Both are of everything that was due or sent from 5 s before the signal until the end. Lost, doubled: as
the store is held against what the agents were told.
"""

import math
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import trio

from agent.simulator.expectations import recovered_s
from agent.simulator.histogram import Histogram
from agent.simulator.result import RunResult
from agent.simulator.scenario import DRAIN_EDGE, KILL_EDGE
from bench.play import gateway, playing, result_of
from tests.helpers.provider import Process

Row = dict[str, str | float]

AGENTS = 10_000
EVENTS_PER_S = 0.05  # of an agent
HALF_OPEN = 0.3
BEFORE_S = 5
BACK_S = 240
AFTER_S = 20

# The first five bytes of a TLS record that announces a ClientHello of 512 bytes, and its first one.
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01"
AGAIN_S = 1.0


def scenario(agents: int, deed: str) -> str:
    """The scenario's text."""
    return f"""\
about = "The edge is restarted under its whole herd: everybody comes back, and nothing is lost on the way."
agents = {agents}
warm_up_s = 30
expect = ["lost = 0", "doubled = 0", "altered = 0", "unsaid = 0", "unreleased = 0", "recovered_s < {BACK_S}"]

[[phase]]
name = "as usual"
duration_s = {BEFORE_S}
rate = {EVENTS_PER_S}

[[phase]]
name = "after {deed}"
does = "{deed}"
until_back = true
duration_s = {BACK_S}
rate = {EVENTS_PER_S}

[[phase]]
name = "back"
duration_s = {AFTER_S}
rate = {EVENTS_PER_S}
"""


# -- connections that nobody finishes ----------------------------------------------------------------------------------


@attrs.define
class HalfOpen:
    """So many connections to a port of this machine, each begun, never finished, and begun again when it is closed."""

    count: int
    port: int
    opened: int = 0
    open_now: int = 0
    most: int = 0

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """While the block runs."""
        async with trio.open_nursery() as nursery:
            for number in range(self.count):
                nursery.start_soon(self._hold, f"127.0.2.{number % 254 + 1}")
            yield
            nursery.cancel_scope.cancel()

    async def _hold(self, source: str) -> None:
        while True:
            with trio.socket.socket() as sock:
                try:
                    await sock.bind((source, 0))
                    await sock.connect(("127.0.0.1", self.port))
                    await sock.send(HALF_A_HELLO)
                    self.opened += 1
                    self.open_now += 1
                    self.most = max(self.most, self.open_now)
                    try:
                        while await sock.recv(4096):
                            pass
                    finally:
                        self.open_now -= 1
                except OSError:
                    pass
            await trio.sleep(AGAIN_S)


# -- one restart -------------------------------------------------------------------------------------------------------


@attrs.frozen
class Restart:
    """What came of one."""

    run: RunResult
    half_open: HalfOpen | None


async def restart(agents: int, deed: str, *, half_open: float = 0.0) -> Restart:
    """Play it, against a gateway of its own.

    Raises:
        PlayError: it could not be played.
    """
    with tempfile.TemporaryDirectory() as folder, gateway() as provider:
        report = Path(folder)
        held = HalfOpen(round(half_open * agents), provider.remote_port) if half_open else None
        with playing(provider, scenario(agents, deed), report) as process:
            wait = partial(trio.to_thread.run_sync, process.wait, abandon_on_cancel=True)
            if held is None:
                await wait()
            else:
                # While the fleet enrolls and connects, half-open ones would take the places of its first connections.
                await _until_restarted(provider.processes[-1], process.poll)
                async with held.held():
                    await wait()
        return Restart(result_of(report), held)


async def _until_restarted(serve: Process, ended: Callable[[], int | None]) -> None:
    """Return when the supervisor has started its edge for the second time, or the simulation is over."""
    while _starts(serve.log.read_text(encoding="utf-8")) < 2 and ended() is None:  # noqa: ASYNC110  # a log rings no bell
        await trio.sleep(0.1)


def _starts(log: str) -> int:
    """How often a supervisor says that it has started its edge."""
    return sum('"started"' in line and '"edge"' in line for line in log.splitlines())


# -- what is reported --------------------------------------------------------------------------------------------------


def quantiles(histogram: Histogram) -> Row:
    """p50, p99 and the most, in milliseconds."""
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: round(histogram.quantile_us(share) / 1000, 1) for name, share in shares.items()}


def within(histogram: Histogram, seconds: float) -> float:
    """What part of all, in per cent, took *seconds* at most."""
    below = max((below for highest, below in histogram.cumulated() if highest <= seconds * 1e6), default=0)
    return round(100 * below / max(1, histogram.count), 1)


def coming_back(run: RunResult) -> tuple[float, Row]:
    """Seconds until 99 % were back, infinite if they were not; and what the edge took for it."""
    deed = next(phase for phase in run.phases if phase.does)
    back_s = recovered_s(run)
    edge = None if run.gateway is None else next((p for p in run.gateway.processes if p.name == "edge"), None)
    if back_s is None or edge is None:
        return math.inf, {}
    during = slice(int(deed.from_s), int(deed.from_s + back_s) + 1)
    cpu_s, rss_bytes = sum(edge.cpu_ms[during]) / 1000, max(edge.rss_bytes[during.start :])
    return back_s, {"edge's CPU s": round(cpu_s, 1), "edge's memory MB": round(rss_bytes / 1e6)}


def rows_of(name: str, of: Restart) -> Iterator[Row]:
    """One restart as rows."""
    run, verification = of.run, of.run.verification
    back_s, took = coming_back(run)
    back: float | str = "never" if math.isinf(back_s) else round(back_s)
    yield {
        "what": f"{name}, {run.load.agents:,} agents: until 99 % are back",
        "unit": "s",
        "back": back,
        **took,
    }
    yield {"what": "the same: ack, from when events were due", "unit": "ms", **quantiles(run.histograms.ack)}
    yield {
        "what": "the same: answer, from when a batch was sent",
        "unit": "ms",
        **quantiles(run.histograms.answer),
    }
    slot, late = run.histograms.slot, run.histograms.slot_late
    if slot.count:
        told = {
            f"p{share * 100:.0f}": round(slot.quantile_us(share) / 1e6, 1) for share in (0.1, 0.5, 0.9, 1.0)
        }
        yield {"what": f"the same: told, {slot.count:,} slots", "unit": "s", **told}
        parts = {f"within {s:g} s %": within(late, s) for s in (0.1, 0.5, 1, 5, 30)}
        yield {"what": f"the same: after it, {late.count:,} agents", "unit": "ms", **quantiles(late), **parts}
    if of.half_open is not None:
        yield {
            "what": "the same: half-open connections", "unit": "connections", "at once": of.half_open.most,
            "in all": of.half_open.opened,
        }  # fmt: skip
    if verification is not None:
        yield {
            "what": "the same: events", "unit": "events", "released": verification.released, "lost": verification.missing,
            "doubled": verification.doubled, "altered": verification.altered, "not released": run.unreleased,
        }  # fmt: skip
    if run.generator.saturated:
        yield {"what": "the same: the generator was the bottleneck", "unit": "late by, ms",
               **{f"process {each.number}": round(each.max_lag_ms) for each in run.generator.workers}}  # fmt: skip


async def measure(agents: int) -> list[Row]:
    """All of it."""
    rows: list[Row] = []
    for name, deed, half_open in (
        ("killed", KILL_EDGE, 0.0),
        ("drained", DRAIN_EDGE, 0.0),
        (f"killed, {HALF_OPEN:.0%} half-open".replace("%", " %"), KILL_EDGE, HALF_OPEN),
    ):
        rows += rows_of(name, await restart(agents, deed, half_open=half_open))
    return rows


def run(agents: int = AGENTS) -> list[Row]:
    """Rows for bench/RESULTS.md."""
    return trio.run(measure, agents)
