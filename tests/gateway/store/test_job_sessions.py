"""Job sessions: the same summary, whatever order its events arrive in."""

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.store import AgentEntry, JobSession, Store
from protocol import EventKind, JobStatus
from tests.helpers.stores import enroll, event, make_world, open_stream


@pytest.fixture
def agent(store: Store) -> AgentEntry:
    make_world(store)
    return enroll(store)


def started(run: str, *, at: int, attempt: int = 1) -> list[Any]:
    return event(
        0, time_ms=at, kind=EventKind.JOB_STARTED, job_uid="job", session_uid=run, status=JobStatus.RUNNING,
        attempt=attempt, duration_ms=0, processed_bytes=0, transferred_bytes=0, message="",
    )  # fmt: skip


def finished(
    run: str, *, at: int, status: int = JobStatus.SUCCESS, attempt: int = 1, amount: int = 7
) -> list[Any]:
    return event(
        0, time_ms=at, kind=EventKind.JOB_FINISHED, job_uid="job", session_uid=run, status=status, attempt=attempt,
        duration_ms=amount, processed_bytes=amount, transferred_bytes=amount, code=amount, message=f"m{amount}",
    )  # fmt: skip


def project(
    store: Store, agent: AgentEntry, rows: list[list[Any]], *, at_a_time: int = 100
) -> list[JobSession]:
    """Project events in that order, some at a time; returns the sessions."""
    for start in range(0, len(rows), at_a_time):
        with store.projection() as p:
            stream = open_stream(p, agent, epoch=7)
            p.events.insert(
                [
                    (stream, n, agent.agent_id, 5000, *cells)
                    for n, cells in enumerate(rows[start : start + at_a_time])
                ]
            )
    return store.events.job_sessions(agent.agent_uid)


def test_a_session_is_summed_up(store: Store, agent: AgentEntry) -> None:
    """Start, end, last status, bytes, attempts and message."""
    rows = [started("r", at=10), finished("r", at=50, status=JobStatus.WARNING, attempt=2, amount=9)]
    assert project(store, agent, rows) == [
        JobSession(
            agent_uid=agent.agent_uid, session_uid="r", job_uid="job", start_ms=10, end_ms=50, status=JobStatus.WARNING,
            attempts=2, duration_ms=9, processed_bytes=9, transferred_bytes=9, code=9, message="m9",
        )
    ]  # fmt: skip


def test_a_running_session_shows_before_it_ends(store: Store, agent: AgentEntry) -> None:
    """And one of which only the end is known shows as well."""
    newest, older = project(store, agent, [finished("r1", at=50), started("r2", at=60)])
    assert (newest.session_uid, newest.status, newest.end_ms) == ("r2", JobStatus.RUNNING, None)
    assert (older.session_uid, older.status, older.start_ms) == ("r1", JobStatus.SUCCESS, None)


def test_a_late_start_does_not_reopen_a_session(store: Store, agent: AgentEntry) -> None:
    """It came from a journal that was read later."""
    (found,) = project(store, agent, [finished("r", at=50), started("r", at=10)], at_a_time=1)
    assert (found.status, found.start_ms, found.end_ms, found.message) == (JobStatus.SUCCESS, 10, 50, "m7")


def test_only_job_events_make_sessions(store: Store, agent: AgentEntry) -> None:
    """Workloads, retries and notices do not; neither does an event that names no session."""
    rows = [event(n, kind=kind) for n, kind in enumerate(EventKind) if not kind.name.startswith("JOB")]
    rows += [started("", at=1), finished("", at=2)]
    assert project(store, agent, rows) == []


RUNS = st.sampled_from(["r1", "r2"])
TIMES = st.integers(1, 4)
ATTEMPTS = st.integers(1, 3)
EVENTS = st.one_of(
    st.builds(started, RUNS, at=TIMES, attempt=ATTEMPTS),
    st.builds(
        finished, RUNS, at=TIMES, attempt=ATTEMPTS, amount=st.integers(0, 2),
        status=st.sampled_from([JobStatus.SUCCESS, JobStatus.WARNING, JobStatus.FAILED]),
    ),
)  # fmt: skip


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_order_and_repetition_do_not_matter(backend: str, request: pytest.FixtureRequest) -> None:
    """Any order of any events, cut anywhere, with any of them twice, gives the same sessions."""
    store: Store = request.getfixturevalue(f"{backend}_store")
    make_world(store)
    keys = iter(range(10_000))

    @given(st.lists(EVENTS, min_size=1, max_size=6), st.data())
    @settings(max_examples=60 if backend == "sqlite" else 25)
    def check(rows: list[list[Any]], data: st.DataObject) -> None:
        shuffled = data.draw(st.permutations(rows + data.draw(st.lists(st.sampled_from(rows), max_size=3))))
        first, second = (enroll(store, key=next(keys)) for _ in range(2))
        straight = project(store, first, rows)
        other = project(store, second, shuffled, at_a_time=data.draw(st.integers(1, 4)))
        assert [attrs.evolve(session, agent_uid=first.agent_uid) for session in other] == straight

    check()
