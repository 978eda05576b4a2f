"""Commands in the store: who may move one from where to where, once, and who hears of it."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.store import (
    CommandPending,
    CommandState,
    Conflict,
    Delivered,
    Delivery,
    Finish,
    NotFound,
    Progress,
    Projection,
    Store,
    StoredCommand,
)
from gateway.store.enqueuing import LONGEST_TTL_MS, MOST_UNFINISHED
from gateway.store.projected_commands import GONE_MS, KEPT_MS
from gateway.store.schema_operations import feed
from protocol import Code, Outcome, commands
from tests.helpers.stores import enroll, make_world

TTL_MS = 60_000
NOW = 1_000


@pytest.fixture
def agent_uid(store: Store) -> str:
    make_world(store)
    return enroll(store).agent_uid


def queue(store: Store, agent_uid: str, *, now_ms: int = NOW, ttl_ms: int = TTL_MS) -> StoredCommand:
    return store.commands.enqueue(
        agent_uid, commands.StartJob(job_uid="job-1"), who="ada", ttl_ms=ttl_ms, now_ms=now_ms
    )


def claim(store: Store, command: StoredCommand, *, fence: int | None = None, edge: str = "e1", now_ms: int = NOW + 1) -> Delivered:  # fmt: skip
    wanted = Delivery(
        command_uid=command.uid, agent_uid=command.agent_uid, fence=command.fence if fence is None else fence
    )
    [outcome] = store.commands.claim([wanted], edge_uid=edge, now_ms=now_ms)
    return outcome


def progress(store: Store, command: StoredCommand, fence: int, percent: int, *, agent_uid: str = "") -> None:
    said = Progress(
        command_uid=command.uid, agent_uid=agent_uid or command.agent_uid, fence=fence, percent=percent, message="m"
    )  # fmt: skip
    store.commands.progress([said], now_ms=NOW + 2)


def finish(store: Store, command: StoredCommand, outcome: Outcome, *, agent_uid: str = "", uid: str = "") -> Finish:  # fmt: skip
    with store.projection() as p:
        return p.commands.finish(
            uid or command.uid, agent_uid or command.agent_uid, outcome=outcome, code=7, message="so", now_ms=NOW + 3
        )  # fmt: skip


def get(store: Store, command: StoredCommand) -> StoredCommand:
    return store.commands.get(command.uid).command


def facts(store: Store) -> list[dict[str, Any]]:
    """The feed's facts of commands, oldest first."""
    with store._db.read() as connection:
        rows = connection.execute(sa.select(feed).where(feed.c.kind == "command").order_by(feed.c.id)).all()
    return [json.loads(row.payload) for row in rows]


def told(store: Store, after: int = 0) -> list[CommandPending]:
    """What edges hear of commands."""
    bodies = [change.body for change in store.changes.after(after)]
    return [body for body in bodies if isinstance(body, CommandPending)]


def test_a_whole_life(store: Store, agent_uid: str) -> None:
    """Queued, delivered, running, succeeded: each with its time, its audit entry, and its fact; edges hear what they need."""
    command = queue(store, agent_uid)
    assert (command.state, command.fence, command.not_after_ms) == (CommandState.QUEUED, 0, NOW + TTL_MS)
    assert commands.parse(command.kind, command.payload) == commands.StartJob(job_uid="job-1")
    assert told(store) == store.directory().commands == [command.pending]

    outcome = claim(store, command)
    assert outcome.won
    assert outcome.command is not None
    assert (outcome.command.state, outcome.command.fence, outcome.command.edge_uid) == (
        "delivered",
        NOW + 1,
        "e1",
    )
    assert told(store) == [outcome.command.pending]

    progress(store, command, NOW + 1, 0)
    progress(store, command, NOW + 1, 40)
    running = get(store, command)
    assert (running.state, running.percent, running.progress) == (CommandState.RUNNING, 40, "m")

    assert finish(store, command, Outcome.SUCCEEDED) is Finish.ENDED
    ended = get(store, command)
    assert (ended.state, ended.percent, ended.outcome, ended.code, ended.message) == (
        "succeeded",
        100,
        1,
        7,
        "so",
    )
    assert (ended.created_ms, ended.delivered_ms, ended.started_ms, ended.finished_ms) == (
        1000,
        1001,
        1002,
        1003,
    )
    assert store.directory().commands == []
    [last] = told(store)
    assert (last.state, last.payload) == ("succeeded", b"")

    said = [(entry.action, entry.who) for entry in store.audit.list()][::-1]
    assert said == [
        ("command queued", "ada"),
        ("command delivered", "edge e1"),
        ("command begun", f"agent {agent_uid}"),
        ("command succeeded", f"agent {agent_uid}"),
    ]
    assert [fact["state"] for fact in facts(store)] == ["queued", "delivered", "running", "succeeded"]
    assert facts(store)[-1]["outcome"] == "succeeded"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.SUCCEEDED, "succeeded"),
        (Outcome.FAILED, "failed"),
        (Outcome.UNSUPPORTED, "failed"),
        (Outcome.REFUSED, "failed"),
        (Outcome.INTERRUPTED, "interrupted"),
        (Outcome.EXPIRED, "expired"),
        (Outcome.CANCELLED, "cancelled"),
    ],
)
def test_every_outcome_is_a_final_state(sqlite_store: Store, outcome: Outcome, state: str) -> None:
    """And the first word is the last: no other result, progress, claim, cancel or expiry changes it."""
    store = sqlite_store
    make_world(store)
    command = queue(store, enroll(store).agent_uid)
    claim(store, command)
    assert finish(store, command, outcome) is Finish.ENDED
    ended = get(store, command)
    assert (ended.state, ended.outcome) == (state, outcome)

    for again in Outcome:
        assert finish(store, command, again) is Finish.REPEATED
    progress(store, command, NOW + 1, 50)
    assert not claim(store, command, fence=NOW + 1).won
    with pytest.raises(Conflict, match="has ended already"):
        store.commands.cancel(command.uid, who="bob", now_ms=NOW + 9)
    with store.projection() as p:
        p.commands.expire(NOW + 10 * TTL_MS)
    assert get(store, command) == ended
    assert len(facts(store)) == 3


def test_of_two_edges_one_has_it(store: Store, agent_uid: str) -> None:
    """The other is told how it stands, and can take it over knowingly: the fence rises."""
    command = queue(store, agent_uid)
    assert claim(store, command, edge="e1").won
    late = claim(store, command, edge="e2")
    assert not late.won
    assert late.command is not None
    assert (late.command.fence, late.command.edge_uid) == (NOW + 1, "e1")

    over = claim(store, command, edge="e2", fence=NOW + 1)
    assert over.won
    assert over.command is not None
    assert (over.command.fence, over.command.state) == (NOW + 2, "delivered")
    progress(store, command, NOW + 1, 10)
    assert get(store, command).state is CommandState.DELIVERED
    progress(store, command, NOW + 2, 10)
    assert get(store, command).state is CommandState.RUNNING


def test_a_restored_store_gives_no_fence_twice(store: Store, agent_uid: str) -> None:
    """Its agents pass over what is lower than what they heard; a clock that was set back does no harm within one store."""
    command = queue(store, agent_uid)
    with store._db.write() as connection:
        copy = connection.execute(sa.text("SELECT * FROM commands")).mappings().one()
    first, second = (
        claim(store, command, now_ms=NOW + 1),
        claim(store, command, fence=NOW + 1, now_ms=NOW - 1),
    )
    assert first.command is not None
    assert second.command is not None
    assert (first.command.fence, second.command.fence) == (NOW + 1, NOW + 2)

    with store._db.write() as connection:
        connection.execute(sa.text("UPDATE commands SET fence = :fence, state = :state"), dict(copy))
    after = claim(store, command, now_ms=NOW + 100)
    assert after.command is not None
    assert after.command.fence == NOW + 100


def test_a_running_command_is_handed_to_the_next_session_as_running(store: Store, agent_uid: str) -> None:
    """Nobody but the agent knows how it stands; the state does not go back."""
    command = queue(store, agent_uid)
    claim(store, command)
    progress(store, command, NOW + 1, 10)
    again = claim(store, command, fence=NOW + 1, now_ms=NOW + 10 * TTL_MS)
    assert again.won
    assert again.command is not None
    assert (again.command.state, again.command.fence) == (CommandState.RUNNING, NOW + 10 * TTL_MS)


def test_a_batch_of_claims_answers_in_order(store: Store, agent_uid: str) -> None:
    """Won, lost and unknown, each where it was asked."""
    one, two, three = (queue(store, agent_uid, now_ms=NOW + n) for n in range(3))
    claim(store, two)
    wanted = [
        Delivery(command_uid=uid, agent_uid=agent_uid, fence=0)
        for uid in (three.uid, two.uid, "nobody's", one.uid)
    ]
    outcomes = store.commands.claim(wanted, edge_uid="e1", now_ms=NOW + 5)
    assert [outcome.won for outcome in outcomes] == [True, False, False, True]
    found = [outcome.command.uid if outcome.command else None for outcome in outcomes]
    assert found == [three.uid, two.uid, None, one.uid]
    assert [pending.command_uid for pending in store.directory().commands] == [one.uid, two.uid, three.uid]


def test_an_agent_moves_its_own_commands_alone(store: Store, agent_uid: str) -> None:
    """Neither a result, nor progress, nor a claim in another agent's name does anything."""
    other = enroll(store, key=1).agent_uid
    command = queue(store, agent_uid)
    claim(store, command)
    progress(store, command, NOW + 1, 90, agent_uid=other)
    assert finish(store, command, Outcome.SUCCEEDED, agent_uid=other) is Finish.NOT_GIVEN
    assert finish(store, command, Outcome.SUCCEEDED, uid="nobody's") is Finish.NOT_GIVEN
    wanted = Delivery(command_uid=command.uid, agent_uid=other, fence=NOW + 1)
    assert not store.commands.claim([wanted], edge_uid="e1", now_ms=NOW)[0].won
    assert get(store, command).state is CommandState.DELIVERED
    assert len(facts(store)) == 2


def test_a_result_is_believed_of_a_command_that_was_never_delivered(store: Store, agent_uid: str) -> None:
    """A store that was restored from an older copy does not know that it was."""
    command = queue(store, agent_uid)
    assert finish(store, command, Outcome.SUCCEEDED) is Finish.ENDED
    assert get(store, command).state is CommandState.SUCCEEDED


def test_cancelling_what_nobody_has_ends_it(store: Store, agent_uid: str) -> None:
    """At once, and no edge delivers it any more."""
    command = queue(store, agent_uid)
    ended = store.commands.cancel(command.uid, who="bob", now_ms=NOW + 1)
    assert (ended.state, ended.code, ended.cancelled_by) == ("cancelled", Code.COMMAND_CANCELLED, "bob")
    assert not claim(store, command).won
    assert [fact["state"] for fact in facts(store)] == ["queued", "cancelled"]


def test_cancelling_what_was_delivered_is_the_agents_to_end(store: Store, agent_uid: str) -> None:
    """It is asked once, edges hear of it, and what the agent says counts: it may have been done before."""
    command = queue(store, agent_uid)
    claim(store, command)
    asked = store.commands.cancel(command.uid, who="bob", now_ms=NOW + 1)
    assert (asked.state, asked.cancel_ms, asked.cancelled_by) == ("delivered", NOW + 1, "bob")
    assert store.commands.cancel(command.uid, who="eve", now_ms=NOW + 2) == asked
    assert [pending.cancelling for pending in told(store)] == [True]
    assert [pending.cancelling for pending in store.directory().commands] == [True]
    assert finish(store, command, Outcome.SUCCEEDED) is Finish.ENDED
    assert get(store, command).state is CommandState.SUCCEEDED
    assert [entry.action for entry in store.audit.list()].count("command cancel asked") == 1


def test_what_was_not_delivered_in_time_expires(store: Store, agent_uid: str) -> None:
    """To the millisecond, and no edge takes it in the moment before the sweep."""
    command = queue(store, agent_uid)
    with store.projection() as p:
        p.commands.expire(NOW + TTL_MS - 1)
    assert get(store, command).state is CommandState.QUEUED
    assert not claim(store, command, now_ms=NOW + TTL_MS).won
    with store.projection() as p:
        p.commands.expire(NOW + TTL_MS)
    ended = get(store, command)
    assert (ended.state, ended.code, ended.finished_ms) == ("expired", Code.COMMAND_EXPIRED, NOW + TTL_MS)
    assert store.audit.list()[0].who == "gateway"


def test_what_was_delivered_waits_for_the_agents_word(store: Store, agent_uid: str) -> None:
    """It may have begun. Only of an agent that was not seen for a season none is waited for."""
    command = queue(store, agent_uid)
    claim(store, command)
    for at_ms in (NOW + TTL_MS, NOW + 1 + GONE_MS):
        with store.projection() as p:
            p.commands.expire(at_ms)
        assert get(store, command).state is CommandState.DELIVERED
    with store.projection() as p:
        p.commands.expire(NOW + 2 + GONE_MS)
    assert (get(store, command).state, get(store, command).code) == ("interrupted", Code.COMMAND_INTERRUPTED)


def test_what_ended_long_ago_is_forgotten(store: Store, agent_uid: str) -> None:
    """With what edges would hear of it; the audit keeps the deed."""
    command = queue(store, agent_uid)
    store.commands.cancel(command.uid, who="bob", now_ms=NOW + 1)
    waiting = queue(store, agent_uid, now_ms=NOW + KEPT_MS)
    with store.projection() as p:
        p.commands.expire(NOW + 1 + KEPT_MS)
    assert len(store.commands.list()) == 2
    with store.projection() as p:
        p.commands.expire(NOW + 2 + KEPT_MS)
    assert [view.command.uid for view in store.commands.list()] == [waiting.uid]
    assert [pending.command_uid for pending in told(store)] == [waiting.uid]
    assert len(store.audit.list()) == 3


def test_a_revoked_agent_is_asked_nothing_more(store: Store, agent_uid: str) -> None:
    """What it was given is over: cancelled where it never had it, else interrupted."""
    given, waiting = queue(store, agent_uid), queue(store, agent_uid)
    claim(store, given)
    store.agents.revoke(agent_uid, why="stolen", code=Code.CLIENT_CERT_REVOKED, now_ms=NOW + 5)
    assert (get(store, given).state, get(store, waiting).state) == ("interrupted", "cancelled")
    assert get(store, given).message == "the agent was revoked"
    assert store.directory().commands == []
    assert {pending.state for pending in told(store)} == {"interrupted", "cancelled"}
    assert len(facts(store)) == 5
    with pytest.raises(Conflict, match="revoked"):
        queue(store, agent_uid)


def test_what_is_refused_before_it_is_queued(store: Store, agent_uid: str) -> None:
    """No such agent, no such command, bounds."""
    with pytest.raises(NotFound, match="no agent"):
        queue(store, "nobody")
    with pytest.raises(NotFound, match="no command"):
        store.commands.get("nothing")
    with pytest.raises(NotFound, match="no command"):
        store.commands.cancel("nothing", who="bob", now_ms=1)
    for ttl_ms in (0, LONGEST_TTL_MS + 1):
        with pytest.raises(Conflict, match="30 days"):
            queue(store, agent_uid, ttl_ms=ttl_ms)
    with pytest.raises(commands.InvalidCommand):
        store.commands.enqueue(
            agent_uid, commands.SetInterval(inventory_s=1), who="ada", ttl_ms=TTL_MS, now_ms=NOW
        )
    assert store.commands.list() == []
    assert facts(store) == []


def test_an_agent_has_so_many_unfinished_commands_at_most(sqlite_store: Store) -> None:
    """A loop in somebody's script fills no agent's outbox; what ends makes room."""
    make_world(sqlite_store)
    agent_uid = enroll(sqlite_store).agent_uid
    first = queue(sqlite_store, agent_uid)
    for _ in range(MOST_UNFINISHED - 1):
        queue(sqlite_store, agent_uid)
    with pytest.raises(Conflict, match="100 unfinished"):
        queue(sqlite_store, agent_uid)
    sqlite_store.commands.cancel(first.uid, who="bob", now_ms=NOW)
    queue(sqlite_store, agent_uid)


def test_lists_filter(store: Store, agent_uid: str) -> None:
    """By agent and by state, the newest first, with the host's name."""
    other = enroll(store, key=1).agent_uid
    old, new, others = queue(store, agent_uid), queue(store, agent_uid, now_ms=NOW + 1), queue(store, other)
    claim(store, old)
    assert [view.command.uid for view in store.commands.list(agent_uid=agent_uid)] == [new.uid, old.uid]
    queued = store.commands.list(states=[CommandState.QUEUED])
    assert {view.command.uid for view in queued} == {new.uid, others.uid}
    assert [view.command.uid for view in store.commands.list(limit=1)] == [new.uid]
    assert store.commands.get(others.uid).host_name == "backup0001"


def test_what_a_savepoint_undoes_is_not_told(store: Store, agent_uid: str) -> None:
    """A result whose projection fails has ended nothing, for nobody."""
    command = queue(store, agent_uid)
    seen = store.changes.last_id()

    def bug(p: Projection) -> None:
        with p.savepoint():
            p.commands.finish(command.uid, agent_uid, outcome=Outcome.FAILED, code=0, message="", now_ms=NOW)
            raise ZeroDivisionError

    with store.projection() as p, pytest.raises(ZeroDivisionError):
        bug(p)
    assert get(store, command).state is CommandState.QUEUED
    assert told(store, seen) == []
    assert len(facts(store)) == 1
