"""The room for reports of people who are nobody yet: shared, so that one of them can't have it all."""

import attrs

from gateway.config import Listener
from gateway.edge import reportroom
from gateway.edge.peer import Peer
from gateway.edge.reportroom import ReportRoom

KIB = 1024
REPORT = 32 * KIB


@attrs.define
class _Ticket:
    is_known: bool


def peer(address: str, *, known: bool = False) -> Peer:
    return Peer(address=address, port=5, listener=Listener(host="::", port=0), ticket=_Ticket(known))  # type: ignore[arg-type]  # enough of one


def filled(room: ReportRoom, address: str, *, known: bool = False) -> int:
    """How many of the largest reports somebody gets room for."""
    count = 0
    while room.take(peer(address, known=known), REPORT):
        count += 1
    return count


def test_a_network_has_its_part() -> None:
    """However many addresses it has; the next network finds room."""
    room = ReportRoom(1024 * KIB)

    assert filled(room, "198.51.100.1") == 4
    assert filled(room, "198.51.100.200") == 0
    assert filled(room, "2001:db8::1") == 4
    assert filled(room, "2001:db8::ffff") == 0
    assert filled(room, "192.0.2.1", known=True) == 4
    assert room.used == 12 * REPORT


def test_strangers_leave_half_to_those_who_are_known() -> None:
    """From however many networks they come."""
    room = ReportRoom(1024 * KIB)

    assert sum(filled(room, f"10.0.{n}.1") for n in range(50)) == 16
    assert room.used == room.total // 2
    assert filled(room, "10.0.99.1", known=True) == 4


def test_what_is_given_back_is_there_again() -> None:
    """And nothing is kept of who had it."""
    room = ReportRoom(1024 * KIB)
    for _ in range(3):
        assert filled(room, "198.51.100.1") == 4
        for _ in range(4):
            room.give_back(peer("198.51.100.99"), REPORT)

    assert room.used == 0
    assert not room._by_network


async def test_strangers_share_the_time(autojump_clock: object) -> None:
    """Beyond their part nobody opens what they bring, whoever they are next; who is known waits for none of them."""
    room = ReportRoom()

    opened = [room.may_be_opened(peer(f"10.{n >> 8}.{n & 255}.1")) for n in range(1000)]

    assert sum(opened) == reportroom.STRANGERS_BURST
    assert all(room.may_be_opened(peer("192.0.2.1", known=True)) for _ in range(1000))
