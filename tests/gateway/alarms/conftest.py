"""Fixtures of the alarms' tests, and what they share: an estate whose jobs end as a test wants."""

from collections.abc import Iterator

import attrs
import pytest

from gateway.alarms import Engine
from gateway.store import AgentEntry, Alarm, Store
from protocol import EventKind, JobStatus
from tests.gateway.sinks.receiver import Receiver, receiving
from tests.helpers.postgres import postgres_server
from tests.helpers.stores import (
    World,
    apply_batch,
    enroll,
    event,
    make_world,
    open_stream,
    postgres_database,
    postgres_store,
    postgres_url,
    sqlite_store,
    sqlite_template,
    sqlite_url,
    store,
    streams_of,
)

__all__ = [
    "postgres_database",
    "postgres_server",
    "postgres_store",
    "postgres_url",
    "sqlite_store",
    "sqlite_template",
    "sqlite_url",
    "store",
]

NOW = 10_000_000


@attrs.define
class Estate:
    """A company with an agent, and an engine that looks at it."""

    store: Store
    world: World
    agent: AgentEntry
    engine: Engine

    def end_job(
        self, run: str, status: JobStatus, *, job: str = "nightly", at: int = NOW, message: str = ""
    ) -> None:
        """A session of a job ends, and is projected."""
        row = event(
            0, time_ms=at, kind=EventKind.JOB_FINISHED, job_uid=job, session_uid=run, status=status, message=message
        )  # fmt: skip
        started = event(0, time_ms=at - 5, kind=EventKind.JOB_STARTED, job_uid=job, session_uid=run, status=1)
        with self.store.projection() as p:
            known = streams_of(p, self.agent, 7)
            stream = known[0].stream_id if known else open_stream(p, self.agent, epoch=7)
            first = known[0].next_sequence if known else 1
            apply_batch(
                p, self.agent, epoch=7, stream_id=stream, first=first, rows=[started, row], batch_id=first.to_bytes(16, "big"),
                received_ms=at,
            )  # fmt: skip

    def open(self) -> list[tuple[str, str, str, int]]:
        """The open alarms: template, object, severity, how often."""
        return [
            (each.template, each.object_name, each.severity.value, each.repeat_count)
            for each in self.store.alarms.list()
        ]

    def only(self) -> Alarm:
        """The one open alarm."""
        [alarm] = self.store.alarms.list()
        return alarm


@pytest.fixture
def estate(store: Store) -> Estate:
    """An estate on each database in turn, that the engine has seen once."""
    made = Estate(store, make_world(store), enroll(store), Engine(store))
    made.engine.tick(NOW)
    return made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook's receiver at work."""
    with receiving() as made:
        yield made
