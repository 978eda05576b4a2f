"""What a session holds of a file, whatever its agent sends."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.bulk import Incoming
from protocol import MAX_CHUNK, BulkChunk, BulkOpen, Code

SIZE = 3 * MAX_CHUNK + 7
FILE = bytes(n % 251 for n in range(SIZE))


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.tuples(st.integers(0, SIZE + 5), st.integers(1, MAX_CHUNK)),
            st.integers(1, MAX_CHUNK),
        ),
        max_size=20,
    )
)
def test_what_is_held_is_the_next_of_the_file_and_no_more_than_a_chunk(
    said: list[tuple[int, int] | int | None],
) -> None:
    """A number is a chunk in its place, a pair one anywhere; None is the disk, which takes what is held and gives new credit."""
    offer = BulkOpen(transfer_uid="t", command_uid="c", name="n", size_bytes=SIZE, sha256=bytes(32))
    incoming = Incoming(said=offer, brief=False, began_ms=0, granted=MAX_CHUNK)
    written = 0
    for each in said:
        if each is None:
            written += len(incoming.held)
            incoming.held.clear()
            incoming.granted = min(SIZE, written + MAX_CHUNK)
            continue
        at, length = each if isinstance(each, tuple) else (incoming.next_offset, each)
        data = FILE[at : at + length] or b"?"
        fits = at == incoming.next_offset and at + len(data) <= incoming.granted
        before, had_fault = bytes(incoming.held), incoming.fault
        incoming.take(BulkChunk(transfer_uid="t", offset=at, data=data))
        if had_fault is not None or not fits:
            assert bytes(incoming.held) == before
            assert incoming.fault is not None
            assert incoming.fault.code in (Code.BULK_OUT_OF_PLACE, Code.BULK_TOO_BIG)
        assert bytes(incoming.held) == FILE[written : written + len(incoming.held)]
        assert len(incoming.held) <= MAX_CHUNK
