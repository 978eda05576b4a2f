"""What evidence of broken paths costs a session that is direct: the same edge with `inspection` on and off.

    python -m bench.evidence

Pairs of real edges, one with and one without, each with agents of its own: real TLS 1.3 with client certificates on loopback, the
load in this process. The two of a pair are driven in turns, so that a noisy minute hits both; and there are several pairs, because
two processes that do the same differ by some per cent. A ratio is the median of the pairs'.

- connects/s of one core: what the edge's CPU time for a connect (accept, handshake, Hello, Welcome, claim, close) leaves room for.
- connects/s here: as they were made, the load's own half of every handshake included.
- memory: growth of the edge's resident set for each connected, welcomed agent, the first hundred left out, before anything else.

Limits: with evidence at least 97 % of the connects/s, and at most 1 kB more an agent.
"""

import statistics
import time

import attrs
import trio

from bench.edge import Rig, enroll, idle_memory, rig
from protocol import Welcome
from tests.helpers.agent import TestAgent

Row = dict[str, str | float]

PAIRS = 16
AGENTS = 200  # for memory; some of them connect again and again
CONNECTING = 40
OF_EACH = 10  # connects of an agent in one turn
TURNS = 5

LEAST_RATIO = 0.97
MOST_KB = 1.0


@attrs.define
class Cost:
    """What one edge took. `cpu_s` and `elapsed_s` are for `connects` of them."""

    memory_kb: float = 0.0
    connects: int = 0
    cpu_s: float = 0.0
    elapsed_s: float = 0.0

    @property
    def per_core_s(self) -> float:
        """Connects that one core of the edge's carries in a second."""
        return self.connects / self.cpu_s

    @property
    def per_s(self) -> float:
        """Connects that were made in a second."""
        return self.connects / self.elapsed_s


def cpu_s(of: Rig) -> float:
    """CPU seconds of the edge's process, by the scheduler's clock: /proc counts in hundredths, a tenth of a turn's noise."""
    return time.clock_gettime(
        (~of.edge.popen.pid << 3) | 2
    )  # Linux: a process's clock, as clock_getcpuclockid(3) makes it


async def connect_again_and_again(to: Rig, cost: Cost) -> None:
    """Every agent connects, is welcomed and leaves, some times."""

    async def drive(agent: TestAgent) -> None:
        for _ in range(OF_EACH):
            line, welcome = await agent.greet(to.provider.remote_port)
            if not isinstance(welcome, Welcome):
                raise ConnectionError(f"no Welcome: {welcome}")
            line.stream.close()

    cpu, started = cpu_s(to), time.perf_counter()
    async with trio.open_nursery() as nursery:
        for agent in to.agents[:CONNECTING]:
            nursery.start_soon(drive, agent)
    cost.elapsed_s += time.perf_counter() - started
    await trio.sleep(1)  # the claims' ends are written every so often
    cost.cpu_s += cpu_s(to) - cpu
    cost.connects += CONNECTING * OF_EACH


async def in_turns(on: Rig, off: Rig) -> tuple[Cost, Cost]:
    """What the two of a pair take."""
    costs = {}
    for each in (on, off):
        await enroll(each, AGENTS)
        memory_kb = await idle_memory(each)
        await connect_again_and_again(each, Cost())  # until everything was needed once
        costs[id(each)] = Cost(memory_kb=memory_kb)
    for n in range(TURNS):
        for each in (on, off) if n % 2 else (off, on):
            await connect_again_and_again(each, costs[id(each)])
    return costs[id(on)], costs[id(off)]


def rates(what: str, pairs: list[tuple[float, float]]) -> Row:
    """A row for (on, off) of each pair."""
    ratios = [on / off for on, off in pairs]
    return {
        "what": what, "unit": "per s",
        "off": round(statistics.median(off for _, off in pairs)), "on": round(statistics.median(on for on, _ in pairs)),
        "ratio": round(statistics.median(ratios), 3), "lowest": round(min(ratios), 3), "highest": round(max(ratios), 3),
        "limit": LEAST_RATIO,
    }  # fmt: skip


def run() -> list[Row]:
    """All of it."""
    pairs: list[tuple[Cost, Cost]] = []
    for n in range(PAIRS):
        first, second = ("true", "false") if n % 2 else ("false", "true")
        with rig(inspection=first) as one, rig(inspection=second) as other:
            on, off = (one, other) if n % 2 else (other, one)
            pairs.append(trio.run(in_turns, on, off))
    memory = [(on.memory_kb, off.memory_kb) for on, off in pairs]
    return [
        rates("connects/s of one core of the edge", [(on.per_core_s, off.per_core_s) for on, off in pairs]),
        rates("connects/s here, the load's own half included", [(on.per_s, off.per_s) for on, off in pairs]),
        {
            "what": "memory of a connected agent", "unit": "kB",
            "off": round(statistics.median(off for _, off in memory), 2),
            "on": round(statistics.median(on for on, _ in memory), 2),
            "more": round(statistics.median(on - off for on, off in memory), 2), "limit": MOST_KB,
        },
    ]  # fmt: skip


if __name__ == "__main__":
    for row in run():
        print(row)
