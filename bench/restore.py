"""A large download beside a fleet: whether anybody's heartbeats and records wait for it, and how fast it is.

    python -m bench restore                  # 2,000 agents, 1 GiB

A real `fieldgate edge`, real TLS sessions, all on this machine: the generator, the edge and the disk share it. Every agent sends a heartbeat every
10 s. A heartbeat has no answer, so what is timed is stricter: one event, sent alone by each agent every 20 s in its turn, until its
acknowledgement says that it is on the disk; it is read in the same order as a heartbeat, and journaled besides. *before* is the
fleet alone, *beside* while one agent sends a file of 1 GiB through the spool, each chunk synced; *the sender's own* are events that it says on
that very session, between its chunks. A session that is ended, as one that misses three heartbeats is, ends the measurement: there is none.
"""

import hashlib
import time
from contextlib import closing
from typing import Final

import attrs
import trio
from hdrh.histogram import HdrHistogram

from bench.edge import Rig, rig
from bench.fleet import Cutter, Loader
from certs import Token
from gateway.store import open_store, ring
from protocol import (
    MAX_CHUNK,
    Ack,
    BulkChunk,
    BulkCredit,
    BulkOpen,
    Capability,
    Command,
    EventBatch,
    Welcome,
    commands,
)
from tests.helpers.agent import Line, TestAgent

Row = dict[str, str | float]

AGENTS: Final = 2000
SIZE: Final = 1 << 30
BEFORE_S: Final = 20.0
BEAT_S: Final = 10.0
TURN_S: Final = 20.0
"""From one event of an agent to its next."""
LIMIT_S: Final = 900.0


def latencies() -> HdrHistogram:
    """In µs."""
    return HdrHistogram(1, 120_000_000, 3)


@attrs.define
class Phase:
    """What is timed at present."""

    latency: HdrHistogram = attrs.field(factory=latencies)


async def exist(loader: Loader, number: int, phase: Phase) -> None:
    """Heartbeats, and an event in its turn, until cancelled."""
    await trio.sleep(TURN_S * number / AGENTS)
    while True:
        began = time.perf_counter()
        await loader.round_trip()
        phase.latency.record_value(max(1, int((time.perf_counter() - began) * 1e6)))
        for _ in range(int(TURN_S / BEAT_S)):
            await trio.sleep(BEAT_S)
            await loader.line.heartbeat()


async def enroll_all(to: Rig) -> None:
    """Enroll the agents, some at a time."""
    to.provider.command("company", "add", "Bench")
    made = to.provider.json(
        "token", "create", "--company", "Bench", "--simulation", "--uses", str(AGENTS + 1)
    )
    token, some = Token.parse(made["token"]), trio.CapacityLimiter(16)

    async def one() -> None:
        async with some:
            to.agents.append(await TestAgent(synthetic=True).enroll(to.provider.remote_port, token))

    async with trio.open_nursery() as nursery:
        for _ in range(AGENTS + 1):
            nursery.start_soon(one)


@attrs.define
class Sender:
    """An agent that sends a file, and an event now and then."""

    line: Line
    cutter: Cutter
    uid: str
    latency: HdrHistogram = attrs.field(factory=latencies)
    waiting: dict[int, float] = attrs.field(factory=dict)

    async def run(self, size: int) -> float:
        """Send it; the seconds that it took until the gateway said that it has it."""
        block = bytes(range(256)) * (MAX_CHUNK // 256)
        digest = hashlib.sha256()
        for _ in range(size // MAX_CHUNK):
            digest.update(block)
        began = time.perf_counter()
        await self.line.say(
            BulkOpen(
                transfer_uid=self.uid,
                command_uid=self.uid,
                name="bench",
                size_bytes=size,
                sha256=digest.digest(),
            )
        )
        said_at = began
        while True:
            credit = await self._credit()
            if credit.offset >= size:
                return time.perf_counter() - began
            if not credit.credit:
                raise ConnectionError(f"the file was refused: {credit.message}")
            await self.line.say(
                BulkChunk(transfer_uid=self.uid, offset=credit.offset, data=block[: credit.credit])
            )
            if time.perf_counter() - said_at > 0.5:
                said_at = time.perf_counter()
                await self.line.say_payload(EventBatch.tag, self.cutter.cut())
                self.waiting[self.cutter.next_sequence] = said_at

    async def _credit(self) -> BulkCredit:
        while True:
            message = await self.line.hear()
            self.line.heard.clear()
            if isinstance(message, BulkCredit):
                return message
            if message is None:
                raise ConnectionError("the edge closed the session")
            for mark in message.durable if isinstance(message, Ack) else ():
                for sequence in [each for each in self.waiting if each <= mark.next_sequence]:
                    took_s = time.perf_counter() - self.waiting.pop(sequence)
                    self.latency.record_value(max(1, int(took_s * 1e6)))


async def sender(to: Rig) -> Sender:
    """The last agent, asked for a file."""
    agent = to.agents[-1]
    asked = commands.DownloadItem(workload_uid="w", point_uid="p", path="/bench", max_bytes=SIZE)
    with closing(open_store(f"sqlite:///{to.provider.data / 'store.sqlite'}")) as store:
        command = store.commands.enqueue(
            agent.uid, asked, who="bench", ttl_ms=600_000, now_ms=time.time_ns() // 1_000_000
        )
    ring(to.provider.data / "run")
    able = (Capability.BULK | Capability.COMMANDS).value
    line, welcome = await agent.greet(to.provider.remote_port, capabilities=able)
    if not isinstance(welcome, Welcome):
        raise ConnectionError(f"no Welcome: {welcome}")
    await line.expect(Command)
    return Sender(line, Cutter.of(agent.epoch, 1), command.uid)


def row(what: str, latency: HdrHistogram) -> Row:
    """A histogram, in ms."""

    def at(percentile: float) -> float:
        return round(float(latency.get_value_at_percentile(percentile)) / 1000, 1)

    return {
        "what": what,
        "unit": "ms",
        "p50": at(50),
        "p99": at(99),
        "most": at(100),
        "times": latency.get_total_count(),
    }


async def measure() -> list[Row]:
    """All of it."""
    settings = {
        "limits_per_address": "10000", "limits_pre_auth_connections": "10000", "limits_lag_s": "3600",
        "limits_spool_bytes": str(2 * SIZE),
    }  # fmt: skip
    with rig(**settings) as to:
        await enroll_all(to)
        phase = Phase()
        async with trio.open_nursery() as nursery:
            for number, agent in enumerate(to.agents[:-1]):  # each lives from the moment when it is there
                loader = await Loader.connect(agent, to.provider.remote_port, 1)
                nursery.start_soon(exist, loader, number, phase)
            await trio.sleep(TURN_S)
            phase.latency = latencies()
            await trio.sleep(BEFORE_S)
            before, phase.latency = phase.latency, latencies()
            sending = await sender(to)
            cpu_before = to.cpu_s()
            with trio.fail_after(LIMIT_S):
                took_s = await sending.run(SIZE)
            cpu_s, beside = to.cpu_s() - cpu_before, phase.latency
            nursery.cancel_scope.cancel()
    return [
        row(f"one event of each of {AGENTS} agents until it is on the disk, before", before),
        row("the same, beside the download", beside),
        row("events that the sender says on the session of its file", sending.latency),
        {"what": f"a file of {SIZE >> 20} MiB, from its offer to its hash", "unit": "MiB/s",
         "rate": round((SIZE >> 20) / took_s, 1), "edge, CPU s": round(cpu_s, 1)},
    ]  # fmt: skip


def run() -> list[Row]:
    """Rows for bench/RESULTS.md."""
    return trio.run(measure)


def main() -> None:
    """Print the rows."""
    for each in run():
        print(each)


if __name__ == "__main__":
    main()
