"""What an authenticated agent can make a gateway hold, and for how long.

Decoding is serial, so one slot is reserved for it: 48 MiB beyond the frame itself. The dearest frames are 1 MiB of small negative
integers (40 bytes for each byte) and of strings that are not UTF-8 (42). Everything is measured with tracemalloc, which sees every
allocation that msgpack makes for its objects.
"""

import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator

import pytest

from protocol import Connection, EventBatch, Inventory, RemoteProtocolError, Role, State, decode
from protocol.messages import LARGE_LIMIT, PRE_AUTH_LIMIT
from protocol.rowlists import MAX_ROWS
from tests.protocol.roles import connection_in

MIB = 1024 * 1024
DECODE_BUDGET = 48 * MIB
HEAD = b"\x96\x01\x01\x01\xc4\x10" + bytes(16) + b"\xc4\x00"


def full_of(unit: bytes) -> bytes:
    """A payload of 1 MiB whose rows are as long as allowed and full of one thing."""
    row = b"\xdc" + struct.pack(">H", MAX_ROWS) + unit * MAX_ROWS
    rows = (LARGE_LIMIT - len(HEAD) - 3) // len(row)
    return HEAD + b"\xdc" + struct.pack(">H", rows) + row * rows


CELLS = {
    "empty arrays": b"\x90",
    "arrays of nothing": b"\x91\xc0",
    "arrays in arrays": b"\x91\x91\xc0",
    "small negative integers": b"\xe0",
    "integers": b"\xcd\x7f\xff",
    "65 bits": b"\xcf" + b"\xff" * 8,
    "NaN": b"\xca\x7f\xc0\x00\x00",
    "short text": b"\xa2ab",
    "one character of two bytes": b"\xa2\xc4\x80",
    "one character of four bytes": b"\xa4\xf0\x9f\x98\x80",
    "NUL": b"\xa1\x00",
    "not UTF-8": b"\xa1\xff",
    "surrogates": b"\xa3\xed\xa0\x80",
    "short bytes": b"\xc4\x02ab",
    "empty maps": b"\x80",
    "maps": b"\x81\x01\x01",
    "extensions": b"\xd4\x01\x00",
    "timestamps": b"\xd6\xff\x00\x00\x00\x01",
    "undefined bytes": b"\xc1",
}

WHOLE = {
    "arrays a million deep": b"\x91" * MIB,
    "arrays that announce 4,096 entries, a thousand deep": b"\xdc\x10\x00" * (MIB // 3),
    "arrays that announce 4 billion entries": b"\xdd\xff\xff\xff\xff" * (MIB // 5),
    "text that announces 4 GiB": HEAD + b"\xdb\xff\xff\xff\xff" + bytes(100),
    "bytes that announce 4 GiB": HEAD + b"\xc6\xff\xff\xff\xff" + bytes(100),
    "a map that announces 4 billion entries": b"\xdf\xff\xff\xff\xff" + bytes(100),
    "4,096 rows of nothing": HEAD + b"\xdc\x10\x00" + b"\xc0" * 4096,
    "4,096 rows that are wrong in every cell": HEAD + b"\xdc\x10\x00" + (b"\x9c" + b"\xc0" * 12) * 4096,
    "one text of 1 MiB, the last character of which makes it four times as wide":
        HEAD + b"\xdb" + struct.pack(">I", MIB - 100) + b"a" * (MIB - 104) + b"\xf0\x9f\x98\x80",
}  # fmt: skip


def payloads() -> Iterator[tuple[str, bytes]]:
    yield from ((name, full_of(unit)) for name, unit in CELLS.items())
    yield from WHOLE.items()


def peak_of(tag: int, payload: bytes) -> int:
    """The most that was allocated at one time while decoding, in bytes."""
    tracemalloc.start()
    try:
        decode(tag, payload)
    except RemoteProtocolError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak


@pytest.mark.parametrize(("name", "payload"), list(payloads()), ids=lambda v: v if isinstance(v, str) else "")
def test_a_hostile_frame_stays_within_the_budget(name: str, payload: bytes) -> None:
    """No frame of 1 MiB takes more than the slot that is reserved for decoding."""
    assert len(payload) <= LARGE_LIMIT
    assert peak_of(EventBatch.tag, payload) < DECODE_BUDGET, name


def test_a_hostile_inventory_stays_within_the_budget() -> None:
    """Six lists are not six times as dear: a frame has only 1 MiB to fill them with."""
    head = b"\xdc\x00\x0f\x01\x01\x01\xc4\x10" + bytes(16) + b"\xc4\x00\x01\x01\x00\xc3"
    row = b"\x97" + b"\xe0" * 7
    per_list = (LARGE_LIMIT - len(head)) // 6 // len(row)
    rows = min(per_list, MAX_ROWS)
    payload = head + (b"\xdc" + struct.pack(">H", rows) + row * rows) * 6

    assert peak_of(Inventory.tag, payload) < DECODE_BUDGET


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource module")
def test_the_budget_holds_for_the_process_too() -> None:
    """A process that decodes every hostile frame, one after the other, grows by the slot and little more."""
    script = (
        "import resource\n"
        "from tests.protocol import test_hostile as t\n"
        "frames = [p for _, p in t.payloads()]\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "for payload in frames:\n"
        "    try: t.decode(5, payload)\n"
        "    except t.RemoteProtocolError: pass\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )

    # The kernel counts KiB, macOS bytes. A quarter above the slot is for the allocator's arenas.
    grown = int(done.stdout) * (1 if sys.platform == "darwin" else 1024)
    assert grown < DECODE_BUDGET * 5 // 4


def test_an_unauthenticated_peer_holds_4_kib() -> None:
    """However a stranger cuts and stretches what it sends, less than a page and a header is kept for it."""
    gateway = Connection(Role.GATEWAY)
    largest = PRE_AUTH_LIMIT.to_bytes(4, "big") + b"\x01" + bytes(PRE_AUTH_LIMIT - 1)
    tracemalloc.start()
    for index in range(0, len(largest), 100):
        gateway.receive_data(largest[index : index + 100])
        gateway.next_event()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert gateway.missing == 1
    assert held < 2 * PRE_AUTH_LIMIT


def test_skipped_messages_are_not_kept() -> None:
    """Optional types that nobody knows cost their bytes only until they are complete."""
    gateway = connection_in(State.OPEN, Role.GATEWAY)
    data = (1000).to_bytes(4, "big") + b"\xff" + bytes(1000)
    tracemalloc.start()
    for _ in range(1000):
        gateway.receive_data(data)
        gateway.next_event()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 10_000


def test_a_connection_is_small() -> None:
    """Ten thousand idle connections must not matter: a connection takes less than 1 KiB."""
    tracemalloc.start()
    connections = [Connection(Role.GATEWAY) for _ in range(100)]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held / len(connections) < 1024


def test_an_error_keeps_nothing_of_the_frame() -> None:
    """What is remembered of a bad frame is a code and a sentence."""
    gateway = connection_in(State.OPEN, Role.GATEWAY, credit=2 * LARGE_LIMIT)
    payload = full_of(b"\xe0")
    tracemalloc.start()
    gateway.receive_data(len(payload).to_bytes(4, "big") + b"\x05" + payload)
    with pytest.raises(RemoteProtocolError) as caught:
        gateway.next_event()
    code = caught.value.code
    del caught
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert code == 4004
    assert held < 100_000
