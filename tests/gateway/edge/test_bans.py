"""Floods are refused for a while; what could be somebody's site is not."""

import pytest
import trio
import trio.testing

from gateway.config import Limits
from gateway.edge import bans
from gateway.edge.admission import Admission
from gateway.edge.bans import BURST_S, FIRST_BAN_S, LONGEST_BAN_S, Bans
from protocol import Code

NOBODY = "192.0.2.1"


def flood(books: Bans, code: Code = Code.NOT_TLS, *, at_most: int = 100_000) -> tuple[int, float]:
    """As many faults at once as make a ban: how many, and how long it lasts; 0 seconds if there was none."""
    for n in range(1, at_most + 1):
        if lasts_s := books.fault(NOBODY, code):
            return n, lasts_s
    return at_most, 0.0


async def test_a_flood_is_refused_for_longer_each_time(autojump_clock: trio.testing.MockClock) -> None:
    """For an hour at most; and each time it takes a whole flood anew."""
    books = Bans(2.0)
    lasted = []
    for _ in range(8):
        count, lasts_s = flood(books)
        assert count == 2 * BURST_S + 1
        assert books.refuses(NOBODY)
        assert not books.refuses("192.0.2.2")
        assert books.active == 1
        lasted.append(lasts_s)
        await trio.sleep(lasts_s)
        assert not books.refuses(NOBODY)
    assert lasted == [FIRST_BAN_S * 2**n for n in range(6)] + [LONGEST_BAN_S] * 2
    await trio.sleep(24 * 3600 + 1)
    assert flood(books)[1] == FIRST_BAN_S


async def test_forty_agents_that_have_it_all_wrong_are_no_flood(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Behind one address, each failing as often as the agent's back-off lets it: with the mean waits, for two hours."""
    books = Bans(2.0)
    attempts = []
    for agent in range(40):
        at, ceiling = agent / 40, 8.0
        while at < 2 * 3600:
            attempts.append(at)
            at += ceiling / 2
            ceiling = min(300.0, ceiling * 2)
    for at in sorted(attempts):
        await trio.sleep(at - trio.current_time())
        assert books.fault(NOBODY, Code.CLIENT_CERT_UNTRUSTED) == 0.0


@pytest.mark.parametrize(
    "code",
    [
        Code.CLIENT_CERT_EXPIRED,
        Code.CLIENT_CERT_BEYOND_GRACE,
        Code.CLIENT_CERT_REVOKED,
        Code.CLOCK_SKEW,
        Code.AGENT_UNKNOWN,
        Code.TOKEN_EXPIRED,
        Code.TOKEN_USED_UP,
        Code.SILENT_PEER,
        Code.CONNECTION_RESET,
        Code.HELLO_TIMEOUT,
        Code.PRE_AUTH_BUDGET,
        Code.CLONE_HELD,
    ],
)
async def test_who_shows_what_is_ours_is_no_flood(code: Code) -> None:
    """Nor who says nothing, or is cut off on the way."""
    assert flood(Bans(2.0), code, at_most=5000) == (5000, 0.0)


async def test_checkers_that_speak_http_have_ten_times_the_room() -> None:
    assert flood(Bans(2.0), Code.NOT_TLS_HTTP)[0] == pytest.approx(10 * 2 * BURST_S, abs=2)


async def test_the_books_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bans, "ADDRESSES", 3)
    books = Bans(2.0)
    flood(books)
    for n in range(2, 6):
        books.fault(f"192.0.2.{n}", Code.NOT_TLS)
    assert not books.refuses(NOBODY), "forgotten: the longest unused"
    assert len(books._sources) == 3


async def blamed(admission: Admission, address: str, count: int) -> bool:
    """Whether so many faults at once ban that address."""
    for _ in range(count):
        ticket = admission.open()
        assert ticket is not None
        assert ticket.identify(address)
        ticket.fault(Code.NOT_TLS)
        ticket.close()
    return admission.banned(address)


async def test_who_is_known_is_never_banned() -> None:
    """A shared egress with one bad neighbour; one's own balancers; this machine."""
    admission = Admission(Limits())
    admission.spare(("203.0.113.0/24",))
    admission.remember("198.51.100.7", "northwind")
    for spared in ("198.51.100.7", "203.0.113.9", "127.0.0.1", "::1"):
        assert not await blamed(admission, spared, 1000)
    assert await blamed(admission, NOBODY, 1000)
    assert await blamed(admission, "2001:db8::1", 1000)
    assert admission.banned("2001:db8::2"), "the same /64"


async def test_an_agent_that_comes_through_clears_its_site() -> None:
    """What came before does not count any more, and a ban does not hold."""
    admission = Admission(Limits())
    assert not await blamed(admission, NOBODY, 299)
    ticket = admission.open()
    assert ticket is not None
    assert ticket.identify(NOBODY)
    assert await blamed(admission, NOBODY, 2)
    await ticket.charge()
    ticket.authenticated("northwind")
    assert not admission.banned(NOBODY)
    assert admission.bans.active == 0


async def test_another_limit_counts_from_now_on() -> None:
    admission = Admission(Limits())
    admission.relimit(Limits(faults_per_s=0.1))
    assert await blamed(admission, NOBODY, 17)
