"""The load that the edge's figures rest on: cheap agents, so that the generator is not what is measured.

A batch is a template of events of 12 fields. Written anew are its head (sequence number, `previous`), with integers of a fixed
width, which msgpack allows, and what makes events new: their times and their job sessions. It is hashed, because the chain
is what the projector checks. The same times again and again would make an index of them that no server's events make: every
event on a page of its own.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable
from uuid import UUID

import attrs
import msgpack
import trio

from protocol import Ack, EventBatch, EventKind, JobStatus, Welcome
from tests.helpers.agent import Line, TestAgent

LIMIT_S = 60.0
TIME = struct.Struct(">Q")


START_MS = 1_700_000_000_000
STEP_MS = 250
RUN = 20  # events of one job session


def session_uid(number: int) -> str:
    """The uid of a job session."""
    return str(UUID(int=number))


def event_rows(count: int) -> list[list[object]]:
    """Believable events: uids repeat within a job, a message is a line."""
    kinds = {0: EventKind.JOB_STARTED, 10: EventKind.JOB_FINISHED}
    return [
        [
            START_MS + STEP_MS * n, int(kinds.get(n % RUN, EventKind.WORKLOAD_FINISHED)), str(UUID(int=n % 8)),
            session_uid(n // RUN), str(UUID(int=n)), int(JobStatus.SUCCESS), 1, 61_000, 17 << 30, 2 << 30, 0,
            f"vm{n:04}: processed 17.0 GiB, transferred 2.0 GiB",
        ]
        for n in range(count)
    ]  # fmt: skip


def offsets(packed: bytes, values: Iterable[bytes]) -> list[int]:
    """Where each value begins; every one lies behind the one before it."""
    found, at = [], 0
    for value in values:
        at = packed.index(value, at)
        found.append(at)
        at += len(value)
    return found


@attrs.define
class Cutter:
    """Cuts batches of one agent: a true chain of events, each at a time of its own."""

    epoch: int
    rows: bytearray
    count: int
    times: list[int]
    """Offsets in *rows*."""
    sessions: list[int]
    next_sequence: int = 1
    previous: bytes = bytes(16)

    @classmethod
    def of(cls, epoch: int, count: int) -> "Cutter":
        """A cutter of batches of *count* events."""
        rows = event_rows(count)
        packed = msgpack.packb(rows)
        return cls(
            epoch=epoch,
            rows=bytearray(packed),
            count=count,
            times=[at + 1 for at in offsets(packed, (msgpack.packb(row[0]) for row in rows))],
            sessions=offsets(packed, (str(row[3]).encode() for row in rows)),
        )

    def cut(self) -> bytes:
        """The payload of the next batch."""
        now_ms = START_MS + STEP_MS * self.next_sequence
        for at in self.times:
            TIME.pack_into(self.rows, at, now_ms)
            now_ms += STEP_MS
        first_run = self.next_sequence // RUN
        for n, at in enumerate(self.sessions):
            if n % RUN == 0:
                uid = session_uid(first_run + n // RUN).encode()
            self.rows[at : at + len(uid)] = uid
        head = struct.pack(
            ">BBQBQBIBB", 0x96, 0xCF, self.epoch, 0xCF, self.next_sequence, 0xCE, self.count, 0xC4, 16
        )
        payload = head + self.previous + b"\xc4\x00" + self.rows
        self.previous = hashlib.sha256(payload).digest()[:16]
        self.next_sequence += self.count
        return payload


@attrs.define
class Loader:
    """One connected agent that sends batches and hears their acknowledgements."""

    line: Line
    cutter: Cutter

    @classmethod
    async def connect(cls, agent: TestAgent, port: int, count: int) -> "Loader":
        """Open a session."""
        line, welcome = await agent.greet(port)
        if not isinstance(welcome, Welcome):
            raise ConnectionError(f"no Welcome: {welcome}")
        await line.heartbeat()
        return cls(line, Cutter.of(agent.epoch, count))

    async def send(self, durable: Callable[[int], None]) -> int:
        """Send one batch as soon as there is credit; the sequence that its acknowledgement will name."""
        payload = self.cutter.cut()
        while self.line.connection.credit < len(payload):
            await self.hear(durable)
        await self.line.say_payload(EventBatch.tag, payload)
        return self.cutter.next_sequence

    async def hear(self, durable: Callable[[int], None]) -> None:
        """Read one message; *durable* is told how far an acknowledgement reaches."""
        with trio.fail_after(LIMIT_S):
            message = await self.line.hear()
        if message is None:
            raise ConnectionError("the edge closed the session")
        self.line.heard.clear()
        if isinstance(message, Ack):
            for mark in message.durable:
                durable(mark.next_sequence)

    async def round_trip(self) -> None:
        """Send one batch and wait until it is durable."""
        reached = 0

        def note(mark: int) -> None:
            nonlocal reached
            reached = max(reached, mark)

        wanted = await self.send(note)
        while reached < wanted:
            await self.hear(note)
