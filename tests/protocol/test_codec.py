"""Payloads and messages, there and back."""

from typing import Any

import attrs
import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import (
    MESSAGES,
    NO_BATCH,
    Code,
    CommandResult,
    EventBatch,
    EventKind,
    Goodbye,
    Heartbeat,
    Inventory,
    InventoryMode,
    JobEvent,
    JobStatus,
    LocalProtocolError,
    Message,
    RemoteProtocolError,
    Sequenced,
    batch_id,
    decode,
    encode,
)
from protocol.messages import LARGE_LIMIT
from tests.protocol.roles import HELLO
from tests.protocol.strategies import MESSAGE

EVENT = JobEvent(
    time_ms=1, kind=EventKind.NOTICE, job_uid="j", session_uid="s", workload_uid="", status=JobStatus.RUNNING
).to_row()


def batch(**changes: Any) -> EventBatch:
    whole: dict[str, Any] = {
        "epoch": 7,
        "first_sequence": 1,
        "count": 1,
        "previous": NO_BATCH,
        "rows": (EVENT,),
    }
    return EventBatch(**whole | changes)


@settings(max_examples=300)
@given(MESSAGE)
def test_messages_come_back_as_they_were(message: Message) -> None:
    """Decoding what was encoded gives the same message, of the same class."""
    payload = encode(message)

    again = decode(message.tag, payload)

    assert again == message
    if isinstance(again, Sequenced):
        assert again.payload == payload
        assert again.invalid == ()


def test_tags_are_what_the_table_says() -> None:
    """Every class is found under its own tag."""
    assert all(cls.tag == tag for tag, cls in MESSAGES.items())
    assert list(MESSAGES) == sorted(MESSAGES)


def test_messages_are_values() -> None:
    """Nobody can change a message that another holds."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        HELLO.minor = 1  # type: ignore[misc]  # that is the point
    assert hash(batch()) == hash(batch())


def test_a_decoded_batch_keeps_its_bytes() -> None:
    """The payload of a batch is the very bytes that came, in whatever form its sender wrote them."""
    values = [7, 1, 1, NO_BATCH, b"", [list(EVENT)], "from the future"]
    payload = msgpack.packb(values)

    decoded = decode(EventBatch.tag, payload)

    assert isinstance(decoded, EventBatch)
    assert decoded.payload is payload
    assert batch_id(decoded) == batch_id(payload)


def test_the_chain_of_batches() -> None:
    """A tombstone takes the place of what it replaces: same numbers, same predecessor, same id."""
    original = batch()
    own = batch_id(encode(original))
    tombstone = decode(EventBatch.tag, encode(batch(rows=(), replaces=own)))

    assert isinstance(tombstone, EventBatch)
    assert batch_id(tombstone) == own
    assert tombstone.next_sequence == original.next_sequence == 2


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (batch(count=2), "count 2 for 1 records"),
        (batch(rows=()), "count 1 for 0 records"),
        (batch(replaces=bytes(range(16))), "a tombstone carries nothing"),
        (batch(first_sequence=2**63 - 1), "sequence numbers beyond 2\\^63-1"),
        (batch(previous=b"short"), "previous: 5 bytes, expected bin, 16 bytes"),
        (batch(epoch=0), "epoch: 0 is outside 1"),
        (batch(epoch=True), "epoch: expected an integer, got a bool"),
        (batch(rows=((None,) * 12,)), "rows: row 0 time_ms: expected an integer, got nothing"),
        (Heartbeat(agent_time_ms=1, health=1), "health: expected a Health"),  # type: ignore[arg-type]  # the mistake
        (Goodbye(code=1, message="a\0"), "message: text with NUL in it"),
        (Goodbye(code=1, message="\ud800"), "message: text that is not UTF-8"),
        (Goodbye(code=1, message="x" * 1025), "message: text of 1025 characters"),
        (attrs.evolve(HELLO, nonces=(bytes(16),) * 3), "nonces: 3 entries, limit is 2"),
        (
            Inventory(
                epoch=1, first_sequence=1, count=2, previous=NO_BATCH, revision=1, mode=InventoryMode.FULL, part=0, final=True
            ),
            "count 2 for one record",
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)  # fmt: skip
def test_we_are_held_to_the_same_rules(message: Message, reason: str) -> None:
    """A message that a peer would refuse is not sent."""
    with pytest.raises(LocalProtocolError, match=reason) as caught:
        encode(message)

    assert caught.value.code is Code.INVALID_VALUE


def test_messages_have_a_size() -> None:
    """A message beyond its limit is refused by its sender, with both numbers."""
    row = (*EVENT[:11], "\U0001f4be" * 1024)  # 4 KiB of bytes in 1,024 characters
    with pytest.raises(LocalProtocolError, match=f"limit is {LARGE_LIMIT}") as caught:
        encode(batch(count=300, rows=(row,) * 300))

    assert caught.value.code is Code.MESSAGE_TOO_BIG


@pytest.mark.parametrize("tag", [0, 14, 15, 63, 78, 127, 129, 255])
def test_unknown_types_are_refused(tag: int) -> None:
    """A type that is not in the table can't be decoded, whether or not a connection would skip it."""
    with pytest.raises(RemoteProtocolError) as caught:
        decode(tag, b"\x90")

    assert caught.value.code is Code.UNKNOWN_MESSAGE_TYPE


def test_only_events_can_be_set_aside_as_a_tombstone() -> None:
    """A tombstone is always an EventBatch, whatever it replaces."""
    result = [7, 1, 1, NO_BATCH, bytes(range(16)), "cmd", 1, 1]

    with pytest.raises(RemoteProtocolError, match="only an EventBatch can be a tombstone") as caught:
        decode(CommandResult.tag, msgpack.packb(result))

    assert caught.value.code is Code.BATCH_UNDECODABLE


@given(st.binary(max_size=20))
def test_the_batch_at_fault_is_named_if_it_can_be(noise: bytes) -> None:
    """However the rest of a batch looks, its sender is told which one it was."""
    start = b"\x96" + msgpack.packb(2**62) + msgpack.packb(12345)
    with pytest.raises(RemoteProtocolError) as caught:
        decode(EventBatch.tag, start + noise)

    error = caught.value
    assert (error.code, error.epoch, error.first_sequence) == (Code.BATCH_UNDECODABLE, 2**62, 12345)


def test_invalid_rows_are_named_by_their_list() -> None:
    """An inventory has six lists; a bad row says which one it is in."""
    values = [7, 1, 1, NO_BATCH, b"", 1, 1, 0, True, [["s", "n", 9]], [], [["w", "s", "n", 9]], [], [], [[1]]]

    decoded = decode(Inventory.tag, msgpack.packb(values))

    assert isinstance(decoded, Inventory)
    assert [(row.section, row.index, row.field) for row in decoded.invalid] == [
        ("servers", 0, "kind"),
        ("workloads", 0, "kind"),
        ("removed", 0, ""),
    ]


def test_text_that_is_not_utf8_spoils_one_row_only() -> None:
    """A name with a lone surrogate, as Windows allows, costs its record and not the batch."""
    payload = msgpack.packb([7, 1, 2, NO_BATCH, b"", [EVENT, (*EVENT[:11], "ab??ef")]]).replace(
        b"??", b"\xff\xfe"
    )

    decoded = decode(EventBatch.tag, payload)

    assert isinstance(decoded, EventBatch)
    assert [(row.index, row.field, row.reason) for row in decoded.invalid] == [
        (1, "message", "text that is not UTF-8")
    ]
    assert decoded.rows[0] == EVENT
