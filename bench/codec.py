"""What reading and writing messages costs: beside bare msgpack, cattrs and msgspec on the same events.

    python -m bench.codec

One batch of 100 job events of 12 fields (19 kB). CPU time of this thread, microseconds a batch: medians of rounds in which
all contestants take turns, and `ratio` as the median of each round's ratio to bare msgpack.

- *bare*: `msgpack.unpackb` or `packb` of the batch, no check at all.
- *fieldgate*: the payload to a message: types, ranges, lengths, NUL, enums, UTF-8, the batch's head; or back.
- *one bad row*: the same when a row is invalid and has to be found.
- *objects*: msgpack, and an attrs object for every row (each cell checked by itself).
- *cattrs*: msgpack maps and `structure` into attrs classes. It checks no range and no length, and takes text for integers.
- *msgspec, types*: a Decoder for Structs in array form that checks types only.
- *msgspec, rules*: the same with our ranges, lengths and the ban on NUL as `Meta` constraints.
"""

import random
import statistics
import time
import uuid
from collections.abc import Callable
from typing import Annotated, Any

import attrs
import cattrs
import msgpack
import msgspec

from protocol import (
    NO_BATCH,
    Ack,
    Durability,
    EventBatch,
    EventKind,
    Health,
    Heartbeat,
    JobEvent,
    JobStatus,
    Mark,
    decode,
    encode,
)
from protocol.kinds import TIME_MAX_MS

Row = dict[str, str | float]
Contestants = dict[str, Callable[[], object]]

EVENTS = 100
ROUNDS = 41
REPEATS = 10


def events(seed: int = 1) -> list[JobEvent]:
    """Believable events: uuids, sizes of some gigabytes, a sentence each."""
    rng = random.Random(seed)

    def uid() -> str:
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))

    return [
        JobEvent(
            time_ms=1_764_000_000_000 + rng.randrange(10**9),
            kind=EventKind.WORKLOAD_FINISHED,
            job_uid=uid(),
            session_uid=uid(),
            workload_uid=uid(),
            status=rng.choice((JobStatus.SUCCESS, JobStatus.WARNING)),
            attempt=1,
            duration_ms=rng.randrange(10**6),
            processed_bytes=rng.randrange(10**11),
            transferred_bytes=rng.randrange(10**10),
            code=0,
            message=f"Processing of vm-{rng.randrange(1000)} finished at {rng.randrange(900)} MB/s",
        )
        for _ in range(EVENTS)
    ]


@attrs.frozen
class CattrsEvent:
    """An event as cattrs would have it."""

    time_ms: int
    kind: EventKind
    job_uid: str
    session_uid: str
    workload_uid: str
    status: JobStatus
    attempt: int
    duration_ms: int
    processed_bytes: int
    transferred_bytes: int
    code: int
    message: str


class TypedEvent(msgspec.Struct, array_like=True, frozen=True):
    """An event as msgspec checks it without constraints."""

    time_ms: int
    kind: EventKind
    job_uid: str
    session_uid: str
    workload_uid: str
    status: JobStatus
    attempt: int
    duration_ms: int
    processed_bytes: int
    transferred_bytes: int
    code: int
    message: str


class TypedBatch(msgspec.Struct, array_like=True, frozen=True):
    """Its batch."""

    epoch: int
    first_sequence: int
    count: int
    previous: bytes
    replaces: bytes
    rows: list[TypedEvent]


Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Uid = Annotated[str, msgspec.Meta(max_length=64, pattern="^[^\0]*$")]


class RuledEvent(msgspec.Struct, array_like=True, frozen=True):
    """An event with our rules as msgspec can say them."""

    time_ms: Annotated[int, msgspec.Meta(ge=0, le=TIME_MAX_MS)]
    kind: EventKind
    job_uid: Uid
    session_uid: Uid
    workload_uid: Uid
    status: JobStatus
    attempt: Size
    duration_ms: Size
    processed_bytes: Size
    transferred_bytes: Size
    code: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    message: Annotated[str, msgspec.Meta(max_length=1024, pattern="^[^\0]*$")]


class RuledBatch(msgspec.Struct, array_like=True, frozen=True):
    """Its batch."""

    epoch: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    first_sequence: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    count: Annotated[int, msgspec.Meta(ge=1, le=2**20)]
    previous: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    replaces: bytes
    rows: list[RuledEvent]


def run() -> list[Row]:
    """All figures, one row for each contestant."""
    named = events()
    rows = tuple(event.to_row() for event in named)
    batch = EventBatch(epoch=2**62 + 5, first_sequence=1, count=EVENTS, previous=NO_BATCH, rows=rows)
    payload = encode(batch)
    bad = msgpack.packb(
        [batch.epoch, 1, EVENTS, NO_BATCH, b"", [*rows[:60], (-1, *rows[60][1:]), *rows[61:]]]
    )
    maps = msgpack.packb([attrs.asdict(event) for event in named])
    converter = cattrs.Converter()
    typed, ruled = msgspec.msgpack.Decoder(TypedBatch), msgspec.msgpack.Decoder(RuledBatch)
    values = msgpack.unpackb(payload)
    typed_batch = typed.decode(payload)

    decoding: Contestants = {
        "bare": lambda: msgpack.unpackb(payload),
        "fieldgate": lambda: decode(EventBatch.tag, payload),
        "fieldgate, one bad row": lambda: decode(EventBatch.tag, bad),
        "objects": lambda: [JobEvent.from_row(row) for row in msgpack.unpackb(payload)[5]],
        "cattrs": lambda: converter.structure(msgpack.unpackb(maps), list[CattrsEvent]),
        "msgspec, types": lambda: typed.decode(payload),
        "msgspec, rules": lambda: ruled.decode(payload),
    }
    encoding: Contestants = {
        "bare": lambda: msgpack.packb(values),
        "fieldgate": lambda: encode(batch),
        "objects": lambda: encode(attrs.evolve(batch, rows=[event.to_row() for event in named])),
        "cattrs": lambda: msgpack.packb(converter.unstructure(named)),
        "msgspec": lambda: msgspec.msgpack.encode(typed_batch),
    }
    return [
        *_compared("decode", decoding, len(payload)),
        *_compared("encode", encoding, len(payload)),
        *_small(),
    ]


def _small() -> list[Row]:
    """The messages that every session has many of."""
    beat = Heartbeat(
        agent_time_ms=1_764_000_000_000, health=Health.HEALTHY, outbox_records=10, outbox_bytes=2000
    )
    mark = Mark(epoch=2**62, next_sequence=10**6, batch_id=NO_BATCH)
    ack = Ack(durability=Durability.DISK, durable=(mark,), released=(mark,))
    found: list[Row] = []
    for message in (beat, ack):
        payload, name = encode(message), type(message).__name__
        contestants: Contestants = {
            "bare": lambda payload=payload: msgpack.unpackb(payload),  # type: ignore[misc]  # binds the loop's value
            "decode": lambda tag=message.tag, payload=payload: decode(tag, payload),  # type: ignore[misc]  # likewise
            "encode": lambda message=message: encode(message),  # type: ignore[misc]  # likewise
        }
        times = _measured(contestants)
        figures = {f"{who}_us": round(statistics.median(taken), 2) for who, taken in times.items()}
        found.append({"what": name, "unit": "µs a message", **figures})
    return found


def _compared(what: str, contestants: Contestants, n_bytes: int) -> list[Row]:
    times = _measured(contestants)
    rows: list[Row] = []
    for who, taken in times.items():
        ratio = statistics.median(a / b for a, b in zip(taken, times["bare"], strict=True))
        median = statistics.median(taken)
        rows.append(
            {
                "what": f"{what}: {who}",
                "unit": f"{EVENTS} events, {n_bytes:,} bytes",
                "us_a_batch": round(median, 1),
                "us_an_event": round(median / EVENTS, 2),
                "ratio": round(ratio, 2),
            }
        )
    return rows


def _measured(contestants: Contestants) -> dict[str, list[float]]:
    """CPU microseconds a call, one figure for each round."""
    times: dict[str, list[float]] = {who: [] for who in contestants}
    for round_number in range(-2, ROUNDS):  # the first two warm up
        for who, call in contestants.items():
            started = time.thread_time_ns()
            for _ in range(REPEATS):
                call()
            taken = (time.thread_time_ns() - started) / REPEATS / 1000
            if round_number >= 0:
                times[who].append(taken)
    return times


def main() -> None:
    """Print the figures."""
    for row in run():
        figures: dict[str, Any] = {key: value for key, value in row.items() if key not in ("what", "unit")}
        print(f"{row['what']:32} {figures}")


if __name__ == "__main__":
    main()
