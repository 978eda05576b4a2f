"""A record's body carries the message untouched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal import Record, RecordFlags


@given(
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**63 - 1),
    st.integers(0, 255),
    st.sampled_from(
        [RecordFlags.NONE, RecordFlags.QUARANTINED, RecordFlags.QUARANTINED | RecordFlags.SYNTHETIC]
    ),
    st.binary(max_size=100),
)
def test_a_record_comes_back_as_it_was_written(
    uid: bytes, received_ms: int, tag: int, flags: RecordFlags, payload: bytes
) -> None:
    record = Record(agent_uid=uid, received_ms=received_ms, tag=tag, flags=flags, payload=payload)

    assert Record.decode(b"".join(record.encode())) == record


def test_the_payload_is_not_copied_into_a_frame_of_its_own() -> None:
    payload = b"as it came"
    record = Record(agent_uid=bytes(16), received_ms=1, tag=5, payload=payload)

    assert record.encode()[1] is payload


def test_flags_of_a_later_release_are_kept() -> None:
    body = bytes(16) + bytes(8) + b"\x05" + b"\x83" + b"payload"

    assert Record.decode(body).flags == 0x83


@given(st.binary(max_size=25))
def test_too_few_bytes_are_no_record(body: bytes) -> None:
    with pytest.raises(ValueError, match="the shortest has 26"):
        Record.decode(body)
