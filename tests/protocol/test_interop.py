"""Minor versions: an older and a newer peer, both ways.

Version 1.0 has no predecessor and no successor yet, so both are made up here and frozen: N-1 lacks every field that has a
default, N+1 has two fields more in every message and one cell more in every row, enum values that we don't know, and a
message type that may be skipped.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import attrs
import msgpack
import pytest
from hypothesis import given, settings

from protocol import (
    MINOR,
    NO_BATCH,
    Code,
    Connection,
    EventBatch,
    Hello,
    Mark,
    Message,
    RemoteProtocolError,
    Role,
    State,
    decode,
    encode,
    negotiate,
)
from protocol.kinds import ListOf, Text, frozen
from protocol.rowlists import Objects, RowsOf
from protocol.schema import WireField, layout_of
from tests.protocol.roles import HELLO
from tests.protocol.strategies import MESSAGE

SESSION = Path(__file__).parent.parent / "vectors" / "session.json"


def row_width(field: WireField, *, required: bool) -> int:
    if isinstance(field.kind, RowsOf | Objects):
        layout = layout_of(field.kind.row_class)
        return layout.required if required else layout.width
    return 0


def older(tag_class: type, values: list[Any]) -> list[Any]:
    """What N-1 would have sent: no field and no cell that has a default."""
    layout = layout_of(tag_class)
    kept = []
    for field, value in zip(layout.fields[: layout.required], values, strict=False):
        width = row_width(field, required=True)
        kept.append([row[:width] for row in value] if width else value)
    return kept


def newer(tag_class: type, values: list[Any]) -> list[Any]:
    """What N+1 would send: more fields, and more cells in every row."""
    grown = []
    for field, value in zip(layout_of(tag_class).fields, values, strict=True):
        width = row_width(field, required=False)
        grown.append([[*row, "new cell"] for row in value] if width else value)
    return [*grown, "new field", [1, [2, 3]]]


def defaults_only(message: Message) -> Message:
    """A message with every field that N-1 lacks at its default."""
    layout = layout_of(type(message))
    changes: dict[str, Any] = {f.name: f.default for f in layout.fields[layout.required :]}
    for field in layout.fields[: layout.required]:
        if isinstance(field.kind, RowsOf | Objects):
            cls, narrow = field.kind.row_class, row_width(field, required=True)
            value = getattr(message, field.name)
            rows = [row.to_row() if isinstance(row, cls) else row for row in value]
            named = [cls.from_row(row[:narrow]) for row in rows]
            changes[field.name] = (
                tuple(named) if isinstance(field.kind, Objects) else tuple(row.to_row() for row in named)
            )
    return attrs.evolve(message, **changes)


@settings(max_examples=200)
@given(MESSAGE)
def test_what_an_older_peer_sends_is_understood(message: Message) -> None:
    """Missing trailing fields and cells have the values that the older peer meant by not knowing them."""
    values = older(type(message), msgpack.unpackb(encode(message)))

    assert decode(message.tag, msgpack.packb(values)) == defaults_only(message)


@settings(max_examples=200)
@given(MESSAGE)
def test_what_a_newer_peer_sends_is_understood(message: Message) -> None:
    """Fields and cells that we don't know are passed over, and everything before them means what it always did."""
    values = newer(type(message), msgpack.unpackb(encode(message)))

    assert decode(message.tag, msgpack.packb(values)) == message


@pytest.mark.parametrize("version", [older, newer], ids=["N-1", "N+1"])
@pytest.mark.parametrize("theirs", Role, ids=lambda role: f"{role.value} of another version")
def test_a_session_with_a_peer_of_another_version(
    version: Callable[[type, list[Any]], list[Any]], theirs: Role
) -> None:
    """A whole session, in which one side is older or newer, goes through the same states."""
    ours = Connection(Role.GATEWAY if theirs is Role.AGENT else Role.AGENT)
    for step in json.loads(SESSION.read_text(encoding="utf-8"))["steps"]:
        data = bytes.fromhex(step["frame"])
        if step["name"] is None:
            continue
        message = decode(data[4], data[5:])
        if Role(step["from"]) is theirs:
            values = version(type(message), msgpack.unpackb(encode(message)))
            payload = msgpack.packb(values)
            ours.receive_data(len(payload).to_bytes(4, "big") + data[4:5] + payload)
            if version is newer:
                ours.receive_data(b"\x00\x00\x00\x03\xc8new")
            assert type(ours.next_event()) is type(message)
        else:
            ours.send(message)
    assert ours.state is State.CLOSED


@attrs.frozen(kw_only=True)
class HelloNext(Hello):
    """Hello as a synthetic version 1.1 has it."""

    time_zone: Annotated[str, Text(64), "where it stands"] = "UTC"
    labels: Annotated[tuple[str, ...], ListOf(Text(64), 8), "of the agent"] = attrs.field(
        converter=frozen, default=()
    )


def test_an_older_gateway_reads_a_newer_hello() -> None:
    """N's gateway takes N+1's Hello for the Hello it knows."""
    known = attrs.asdict(HELLO, recurse=False) | {"minor": 1}
    payload = encode(HelloNext(**known, time_zone="CET", labels=("eu",)))

    assert decode(Hello.tag, payload) == Hello(**known)


def test_a_newer_gateway_reads_an_older_hello() -> None:
    """N+1's gateway finds its defaults in what N's agent did not say."""
    from_older = decode(Hello.tag, encode(HELLO))
    layout = layout_of(HelloNext)

    assert layout.required == layout_of(Hello).required
    assert [field.default for field in layout.fields[len(layout_of(Hello).fields) :]] == ["UTC", ()]
    assert from_older == HELLO


@pytest.mark.parametrize(("theirs", "agreed"), [(0, 0), (MINOR, MINOR), (MINOR + 1, MINOR), (255, MINOR)])
def test_the_smaller_minor_version_counts(theirs: int, agreed: int) -> None:
    """A session speaks what both know."""
    assert negotiate(theirs) == agreed


def test_a_newer_enum_value_is_not_guessed_at() -> None:
    """Who has negotiated our minor version must not send later values; in a row they cost that row."""
    row = [1, 7, "j", "s", "", 1]
    message = decode(EventBatch.tag, msgpack.packb([7, 1, 1, NO_BATCH, b"", [row]]))
    assert isinstance(message, EventBatch)
    assert [bad.reason for bad in message.invalid] == ["7 is no EventKind"]

    with pytest.raises(RemoteProtocolError) as caught:
        decode(3, msgpack.packb([1, 4]))
    assert caught.value.code is Code.INVALID_VALUE


def test_marks_of_the_first_days_have_no_first_sequence() -> None:
    """A mark without its last cell covers everything from the first record on."""
    assert Mark.from_row((7, 120, NO_BATCH)).first_sequence == 1
