"""What one transaction holds is read at once and written at once; what is decided within it is known within it."""

from collections import Counter
from typing import Any
from unittest import mock

import attrs
from structlog.testing import capture_logs

from gateway.store import ReleasedMark
from gateway.store.hot import Hot
from tests.gateway.projector.rig import Chain, Rig, tombstone_of


@attrs.define
class Counting:
    """A driver's cursor that counts its trips."""

    cursor: Any
    trips: Counter[str]

    def execute(self, sql: str, cells: Any = ()) -> Any:
        self.trips[sql] += 1
        return self.cursor.execute(sql, cells)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)


def trips_of_a_step(rig: Rig) -> Counter[str]:
    """Statements that are executed one by one while the projector takes what is journaled, by their text."""
    trips: Counter[str] = Counter()
    opened = Hot.__init__

    def open_counting(self: Hot, connection: Any) -> None:
        opened(self, connection)
        self._cursor = Counting(self._cursor, trips)

    with mock.patch.object(Hot, "__init__", open_counting):
        assert rig.projector.step()
    return trips


def test_a_transaction_is_as_many_statements_for_many_batches(rig: Rig) -> None:
    """A batch costs none of its own: on PostgreSQL each would be a round trip."""
    agents, chains = [rig.agent() for _ in range(5)], [Chain() for _ in range(5)]
    for agent, chain in zip(agents, chains, strict=True):
        rig.journal(agent, chain.cut("first"))
    rig.drain()
    rig.journal(agents[0], chains[0].cut("alone"))
    few = trips_of_a_step(rig)
    for agent, chain in zip(agents, chains, strict=True):
        rig.journal(agent, *(chain.cut(f"{n}") for n in range(40)))
    many = trips_of_a_step(rig)
    assert sum(many.values()) == sum(few.values()) <= 15
    assert [len(rig.texts(agent)) for agent in agents] == [42, 41, 41, 41, 41]


def test_a_batch_that_comes_twice_in_one_transaction_is_taken_once(rig: Rig) -> None:
    """The store does not have the first yet when the second is placed."""
    agent, chain = rig.agent(), Chain()
    a, b = chain.cut("a"), chain.cut("b")
    rig.journal(agent, a, a, b, a, b)
    rig.drain()
    assert rig.texts(agent) == ["a", "b"]


def test_a_fork_in_one_transaction_leaves_a_batch_of_the_same(rig: Rig) -> None:
    """What a branch leaves is known though it is not written yet."""
    agent, chain = rig.agent(), Chain()
    a = chain.cut("a")
    other = chain.fork()
    rig.journal(agent, a, chain.cut("b"), other.cut("x"), other.cut("y"))
    rig.drain()
    assert sorted(rig.texts(agent)) == ["a", "b", "x", "y"]
    assert rig.store.gaps.list() == []


def test_a_tombstone_and_its_original_in_one_transaction(rig: Rig) -> None:
    """The original fills the place that the transaction has not written yet, and every further copy is a duplicate."""
    agent, chain = rig.agent(), Chain()
    a, b, c = chain.cut("a"), chain.cut("b"), chain.cut("c")
    with capture_logs() as logs:
        rig.journal(agent, a, tombstone_of(b), c, b, b)
        rig.drain()
        rig.journal(agent, b)
        rig.drain()
    assert rig.texts(agent) == ["a", "b", "c"]
    assert rig.store.events.quarantined() == []
    assert not [entry for entry in logs if entry["log_level"] == "error"]
    marks = [body for body in rig.told() if isinstance(body, ReleasedMark) and not body.echo]
    assert marks[-1].batch_id == chain.tip
