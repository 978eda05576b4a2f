"""The table of docs/delivery.md, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.projector.placement import (
    Batch,
    Placement,
    Verdict,
    missing_from,
    place,
)
from gateway.store import StoredBatch, StoredStream

A, B, C, D, X = (bytes([n]) * 16 for n in range(1, 6))


def batch(batch_id: bytes, first: int, following: int, previous: bytes, *, tombstone: bool = False) -> Batch:
    return Batch(
        batch_id=batch_id,
        previous=previous,
        first_sequence=first,
        next_sequence=following,
        tombstone=tombstone,
    )


def stream(stream_id: int, base: int, next_sequence: int, tip: bytes, *, held_from: int = 1) -> StoredStream:
    return StoredStream(
        stream_id=stream_id, base=base, held_from=held_from, next_sequence=next_sequence, tip=tip
    )


def applied(
    stream_id: int, first: int, following: int, *, held_from: int = 1, tombstone: bool = False
) -> StoredBatch:
    return StoredBatch(
        stream_id=stream_id,
        held_from=held_from,
        first_sequence=first,
        next_sequence=following,
        tombstone=tombstone,
    )


MAIN = stream(1, 1, 9, D)


def test_a_known_batch_is_a_duplicate() -> None:
    """Even where it would continue a stream: behind a hole that was declared lost and is filled, it does."""
    before_the_hole, behind_it = stream(1, 1, 5, B), stream(2, 5, 7, C, held_from=5)
    assert place(
        batch(C, 5, 7, B),
        streams=[before_the_hole, behind_it],
        known=applied(2, 5, 7, held_from=5),
        before=None,
    ) == Placement(verdict=Verdict.DUPLICATE, stream_id=2, held_from=5)


def test_the_original_takes_the_place_of_its_tombstone() -> None:
    """An acknowledged batch whose tombstone overtook it is not lost."""
    original, tombstone = batch(B, 3, 5, A), batch(B, 3, 5, A, tombstone=True)
    known = applied(1, 3, 5, tombstone=True)
    assert place(original, streams=[MAIN], known=known, before=None).verdict is Verdict.FILL
    assert place(tombstone, streams=[MAIN], known=known, before=None).verdict is Verdict.DUPLICATE
    assert place(original, streams=[MAIN], known=applied(1, 3, 5), before=None).verdict is Verdict.DUPLICATE


def test_an_original_that_contradicts_its_tombstone_has_no_place() -> None:
    """The numbers of an applied batch are taken for good: rows under others could fall on somebody's place."""
    known = applied(1, 3, 5, tombstone=True)
    assert place(batch(B, 3, 6, A), streams=[MAIN], known=known, before=None).verdict is Verdict.DUPLICATE


def test_the_next_batch_moves_the_mark() -> None:
    assert place(batch(X, 9, 11, D), streams=[MAIN], known=None, before=None) == Placement(
        verdict=Verdict.NEXT, stream_id=1, held_from=1
    )


def test_numbers_that_fit_are_not_enough() -> None:
    """The right sequence behind another batch is somebody else's: it waits for its own."""
    assert place(batch(X, 9, 11, C), streams=[MAIN], known=None, before=None).verdict is Verdict.GAP


def test_the_first_batch_opens_its_epoch() -> None:
    """Whatever it names as its predecessor, which belongs to another epoch."""
    opened = Placement(verdict=Verdict.OPEN, held_from=1)
    assert place(batch(A, 1, 3, X), streams=[], known=None, before=None) == opened
    behind_a_hole = stream(2, 5, 7, C, held_from=5)
    assert place(batch(A, 1, 3, X), streams=[behind_a_hole], known=None, before=None) == opened
    assert opened.opens


def test_another_first_batch_forks() -> None:
    """A machine reverted to a moment before it had said anything."""
    assert place(batch(X, 1, 2, bytes(16)), streams=[MAIN], known=None, before=None) == Placement(
        verdict=Verdict.FORK, held_from=1
    )


def test_a_batch_behind_an_inner_batch_forks() -> None:
    """A reverted snapshot: what it goes on from is in, and something else came after it."""
    fork = place(batch(X, 5, 6, B), streams=[MAIN], known=None, before=applied(1, 3, 5))
    assert fork == Placement(verdict=Verdict.FORK, held_from=1)
    assert fork.opens


def test_a_fork_inherits_the_hole_below_it() -> None:
    """A mark of the fork must not promise what was declared lost."""
    fork = place(
        batch(X, 9, 10, C),
        streams=[stream(2, 7, 11, D, held_from=7)],
        known=None,
        before=applied(2, 7, 9, held_from=7),
    )
    assert fork == Placement(verdict=Verdict.FORK, held_from=7)


@pytest.mark.parametrize("first", [2, 4, 6, 100])
def test_a_batch_that_contradicts_its_predecessor_is_a_misfit(first: int) -> None:
    """It gets a stream of its own and promises nothing below, so that nobody stalls behind it."""
    assert place(
        batch(X, first, first + 1, B), streams=[MAIN], known=None, before=applied(1, 3, 5)
    ) == Placement(verdict=Verdict.MISFIT, held_from=first)


def test_an_unknown_predecessor_is_a_gap() -> None:
    gap = place(batch(X, 20, 21, C), streams=[MAIN], known=None, before=None)
    assert gap == Placement(verdict=Verdict.GAP)
    assert not gap.opens
    assert place(batch(X, 2, 3, A), streams=[], known=None, before=None).verdict is Verdict.GAP


def test_the_hole_is_shown_from_the_nearest_mark() -> None:
    streams = [MAIN, stream(2, 5, 7, X), stream(3, 5, 90, B)]
    assert missing_from(streams, 20) == 9
    assert missing_from(streams, 9) == 9
    assert missing_from(streams, 8) == 7
    assert missing_from(streams, 3) == 1


IDS = st.sampled_from([A, B, C, D, X])
NUMBERS = st.integers(1, 6)


@given(
    st.builds(
        Batch,
        batch_id=IDS,
        previous=IDS,
        first_sequence=NUMBERS,
        next_sequence=NUMBERS,
        tombstone=st.booleans(),
    ),
    st.lists(
        st.builds(
            StoredStream,
            stream_id=NUMBERS,
            base=NUMBERS,
            held_from=NUMBERS,
            next_sequence=NUMBERS,
            tip=IDS,
        ),
        max_size=3,
        unique_by=lambda stream: stream.stream_id,
    ),
    st.none()
    | st.builds(
        StoredBatch,
        stream_id=NUMBERS,
        held_from=NUMBERS,
        first_sequence=NUMBERS,
        next_sequence=NUMBERS,
        tombstone=st.booleans(),
    ),
)
def test_a_place_promises_no_more_than_its_predecessor_did(
    what: Batch, streams: list[StoredStream], before: StoredBatch | None
) -> None:
    """Every batch has exactly one verdict, and its mark never reaches below what is known to be held."""
    placement = place(what, streams=streams, known=None, before=before)
    match placement.verdict:
        case Verdict.GAP:
            assert not placement.opens
        case Verdict.NEXT:
            followed = next(s for s in streams if s.stream_id == placement.stream_id)
            assert (followed.next_sequence, followed.tip) == (what.first_sequence, what.previous)
            assert placement.held_from == followed.held_from
        case Verdict.OPEN | Verdict.FORK | Verdict.MISFIT:
            assert placement.opens
            whole = what.first_sequence == 1
            assert placement.held_from == 1 if whole else placement.held_from > 0
            if placement.held_from < what.first_sequence and not whole:
                assert before is not None
                assert placement.held_from == before.held_from
        case _:
            pytest.fail("nothing is known under its id")
