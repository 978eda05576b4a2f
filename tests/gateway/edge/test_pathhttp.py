"""A report as an HTTP request, from whoever can write one: one request, bounded, and nothing that follows it."""

from typing import Any

import attrs
import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st

from certs.inspection import MAX_REPORT_BYTES
from gateway.config import Listener
from gateway.edge.joining import Carrier
from gateway.edge.pathhttp import MAX_HEAD, Exchange, serve_request
from gateway.edge.peer import Peer
from gateway.edge.reportroom import ReportRoom
from gateway.edge.reports import Said
from protocol import PathReport, encode

BODY = encode(PathReport(sealed=b"s" * 100))
LINE = b"POST /fieldgate/path-report HTTP/1.1\r\n"
FITTING = LINE + b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


@attrs.define
class _Ticket:
    is_known: bool = False


@attrs.define
class Desk:
    """Takes whatever comes, and remembers it."""

    room: ReportRoom = attrs.field(factory=ReportRoom)
    taken: list[bytes] = attrs.field(factory=list)

    async def take(self, sealed: bytes, carrier: Carrier) -> Said:
        self.taken.append(sealed)
        return Said(code=0, sealed=b"verdict", detail="")

    def refuse(self, answer: Any) -> Any:
        return answer

    def no_room(self) -> Any:
        raise AssertionError("one request alone finds room")


@attrs.define
class Peerless:
    """A peer's bytes, a piece at a time; counts how many were asked for."""

    pieces: list[bytes]
    read: int = 0

    async def some(self) -> bytes:
        piece = self.pieces.pop(0) if self.pieces else b""
        self.read += len(piece)
        return piece


def served(*pieces: bytes) -> tuple[Exchange, Desk, int]:
    """What came of a request, at the desk, and how much was read of it."""
    desk, source = Desk(), Peerless(list(pieces))
    peer = Peer(address="192.0.2.1", port=5, listener=Listener(host="::", port=0), ticket=_Ticket())  # type: ignore[arg-type]  # enough of one
    carrier = Carrier(peer=peer, sight=None, stream=None, http=True)  # type: ignore[arg-type]  # nobody asks

    async def serve() -> Exchange:
        return await serve_request(source.some, b"", carrier, desk)  # type: ignore[arg-type]  # a desk like ours

    exchange = trio.run(serve)
    assert desk.room.used == 0
    return exchange, desk, source.read


def test_a_request_that_fits() -> None:
    """The report comes out as it was put in."""
    exchange, desk, _ = served(FITTING)

    assert exchange.response.startswith(b"HTTP/1.1 200 ")
    assert desk.taken == [b"s" * 100]


@pytest.mark.parametrize(
    "smuggled",
    [
        b"POST /fieldgate/path-report HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        FITTING,
        b"\r\n0\r\n\r\n" + FITTING,
        b"\x00" * 100_000,
    ],
)
def test_what_follows_a_request_is_nobodys(smuggled: bytes) -> None:
    """One request a connection; a box in between that counts otherwise gets one answer, too."""
    exchange, desk, _ = served(FITTING + smuggled)

    assert exchange.response.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close\r\n" in exchange.response
    assert desk.taken == [b"s" * 100]


@pytest.mark.parametrize(
    "head",
    [
        LINE + b"Content-Length: -1",
        LINE + b"Content-Length: 1e3",
        LINE + b"Content-Length: +90",
        LINE + b"Content-Length: 0x64",
        LINE + b"Content-Length: 99999999999999999999",
        LINE + b"Content-Length: ",
        LINE + b"Content-Length: \xb2",
        LINE + b"Content-Length: 90, 90",
        LINE + b"Content-Length: %d" % (PathReport.limit + 1),
        LINE + b"Transfer-Encoding: chunked",
        b"POST  /fieldgate/path-report HTTP/1.1\r\nContent-Length: 90",
        b"POST /fieldgate/path-report\r\nContent-Length: 90",
        b"post /fieldgate/path-report HTTP/1.1\r\nContent-Length: 90",
        b"POST /fieldgate/path-report/.. HTTP/1.1\r\nContent-Length: 90",
        b"\r\n\r\n" + LINE + b"Content-Length: 90",
    ],
)
def test_a_head_that_is_none_of_ours_is_told_what_this_is(head: bytes) -> None:
    """Nothing behind it is read."""
    exchange, desk, _ = served(head + b"\r\n\r\n", BODY)

    assert exchange.outcome is None
    assert exchange.response.startswith(b"HTTP/1.1 400 ")
    assert desk.taken == []


def test_a_head_without_end_is_read_to_its_limit() -> None:
    """A kilobyte at a time, for ever."""
    exchange, desk, read = served(LINE, *(b"X: %s\r\n" % (b"x" * 1018) for _ in range(1000)))

    assert exchange.outcome is None
    assert read <= MAX_HEAD + 2 * 1024
    assert desk.taken == []


def test_a_body_that_ends_early_is_no_report() -> None:
    """Nor one that is announced too short."""
    for request in (FITTING[:-1], FITTING.replace(b"Content-Length: %d" % len(BODY), b"Content-Length: 50")):
        exchange, desk, _ = served(request)
        assert exchange.response.startswith(b"HTTP/1.1 400 ")
        assert desk.taken == []


@given(
    st.lists(
        st.binary(max_size=60) | st.sampled_from([LINE, FITTING, b"\r\n\r\n", b"Content-Length: 90\r\n"])
    )
)
@example([FITTING[:n] for n in (1,)] + [FITTING[1:]])
def test_whatever_comes_there_is_an_answer(pieces: list[bytes]) -> None:
    """And no more is taken than a report has."""
    exchange, desk, _ = served(*[piece for piece in pieces if piece])

    assert exchange.response.startswith(b"HTTP/1.1 ")
    assert all(len(sealed) <= MAX_REPORT_BYTES for sealed in desk.taken)
