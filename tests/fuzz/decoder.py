"""Fuzz target: bytes from a peer, in any state, on either side.

    python -m tests.fuzz.decoder --runs 100000          a bounded random loop over mutated corpus entries
    python -m tests.fuzz.decoder --atheris FOLDER ...   coverage-guided, if atheris is installed (`pip install atheris`)

What must hold: nothing but RemoteProtocolError is raised; it stays; what is understood can be said again and means the same;
what is held between calls stays below the limits of the state. An input's first byte chooses side, state and how the rest is cut.
"""

import argparse
import importlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from protocol import (
    NEED_DATA,
    PEER_CLOSED,
    Connection,
    Message,
    RemoteProtocolError,
    Role,
    Sequenced,
    State,
    decode,
    encode,
)
from protocol.messages import LARGE_LIMIT, PATH_LIMIT
from tests.protocol.roles import connection_in

CORPUS = Path(__file__).parent / "corpus"
STATES = (
    State.AWAIT_HELLO,
    State.AWAIT_WELCOME,
    State.AWAIT_ENROLLED,
    State.OPEN,
    State.DRAINING,
    State.CLOSING,
    State.AWAIT_VERDICT,
)
CUTS = (1, 7, 64, 1 << 20)
CREDIT = 100_000


def check(data: bytes) -> None:
    """Run one input; AssertionError, or any other exception, is a finding."""
    if not data:
        return
    selector, rest = data[0], data[1:]
    role = Role.AGENT if selector & 1 else Role.GATEWAY
    state = STATES[(selector >> 1) % 16 % len(STATES)]
    cut = CUTS[(selector >> 5) % len(CUTS)]
    connection = connection_in(state, role, credit=CREDIT if state in (State.OPEN, State.DRAINING) else 0)
    try:
        for start in range(0, len(rest), cut):
            connection.receive_data(rest[start : start + cut])
            drain(connection, from_gateway=role is Role.AGENT)
        connection.receive_data(b"")
        assert drain(connection, from_gateway=role is Role.AGENT)
    except RemoteProtocolError as error:
        check_stays(connection, error)


def drain(connection: Connection, *, from_gateway: bool) -> bool:
    """Take all messages; whether the peer has closed."""
    while True:
        before = connection.state
        event = connection.next_event()
        if event is NEED_DATA or event is PEER_CLOSED:
            authenticated = before in (State.OPEN, State.DRAINING)
            limit = LARGE_LIMIT if authenticated or from_gateway else PATH_LIMIT
            assert connection.missing <= limit + 5
            return event is PEER_CLOSED
        assert isinstance(event, Message)
        check_meaning(event)


def check_meaning(message: Message) -> None:
    """What was understood can be said again."""
    if isinstance(message, Sequenced) and message.invalid:
        assert all(
            row.reason and len(row.reason) < 200 and row.reason.isprintable() for row in message.invalid
        )
        return
    assert decode(message.tag, encode(message)) == message


def check_stays(connection: Connection, error: RemoteProtocolError) -> None:
    """An error has a code, prints, and is given again."""
    assert str(error).startswith(f"{error.code}: ")
    assert len(error.message) < 400
    assert connection.state is State.FAILED
    again = None
    try:
        connection.next_event()
    except RemoteProtocolError as repeated:
        again = repeated
    assert again is not None
    assert (again.args, again.epoch, again.first_sequence) == (error.args, error.epoch, error.first_sequence)


def corpus() -> list[bytes]:
    """The inputs to begin with, in a fixed order."""
    return [path.read_bytes() for path in sorted(CORPUS.glob("*.bin"))]


def mutated(seeds: list[bytes], rng: random.Random) -> Iterator[bytes]:
    """Inputs without end: a seed, damaged a few times, with its length field put right half of the time."""
    while True:
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((0, 1, 1, 2, 4, 8))):
            damage(data, rng)
        if rng.random() < 0.5 and len(data) > 6:
            data[1:5] = (len(data) - 6).to_bytes(4, "big")
        yield bytes(data)


def damage(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data)) if data else 0
    match rng.randrange(6):
        case 0 if data:
            data[at] = rng.randrange(256)
        case 1 if data:
            data[at] ^= 1 << rng.randrange(8)
        case 2:
            data[at:at] = rng.randbytes(rng.randrange(1, 5))
        case 3:
            del data[at : at + rng.randrange(1, 9)]
        case 4:
            data[at:at] = data[at : at + rng.randrange(1, 33)]
        case _:
            # msgpack's headers, and the numbers at which something changes.
            pieces = (
                b"\xdd\xff\xff\xff\xff",
                b"\xcf" + b"\xff" * 8,
                b"\xc1",
                b"\x80",
                b"\x90",
                b"\xca\x7f\xc0\0\0",
                b"\xa1\0",
            )
            data[at:at] = rng.choice(pieces)


def run(runs: int, seed: int) -> None:
    """A bounded random loop.

    Raises:
        AssertionError: with the input that shows a fault.
    """
    inputs = mutated(corpus(), random.Random(seed))
    for _ in range(runs):
        data = next(inputs)
        try:
            check(data)
        except Exception as error:
            raise AssertionError(f"input {data.hex()}") from error


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--atheris", nargs=argparse.REMAINDER, help="arguments for libFuzzer")
    options = parser.parse_args()
    if options.atheris is None:
        seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
        print(f"seed {seed}")
        run(options.runs, seed)
        return
    atheris = importlib.import_module("atheris")  # optional, so nothing may depend on its types
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *(options.atheris or [str(CORPUS)])], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
