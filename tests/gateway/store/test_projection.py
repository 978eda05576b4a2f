"""The projector's transaction: rows, marks, cursor and changes move together or not at all."""

import attrs
import msgpack
import pytest

from gateway.store import (
    AgentEntry,
    CursorMoved,
    Quarantined,
    ReleasedMark,
    Store,
    StoredBatch,
    StoredStream,
    StoreFull,
    StoreUnreachable,
)
from gateway.store.errors import driver_errors
from gateway.store.events import PAGE_ROWS
from tests.helpers.stores import apply_batch, enroll, event, make_world, open_stream, streams_of


@pytest.fixture
def agent(store: Store) -> AgentEntry:
    make_world(store)
    return enroll(store)


CURSOR = CursorMoved(journal_uid="j", segment=2, incarnation=b"i" * 16, offset=512, time_ms=9)


def released(agent: AgentEntry, stream: int, following: int) -> ReleasedMark:
    return ReleasedMark(
        agent_uid=agent.agent_uid, stream_id=stream, epoch=7, first_sequence=1, next_sequence=following,
        batch_id=b"b" * 16,
    )  # fmt: skip


def test_what_is_projected_can_be_read(store: Store, agent: AgentEntry) -> None:
    """Every cell of every event comes back, in order, under its sequence number."""
    rows = [event(n) for n in range(1, 101)]
    with store.projection() as p:
        stream = open_stream(p, agent, epoch=7)
        apply_batch(p, agent, epoch=7, stream_id=stream, first=1, rows=rows, batch_id=b"b" * 16)
        p.publish(released(agent, stream, 101))
        p.journals.save(CURSOR)
    stored = list(store.events.export(agent.agent_uid))
    assert [found.sequence for found in stored] == list(range(1, 101))
    for found, cells in zip(stored, rows, strict=True):
        own = list(attrs.astuple(found))
        assert own == [agent.agent_uid, 7, stream, found.sequence, 5000, *cells]
    assert [change.body for change in store.changes.after(1)] == [released(agent, stream, 101), CURSOR]
    assert store.cursors() == {"j": CURSOR}


def test_all_or_nothing(store: Store, agent: AgentEntry) -> None:
    """An exception takes rows, stream, cursor and changes with it."""

    def fail_late() -> None:
        with store.projection() as p:
            stream = open_stream(p, agent, epoch=7)
            apply_batch(p, agent, epoch=7, stream_id=stream, first=1, rows=[event(1)], batch_id=b"b" * 16)
            p.journals.save(CURSOR)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    assert list(store.events.export()) == []
    assert store.cursors() == {}
    assert store.changes.last_id() == 1
    with store.projection() as p:
        assert streams_of(p, agent, 7) == []
        assert p.journals.cursor("j") is None


def test_a_savepoint_undoes_one_batch_only(store: Store, agent: AgentEntry) -> None:
    """A batch that raises costs itself, not its neighbours: also when the database raised."""
    with store.projection() as p:
        stream = open_stream(p, agent, epoch=7)
        apply_batch(p, agent, epoch=7, stream_id=stream, first=1, rows=[event(1)], batch_id=b"1" * 16)
        with pytest.raises(driver_errors(), match=r"(?i)unique"), p.savepoint():
            apply_batch(p, agent, epoch=7, stream_id=stream, first=1, rows=[event(2)], batch_id=b"x" * 16)
        with pytest.raises(TypeError, match="whose"), p.savepoint():
            raise TypeError("whose fault is it")
        apply_batch(p, agent, epoch=7, stream_id=stream, first=2, rows=[event(2)], batch_id=b"2" * 16)
    assert [found.message for found in store.events.export()] == ["message 1", "message 2"]
    with store.projection() as p:
        assert [found.next_sequence for found in streams_of(p, agent, 7)] == [3]


def test_a_full_disk_is_no_batchs_fault(sqlite_store: Store) -> None:
    """What the database itself cannot do leaves the savepoint as a StoreError: nobody is quarantined for it.

    SQLite has a knob for it; PostgreSQL's errors take the same way, by SQLSTATE (test_locking.py).
    """
    store = sqlite_store
    make_world(store)
    agent = enroll(store)

    def fill() -> None:
        with store.projection() as p:
            stream = open_stream(p, agent, epoch=7)
            pages = p._hot.one("PRAGMA page_count")
            assert pages is not None
            p._hot.run(f"PRAGMA max_page_count = {pages[0] + 1}")
            with pytest.raises(StoreFull), p.savepoint():
                apply_batch(
                    p, agent, epoch=7, stream_id=stream, first=1, rows=[event(1)] * 10_000, batch_id=b"b" * 16
                )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fill()
    assert list(store.events.export()) == []


def test_a_server_that_goes_away_is_no_batchs_fault(postgres_store: Store) -> None:
    """The connection is lost in the middle: the savepoint says so, and the next transaction finds the server again."""
    store = postgres_store
    make_world(store)
    agent = enroll(store)

    def be_cut_off() -> None:
        with store.projection() as p:
            stream = open_stream(p, agent, epoch=7)
            own = p._hot.one("SELECT pg_backend_pid()")
            assert own is not None
            with store._db.write() as other:
                other.exec_driver_sql("SELECT pg_terminate_backend(%s)", own)
            with p.savepoint():
                apply_batch(p, agent, epoch=7, stream_id=stream, first=1, rows=[event(1)], batch_id=b"b" * 16)

    with pytest.raises(StoreUnreachable):
        be_cut_off()
    with store.projection() as p:
        assert streams_of(p, agent, 7) == []


def test_streams_and_batches_are_found_again(store: Store, agent: AgentEntry) -> None:
    """What placement decides by, and nothing of another agent or epoch."""
    other = enroll(store, key=2)
    with store.projection() as p:
        first = open_stream(p, agent, epoch=7, opened_ms=1000)
        second = open_stream(p, agent, epoch=7, base=50, opened_ms=2000)
        open_stream(p, agent, epoch=8, opened_ms=3000)
        open_stream(p, other, epoch=7, opened_ms=3000)
        apply_batch(p, agent, epoch=7, stream_id=first, first=1, rows=[event(1)] * 3, batch_id=b"b" * 16)
    with store.projection() as p:
        assert streams_of(p, agent, 7) == [
            StoredStream(stream_id=first, base=1, held_from=1, next_sequence=4, tip=b"b" * 16),
            StoredStream(stream_id=second, base=50, held_from=50, next_sequence=50, tip=bytes(16)),
        ]
        assert [p.streams.opened_since(agent.agent_id, since) for since in (0, 2000, 3001)] == [3, 2, 0]
        known = StoredBatch(stream_id=first, held_from=1, first_sequence=1, next_sequence=4, tombstone=False)
        key = (agent.agent_id, 7, b"b" * 16)
        elsewhere = [
            (agent.agent_id, 8, b"b" * 16),
            (other.agent_id, 7, b"b" * 16),
            (agent.agent_id, 7, bytes(16)),
        ]
        assert p.batches.find([*elsewhere, key]) == {key: known}
        assert set(p.agents(["nobody", agent.agent_uid, other.agent_uid])) == {
            agent.agent_uid,
            other.agent_uid,
        }
        found = p.agents([agent.agent_uid])[agent.agent_uid]
        assert (found.agent_id, found.kind, found.synthetic) == (agent.agent_id, "client", False)


def test_a_tombstone_is_filled(store: Store, agent: AgentEntry) -> None:
    """The place is remembered, and taken once."""
    with store.projection() as p:
        stream = open_stream(p, agent, epoch=7)
        p.batches.add([(agent.agent_id, 7, b"t" * 16, stream, 1, 3, 5, 1, True)])
        key = (agent.agent_id, 7, b"t" * 16)
        assert p.batches.find([key])[key].tombstone
        p.batches.fill(*key)
        assert not p.batches.find([key])[key].tombstone


def test_quarantine_keeps_what_could_not_become_rows(store: Store, agent: AgentEntry) -> None:
    """Once, with its reason and its bytes; also of an agent that the store does not know."""
    payload = msgpack.packb(event(1))
    kept = [
        Quarantined(
            agent_uid=uid, epoch=7, batch_id=b"b" * 16, tag=5, sequence=sequence, reason="kind: 99 is none", received_ms=3,
            payload=payload,
        )
        for uid, sequence in ((agent.agent_uid, 2), (agent.agent_uid, 0), ("stranger", 0))
    ]  # fmt: skip
    for _ in range(2):
        with store.projection() as p:
            for item in kept:
                p.quarantine.add(
                    item.agent_uid, epoch=item.epoch, batch_id=item.batch_id, tag=item.tag, sequence=item.sequence,
                    reason=item.reason, payload=item.payload, received_ms=item.received_ms,
                )  # fmt: skip
    assert store.events.quarantined() == kept
    assert store.events.quarantined("stranger") == kept[2:]


def test_an_export_is_ordered_and_paged(store: Store, agent: AgentEntry) -> None:
    """By agent, stream and sequence, over page borders; one agent's export has no other's event."""
    other = enroll(store, key=2)
    count = PAGE_ROWS + 3
    with store.projection() as p:
        late = open_stream(p, other, epoch=7)
        early = open_stream(p, agent, epoch=9)
        for owner, stream, rows in ((other, late, 2), (agent, early, count)):
            many = [event(n) for n in range(rows)]
            apply_batch(p, owner, epoch=7, stream_id=stream, first=1, rows=many, batch_id=b"b" * 16)
    everything = [(found.agent_uid, found.stream_id, found.sequence) for found in store.events.export()]
    assert everything == [
        *((agent.agent_uid, early, n) for n in range(1, count + 1)),
        *((other.agent_uid, late, n) for n in range(1, 3)),
    ]
    assert len(list(store.events.export(other.agent_uid))) == 2
    assert list(store.events.export("nobody")) == []


def test_a_tail_follows_application(store: Store, agent: AgentEntry) -> None:
    """New batches show in the order in which they were applied, each once, whosever they are."""
    other = enroll(store, key=2)
    assert store.events.tail(store.events.newest_batch()) == ([], 0)
    with store.projection() as p:
        theirs, ours = open_stream(p, other, epoch=7), open_stream(p, agent, epoch=7)
        for first, owner, stream in ((1, other, theirs), (1, agent, ours), (3, other, theirs)):
            rows = [event(first), event(first + 1)]
            apply_batch(
                p,
                owner,
                epoch=7,
                stream_id=stream,
                first=first,
                rows=rows,
                batch_id=bytes([stream, first]) * 8,
            )
    page, place = store.events.tail(0, limit=2)
    assert [(found.stream_id, found.sequence) for found in page] == [
        (theirs, 1),
        (theirs, 2),
        (ours, 1),
        (ours, 2),
    ]
    rest, end = store.events.tail(place)
    assert [(found.stream_id, found.sequence) for found in rest] == [(theirs, 3), (theirs, 4)]
    assert end == store.events.newest_batch()
    assert store.events.tail(end) == ([], end)


def test_a_resync_is_asked_until_it_is_answered(store: Store, agent: AgentEntry) -> None:
    """It outlives the session that heard it first; its end is heard once."""
    with store.projection() as p:
        known = p.agents([agent.agent_uid])[agent.agent_uid]
        p.ask(known, scope=3, epoch=7, from_sequence=1, now_ms=5)
        p.ask(known, scope=3, epoch=7, from_sequence=4, now_ms=6)
    (pending,) = store.directory().resyncs
    assert (pending.scope, pending.epoch, pending.from_sequence) == (3, 7, 4)
    for _ in range(2):
        with store.projection() as p:
            p.answered(known, scope=3, epoch=7)
    assert store.directory().resyncs == []
    assert [getattr(change.body, "pending", None) for change in store.changes.after(1)] == [False]
    assert store.changes.last_id() == 3
