"""What an edge carries: events journaled and acknowledged, end to end, latency, memory, CPU of a small exchange.

    python -m bench.edge

A real `fieldgate edge` in its own process, real TLS 1.3 with client certificates on loopback, the load in this process on
the other core. Each figure stands beside its limit, measured in the same minute:

- events acknowledged: beside the same payloads appended raw to one file, one fdatasync for each group of 20.
- end to end: beside the projector's own rate (bench/projector.py).
- latency, open loop at half the closed loop's rate: a batch's time counts from when it was due, not from when it was sent.
- memory: growth of the edge's resident set over connected, welcomed agents.
"""

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import attrs
import psutil
import trio
from hdrh.histogram import HdrHistogram

from bench.fleet import Cutter, Loader
from certs import Token
from gateway.store import open_store
from protocol import Welcome
from tests.helpers.agent import TestAgent
from tests.helpers.provider import Process, TestProvider, wait_for_port

Row = dict[str, str | float]

# An agent may have 4,096 batches ahead of the projector, which stands still in the first part: so many, and others for the open loop.
AGENTS = 40
GROUP = 20  # payloads of the raw limit's sync
BATCH = 100
IN_FLIGHT = 2  # batches of an agent
LOAD_S = 30.0
RAMP_S = 3.0
IDLE_AGENTS = 1000
EXCHANGES = 200
BETWEEN_S = 0.02  # so that no two heartbeats of an agent are read at once
CONNECTS = 20  # of each agent
RAW_GROUPS = 400


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds of a process so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


@attrs.define
class Rig:
    """A provider with a running edge and agents that have enrolled."""

    provider: TestProvider
    edge: Process
    agents: list[TestAgent] = attrs.field(factory=list)

    @property
    def usage(self) -> psutil.Process:
        """The edge's process."""
        return psutil.Process(self.edge.popen.pid)

    def cpu_s(self) -> float:
        """CPU seconds of the edge so far."""
        return cpu_s(self.usage)


@contextmanager
def rig(**settings: str) -> Iterator[Rig]:
    """A new provider in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        provider = TestProvider.make(Path(folder) / "provider", **settings)
        try:
            edge = provider.start("edge", "--data", str(provider.data))
            wait_for_port(provider.remote_port, edge)
            yield Rig(provider, edge)
        finally:
            provider.stop()


async def enroll(to: Rig, count: int) -> None:
    """Enroll *count* agents of one company."""
    to.provider.command("company", "add", "Bench")
    made = to.provider.json("token", "create", "--company", "Bench", "--simulation", "--uses", str(count))
    token = Token.parse(made["token"])
    for _ in range(count):
        to.agents.append(await TestAgent(synthetic=True).enroll(to.provider.remote_port, token))


# -- limits ------------------------------------------------------------------------------------------------------------


def raw_append() -> float:
    """Events per second of the same payloads in one file, a writev and an fdatasync for each GROUP."""
    cutter = Cutter.of(7, BATCH)
    group = [cutter.cut() for _ in range(GROUP)]
    with tempfile.NamedTemporaryFile() as file:
        started = time.perf_counter()
        for _ in range(RAW_GROUPS):
            os.writev(file.fileno(), group)
            os.fdatasync(file.fileno())
        return RAW_GROUPS * GROUP * BATCH / (time.perf_counter() - started)


# -- loads -------------------------------------------------------------------------------------------------------------


async def closed_loop(to: Rig, batch: int, duration_s: float) -> tuple[float, HdrHistogram]:
    """Every agent has IN_FLIGHT batches on their way, as the real one does while it has credit: events/s, latencies in µs."""
    loaders = [await Loader.connect(agent, to.provider.remote_port, batch) for agent in to.agents[:AGENTS]]
    latency = HdrHistogram(1, 60_000_000, 3)
    done = 0
    until = trio.current_time() + duration_s

    async def drive(loader: Loader) -> None:
        waiting: dict[int, float] = {}

        def note(mark: int) -> None:
            nonlocal done
            now = time.perf_counter()
            for sequence in [each for each in waiting if each <= mark]:
                latency.record_value(int((now - waiting.pop(sequence)) * 1e6))
                done += batch

        while waiting or trio.current_time() < until:
            while len(waiting) < IN_FLIGHT and trio.current_time() < until:
                began = time.perf_counter()
                waiting[await loader.send(note)] = began
            if waiting:
                await loader.hear(note)

    started = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for loader in loaders:
            nursery.start_soon(drive, loader)
    elapsed = time.perf_counter() - started
    for loader in loaders:
        loader.line.stream.close()
    return done / elapsed, latency


async def open_loop(to: Rig, events_per_s: float, duration_s: float) -> HdrHistogram:
    """Batches come due on a timetable, whatever the edge does: latencies in µs, counted from when they were due."""
    loaders = [
        await Loader.connect(agent, to.provider.remote_port, BATCH)
        for agent in to.agents[AGENTS : 2 * AGENTS]
    ]
    latency = HdrHistogram(1, 60_000_000, 3)
    every_s = AGENTS * BATCH / events_per_s

    async def drive(loader: Loader, offset_s: float) -> None:
        due = time.perf_counter() + offset_s
        waiting: dict[int, float] = {}
        over = due + duration_s

        def note(mark: int) -> None:
            now = time.perf_counter()
            for sequence in [each for each in waiting if each <= mark]:
                latency.record_value(int((now - waiting.pop(sequence)) * 1e6))

        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                while time.perf_counter() < over or waiting:
                    await loader.hear(note)

            nursery.start_soon(listen)
            while due < over:
                await trio.sleep(max(due - time.perf_counter(), 0))
                payload = loader.cutter.cut()
                waiting[loader.cutter.next_sequence] = due
                await loader.line.say_payload(5, payload)
                due += every_s

    with trio.move_on_after(duration_s + 10):
        async with trio.open_nursery() as nursery:
            for number, loader in enumerate(loaders):
                nursery.start_soon(drive, loader, every_s * number / AGENTS)
    for loader in loaders:
        loader.line.stream.close()
    return latency


async def small_exchanges(to: Rig) -> float:
    """CPU microseconds of the edge for one event, sent alone and acknowledged: AGENTS agents at once."""
    loaders = [await Loader.connect(agent, to.provider.remote_port, 1) for agent in to.agents[:AGENTS]]

    async def drive(loader: Loader) -> None:
        for _ in range(EXCHANGES):
            await loader.round_trip()

    before = to.cpu_s()
    async with trio.open_nursery() as nursery:
        for loader in loaders:
            nursery.start_soon(drive, loader)
    used = to.cpu_s() - before
    for loader in loaders:
        loader.line.stream.close()
    return float(used / (AGENTS * EXCHANGES) * 1e6)


async def heartbeats(to: Rig) -> float:
    """CPU microseconds of the edge for one heartbeat, each read by itself."""
    loaders = [await Loader.connect(agent, to.provider.remote_port, 1) for agent in to.agents[:AGENTS]]

    async def drive(loader: Loader) -> None:
        for _ in range(EXCHANGES):
            await loader.line.heartbeat()
            await trio.sleep(BETWEEN_S)

    before = to.cpu_s()
    async with trio.open_nursery() as nursery:
        for loader in loaders:
            nursery.start_soon(drive, loader)
    used = to.cpu_s() - before
    for loader in loaders:
        loader.line.stream.close()
    return used / (AGENTS * EXCHANGES) * 1e6


async def connects(to: Rig) -> float:
    """CPU microseconds of the edge for one agent that connects, is welcomed, holds its claim and is gone again."""

    async def drive(agent: TestAgent) -> None:
        for _ in range(CONNECTS):
            line, welcome = await agent.greet(to.provider.remote_port)
            if not isinstance(welcome, Welcome):
                raise ConnectionError(f"no Welcome: {welcome}")
            line.stream.close()

    before = to.cpu_s()
    async with trio.open_nursery() as nursery:
        for agent in to.agents[:AGENTS]:
            nursery.start_soon(drive, agent)
    await trio.sleep(1)  # the claims' ends are written every so often
    return (to.cpu_s() - before) / (AGENTS * CONNECTS) * 1e6


async def idle_memory(to: Rig) -> float:
    """Kilobytes of the edge's resident set for each connected, welcomed agent, the first hundred left out."""
    lines = []
    base = 0
    for number, agent in enumerate(to.agents[:IDLE_AGENTS]):
        line, _ = await agent.greet(to.provider.remote_port)
        await line.heartbeat()
        lines.append(line)
        if number == 99:
            base = to.usage.memory_info().rss
    await trio.sleep(1)
    grown = to.usage.memory_info().rss - base
    for line in lines:
        line.stream.close()
    return float(grown / 1000 / (len(lines) - 100))


# -- what is reported --------------------------------------------------------------------------------------------------


async def acknowledged(to: Rig) -> Iterator[Row]:
    """The projector stands still: what the edge alone can do."""
    raw = [raw_append()]
    await closed_loop(to, BATCH, RAMP_S)
    before = to.cpu_s()
    rate, latency = await closed_loop(to, BATCH, LOAD_S)
    cpu = (to.cpu_s() - before) / (rate * LOAD_S) * 1e6
    raw.append(raw_append())
    small = await small_exchanges(to)
    half = await open_loop(to, rate / 2, LOAD_S / 2)
    limit = statistics.median(raw)
    return iter(
        [
            {"what": f"events journaled and acknowledged, {AGENTS} agents, batches of {BATCH}, {IN_FLIGHT} in flight each, "
             "projector stopped",
             "unit": "events/s", "raw append + fdatasync": round(limit), "edge": round(rate), "ratio": round(rate / limit, 2)},
            {"what": "the same: edge CPU for one event", "unit": "µs", "edge": round(cpu, 2)},
            {"what": "the same: closed-loop ack latency p50 / p99", "unit": "ms",
             "p50": latency.get_value_at_percentile(50) / 1000, "p99": latency.get_value_at_percentile(99) / 1000},
            {"what": f"open loop at half that rate ({round(rate / 2)} events/s): ack latency p50 / p99", "unit": "ms",
             "p50": half.get_value_at_percentile(50) / 1000, "p99": half.get_value_at_percentile(99) / 1000},
            {"what": "one event sent alone and acknowledged: edge CPU", "unit": "µs", "edge": round(small, 1)},
            {"what": "a heartbeat: edge CPU", "unit": "µs", "edge": round(await heartbeats(to), 1)},
            {"what": "a connect, up to Welcome and claim: edge CPU", "unit": "µs", "edge": round(await connects(to))},
        ]
    )  # fmt: skip


async def end_to_end(to: Rig) -> list[Row]:
    """With the projector running: rows that reach the store while the edge is fed as fast as it takes them.

    The three processes share the machine; what each of them spends on an event tells how many cores the whole would fill.
    """
    projector = to.provider.start("projector", "--data", str(to.provider.data))
    processes = {
        "generator": psutil.Process(),
        "edge": to.usage,
        "projector": psutil.Process(projector.popen.pid),
    }
    url = f"sqlite:///{to.provider.data / 'store.sqlite'}"

    def stored() -> int:
        with closing(open_store(url)) as store:
            return sum(mark.next_sequence - 1 for mark in store.directory().marks)

    await closed_loop(to, BATCH, RAMP_S)
    before, began = stored(), time.perf_counter()
    cpu_before = {name: cpu_s(process) for name, process in processes.items()}
    accepted, _ = await closed_loop(to, BATCH, LOAD_S)
    cpu = {name: cpu_s(process) - cpu_before[name] for name, process in processes.items()}
    events, elapsed = stored() - before, time.perf_counter() - began
    projector.terminate()
    # The generator and the edge spend theirs on what is accepted, the projector on what it stores.
    spent = {name: cpu[name] / (events if name == "projector" else accepted * LOAD_S) * 1e6 for name in cpu}
    what = "end to end: events that reach the store while the edge is fed as fast as it takes them"
    return [
        {"what": what, "unit": "events/s", "edge accepts meanwhile": round(accepted), "stored": round(events / elapsed)},
        {"what": "the same: cores that each process kept busy", "unit": "CPU s / s"}
        | {name: round(seconds / elapsed, 2) for name, seconds in cpu.items()},
        {"what": "the same: CPU for one event", "unit": "µs"} | {name: round(each, 2) for name, each in spent.items()},
    ]  # fmt: skip


async def measure() -> list[Row]:
    """All of it."""
    rows: list[Row] = []
    # A full collection stops the load for 60 ms, and a batch's time counts from when it was due.
    gc.collect()
    gc.freeze()
    # Nobody projects here: without wider limits back-pressure would end the measurement after 30 s or 256 MiB.
    with rig(limits_lag_s="3600", limits_lag_bytes=str(2**40)) as to:
        await enroll(to, 2 * AGENTS)
        rows += await acknowledged(to)
    with rig() as to:
        await enroll(to, AGENTS)
        rows += await end_to_end(to)
    with rig(limits_per_address="5000", limits_pre_auth_connections="5000") as to:
        await enroll(to, IDLE_AGENTS)
        rows.append({"what": "memory per connected agent (mTLS, welcomed, idle)", "unit": "kB",
                     "edge": round(await idle_memory(to), 1)})  # fmt: skip
    return rows


def run() -> list[Row]:
    """Rows for bench/RESULTS.md."""
    return trio.run(measure)


def main() -> None:
    """Print the rows."""
    for row in run():
        print(row)


if __name__ == "__main__":
    main()
