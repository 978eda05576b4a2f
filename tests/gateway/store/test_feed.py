"""What grows old leaves the feed, and nobody misses it unawares; who was removed is said to have gone."""

import pytest
import sqlalchemy as sa

from gateway.store import AgentEntry, Line, Place, Standing, Store
from gateway.store.feed import AT_A_TIME, KEPT_MS, Fact
from gateway.store.schema_operations import feed
from protocol import Code, Inventory
from tests.gateway.projector.test_following import all_behind
from tests.gateway.store.test_usage import report
from tests.helpers.stores import apply_batch, enroll, event, make_world, open_stream

NOW_MS = KEPT_MS * 2
OLD_MS = NOW_MS - KEPT_MS - 1


@pytest.fixture
def agent(store: Store) -> AgentEntry:
    make_world(store)
    return enroll(store)


def note(store: Store, agent: AgentEntry, *at_ms: int, kind: str = "usage") -> None:
    """Facts of those times."""
    body = {"agent_uid": agent.agent_uid, "epoch": 1, "sequence": 1}
    with store.projection() as p:
        for n, each in enumerate(at_ms):
            p.note(Fact(at_ms=each, kind=kind, key=f"{agent.agent_uid}/{n}", payload=body))


def age(store: Store) -> None:
    """What is in the feed is from long ago."""
    with store._db.write() as connection:
        connection.execute(sa.update(feed).values(at_ms=OLD_MS))


def prune(store: Store) -> int:
    with store.projection() as p:
        return p.feed.prune(NOW_MS)


def whole(store: Store, place: Place | None = None) -> list[Line]:
    return all_behind(store, place or store.following.start())


def test_old_reports_leave_and_states_stay(store: Store, agent: AgentEntry) -> None:
    """Whoever begins then reads what is there, line by line, and is never told to begin anew."""
    age(store)
    note(store, agent, OLD_MS, OLD_MS, kind="command")
    note(store, agent, OLD_MS, OLD_MS)
    note(store, agent, NOW_MS - KEPT_MS)
    assert prune(store) == 2
    assert prune(store) == 0

    lines = whole(store)

    assert [line.kind for line in lines] == ["agent", "command", "command", "usage"]
    for n, line in enumerate(lines):
        again = whole(store, Place.parse(str(line.place)))
        assert [each.id for each in again] == [each.id for each in lines[n + 1 :]]


def test_who_was_away_is_told_and_who_was_not_goes_on(store: Store, agent: AgentEntry) -> None:
    """A place before what has left is void; one behind it is not; and the reset leads to a place that holds."""
    note(store, agent, OLD_MS, OLD_MS, NOW_MS)
    age(store)
    begin = store.following.start()
    lines = whole(store)
    away, there = lines[1].place, lines[2].place
    assert prune(store) == 2

    assert [line.id for line in whole(store, there)] == [lines[3].id]
    for place in (begin, away):
        assert store.following.rows_behind(place) is None
        reset, *rest = whole(store, place)
        assert (reset.kind, reset.body) == ("reset", {"code": str(Code.FEED_PRUNED)})
        assert [line.kind for line in rest] == ["agent", "usage"]
        assert store.following.rows_behind(Place.parse(str(reset.place))) is not None

    note(store, agent, OLD_MS, NOW_MS)
    age(store)
    assert prune(store) == 2
    assert whole(store, away)[0].id != reset.id  # whoever keeps ids takes it for another one


def test_the_newest_fact_stays(store: Store, agent: AgentEntry) -> None:
    """Nobody who has read everything is taken for somebody of another store."""
    note(store, agent, OLD_MS, OLD_MS)
    age(store)
    end = whole(store)[-1].place
    assert prune(store) == 1
    assert whole(store, end) == []
    note(store, agent, NOW_MS)
    assert prune(store) == 1
    assert [line.kind for line in whole(store, end)] == ["usage"]


def test_a_step_is_bounded(store: Store, agent: AgentEntry) -> None:
    """Others wait for the projector's transaction; the rest goes with the next ones, past states that stay."""
    age(store)
    note(store, agent, *[OLD_MS] * AT_A_TIME, kind="command")
    note(store, agent, *[OLD_MS] * (AT_A_TIME + 10), NOW_MS)
    steps = [prune(store) for _ in range(4)]
    assert sum(steps) == AT_A_TIME + 10
    assert max(steps) <= AT_A_TIME
    assert steps[-1] == 0


def test_reports_themselves_stay(store: Store, agent: AgentEntry) -> None:
    """Only the feed lets go of them."""
    with store.projection() as p:
        report(p, agent, 1, OLD_MS, "", nas=3)
    note(store, agent, OLD_MS, NOW_MS)
    age(store)
    assert prune(store) == 1
    assert len(store.usage.latest()) == 1


def test_who_was_removed_has_gone(store: Store) -> None:
    """Also the one whose row stays for its number, and nothing is said of it behind that."""
    world = make_world(store)
    store.tokens.add(
        "sim", b"public", kind="client", organization_uid=world.company.uid, location_uid=None, expires_ms=1_000_000,
        max_uses=9, synthetic=True, now_ms=1,
    )  # fmt: skip
    real = enroll(store, key=9)
    gone = [enroll(store, "sim", key, synthetic=True) for key in range(2)]
    for n, each in enumerate(gone):
        with store.projection() as p:
            stream = open_stream(p, each, epoch=7)
            apply_batch(
                p, each, epoch=7, stream_id=stream, first=1, rows=[event(1)], batch_id=bytes([n]) * 16
            )
            p.batches.add(
                [(each.agent_id, 7, bytes([16 + n]) * 16, stream, 2, 3, Inventory.tag, 5000, False)]
            )
    before = whole(store)
    assert [line.kind for line in before].count("inventory") == 2

    while store.simulated.remove():
        pass

    behind = whole(store, before[-1].place)
    expected = {each.agent_uid: {"agent_uid": each.agent_uid, "state": "gone"} for each in gone}
    assert {line.body["agent_uid"]: line.body for line in behind} == expected
    assert {line.kind for line in behind} == {"agent"}
    # Whoever reads only now hears of the real one, and of no other anything but that.
    anew = whole(store)
    assert [line.body["standing"] for line in anew if line.body["agent_uid"] == real.agent_uid] == [
        Standing.VERIFIED
    ]
    assert all(line.body in expected.values() for line in anew if line.body["agent_uid"] in expected)
