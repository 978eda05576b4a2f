"""The change feed: what an edge reads is complete, in order, and as short as the world is."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import attrs
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway.store import (
    AgentEntry,
    Body,
    Change,
    ClaimEntry,
    CommandPending,
    CursorMoved,
    GatewaysChanged,
    Overrun,
    ReleasedMark,
    ResyncWanted,
    Revocation,
    Standing,
    Store,
    TrustChanged,
)
from gateway.store.bodies import KINDS, Unknown, key_of, kind_of, pack, unpack
from gateway.store.changes import publish
from gateway.store.schema import changes
from protocol import Code
from tests.helpers.stores import enroll, make_world, open_stream

numbers = st.integers(0, 2**63 - 1)
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
ids = st.binary(min_size=16, max_size=16)

BODIES = {
    AgentEntry: st.builds(
        AgentEntry, agent_uid=words, agent_id=numbers, agent_kind=words, standing=st.sampled_from(Standing), code=numbers,
        organization_uid=words, organization_kind=words, location_uid=st.none() | words, host_name=words,
        synthetic=st.booleans(),
    ),
    Revocation: st.builds(
        Revocation, serial=st.integers(1, 2**160 - 1), agent_uid=words, why=words, revoked_ms=numbers
    ),
    ReleasedMark: st.builds(
        ReleasedMark, agent_uid=words, stream_id=numbers, epoch=numbers, first_sequence=numbers, next_sequence=numbers,
        batch_id=ids, echo=st.booleans(),
    ),
    CursorMoved: st.builds(
        CursorMoved, journal_uid=words, segment=numbers, incarnation=ids, offset=numbers, time_ms=numbers
    ),
    Overrun: st.builds(Overrun, agent_uid=words, received_ms=numbers),
    ResyncWanted: st.builds(
        ResyncWanted, agent_uid=words, scope=numbers, epoch=numbers, from_sequence=numbers, pending=st.booleans()
    ),
    ClaimEntry: st.builds(
        ClaimEntry, agent_uid=words, edge_uid=words, session_uid=words, nonce=ids, previous_nonce=ids, fence=numbers
    ),
    CommandPending: st.builds(
        CommandPending, agent_uid=words, command_uid=words, command_kind=words, payload=st.binary(max_size=40), fence=numbers,
        not_after_ms=numbers, state=words, cancelling=st.booleans(),
    ),
    TrustChanged: st.builds(TrustChanged, revision=numbers),
    GatewaysChanged: st.builds(
        GatewaysChanged, revision=numbers, gateways=st.lists(words, max_size=3).map(tuple)
    ),
}  # fmt: skip


def trust(revision: int) -> TrustChanged:
    return TrustChanged(revision=revision)


def mark(stream_id: int, following: int) -> ReleasedMark:
    return ReleasedMark(
        agent_uid="a",
        stream_id=stream_id,
        epoch=7,
        first_sequence=1,
        next_sequence=following,
        batch_id=bytes(16),
    )


@given(st.one_of(*BODIES.values()))
def test_bodies_survive_the_journey(body: Body) -> None:
    """What is unpacked is what was packed, for every body there is; what a newer writer adds is ignored."""
    assert set(BODIES) == set(KINDS.values())
    assert unpack(kind_of(body), pack(body)) == body
    assert unpack(kind_of(body), {**pack(body), "of_tomorrow": 1}) == body


def test_a_kind_of_tomorrow_takes_its_place_and_says_nothing(store: Store) -> None:
    """A projector may be newer than the edge beside it: the edge reads on behind what it does not understand."""
    store.changes.announce([mark(1, 5), trust(1), mark(2, 6)])
    with store._db.write() as connection:
        connection.execute(
            sa.update(changes).where(changes.c.id == 2).values(kind="weather", payload='{"sun":1}')
        )
    found = store.changes.after(0)
    assert [change.id for change in found] == [1, 2, 3]
    assert [change.body for change in found] == [mark(1, 5), Unknown(kind="weather"), mark(2, 6)]


def test_a_newer_change_replaces_the_older(store: Store) -> None:
    """The feed is as long as there are things, and each comes once, in its last state, at the place of its last change."""
    assert store.changes.last_id() == 0
    assert store.changes.announce([mark(1, 5), mark(2, 6)]) == 2
    assert store.changes.announce([mark(1, 9), trust(1)]) == 4
    assert store.changes.announce([]) == 4
    assert store.changes.after(0) == [
        Change(id=2, body=mark(2, 6)),
        Change(id=3, body=mark(1, 9)),
        Change(id=4, body=trust(1)),
    ]
    assert store.changes.after(2) == store.changes.after(0)[1:]
    assert store.changes.after(4) == []
    assert [change.id for change in store.changes.after(0, limit=2)] == [2, 3]


def test_within_a_transaction_the_last_word_counts(store: Store) -> None:
    """Two changes of one key in one transaction are one change."""
    assert store.changes.announce([mark(1, 5), mark(1, 6), mark(1, 7)]) == 1
    assert store.changes.after(0) == [Change(id=1, body=mark(1, 7))]


def test_an_echo_does_not_hide_the_mark(store: Store) -> None:
    """The mark of an older batch travels beside the stream's own."""
    echo = attrs.evolve(mark(1, 3), echo=True)
    store.changes.announce([mark(1, 9)])
    store.changes.announce([echo])
    assert [change.body for change in store.changes.after(0)] == [mark(1, 9), echo]


def test_a_change_of_a_rolled_back_transaction_was_never_there(store: Store) -> None:
    """Neither the change nor a hole in the ids stays behind."""

    def fail_late() -> None:
        with store._db.write() as connection:
            publish(connection, store._db, [trust(1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    assert store.changes.announce([trust(2)]) == 1


def test_ids_commit_in_order(store: Store) -> None:
    """Whoever has seen id n never misses one below n, with many writers and a reader that follows at full speed."""
    writers, rounds = 4, 30
    done = Event()

    def write(n: int) -> None:
        for i in range(rounds):
            store.changes.announce([mark(n * rounds + i, 1 + i)])

    def follow() -> list[int]:
        seen, last = [], 0
        while True:
            finished = done.is_set()
            page = store.changes.after(last)
            seen += [change.id for change in page]
            last = seen[-1] if seen else 0
            if finished and not page:
                return seen

    with ThreadPoolExecutor(writers + 1) as pool:
        following = pool.submit(follow)
        list(pool.map(write, range(writers)))
        done.set()
        assert following.result(60) == list(range(1, writers * rounds + 1))


def test_a_snapshot_and_its_id_are_one_moment(store: Store) -> None:
    """An agent that enrolls while snapshots are taken is in the snapshot or in the changes after its id."""
    make_world(store)
    done = Event()

    def enroll_many() -> None:
        for key in range(25):
            enroll(store, key=key)
        done.set()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(enroll_many)
        while True:
            finished = done.is_set()
            directory = store.directory()
            # One change per agent and nothing else: the id says how many there were.
            assert len(directory.agents) == directory.last_change_id
            if finished or running.done():
                break
        running.result(60)
    assert len(store.directory().agents) == 25


def test_a_directory_holds_all_that_an_edge_must_know(store: Store) -> None:
    """Agents, revocations, marks, resyncs, cursors, trust and gateways, without reading the feed."""
    make_world(store)
    agent, gone = enroll(store, key=1), enroll(store, key=2)
    store.agents.record_certificate(gone.agent_uid, serial=77, spki=b"s", not_after_ms=9, now_ms=1)
    store.agents.revoke(gone.agent_uid, why="stolen", code=Code.CLIENT_CERT_REVOKED, now_ms=2)
    cursor = CursorMoved(journal_uid="j", segment=3, incarnation=b"i" * 16, offset=99, time_ms=5)
    with store.projection() as p:
        stream = open_stream(p, agent, epoch=7, base=11)
        known = p.agents([agent.agent_uid])[agent.agent_uid]
        p.ask(known, scope=2, epoch=0, from_sequence=1, now_ms=5)
        p.journals.save(cursor)
    gateways = GatewaysChanged(revision=1, gateways=("gw:6180",))
    store.changes.announce([trust(4), gateways])
    found = store.directory()
    assert {entry.agent_uid for entry in found.agents} == {agent.agent_uid, gone.agent_uid}
    assert found.revoked == {77}
    assert found.marks == [
        ReleasedMark(
            agent_uid=agent.agent_uid, stream_id=stream, epoch=7, first_sequence=11, next_sequence=11, batch_id=bytes(16)
        )
    ]  # fmt: skip
    assert found.resyncs == [
        ResyncWanted(agent_uid=agent.agent_uid, scope=2, epoch=0, from_sequence=1, pending=True)
    ]
    assert found.cursors == [cursor]
    assert store.cursors() == {"j": cursor}
    assert (found.trust, found.gateways) == (trust(4), gateways)
    assert found.last_change_id == store.changes.last_id()


def test_every_body_has_its_own_key() -> None:
    """Kinds are unique: the feed coalesces by (kind, key) and must not mix two of them up."""
    assert len(KINDS) == len(BODIES)
    assert key_of(mark(5, 1)) != key_of(attrs.evolve(mark(5, 1), echo=True))
