"""The agent's half of the delivery rules, as functions of values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.marks import Cutting, Ruling, covers, judge_released, may_skip
from protocol import Mark

A, B, C = (bytes([n]) * 16 for n in (1, 2, 3))


def mark(next_sequence: int = 5, batch_id: bytes = A, epoch: int = 7, first_sequence: int = 1) -> Mark:
    return Mark(epoch=epoch, next_sequence=next_sequence, batch_id=batch_id, first_sequence=first_sequence)


@pytest.mark.parametrize(
    ("own_id", "released_sequence", "epoch", "expected"),
    [
        (A, 1, 7, Ruling.RELEASED),  # the usual case
        (A, 1, 99, Ruling.RELEASED),  # of an epoch that we no longer cut into
        # Of a hole below what was released: the operator gave it up, we still held it.
        (A, 9, 7, Ruling.RELEASED),
        (B, 1, 7, Ruling.REVERTED),  # another batch ends there: we have cut the same numbers twice
        (None, 1, 7, Ruling.REVERTED),  # no batch ends there: we have not come so far, in our own counting
        (None, 4, 7, Ruling.REVERTED),
        (None, 5, 7, Ruling.STALE),  # it was ours, and is deleted
        (None, 9, 7, Ruling.STALE),  # late
        (B, 5, 7, Ruling.STALE),  # of a branch that we have left, and have been released beyond
        (None, 1, 99, Ruling.STALE),  # of an epoch that is closed: nothing more will be cut there
        (B, 1, 99, Ruling.STALE),
    ],
)
def test_a_mark_is_judged_by_the_batch_that_ends_there(
    own_id: bytes | None, released_sequence: int, epoch: int, expected: Ruling
) -> None:
    """Numbers alone never delete anything."""
    cutting = Cutting(epoch=epoch, released_sequence=released_sequence)
    assert judge_released(mark(), own_id, cutting) is expected


@given(
    st.integers(1, 20),
    st.sampled_from([A, B, None]),
    st.integers(1, 3),
    st.integers(1, 20),
    st.integers(1, 3),
)
def test_nothing_is_released_without_its_id(
    next_sequence: int, own_id: bytes | None, epoch: int, released_sequence: int, cutting_epoch: int
) -> None:
    """Whatever the numbers say, a mark with an unknown id deletes nothing."""
    ruling = judge_released(
        mark(next_sequence, C, epoch),
        own_id,
        Cutting(epoch=cutting_epoch, released_sequence=released_sequence),
    )
    assert ruling is not Ruling.RELEASED


def test_a_new_epoch_settles_the_matter() -> None:
    """A reverted agent that has opened an epoch is not told again by the same mark that it was reverted."""
    assert judge_released(mark(), None, Cutting(epoch=8, released_sequence=1)) is Ruling.STALE


def test_an_edge_that_lost_its_journal_skips_nothing() -> None:
    """Only the very batch lets a session skip; the mark of an empty journal has no batch."""
    assert may_skip(mark(), A, cutting_epoch=7)
    assert not may_skip(mark(), B, cutting_epoch=7)
    assert not may_skip(mark(), None, cutting_epoch=7)


def test_what_is_left_of_a_closed_epoch_is_always_sent() -> None:
    """A reverted agent may have missed its mark for good; the echo of what it sends again is the only one to come."""
    assert not may_skip(mark(), A, cutting_epoch=8)


@pytest.mark.parametrize(
    ("first", "following", "expected"),
    [
        (5, 8, True),
        (8, 11, True),
        (5, 11, True),
        (4, 8, False),
        (8, 12, False),
        (1, 5, False),
        (11, 12, False),
    ],
)
def test_a_hole_is_not_covered(first: int, following: int, expected: bool) -> None:
    """A mark that begins behind a hole leaves what is in the hole alone: it will be sent."""
    behind_a_hole = mark(11, first_sequence=5)
    assert covers(behind_a_hole, epoch=7, first_sequence=first, next_sequence=following) is expected
    assert not covers(behind_a_hole, epoch=8, first_sequence=first, next_sequence=following)
