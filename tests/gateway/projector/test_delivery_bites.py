"""The model bites: for every rule that is broken on purpose it finds a failure, and within a few examples."""

import contextlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from agent.marks import Cutting, Ruling
from gateway.edge.directory import Directory
from gateway.journal import JournalReader, JournalWriter
from gateway.journal.frames import HEADER_BYTES
from gateway.projector import work
from gateway.projector.placement import Batch, Placement, Verdict, place
from gateway.store import StoredBatch, StoredStream
from gateway.store.streams import ProjectedStreams
from protocol import Mark
from tests.gateway.projector.model import World
from tests.gateway.projector.test_delivery_model import machine
from tests.helpers.lossy_files import LossyFiles

Streams = Sequence[StoredStream]
Known = StoredBatch | None


def numbers_alone(batch: Batch, *, streams: Streams, known: Known, before: Known) -> Placement:
    """One contiguous mark for an epoch, and no hashes."""
    if not streams:
        return place(batch, streams=streams, known=known, before=before)
    [stream] = streams
    if batch.first_sequence == stream.next_sequence:
        return Placement(verdict=Verdict.NEXT, stream_id=stream.stream_id, held_from=1)
    below = batch.first_sequence < stream.next_sequence
    return Placement(verdict=Verdict.DUPLICATE if below else Verdict.GAP, stream_id=stream.stream_id)


def marks_flipped(batch: Batch, *, streams: Streams, known: Known, before: Known) -> Placement:
    """What is beyond the mark is taken, what is below it waits."""
    right = place(batch, streams=streams, known=known, before=before)
    if right.verdict is Verdict.GAP and streams:
        return Placement(verdict=Verdict.NEXT, stream_id=streams[-1].stream_id, held_from=1)
    return right


def nothing_is_known(batch: Batch, *, streams: Streams, known: Known, before: Known) -> Placement:
    """No look at what is applied already."""
    return place(batch, streams=streams, known=None, before=before)


def mark_compared_for_inequality(batch: Batch, *, streams: Streams, known: Known, before: Known) -> Placement:
    """`!=` for `==` where the batch meets the mark."""
    right = place(batch, streams=streams, known=known, before=before)
    if right.verdict is Verdict.NEXT:
        return Placement(verdict=Verdict.FORK, held_from=right.held_from)
    return right


def tombstones_are_final(batch: Batch, *, streams: Streams, known: Known, before: Known) -> Placement:
    """The late original of a tombstone is a duplicate."""
    right = place(batch, streams=streams, known=known, before=before)
    if right.verdict is Verdict.FILL:
        return Placement(verdict=Verdict.DUPLICATE, stream_id=right.stream_id, held_from=right.held_from)
    return right


def holes_are_forgotten(batch: Batch, *, streams: Streams, known: Known, before: Known) -> Placement:
    """Every mark promises everything from 1 on."""
    right = place(batch, streams=streams, known=known, before=before)
    return Placement(verdict=right.verdict, stream_id=right.stream_id, held_from=1)


def numbers_will_do(mark: Mark, own_id: bytes | None, cutting: Cutting) -> Ruling:
    """An agent that deletes what ends where the mark does, whoever's batch the mark is of."""
    return Ruling.STALE if own_id is None else Ruling.RELEASED


def any_place_will_do(self: JournalReader, cursor: Any, sizes: dict[int, int]) -> bool:
    """A cursor without a look at the incarnation."""
    return cursor.segment in sizes and HEADER_BYTES <= cursor.offset <= sizes[cursor.segment]


def do_nothing(*_: object, **__: object) -> None:
    """What was to be done is not done."""


MUTATIONS: dict[str, tuple[str, AbstractContextManager[object]]] = {
    "marks are compared the wrong way round": ("lost disks", mock.patch.object(work, "place", marks_flipped)),
    "marks are compared for inequality": (
        "crashes",
        mock.patch.object(work, "place", mark_compared_for_inequality),
    ),
    "hashes are not looked at": ("snapshots", mock.patch.object(work, "place", numbers_alone)),
    "duplicates are not looked for": ("crashes", mock.patch.object(work, "place", nothing_is_known)),
    "duplicates are not echoed": ("snapshots", mock.patch.object(work.Work, "_echo", do_nothing)),
    "a tombstone is final": ("refusals", mock.patch.object(work, "place", tombstones_are_final)),
    "a mark promises what is in a hole": ("holes", mock.patch.object(work, "place", holes_are_forgotten)),
    "a cursor of another incarnation is read on": (
        "restored disks",
        mock.patch.object(JournalReader, "_holds", any_place_will_do),
    ),
    "acknowledged before it is synced": ("crashes", mock.patch.object(JournalWriter, "sync", do_nothing)),
    "a fdatasync is removed": ("crashes", mock.patch.object(LossyFiles, "fdatasync", do_nothing)),
    "an agent does not look at hashes": (
        "snapshots",
        mock.patch("agent.outbox.judge_released", numbers_will_do),
    ),
    "marks are not stored": ("crashes", mock.patch.object(ProjectedStreams, "move", do_nothing)),
}
"""What is broken, the fate under which it matters, and how it is broken."""

BITES = hypothesis.settings(
    max_examples=100,
    stateful_step_count=30,
    phases=[hypothesis.Phase.generate],
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    verbosity=hypothesis.Verbosity.quiet,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_broken_rule_is_found(mutation: str) -> None:
    """Breaking it makes the model fail."""
    fate, broken = MUTATIONS[mutation]
    with broken, pytest.raises(AssertionError):
        run_state_machine_as_test(machine(fate), settings=BITES)


@pytest.mark.parametrize("broken", [False, True])
def test_what_was_left_out_may_not_count_as_durable(broken: bool) -> None:
    """Two holes, and one gap allowed: what was left out comes back by itself; but not if its edge goes on calling it durable.

    A story, because it has to be the last thing that happens: the next batch that its agent cuts would open a gap, and bring it back too.
    """
    world = World(open_gaps=1)
    try:
        world.weekend(world.agents[0], world.edges[0], batches=12, rotten=(0.5, 0.9))
        with (
            mock.patch.object(Directory, "_overran", do_nothing) if broken else contextlib.nullcontext(),
            pytest.raises(AssertionError, match="stuck") if broken else contextlib.nullcontext(),
        ):
            world.settle()
    finally:
        world.close()
