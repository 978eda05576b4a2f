"""What cannot be projected stalls nobody and is thrown away by nobody."""

from typing import Any
from unittest import mock

import attrs
import msgpack
import pytest
import structlog

from gateway.journal import JournalWriter, Record, RecordFlags
from gateway.projector import items, place, rows, work
from gateway.store import ReleasedMark, ResyncWanted, StoreFull
from gateway.store.rows import ProjectedEvents
from protocol import (
    NO_BATCH,
    CommandResult,
    EventBatch,
    Inventory,
    InventoryMode,
    Outcome,
    Server,
    ServerKind,
    batch_id,
    decode,
    encode,
)
from tests.gateway.projector.rig import START_MS, Chain, Rig

project_events = rows.PROJECTIONS[EventBatch]

HEAD: dict[str, Any] = {"epoch": 7, "first_sequence": 1, "count": 1, "previous": NO_BATCH}


def bug(place: Any, message: EventBatch) -> int:
    """A projection that some event sets off."""
    if any("boom" in str(cells[-1]) for cells in message.rows):
        raise ZeroDivisionError("this event sets off a bug")
    return project_events(place, message)


with_a_bug = mock.patch.dict(rows.PROJECTIONS, {EventBatch: bug})


def changed(payload: bytes, change: Any) -> bytes:
    """The payload with something about its fields changed."""
    fields = list(msgpack.unpackb(payload))
    change(fields)
    return bytes(msgpack.packb(fields))


@with_a_bug
def test_a_batch_that_raises_is_quarantined_alone(rig: Rig) -> None:
    """Those around it are projected in the same step; its mark moves on, and it is kept as it came."""
    agent, other, chain = rig.agent(), rig.agent(), Chain()
    good, bad, after = chain.cut("a"), chain.cut("boom", "b"), chain.cut("c")
    rig.journal(agent, good, bad, after)
    rig.journal(other, Chain().cut("x"))
    rig.projector.step()
    assert rig.texts(agent) == ["a", "c"]
    assert rig.texts(other) == ["x"]
    [kept] = rig.store.events.quarantined()
    assert (kept.agent_uid, kept.epoch, kept.batch_id) == (agent.agent_uid, 7, batch_id(bad))
    assert (kept.sequence, kept.payload) == (0, bad)
    assert kept.reason == "ZeroDivisionError: this event sets off a bug"
    assert (7, 1, 5, chain.tip, False) in rig.marks()


@with_a_bug
def test_a_parked_batch_that_raises_is_not_its_parents_fault(rig: Rig) -> None:
    """What it waited for is projected; it alone goes into quarantine, and what waited behind it goes on."""
    agent, chain = rig.agent(), Chain()
    first, bad, after = chain.cut("a"), chain.cut("boom"), chain.cut("c")
    rig.journal(agent, after, bad)
    rig.drain()
    rig.journal(agent, first)
    rig.drain()
    assert rig.texts(agent) == ["a", "c"]
    assert [kept.batch_id for kept in rig.store.events.quarantined()] == [batch_id(bad)]
    assert rig.store.gaps.list() == []


@with_a_bug
def test_a_quarantined_batch_is_not_tried_again(rig: Rig) -> None:
    """Sent a second time it is a duplicate like any other."""
    agent, chain = rig.agent(), Chain()
    bad = chain.cut("boom")
    rig.journal(agent, bad)
    rig.journal(agent, bad, edge="south")
    rig.drain()
    assert len(rig.store.events.quarantined()) == 1
    assert rig.texts(agent) == []


def test_a_batch_that_cannot_even_be_placed_is_set_apart(rig: Rig) -> None:
    """A bug in the rules themselves: the batch is kept, no mark moves, and the others go on."""
    agent, other = rig.agent(), rig.agent()
    chain = Chain(epoch=666)
    bad = chain.cut("a")

    def broken(batch: Any, **known: Any) -> Any:
        if batch.batch_id == chain.tip:
            raise ZeroDivisionError("a bug in the rules")
        return place(batch, **known)

    with mock.patch.object(work, "place", broken):
        rig.journal(agent, bad)
        rig.journal(other, Chain().cut("x"))
        rig.projector.step()
    assert rig.texts(other) == ["x"]
    [kept] = rig.store.events.quarantined()
    assert (kept.agent_uid, kept.epoch, kept.payload) == (agent.agent_uid, 0, bad)
    assert [mark[0] for mark in rig.marks()] == [7]

    rig.journal(agent, bad, edge="south")
    rig.drain()
    assert rig.texts(agent) == ["a"]


def test_a_full_store_is_nobodys_fault(rig: Rig) -> None:
    """Nothing of the step has happened, nothing is quarantined, and the next step does it."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a"))
    with (
        mock.patch.object(ProjectedEvents, "insert", side_effect=StoreFull("database or disk is full")),
        pytest.raises(StoreFull),
    ):
        rig.projector.step()
    assert rig.texts(agent) == []
    rig.drain()
    assert rig.texts(agent) == ["a"]
    assert rig.store.events.quarantined() == []


def test_a_store_that_fills_up_while_taking_care_is_nobodys_fault(rig: Rig) -> None:
    """Between the first failure and the careful second try the disk has filled up: wait, quarantine nothing."""
    agent = rig.agent()
    rig.journal(agent, Chain().cut("a"))
    failures = [ZeroDivisionError("first"), StoreFull("database or disk is full")]
    with mock.patch.object(ProjectedEvents, "insert", side_effect=failures), pytest.raises(StoreFull):
        rig.projector.step()
    rig.drain()
    assert rig.texts(agent) == ["a"]
    assert rig.store.events.quarantined() == []


def test_an_invalid_row_is_quarantined_and_the_others_go_on(rig: Rig) -> None:
    """Its number is used up; the reason and the row are there to be read."""
    agent, chain = rig.agent(), Chain()
    payload = changed(chain.cut("a", "b", "c"), lambda fields: fields[-1][1].__setitem__(1, 99))
    rig.journal(agent, payload)
    rig.drain()
    events = list(rig.store.events.export(agent.agent_uid))
    assert [(event.sequence, event.message) for event in events] == [(1, "a"), (3, "c")]
    [kept] = rig.store.events.quarantined()
    assert kept.sequence == 2
    assert kept.reason.startswith("kind: ")
    assert b'"b"' in kept.payload
    assert [mark[2] for mark in rig.marks()] == [4]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (b"\xc1 never msgpack", "cannot be decoded"),
        (b"", "cannot be decoded"),
        (changed(Chain().cut("a"), lambda fields: fields.__setitem__(2, 5)), "count 5 for 1 records"),
    ],
)
def test_what_cannot_be_decoded_is_set_apart_once(rig: Rig, what: bytes, reason: str) -> None:
    """A newer edge beside an older projector. However often it is read, it is kept once, and no mark moves."""
    agent = rig.agent()
    for edge in ("north", "south"):
        rig.journal(agent, what, edge=edge)
    rig.drain()
    [kept] = rig.store.events.quarantined()
    assert reason in kept.reason
    assert kept.payload == what
    assert rig.marks() == []


OF_TOMORROW = {
    "an inventory's mode": (Inventory(**HEAD, revision=1, mode=InventoryMode.FULL, part=0, final=True), 6),
    "a command's outcome": (CommandResult(**HEAD, command_uid="c", fence=1, outcome=Outcome.SUCCEEDED), 7),
}


@pytest.mark.parametrize(("message", "field"), OF_TOMORROW.values(), ids=list(OF_TOMORROW))
def test_a_value_of_tomorrow_stops_nobody(rig: Rig, message: Inventory | CommandResult, field: int) -> None:
    """A newer agent and a newer edge know it, this projector does not: it is kept, said aloud, and asked for after the upgrade.

    No mark moves, so the agent holds it; what it cut behind waits, and everybody else goes on.
    """
    agent, other = rig.agent(), rig.agent()
    newer = changed(encode(message), lambda fields: fields.__setitem__(field, 99))
    chain = Chain(next_sequence=2, tip=batch_id(newer))
    with structlog.testing.capture_logs() as log:
        rig.journal(agent, newer, tag=message.tag)
        rig.journal(agent, chain.cut("behind"))
        rig.journal(other, Chain().cut("x"))
        rig.drain(20)
    assert rig.texts(other) == ["x"]
    assert rig.texts(agent) == []
    [kept] = rig.store.events.quarantined()
    assert (kept.agent_uid, kept.tag, kept.payload) == (agent.agent_uid, message.tag, newer)
    assert "99" in kept.reason
    assert [line["code"] for line in log if line["event"] == "batch set apart"] == ["FG-4003"]
    told = rig.told()
    assert [body.agent_uid for body in told if isinstance(body, ReleasedMark)] == [other.agent_uid]
    assert [body.agent_uid for body in told if isinstance(body, ResyncWanted)] == [agent.agent_uid]

    def upgraded(tag: int, payload: bytes) -> Any:
        return attrs.evolve(message, payload=payload) if payload == newer else decode(tag, payload)

    with mock.patch.object(items, "decode", upgraded):
        rig.journal(agent, newer, tag=message.tag)
        rig.drain()
    assert rig.texts(agent) == ["behind"]
    assert (7, 1, 3, chain.tip, False) in rig.marks()
    assert rig.store.gaps.list() == []


@pytest.mark.parametrize(
    "first_and_count", [(1, 1 << 62), (1, (1 << 63) - 2), ((1 << 63) - 1, 1), (0, 1), (1, 0)]
)
def test_a_tombstone_cannot_take_more_numbers_than_there_are(
    rig: Rig, first_and_count: tuple[int, int]
) -> None:
    """Nor 2^62 of them at once: the next batches would have none. It has no place, and is kept."""
    agent = rig.agent()
    tombstone = EventBatch(epoch=7, first_sequence=1, count=1, previous=NO_BATCH, replaces=b"r" * 16, rows=())
    greedy = changed(encode(tombstone), lambda fields: fields.__setitem__(slice(1, 3), first_and_count))
    rig.journal(agent, greedy, Chain().cut("a"))
    rig.drain()
    assert rig.texts(agent) == ["a"]
    assert [kept.payload for kept in rig.store.events.quarantined()] == [greedy]


def test_a_tombstone_of_itself_waits_in_its_corner(rig: Rig) -> None:
    """Ids that an agent invents can form circles; they fill its share of the parking and nothing else."""
    agent = rig.agent()
    for replaces, previous in ((b"r" * 16, b"r" * 16), (b"s" * 16, b"t" * 16), (b"t" * 16, b"s" * 16)):
        circle = EventBatch(epoch=7, first_sequence=5, count=1, previous=previous, replaces=replaces, rows=())
        rig.journal(agent, encode(circle))
    rig.journal(agent, Chain().cut("a"))
    rig.drain(60)
    assert rig.texts(agent) == ["a"]


def test_a_tombstone_of_what_is_in_changes_nothing(rig: Rig) -> None:
    """And one that claims other numbers for it does not either."""
    agent, chain = rig.agent(), Chain()
    batch = chain.cut("a")
    rig.journal(agent, batch)
    for first, count in ((1, 1), (1, 7), (3, 4)):
        liar = EventBatch(
            epoch=7, first_sequence=first, count=count, previous=NO_BATCH, replaces=batch_id(batch), rows=()
        )
        rig.journal(agent, encode(liar))
    rig.journal(agent, chain.cut("b"))
    rig.drain()
    assert rig.texts(agent) == ["a", "b"]
    assert rig.store.gaps.list() == []


def test_records_of_an_unknown_agent_are_kept(rig: Rig) -> None:
    """The store is older than the agent: a backup was restored."""
    stranger = "11111111-2222-4333-8444-555555555555"
    payload = Chain().cut("a")
    record = Record(
        agent_uid=bytes.fromhex(stranger.replace("-", "")),
        received_ms=START_MS,
        tag=EventBatch.tag,
        flags=RecordFlags.NONE,
        payload=payload,
    )
    rig.writer().append(record.encode())
    rig.writer().sync()
    rig.drain()
    [kept] = rig.store.events.quarantined(stranger)
    assert kept.payload == payload
    assert "does not know" in kept.reason


def test_a_message_that_is_no_batch_is_set_apart(rig: Rig) -> None:
    """No edge journals a Heartbeat; if one did, nothing breaks."""
    agent = rig.agent()
    rig.journal(agent, msgpack.packb([1, 1, 0, 0]), tag=3)
    rig.drain()
    assert [kept.tag for kept in rig.store.events.quarantined()] == [3]


def test_the_result_of_a_command_that_nobody_gave_is_kept(rig: Rig) -> None:
    """It takes its number, so that what follows goes on."""
    agent = rig.agent()
    result = encode(
        CommandResult(
            epoch=7,
            first_sequence=1,
            count=1,
            previous=NO_BATCH,
            command_uid="c",
            fence=1,
            outcome=Outcome.SUCCEEDED,
        )
    )
    chain = Chain(next_sequence=2, tip=batch_id(result))
    rig.journal(agent, result, tag=CommandResult.tag)
    rig.journal(agent, chain.cut("a"))
    rig.drain()
    assert rig.texts(agent) == ["a"]
    [kept] = rig.store.events.quarantined()
    assert "no command" in kept.reason


def test_an_inventory_loses_its_invalid_items_only(rig: Rig) -> None:
    """They are kept together, under the one number that the inventory takes."""
    agent = rig.agent()
    names = ("good", "bad", "worse")
    servers = tuple(
        Server(uid=f"u{n}", name=name, kind=ServerKind.PROXY).to_row() for n, name in enumerate(names)
    )
    whole = encode(
        Inventory(
            epoch=7, first_sequence=1, count=1, previous=NO_BATCH, revision=1, mode=InventoryMode.FULL, part=0, final=True,
            servers=servers,
        )
    )  # fmt: skip

    def spoil(fields: list[Any]) -> None:
        for fields_of_row in (cells for cells in fields[9] if cells[1] != "good"):
            fields_of_row[2] = 99

    rig.journal(agent, changed(whole, spoil), tag=Inventory.tag)
    rig.drain()
    [kept] = rig.store.events.quarantined()
    assert kept.sequence == 1
    assert kept.reason.startswith("2 items, the first servers kind: ")
    assert b"worse" in kept.payload


def test_a_record_without_a_head_is_passed_over(rig: Rig) -> None:
    """It names no agent that could miss it."""
    agent = rig.agent()
    writer: JournalWriter = rig.writer()
    writer.append([b"short"])
    rig.journal(agent, Chain().cut("a"))
    rig.drain()
    assert rig.texts(agent) == ["a"]
