"""The hall before authentication: silence is free, places go round by address, nobody is banned."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Limits
from gateway.edge.addresses import KNOWN_FOR_S
from gateway.edge.admission import HANDSHAKE_BYTES, STALL_S, Admission
from gateway.edge.ticket import Ticket


def hall(*, places: int = 8, connections: int = 100, pre_auth: int = 50, per_address: int = 50) -> Admission:
    return Admission(
        Limits(
            connections=connections,
            pre_auth_connections=pre_auth,
            pre_auth_bytes=places * HANDSHAKE_BYTES,
            per_address=per_address,
            hello_s=15,
        )
    )


def enter(admission: Admission, address: str) -> Ticket:
    ticket = admission.open()
    assert ticket is not None
    assert ticket.identify(address)
    return ticket


async def at_the_handshake(admission: Admission, address: str) -> Ticket:
    ticket = enter(admission, address)
    ticket.spoke()
    await ticket.charge()
    return ticket


def cut(ticket: Ticket) -> str:
    """Why it had to give way."""
    return ticket.cut


async def test_the_limit_of_connections_is_a_limit() -> None:
    """Of sessions, and of strangers who speak, for other strangers: no agent is kept out by who never becomes one."""
    admission = hall(connections=3)
    sessions = [await at_the_handshake(admission, f"192.0.2.{n}") for n in (1, 2)]
    for ticket in sessions:
        ticket.authenticated("northwind")
    silent = [enter(admission, "192.0.2.66") for _ in range(5)]
    stranger = admission.open("192.0.2.77")
    assert stranger is not None
    stranger.spoke()
    assert admission.open("192.0.2.77") is None
    third = admission.open("192.0.2.1")
    assert third is not None
    third.authenticated("northwind")
    assert silent[0].crowded
    assert admission.open("192.0.2.1") is None
    assert admission.open() is None
    sessions[0].close()
    assert admission.open("192.0.2.1") is not None


async def test_newcomers_are_told_that_it_is_crowded_before_it_is_full() -> None:
    """So that they are refused in words while there is room for words."""
    admission = hall(connections=100, pre_auth=1000, per_address=1000)
    tickets = [enter(admission, "192.0.2.1") for _ in range(96)]
    assert not tickets[0].crowded
    for ticket in tickets[:95]:
        ticket.authenticated("northwind")
    assert tickets[-1].crowded
    for ticket in tickets[:10]:
        ticket.close()
    assert not tickets[95].crowded


async def test_a_strangers_address_has_a_limit_of_its_own() -> None:
    """And its next one is refused; another address is not."""
    admission = hall(per_address=2)
    first = enter(admission, "192.0.2.1")
    enter(admission, "192.0.2.1")
    third = admission.open()
    assert third is not None
    assert not third.identify("192.0.2.1")
    third.close()
    enter(admission, "192.0.2.2")
    first.close()
    enter(admission, "192.0.2.1")


async def test_an_address_with_a_recent_session_is_slowed_and_never_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It queues for its share of the handshakes like everybody, for a day after an agent was authenticated there."""
    admission = hall(per_address=2, places=8)
    (await at_the_handshake(admission, "192.0.2.1")).authenticated("northwind")
    many = [enter(admission, "192.0.2.1") for _ in range(10)]
    await many[0].charge()
    with trio.move_on_after(1) as scope:
        await many[1].charge()
    assert scope.cancelled_caught
    for ticket in many:
        ticket.close()
    await trio.sleep(KNOWN_FOR_S)
    for _ in range(2):
        enter(admission, "192.0.2.1")
    late = admission.open()
    assert late is not None
    assert not late.identify("192.0.2.1")


async def test_authentication_frees_the_place_and_lifts_the_deadline(
    autojump_clock: trio.testing.MockClock,
) -> None:
    admission = hall()
    ticket = await at_the_handshake(admission, "192.0.2.1")
    assert (admission.in_hall, admission.handshaking) == (1, 1)
    with ticket.scope:
        await trio.sleep(14)
        ticket.authenticated("northwind")
        await trio.sleep(1000)
    assert not ticket.scope.cancelled_caught
    assert (admission.in_hall, admission.handshaking, admission.connections) == (0, 0, 1)
    ticket.close()
    ticket.close()
    assert admission.connections == 0


async def test_one_deadline_covers_everything_before_authentication(
    autojump_clock: trio.testing.MockClock,
) -> None:
    admission = hall()
    ticket = enter(admission, "192.0.2.1")
    with ticket.scope:
        await trio.sleep(10)
        ticket.spoke()
        await ticket.charge()
        await trio.sleep_forever()
    assert ticket.scope.cancelled_caught
    assert trio.current_time() == pytest.approx(15)


async def test_a_full_hall_sends_the_longest_silent_away(autojump_clock: trio.testing.MockClock) -> None:
    """Not the one that speaks, though it came first."""
    admission = hall(pre_auth=3)
    speaking = enter(admission, "192.0.2.1")
    speaking.spoke()
    silent = enter(admission, "192.0.2.1")
    later = enter(admission, "192.0.2.2")

    async def leave_when_cut(ticket: Ticket) -> None:
        with ticket.scope:
            await trio.sleep_forever()
        ticket.close()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(leave_when_cut, silent)
            await admission.wait_for_room()
    assert silent.cut
    assert not speaking.cut
    assert not later.cut
    assert admission.in_hall == 2


async def test_a_hall_full_of_handshakes_leaves_newcomers_in_the_backlog(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Where their deadline does not run."""
    admission = hall(pre_auth=2)
    for _ in range(2):
        enter(admission, "192.0.2.1").spoke()
    with trio.move_on_after(100) as scope:
        await admission.wait_for_room()
    assert scope.cancelled_caught


async def test_places_go_round_by_address(autojump_clock: trio.testing.MockClock) -> None:
    """A thousand connections from one address wait behind themselves: the next place is another address's."""
    admission = hall(places=1, per_address=50)
    holder = await at_the_handshake(admission, "192.0.2.9")
    order: list[str] = []

    async def wait(address: str) -> None:
        ticket = await at_the_handshake(admission, address)
        order.append(address)
        await trio.sleep(0.1)
        ticket.close()

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(wait, "192.0.2.1")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(wait, "192.0.2.2")
        await trio.testing.wait_all_tasks_blocked()
        assert admission.queued == 6
        holder.close()
    assert order.index("192.0.2.2") == 1
    assert (admission.queued, admission.handshaking, admission.connections) == (0, 0, 0)


async def test_no_address_holds_more_than_an_eighth_of_the_places(
    autojump_clock: trio.testing.MockClock,
) -> None:
    admission = hall(places=16)
    held = [await at_the_handshake(admission, "192.0.2.1") for _ in range(2)]
    with trio.move_on_after(1) as scope:
        await at_the_handshake(admission, "192.0.2.1")
    assert scope.cancelled_caught
    await at_the_handshake(admission, "192.0.2.2")
    assert held


@asynccontextmanager
async def kept_moving(admission: Admission) -> AsyncIterator[trio.Nursery]:
    """A hall at work, as an edge runs it."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(admission.keep_moving)
        yield nursery
        nursery.cancel_scope.cancel()


async def stall(admission: Admission, address: str, gone: list[Ticket]) -> None:
    """A client that says hello and nothing more, until it is cut."""
    ticket = enter(admission, address)
    with ticket.scope:
        ticket.spoke()
        await ticket.charge()
        await trio.sleep_forever()
    gone.append(ticket)
    ticket.close()


async def test_a_handshake_that_stands_still_gives_way(autojump_clock: trio.testing.MockClock) -> None:
    """Only when somebody waits, only after a while, and not one from an address that is known."""
    admission = hall(places=2)
    async with kept_moving(admission):
        (await at_the_handshake(admission, "192.0.2.1")).authenticated("northwind")
        known = await at_the_handshake(admission, "192.0.2.1")
        stalled = await at_the_handshake(admission, "192.0.2.2")
        await trio.sleep(STALL_S / 2)
        waiting = enter(admission, "192.0.2.3")
        with trio.move_on_after(STALL_S / 2 - 0.1):
            await waiting.charge()
        assert cut(stalled) == ""
        await trio.sleep(1)
        assert cut(stalled) == "", "nobody waits"
        with trio.move_on_after(0.2):
            await enter(admission, "192.0.2.4").charge()
        assert cut(stalled) == "stood still in the handshake while others waited"
        assert cut(known) == ""


async def test_a_storm_of_half_open_handshakes_delays_nobody_for_longer_than_one_may_stand_still(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Nine addresses hold every place and queue for more, and come back whenever they are cut: an honest client has its place
    when the first of them has stood still for `STALL_S`, though they came before it, and nobody comes after it."""
    admission = hall(places=64, connections=1000, pre_auth=1000)
    gone: list[Ticket] = []

    async def come_back(address: str) -> None:
        while True:
            await stall(admission, address, gone)

    async with kept_moving(admission) as nursery:
        for number in range(90):
            nursery.start_soon(come_back, f"192.0.2.{number % 9}")
        await trio.testing.wait_all_tasks_blocked()
        assert admission.handshaking == 48, "three quarters: they are strangers"
        for _ in range(5):
            began = trio.current_time()
            with trio.fail_after(STALL_S + 0.5):
                honest = await at_the_handshake(admission, "198.51.100.7")
            honest.close()
            assert trio.current_time() - began <= STALL_S + 0.2
            await trio.sleep(0.7)
    assert {cut(ticket) for ticket in gone} == {"stood still in the handshake while others waited"}


async def test_as_many_give_way_as_wait(autojump_clock: trio.testing.MockClock) -> None:
    """All at once, those of the address that holds the most first; who holds a single place keeps it."""
    admission = hall(places=8 * 8, pre_auth=500, connections=500)
    gone: list[Ticket] = []
    async with kept_moving(admission) as nursery:
        nursery.start_soon(stall, admission, "198.51.100.7", gone)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(47):
            nursery.start_soon(stall, admission, f"192.0.2.{number % 8}", gone)
        await trio.sleep(STALL_S + 1)
        assert (admission.handshaking, gone) == (48, [])
        for number in range(20):
            nursery.start_soon(at_the_handshake, admission, f"203.0.113.{number}")
        await trio.sleep(0.2)
        assert len(gone) == 20
        assert admission.queued == 0
    assert "198.51.100.7" not in {ticket.key for ticket in gone[:20]}


async def test_at_an_address_that_has_its_share_its_own_give_way(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Forty broken clients behind one address, and one that is not: places are free, but not for that address."""
    admission = hall(places=16)
    gone: list[Ticket] = []
    async with kept_moving(admission) as nursery:
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
            nursery.start_soon(stall, admission, address, gone)
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(STALL_S + 0.5):
            await at_the_handshake(admission, "192.0.2.1")
        assert [ticket.key for ticket in gone] == ["192.0.2.1"]


async def test_a_place_goes_to_the_address_that_holds_the_fewest(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Whoever asked first."""
    admission = hall(places=32)
    held = [await at_the_handshake(admission, f"192.0.2.{number // 3}") for number in range(24)]
    order: list[str] = []

    async def wait(address: str) -> None:
        await at_the_handshake(admission, address)
        order.append(address)

    async with trio.open_nursery() as nursery:
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "198.51.100.7"):
            nursery.start_soon(wait, address)
            await trio.testing.wait_all_tasks_blocked()
        held[3].close()
        await trio.testing.wait_all_tasks_blocked()
        assert order == ["198.51.100.7"]
        nursery.cancel_scope.cancel()


async def test_who_waits_for_us_does_not_stand_still(autojump_clock: trio.testing.MockClock) -> None:
    """A store that takes its time over an enrollment is no reason to cut the agent."""
    admission = hall(places=1)
    async with kept_moving(admission):
        enrolling = await at_the_handshake(admission, "192.0.2.1")
        enrolling.heard()
        with trio.move_on_after(STALL_S + 5):
            await enter(admission, "192.0.2.2").charge()
        assert cut(enrolling) == ""


async def test_an_edge_that_was_held_up_blames_nobody(autojump_clock: trio.testing.MockClock) -> None:
    """A machine that slept for a minute finds every handshake old; each has its time from then on."""
    admission = hall(places=1)
    async with kept_moving(admission) as nursery:
        gone: list[Ticket] = []
        nursery.start_soon(stall, admission, "192.0.2.1", gone)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(at_the_handshake, admission, "192.0.2.2")
        await trio.testing.wait_all_tasks_blocked()
        autojump_clock.jump(10)
        await trio.sleep(STALL_S - 0.3)
        assert gone == []
        await trio.sleep(0.6)
        assert len(gone) == 1


async def test_whoever_is_cancelled_while_waiting_leaves_no_trace(
    autojump_clock: trio.testing.MockClock,
) -> None:
    admission = hall(places=1)
    holder = await at_the_handshake(admission, "192.0.2.1")
    ticket = enter(admission, "192.0.2.2")
    with trio.move_on_after(1):
        await ticket.charge()
    ticket.close()
    assert admission.queued == 0
    holder.close()
    assert (admission.handshaking, admission.connections, admission.in_hall) == (0, 0, 0)


Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["open", "charge", "authenticate", "close", "wait"]), st.integers(0, 5)),
    max_size=80,
)


@settings(max_examples=100)
@given(STEPS)
async def test_the_books_always_balance(steps: list[Step]) -> None:
    """Whatever happens in whatever order: nothing is negative, no limit is passed, no free place is withheld from the queue,
    and when all have left, nothing remains."""
    admission = hall(places=4, connections=12, pre_auth=10, per_address=8)
    tickets: list[Ticket] = []
    async with trio.open_nursery() as nursery:
        for verb, which in steps:
            ticket = tickets[which % len(tickets)] if tickets else None
            if verb == "open":
                opened = admission.open()
                if opened is not None:
                    if opened.identify(f"192.0.2.{which}"):
                        tickets.append(opened)
                    else:
                        opened.close()
            elif ticket is not None and verb == "charge" and ticket.stage == "silent":
                ticket.spoke()
                nursery.start_soon(charge_until_closed, ticket)
            elif (
                ticket is not None
                and verb == "authenticate"
                and ticket in admission._holding
                and not ticket.crowded
            ):
                ticket.authenticated("northwind")
            elif ticket is not None and verb == "close":
                ticket.scope.cancel()
                await trio.testing.wait_all_tasks_blocked()
                ticket.close()
                tickets.remove(ticket)
            else:
                await trio.testing.wait_all_tasks_blocked()
            await trio.testing.wait_all_tasks_blocked()
            assert 0 <= admission.in_hall <= admission.connections
            assert admission.sessions <= 12
            assert admission.handshaking <= 4
            assert admission.handshaking + admission.queued <= admission.in_hall
            assert admission.queued == 0 or admission.handshaking > 0
        for ticket in tickets:
            ticket.scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        for ticket in tickets:
            ticket.close()
    assert (admission.connections, admission.in_hall, admission.handshaking, admission.queued) == (0, 0, 0, 0)
    assert not admission._by_address
    assert not admission._holding_by_address
    assert not admission._silent


async def charge_until_closed(ticket: Ticket) -> None:
    with ticket.scope:
        ticket.scope.deadline = math.inf
        await ticket.charge()
