"""The judge of the crash test finds what it is there to find."""

from typing import Any

import pytest

from tests.e2e.crash.judge import Fault, Promises, StoredRow, judge
from tests.e2e.crash.ledger import Entry


def batch(name: str, previous: str, first: int, digests: str, epoch: int = 7) -> dict[str, Any]:
    """A batch whose events are the letters of *digests*."""
    return {
        "id": name, "previous": previous, "epoch": epoch, "first": first, "next": first + len(digests),
        "digests": list(digests),
    }  # fmt: skip


def mark(what: str, name: str, following: int, first: int = 1, epoch: int = 7) -> Entry:
    """A durable or released mark."""
    return {"what": what, "id": name, "epoch": epoch, "first": first, "next": following, "ruling": "released"}


A, B, C = batch("a", "", 1, "pq"), batch("b", "a", 3, "rs"), batch("c", "b", 5, "tu")
INTENT: Entry = {"what": "intent", "batches": [A, B, C]}
CUT: Entry = {"what": "cut", "ids": ["a", "b", "c"]}
STORY = (INTENT, CUT, mark("durable", "c", 7), mark("released", "b", 5))
ROWS = [StoredRow(7, n, letter) for n, letter in enumerate("pqrstu", start=1)]


def faults(story: tuple[Entry, ...], rows: list[StoredRow], **also: Any) -> list[Fault]:
    """What the judge says."""
    return [finding.fault for finding in judge(Promises.of(story), rows, **also)]


def test_a_store_that_holds_everything_once_is_in_order() -> None:
    """No findings."""
    assert faults(STORY, ROWS) == []


def test_a_released_event_that_is_gone_is_found_wherever_else_it_may_be() -> None:
    """The mark named the batch behind it: the promise covers the chain. A copy in the outbox is no excuse."""
    assert faults(STORY, ROWS[1:], held={"a"}) == [Fault.RELEASED_MISSING]


@pytest.mark.parametrize("also", [{"held": {"c"}}, {"lost": {"c"}}], ids=["outbox or parked", "declared gap"])
def test_an_acknowledged_event_may_be_elsewhere(also: dict[str, set[str]]) -> None:
    """In its outbox, parked, or in a declared gap; nowhere is a loss."""
    assert faults(STORY, ROWS[:4], **also) == []
    assert faults(STORY, ROWS[:4]) == [Fault.DURABLE_MISSING]


def test_what_was_cut_must_be_somewhere_unless_a_revert_forgot_it() -> None:
    """Between a snapshot and the revert to it, what nobody had acknowledged may go."""
    between = ({"what": "snapshot"}, CUT, {"what": "reverted"})

    assert faults((INTENT, CUT), []) == [Fault.CUT_MISSING] * 3
    assert faults((INTENT, *between), []) == []
    assert faults((INTENT, *between, mark("durable", "a", 3)), []) == [Fault.DURABLE_MISSING]


def test_what_a_kill_kept_from_being_committed_is_nobodys_loss() -> None:
    """An intent alone promises nothing, and explains an event that did get out."""
    assert faults((INTENT,), []) == []
    assert faults((INTENT,), ROWS) == []


def test_doubled_altered_and_moved_events_are_found() -> None:
    """An altered one is two faults: the event is missing, and there is one that nobody cut."""
    assert faults(STORY, [*ROWS, ROWS[2]]) == [Fault.TWICE]
    assert faults(STORY, [*ROWS[1:], StoredRow(7, 1, "x")]) == [Fault.NEVER_CUT, Fault.RELEASED_MISSING]
    assert faults(STORY, [*ROWS[1:], StoredRow(7, 9, "p")]) == [Fault.MISPLACED]


def test_a_mark_of_a_stranger_is_found() -> None:
    """And so is one whose number is not that of its batch."""
    assert faults((*STORY, mark("released", "x", 7)), ROWS) == [Fault.MARK_UNKNOWN]
    assert faults((*STORY, mark("durable", "c", 6)), ROWS) == [Fault.MARK_UNKNOWN]


def test_a_mark_promises_nothing_below_its_first() -> None:
    """What lies before a declared hole, or before the edge's start, is not covered."""
    story = (INTENT, mark("durable", "c", 7, first=5), mark("durable", "b", 5, first=3))

    assert Promises.of(story).durable == {"b", "c"}
    assert Promises.of((*story, mark("durable", "c", 7))).durable == {"a", "b", "c"}
