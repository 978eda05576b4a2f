"""The bytes of a segment: what is refused, and that cutting changes nothing."""

import os
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.frames import (
    FRAME_BYTES,
    HEADER_BYTES,
    MAX_BODY,
    Header,
    Tail,
    UnknownFormatError,
    frame_head,
    parse,
)

HEADER = Header(segment=7, incarnation=bytes(range(16)), previous_segment=6, previous_end=12345)
BODIES = st.lists(st.binary(min_size=1, max_size=60), max_size=6)


def framed(bodies: list[bytes], *, header: Header = HEADER, offset: int = HEADER_BYTES) -> bytes:
    data = b""
    for body in bodies:
        head, _ = frame_head([body], seed=header.seed, offset=offset + len(data))
        data += head + body
    return data


def test_a_header_comes_back_as_it_was_written() -> None:
    assert len(HEADER.encode()) == HEADER_BYTES
    assert Header.decode(HEADER.encode() + b"frames") == HEADER


def test_the_header_is_what_the_page_on_the_format_says() -> None:
    """docs/journal.md draws these fields; a reader in another language relies on them."""
    raw = HEADER.encode()

    assert raw[:6] == b"FGJS\x00\x01"
    assert struct.unpack_from(">Q16sQQ", raw, 8) == (7, bytes(range(16)), 6, 12345)
    assert struct.unpack_from(">I", raw, 60) == (zlib.crc32(raw[:60]),)


def test_the_frame_is_what_the_page_on_the_format_says() -> None:
    covered = HEADER.incarnation + struct.pack(">QI", 64, 5) + b"hello"

    assert framed([b"hello"]) == struct.pack(">II", 5, zlib.crc32(covered)) + b"hello"


@given(st.integers(0, HEADER_BYTES * 8 - 1))
def test_no_bit_of_a_header_may_flip(bit: int) -> None:
    raw = bytearray(HEADER.encode())
    raw[bit // 8] ^= 1 << bit % 8

    assert Header.decode(bytes(raw)) is None


@given(st.binary(max_size=HEADER_BYTES * 2))
def test_garbage_is_no_header(raw: bytes) -> None:
    assert Header.decode(raw) is None


def test_a_header_of_a_later_format_is_named_and_not_taken_for_damage() -> None:
    """Skipping what a newer release wrote would lose it."""
    raw = bytearray(HEADER.encode())
    raw[4:6] = b"\x00\x02"
    raw[60:] = struct.pack(">I", zlib.crc32(raw[:60]))

    with pytest.raises(UnknownFormatError, match="segment 7 has format 2, this program reads 1"):
        Header.decode(bytes(raw))


@pytest.mark.parametrize("length", [0, MAX_BODY + 1])
def test_impossible_lengths_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"record of {length} bytes, allowed are 1 to {MAX_BODY}"):
        frame_head([bytes(length)], seed=0, offset=0)


@given(BODIES)
def test_what_was_framed_is_parsed(bodies: list[bytes]) -> None:
    data = framed(bodies)
    frames = parse(data, seed=HEADER.seed, offset=HEADER_BYTES)

    assert frames.bodies == bodies
    assert frames.end == HEADER_BYTES + len(data)
    assert frames.tail is Tail.CLEAN


@given(BODIES.filter(bool), st.data())
def test_a_cut_leaves_the_whole_frames_and_says_how_much_the_next_one_needs(
    bodies: list[bytes], data: st.DataObject
) -> None:
    raw = framed(bodies)
    cut = data.draw(st.integers(0, len(raw) - 1))
    frames = parse(raw[:cut], seed=HEADER.seed, offset=HEADER_BYTES)

    assert frames.bodies == bodies[: len(frames.bodies)]
    at = frames.end - HEADER_BYTES
    if frames.tail is Tail.CLEAN:
        assert at == cut
    else:
        assert frames.tail is Tail.PARTIAL
        assert cut - at < frames.wanted <= FRAME_BYTES + len(bodies[len(frames.bodies)])


@given(BODIES.filter(bool), st.data())
def test_a_flipped_bit_ends_the_list_and_makes_no_record(bodies: list[bytes], data: st.DataObject) -> None:
    raw = bytearray(framed(bodies))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    frames = parse(bytes(raw), seed=HEADER.seed, offset=HEADER_BYTES)

    assert len(frames.bodies) < len(bodies)
    assert frames.bodies == bodies[: len(frames.bodies)]
    assert frames.tail is not Tail.CLEAN


@given(st.binary(max_size=300))
def test_garbage_is_no_record(raw: bytes) -> None:
    assert parse(raw, seed=HEADER.seed, offset=HEADER_BYTES).bodies == []


def test_a_run_of_zeros_is_no_record() -> None:
    """A file system may grow a file before it writes it; CRC-32 of nothing is zero."""
    frames = parse(bytes(4096), seed=HEADER.seed, offset=HEADER_BYTES)

    assert frames.bodies == []
    assert frames.tail is Tail.BAD


def test_a_length_beyond_the_limit_is_bad_and_not_awaited() -> None:
    raw = struct.pack(">II", MAX_BODY + 1, 0)

    assert parse(raw, seed=HEADER.seed, offset=HEADER_BYTES).tail is Tail.BAD


def test_a_frame_of_another_segment_is_refused() -> None:
    other = Header(segment=7, incarnation=os.urandom(16))

    assert parse(framed([b"stale"], header=other), seed=HEADER.seed, offset=HEADER_BYTES).bodies == []


def test_a_frame_in_another_place_is_refused() -> None:
    raw = framed([b"one", b"two"])[FRAME_BYTES + 3 :]

    assert parse(raw, seed=HEADER.seed, offset=HEADER_BYTES).bodies == []
    assert parse(raw, seed=HEADER.seed, offset=HEADER_BYTES + FRAME_BYTES + 3).bodies == [b"two"]
