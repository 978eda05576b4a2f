"""Path reports by every way there is: HTTP in TLS and in clear, TLS 1.2 without ALPN; within bounds, and never before the disk."""

import functools
import socket
import ssl
import struct
import tracemalloc
from collections.abc import Awaitable, Callable

import attrs
import pytest
import trio

from certs import generate_key, key_to_pem
from certs.inspection import AgentSide, Delivery, agent_signer
from gateway.edge import firstword, reportroom, reports
from gateway.edge.inspection import Inspection
from gateway.edge.joining import Carrier
from gateway.edge.peer import Peer
from gateway.edge.sight import Sight
from gateway.journal import JournalFull
from protocol import Code, Connection, PathReport, PathVerdict, Rejected, Role, decode
from tests.helpers.agent import Line, TestAgent, enrolled
from tests.helpers.edges import Provider, RunningEdge, running_edge, wall_ms
from tests.helpers.reporting import Sealed, ask, dial, post, recorded, say, seal, signer_of

Dial = Callable[[int], Awaitable[trio.abc.Stream]]

SIDE = AgentSide(at_ms=1_700_000_000_000, dialed="gateway.example:6180")


def made(edge: RunningEdge, agent: TestAgent, counter: int = 1) -> Sealed:
    return seal(edge.provider, signer_of(agent), SIDE, counter=counter)


def inspection_of(edge: RunningEdge) -> Inspection:
    assert edge.services.inspection is not None
    return edge.services.inspection


def body_of(response: bytes) -> PathVerdict:
    """The verdict in an HTTP response."""
    head, _, body = response.partition(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
    message = decode(PathVerdict.tag, body)
    assert isinstance(message, PathVerdict)
    return message


async def plain(port: int) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", port)


# -- HTTP ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialed", [dial, plain], ids=["in TLS", "in clear"])
async def test_a_report_fits_an_http_request(provider: Provider, dialed: Dial) -> None:
    """Asked and answered in HTTP, sealed either way."""
    async with running_edge(provider) as edge:
        report = made(edge, await enrolled(edge))
        response = await post(await dialed(edge.remote_port), report.sealed)
        (record,) = recorded(provider)

    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert report.open(body_of(response)).code == 0
    assert record.delivered_by is Delivery.HTTP


@pytest.mark.parametrize("dialed", [dial, plain], ids=["in TLS", "in clear"])
@pytest.mark.parametrize(
    "request_",
    [
        b"GET /fieldgate/path-report HTTP/1.1\r\n\r\n",
        b"POST /elsewhere HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /fieldgate/path-report HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"POST /fieldgate/path-report HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        b"POST /fieldgate/path-report HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /fieldgate/path-report HTTP/1.1\r\nX: " + b"x" * 6000,
    ],
)
async def test_whoever_asks_for_anything_else_is_told_what_this_is(
    provider: Provider, dialed: Dial, request_: bytes
) -> None:
    """A browser, a probe, a scanner: 400, in words."""
    async with running_edge(provider) as edge:
        response = await ask(await dialed(edge.remote_port), request_)

    assert response.startswith(b"HTTP/1.1 400 ")
    assert b"FG-2115" in response


async def test_an_unreadable_report_over_http_gets_an_empty_verdict(provider: Provider) -> None:
    """400: nothing that is sent again will be readable."""
    async with running_edge(provider) as edge:
        response = await post(await plain(edge.remote_port), bytes(100))
        garbage = await ask(
            await plain(edge.remote_port),
            b"POST /fieldgate/path-report HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        )

    assert response.startswith(b"HTTP/1.1 400 ")
    assert garbage.startswith(b"HTTP/1.1 400 ")
    assert body_of(response) == body_of(garbage) == PathVerdict(sealed=b"")


async def test_a_report_in_pieces_arrives(provider: Provider) -> None:
    """A slow line sends an HTTP request byte by byte."""
    async with running_edge(provider) as edge:
        report = made(edge, await enrolled(edge))
        stream = await plain(edge.remote_port)
        body = b"\x91\xc5" + struct.pack("!H", len(report.sealed)) + report.sealed
        request = (
            b"POST http://gateway.example/fieldgate/path-report?x HTTP/1.1\r\ncontent-length: %d\r\n\r\n"
            % len(body)
        )
        for n in range(len(request)):
            await stream.send_all(request[n : n + 1])
        response = await ask(stream, body)

    assert report.open(body_of(response)).code == 0


# -- less than a session needs ---------------------------------------------------------------------------------------------


async def lesser(port: int) -> trio.SSLStream[trio.SocketStream]:
    """TLS 1.2, without ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    stream = trio.SSLStream(await plain(port), context, https_compatible=True)
    await stream.do_handshake()
    return stream


async def test_a_report_is_taken_over_tls_1_2_without_alpn(provider: Provider) -> None:
    """A box that downgrades the one and strips the other is just what a report would be about."""
    async with running_edge(provider) as edge:
        report = made(edge, await enrolled(edge))
        line = Line(await lesser(edge.remote_port), _agent())  # type: ignore[arg-type]  # a stream like ours
        await line.say(PathReport(sealed=report.sealed))
        verdict = await line.hear()
        await trio.aclose_forcefully(line.stream)
        (record,) = recorded(provider)

    assert isinstance(verdict, PathVerdict)
    assert report.open(verdict).code == 0
    assert record.evidence.gateway is None


async def test_everybody_else_on_tls_1_2_is_refused_in_words(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it says nothing, or something else."""
    monkeypatch.setattr(firstword, "REPORT_S", 0.1)
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        for words in ((), (agent.hello(),)):
            line = Line(await lesser(edge.remote_port), _agent())  # type: ignore[arg-type]  # a stream like ours
            await line.say(*words)
            answer = await line.hear()
            await trio.aclose_forcefully(line.stream)
            assert isinstance(answer, Rejected)
            assert answer.code == Code.TLS_VERSION


def _agent() -> Connection:
    return Connection(Role.AGENT)


# -- durable first ---------------------------------------------------------------------------------------------------------


async def test_no_answer_before_it_is_on_disk(provider: Provider) -> None:
    """As long as the sync takes, the reporter waits."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        report = made(edge, agent)
        may_sync = trio.Event()
        committer = edge.services.committer
        real = committer._in_thread

        async def held(work: Callable[[], None]) -> None:
            await may_sync.wait()
            await real(work)

        committer._in_thread = held
        stream = await dial(edge.remote_port)
        answers: list[object] = []

        async def bring() -> None:
            answers.append(await say(stream, report.sealed))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(bring)
            await edge.until(lambda: committer.journal.appended > committer.journal.synced)
            await trio.sleep(0.2)
            assert answers == []
            may_sync.set()

    assert isinstance(answers[0], PathVerdict)


async def test_a_full_journal_asks_for_the_report_again(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was written, so nothing is remembered: the same report counts later."""
    async with running_edge(provider) as edge:
        report = made(edge, await enrolled(edge))
        committer = edge.services.committer
        with monkeypatch.context() as patch:

            def full(record: object) -> trio.Event:
                raise JournalFull("no room")

            patch.setattr(type(committer), "append_alone", lambda self, record: full(record))
            refused = await say(await dial(edge.remote_port), report.sealed)
        still_full = await say(await dial(edge.remote_port), report.sealed)
        edge.services.valve.withhold("disk", yes=False)
        taken = await say(await dial(edge.remote_port), report.sealed)

    for each in (refused, still_full):
        assert isinstance(each, Rejected)
        assert each.code == Code.REPORT_BUDGET
        assert each.retry_after_ms
    assert isinstance(taken, PathVerdict)
    assert report.open(taken).code == 0


# -- bounds ----------------------------------------------------------------------------------------------------------------


async def test_the_room_bounds_what_reports_take_on_their_way(provider: Provider) -> None:
    """Whoever announces a report and keeps it takes from its network's part; who finds that used up comes later."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        room = inspection_of(edge).reports.room
        held = []
        head = struct.pack("!IB", PathReport.limit, PathReport.tag)
        while room.used + PathReport.limit <= room.total // reportroom.SHARE:
            stream, before = await dial(edge.remote_port), room.used
            await stream.send_all(head)
            await edge.until(lambda: room.used > before)  # noqa: B023  # awaited at once
            held.append(stream)
        stream = await dial(edge.remote_port)
        await stream.send_all(head)
        answer = await Line(stream, _agent_awaiting()).hear()
        over_http = await ask(
            await plain(edge.remote_port),
            b"POST /fieldgate/path-report HTTP/1.1\r\nContent-Length: 32000\r\n\r\n",
        )
        for each in (*held, stream):
            each.abort()
        await edge.until(lambda: room.used == 0)
        taken = await say(await dial(edge.remote_port), made(edge, agent).sealed)

    assert len(held) >= 3
    assert isinstance(answer, Rejected)
    assert answer.code == Code.REPORT_BUDGET
    assert over_http.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: " in over_http
    assert isinstance(taken, PathVerdict)


def _agent_awaiting() -> Connection:
    """An agent's connection that has said a report."""
    connection = _agent()
    connection.send(PathReport(sealed=bytes(64)))
    return connection


async def test_one_network_has_a_rate(provider: Provider) -> None:
    """The sixty-first report of a moment comes later; another network's does not."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        desk = inspection_of(edge).reports
        said = [
            await desk.take(bytes(100), carrier_from("198.51.100.7", edge)) for _ in range(reports.BURST + 1)
        ]
        other = await desk.take(made(edge, agent).sealed, carrier_from("192.0.2.1", edge))

    assert [each.code for each in said[:-1]] == [Code.REPORT_UNREADABLE] * reports.BURST
    assert said[-1].code == Code.REPORT_BUDGET
    assert other.code == 0


async def test_one_signer_has_a_rate_wherever_it_reports_from(provider: Provider) -> None:
    """Whoever got hold of a token fills no journal with it."""
    async with running_edge(provider) as edge:
        agent, other = await enrolled(edge), await enrolled(edge)
        desk = inspection_of(edge).reports
        said = [
            await desk.take(made(edge, agent, n + 1).sealed, carrier_from(f"10.0.{n}.1", edge))
            for n in range(reports.SIGNER_BURST + 1)
        ]
        again = await desk.take(made(edge, other).sealed, carrier_from("192.0.2.1", edge))

    assert [each.code for each in said] == [0] * reports.SIGNER_BURST + [Code.REPORT_BUDGET]
    assert again.code == 0
    assert len(recorded(provider)) == reports.SIGNER_BURST + 1


def carrier_from(address: str, edge: RunningEdge) -> Carrier:
    """A connection from anywhere that brought a request in clear."""
    listener = edge.edge.addresses[0].listener
    ticket = _Ticket()
    peer = Peer(address=address, port=50000, listener=listener, ticket=ticket)  # type: ignore[arg-type]  # enough of one
    gone = socket.socket()
    gone.close()
    sight = Sight(sock=gone, at_ms=wall_ms(), through_own_proxy=True)
    return Carrier(peer=peer, sight=sight, stream=None, http=True)


@attrs.define
class _Ticket:
    is_known: bool = False
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    def heard(self) -> None:
        pass


async def test_a_thousand_hostile_reports_take_no_memory(provider: Provider) -> None:
    """Sealed by strangers who have the public key, as large as they get, from a thousand networks at once."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        stranger = agent_signer(agent.uid, "installation", key_to_pem(generate_key()), agent.chain)
        chain = tuple(bytes([n]) * 4000 for n in range(5))
        hostile = seal(provider, stranger, attrs.evolve(SIDE, chain=chain), counter=1).sealed
        assert len(hostile) > 20_000
        desk = inspection_of(edge).reports
        codes: list[int] = []

        async def bring(n: int) -> None:
            answer = await desk.take(hostile, carrier_from(f"10.{n >> 8}.{n & 255}.1", edge))
            codes.append(answer.code)

        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        async with trio.open_nursery() as nursery:
            for n in range(1000):
                nursery.start_soon(bring, n)
        after, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        honest = await say(await dial(edge.remote_port), made(edge, agent).sealed)

    assert set(codes) == {Code.REPORT_SIGNER_UNKNOWN, Code.REPORT_BUDGET}
    assert peak - before < 16_000_000
    assert after - before < 4_000_000
    assert isinstance(honest, PathVerdict)


async def test_with_inspection_off_a_report_is_kept_by_its_agent(provider: Provider) -> None:
    """The edge keeps no evidence, and says that it takes none now."""
    off = functools.partial(attrs.evolve, inspection=False)
    async with running_edge(provider, change=off) as edge:
        agent = await enrolled(edge)
        answer = await say(await dial(edge.remote_port), made(edge, agent).sealed)
        response = await post(await plain(edge.remote_port), made(edge, agent).sealed)

    assert isinstance(answer, Rejected)
    assert answer.code == Code.REPORT_BUDGET
    assert response.startswith(b"HTTP/1.1 400 ")
