"""Simulated agents can be removed, with all that they said; a real one never, and no number is given twice."""

import sqlalchemy as sa

from gateway.store import AgentEntry, ReleasedMark, Standing, Store
from gateway.store.schema import agents, batches, job_events, metadata, streams
from tests.helpers.stores import apply_batch, enroll, event, make_world, open_stream


def reported(store: Store, agent: AgentEntry, stream_rows: int = 3) -> int:
    """It has said something; its stream's number."""
    with store.projection() as p:
        stream = open_stream(p, agent, epoch=7)
        rows = [event(n) for n in range(1, stream_rows + 1)]
        apply_batch(p, agent, epoch=7, stream_id=stream, first=1, rows=rows, batch_id=bytes([stream]) * 16)
        p.publish(
            ReleasedMark(
                agent_uid=agent.agent_uid, stream_id=stream, epoch=7, first_sequence=1, next_sequence=stream_rows + 1,
                batch_id=b"b" * 16,
            )
        )  # fmt: skip
    return stream


def left(store: Store, table: sa.Table, *columns: str) -> list[tuple[object, ...]]:
    with store._db.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*(table.c[name] for name in columns)))]


def test_they_go_and_nobody_else(store: Store) -> None:
    """Whatever table has rows of theirs; the edges hear that they are revoked, and of their sessions and marks nothing any more."""
    world = make_world(store)
    synthetic = store.tokens.add(
        "sim", b"public", kind="client", organization_uid=world.company.uid, location_uid=None, expires_ms=1_000_000,
        max_uses=100, synthetic=True, now_ms=1,
    )  # fmt: skip
    assert synthetic is not None
    gone = [enroll(store, "sim", key, synthetic=True) for key in range(3)]
    real = enroll(store, key=9)
    for agent in (*gone, real):
        reported(store, agent)
        store.agents.record_certificate(
            agent.agent_uid, serial=agent.agent_id, spki=b"s", not_after_ms=9, now_ms=1
        )

    assert store.simulated.remove(limit=2) == 2
    assert store.simulated.remove() == 1
    assert store.simulated.remove() == 0

    ids, uids = {agent.agent_id for agent in gone}, {agent.agent_uid for agent in gone}
    for table in metadata.sorted_tables:
        if "agent_id" in table.c:
            assert not ids & {row[0] for row in left(store, table, "agent_id")}, table.name
        if "agent_uid" in table.c and table.name != "revocations":
            assert not uids & {row[0] for row in left(store, table, "agent_uid")}, table.name
    assert [agent.uid for agent in store.agents.list(now_ms=0)] == [real.agent_uid]
    assert len(list(store.events.export())) == 3
    told = [c.body for c in store.changes.after(0) if getattr(c.body, "agent_uid", "") in uids]
    assert [body.standing for body in told if isinstance(body, AgentEntry)] == [Standing.REVOKED] * 3
    assert len(told) == 3
    store.simulated.forget()
    assert not [c for c in store.changes.after(0) if getattr(c.body, "agent_uid", "") in uids]


def test_only_those_of_a_token(store: Store) -> None:
    world = make_world(store)
    for token in ("one", "two"):
        store.tokens.add(
            token, b"public", kind="client", organization_uid=world.company.uid, location_uid=None, expires_ms=1_000_000,
            max_uses=100, synthetic=True, now_ms=1,
        )  # fmt: skip
    kept, gone = enroll(store, "two", 2, synthetic=True), enroll(store, "one", 1, synthetic=True)
    enroll(store, key=9)
    assert store.simulated.remove(["one"]) == 1
    assert kept.agent_uid in {agent.uid for agent in store.agents.list(now_ms=0)}
    assert gone.agent_uid not in {agent.uid for agent in store.agents.list(now_ms=0)}


def test_what_was_kept_for_its_number_goes_with_the_next_run(store: Store) -> None:
    """Whichever token that is of: runs that clean up one after another leave no more than one does."""
    world = make_world(store)
    for run in range(4):
        token = f"run {run}"
        store.tokens.add(
            token, b"public", kind="client", organization_uid=world.company.uid, location_uid=None, expires_ms=1_000_000,
            max_uses=100, synthetic=True, now_ms=1,
        )  # fmt: skip
        for key in range(3):
            reported(store, enroll(store, token, 10 * run + key, synthetic=True))
        while store.simulated.remove([token]):
            pass
        assert len(store.agents.list(now_ms=0)) == 1


def test_no_number_is_given_twice(store: Store) -> None:
    """Consumers keep their place by them: the newest stay, empty and revoked, until there are newer ones."""
    world = make_world(store)
    store.tokens.add(
        "sim", b"public", kind="client", organization_uid=world.company.uid, location_uid=None, expires_ms=1_000_000,
        max_uses=100, synthetic=True, now_ms=1,
    )  # fmt: skip
    real = enroll(store, key=9)
    reported(store, real)
    last = enroll(store, "sim", 1, synthetic=True)
    stream = reported(store, last)
    newest_batch = store.events.newest_batch()
    assert store.simulated.remove() == 1
    assert store.simulated.remove() == 0
    stub = store.agents.get(last.agent_uid, now_ms=0)
    assert stub.standing is Standing.REVOKED
    assert left(store, job_events, "agent_id") == [(real.agent_id,)] * 3
    assert (store.events.newest_batch(), left(store, streams, "id")[-1]) == (newest_batch, (stream,))

    newer = enroll(store, key=10)
    assert newer.agent_id > last.agent_id
    assert reported(store, newer) > stream
    assert store.events.newest_batch() > newest_batch
    assert store.simulated.remove() == 1
    assert last.agent_id not in {row[0] for row in left(store, agents, "id")}
    assert {row[0] for row in left(store, batches, "agent_id")} == {real.agent_id, newer.agent_id}
