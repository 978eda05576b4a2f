"""A report gets to the gateway by whatever way is open, and nobody on a way can answer in the gateway's place."""

import socket

import pytest
import trio

from agent.inspection.deliver import Form, Report, Route, carry, deliver, routes_for, take
from agent.inspection.gather import observe
from agent.inspection.replies import HttpExchange, Reply
from certs import ReportKey, from_ms
from certs.inspection import AgentSide, LastIo
from protocol import Code, PathVerdict, encode
from tests.agent.inspection.desk import Desk, rejected, somebody
from tests.agent.inspection.peers import closing, listening, proxy, resetting, saying, silent, tls
from tests.helpers.gateway import NOW, NOW_MS
from transport import Proxy, client_context

SIDE = AgentSide(at_ms=NOW_MS, dialed="gw.example:6180")
NOBODY = "127.0.0.1:1"
QUICK = 0.05


def report_to(desk: Desk, counter: int = NOW_MS) -> Report:
    return Report.seal(SIDE, somebody(), desk.key.public, counter)


def through(address: str) -> Proxy:
    return Proxy.from_url(address)


@pytest.mark.parametrize("form", Form)
async def test_each_form_brings_it_and_the_answer(form: Form) -> None:
    """A frame in TLS, HTTP in TLS and HTTP in clear: the same report, the same proven answer."""
    desk = Desk()
    report = report_to(desk)
    async with listening(desk.serve()) as address:
        reply = await take(report, Route(address=address, form=form))

    assert reply.answer is not None
    assert reply.answer.code == 0
    assert reply.answer.finding is not None
    assert reply.signed is not None
    assert reply.signed.verify(desk.key.public) == reply.answer
    assert desk.sealed == [report.sealed]


async def test_a_proxy_brings_it() -> None:
    """Through CONNECT, to the address that could not be reached without."""
    desk = Desk()
    async with listening(desk.serve()) as address, listening(proxy()) as middle:
        reply = await take(report_to(desk), Route(address=address, proxy=through(middle)))
    assert reply.is_taken


async def test_the_connection_at_fault_carries_it() -> None:
    """A path that is refused and carries bytes: no second dial, and what it carried is evidence."""
    desk = Desk()
    async with listening(desk.serve()) as address:
        observation = await observe(address, context=client_context(), now=lambda: NOW)
        report = report_to(desk)
        observation, reply = await carry(observation, report)
    assert reply.is_taken
    assert observation.side.answered is True
    assert observation.stream is None


async def test_a_connection_that_swallows_it_says_so() -> None:
    """Nothing comes back: the reply is empty, and the observation knows it."""
    async with listening(tls(Desk().context)) as address:
        observation = await observe(address, context=client_context(), now=lambda: NOW)
        observation, reply = await carry(observation, report_to(Desk()), within_s=0.3)
    assert reply == Reply(detail="no answer")
    assert observation.side.answered is False
    assert observation.side.last_io is LastIo.ANSWER_TIMEOUT


@pytest.mark.parametrize("bad", [silent, resetting, closing, saying(b"HTTP/1.1 200 OK\r\n\r\n<html>")])
async def test_the_next_way_is_tried(bad: object) -> None:
    """Whatever the first ways do, the last one brings it."""
    desk = Desk()
    async with listening(bad) as broken, listening(desk.serve()) as address:  # type: ignore[arg-type]  # the stand-in has what is asked of it
        routes = [
            Route(address=NOBODY),
            *(Route(address=broken, form=form) for form in Form),
            Route(address=address, form=Form.HTTP),
        ]
        reply = await deliver(report_to(desk), routes, head_start_s=QUICK)
    assert reply.is_taken
    assert len(desk.opened) == 1


async def test_a_way_that_swallows_everything_ends_in_time() -> None:
    """A black hole on all ways: bounded, and an answer that says so."""
    async with listening(silent) as address:
        began = trio.current_time()
        routes = [Route(address=address, form=form) for form in Form]
        reply = await deliver(report_to(Desk()), routes, within_s=0.5, head_start_s=QUICK)
    assert reply.answer is None
    assert trio.current_time() - began < 5


async def test_two_ways_that_bring_the_same_report_count_once() -> None:
    """A slow way gets company: the gateway says "replayed" to the second, and the first one's answer is what counts."""
    desk = Desk()

    async def slow(sock: socket.socket) -> None:
        async def later() -> None:
            await desk.until(2)
            await trio.sleep(0.2)

        await desk.http(trio.SocketStream(trio.socket.from_stdlib_socket(sock)), b"", later)

    async with listening(slow) as first, listening(desk.serve()) as second:
        routes = [Route(address=first, form=Form.HTTP), Route(address=second)]
        reply = await deliver(report_to(desk), routes, head_start_s=0.3)
    assert reply.answer is not None
    assert reply.answer.code == 0


async def test_a_report_that_was_taken_before_is_taken() -> None:
    """The answer to the first saying was lost; the second is "replayed", and that ends it."""
    desk = Desk()
    report = report_to(desk)
    async with listening(desk.serve()) as address:
        await deliver(report, [Route(address=address)])
        reply = await deliver(report, [Route(address=address)] * 3)
    assert reply.is_taken
    assert reply.is_replayed
    assert len(desk.opened) == 2


async def test_a_box_cannot_answer_in_the_gateways_place() -> None:
    """Garbage, another key's signature, an answer to another report, a replayed one: none counts, and the next way is tried."""
    desk, stranger = Desk(), ReportKey.generate()
    first = report_to(desk, 1)
    kept: list[bytes] = []

    def keeping(desk: Desk, opened: object) -> bytes:
        kept.append(desk.sealed_answer(desk.opened[-1]))
        return kept[0]

    desk.answers = keeping
    async with listening(desk.serve()) as address:
        assert (await deliver(first, [Route(address=address)])).is_taken
        replayed = await deliver(report_to(desk, 2), [Route(address=address)])
        desk.answers = lambda desk, opened: desk.sealed_answer(opened, key=stranger)
        forged = await deliver(report_to(desk, 3), [Route(address=address)])
        desk.answers = lambda desk, opened: bytes(200)
        garbage = await deliver(report_to(desk, 4), [Route(address=address)])
    for reply in (replayed, forged, garbage):
        assert reply.answer is None
        assert not reply.is_taken
        assert "not the gateway's" in reply.detail


async def test_what_is_said_in_the_clear_does_not_end_it() -> None:
    """FG-3104 and FG-3101 may be the box's own words: noted, and the next way is tried."""
    box, desk = Desk(refusal=rejected(Code.REPORT_BUDGET, "later")), Desk()
    async with listening(box.serve()) as broken, listening(desk.serve()) as address:
        alone = await deliver(report_to(desk), [Route(address=broken)])
        over_http = await deliver(report_to(desk), [Route(address=broken, form=Form.HTTP)])
        both = await deliver(report_to(desk), [Route(address=broken), Route(address=address)])
    assert (alone.refused, alone.retry_after_s, alone.is_taken) == (Code.REPORT_BUDGET, 60, False)
    assert (over_http.refused, over_http.retry_after_s) == (Code.REPORT_BUDGET, 60)
    assert both.is_taken


async def test_a_report_to_another_provider_is_unreadable() -> None:
    """Sealed to a key that this gateway does not have."""
    async with listening(Desk().serve()) as address:
        reply = await deliver(report_to(Desk()), [Route(address=address)])
    assert reply.refused == Code.REPORT_UNREADABLE


async def test_no_certificate_is_shown_on_the_ways() -> None:
    """The agent's key signs nothing there, though it is asked for its certificate."""
    desk, shown = Desk(), []

    async def talk(stream: object) -> None:
        shown.append(stream.peer_chain_der())  # type: ignore[attr-defined]  # the stand-in has what is asked of it
        await desk.talk(stream)  # type: ignore[arg-type]  # the stand-in has what is asked of it

    async with listening(tls(desk.context, talk)) as address:
        assert (await deliver(report_to(desk), [Route(address=address)])).is_taken
    assert shown == [[]]


def test_the_ways_in_their_order() -> None:
    """Another gateway, port 443, HTTP in TLS, HTTP in clear, a proxy; nothing twice, and never more than ten."""
    spare = Proxy.from_url("proxy:3128")
    routes = routes_for("a:6180", ("a:6180", "b:6180", "[::1]:443"), spare_proxies=(spare,))
    assert [str(route) for route in routes] == [
        "b:6180",
        "[::1]:443",
        "a:443",
        "b:443",
        "https to a:6180",
        "https to a:443",
        "http to a:6180",
        "http to b:6180",
        "a:6180 through http://proxy:3128",
    ]
    many = routes_for("a:1", [f"g{n}:1" for n in range(50)], spare_proxies=[spare, Proxy.from_url("q:1")] * 9)
    assert len(many) <= 10
    used = routes_for("a:6180", ("b:6180",), proxy=spare, spare_proxies=(spare,))
    assert {route.proxy for route in used} == {spare}


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_an_http_answer_in_any_pieces(size: int, chunked: bool) -> None:
    """Cut anywhere, as it was sent or as a proxy re-wrote it; its connection need not end."""
    body = encode(PathVerdict(sealed=bytes(50)))
    if chunked:
        response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (
            len(body),
            body,
        )
    else:
        response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    exchange = HttpExchange(bytes(100), "gw")
    for start in range(0, len(response), size):
        assert not exchange.is_over
        exchange.hear(response[start : start + size])
    assert exchange.is_over
    assert exchange.sealed == bytes(50)


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nx",
        b"HTTP/1.1 999999 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
        b"HTTP/1.1 407 Login\r\nRetry-After: 9\r\n\r\n<html>",
    ],
)
def test_an_http_answer_that_is_none(words: bytes) -> None:
    """A block page, a banner, nonsense: no answer, and nothing raised."""
    exchange = HttpExchange(bytes(100), "gw")
    exchange.hear(words)
    if not exchange.is_over:
        exchange.hear(b"")
    reply = exchange.reply(bytes(32), ReportKey.generate().public, bytes(32))
    assert exchange.is_over
    assert reply.answer is None
    assert reply.refused == 0


async def test_a_report_keeps_its_bytes() -> None:
    """What is sent again is the same report."""
    report = report_to(Desk())
    assert (
        report.digest
        == Report(sealed=report.sealed, answer_key=bytes(32), public=report.public, counter=1).digest
    )
    assert "sealed" not in repr(report)
    assert from_ms(report.counter) == NOW
