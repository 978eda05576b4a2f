"""Whose turn it is at the handshake. Pure: no clock, no task.

Two circles, one inside the other. *Parties* (organizations, and the strangers as one) take turns strictly: whoever was served goes to
the end, so that with N parties waiting none waits for more than N places, whether it has five agents at the door or five
thousand. *Addresses* of one party take turns by what they hold: the one with the fewest places is next, and of those the one that was
served longest ago, so that an address with two hundred connections waits behind itself alone.

A party or an address that holds its share of the places is passed over, and keeps its position.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Turns"]

W = TypeVar("W")

Addresses = OrderedDict[str, deque[W]]


class Turns(Generic[W]):
    """Who waits.

    Args:
        is_party_full: whether a party holds all the places that it may.
        held_by: how many places an address holds.
        share: how many an address may hold.
    """

    def __init__(
        self, *, is_party_full: Callable[[str], bool], held_by: Callable[[str], int], share: Callable[[], int]
    ) -> None:
        self._is_party_full = is_party_full
        self._held_by = held_by
        self._share = share
        self._parties: OrderedDict[str, Addresses[W]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """How many wait."""
        return self._count

    def join(self, waiter: W, *, party: str, address: str) -> None:
        """*waiter* waits from now on."""
        addresses = self._parties.setdefault(party, OrderedDict())
        addresses.setdefault(address, deque()).append(waiter)
        self._count += 1

    def leave(self, waiter: W, *, party: str, address: str) -> None:
        """*waiter* waits no more, without having been served."""
        self._parties[party][address].remove(waiter)
        self._count -= 1
        self._tidy(party, address)

    def next(self) -> W | None:
        """Who is served now, and waits no more; None if nobody who waits may hold more than it does."""
        found = self._find()
        if found is None:
            return None
        party, address = found
        addresses = self._parties[party]
        waiter = addresses[address].popleft()
        self._count -= 1
        self._parties.move_to_end(party)
        addresses.move_to_end(address)
        self._tidy(party, address)
        return waiter

    @property
    def is_stuck(self) -> bool:
        """Whether nobody who waits could use a place, though one were free."""
        return self._find() is None

    def waits(self, party: str, address: str) -> bool:
        """Whether somebody waits for what one connection of *address* holds, because address or party is at its share."""
        addresses = self._parties.get(party)
        if addresses is None:
            return False
        return self._is_party_full(party) or (
            address in addresses and self._held_by(address) >= self._share()
        )

    def _find(self) -> tuple[str, str] | None:
        for party, addresses in self._parties.items():
            if not self._is_party_full(party) and (address := self._address(addresses)) is not None:
                return party, address
        return None

    def _address(self, addresses: Addresses[W]) -> str | None:
        found, fewest = None, self._share()
        for address in addresses:
            held = self._held_by(address)
            if held < fewest:
                found, fewest = address, held
            if not held:
                break  # the usual case, and in a herd from a thousand sites the first look
        return found

    def _tidy(self, party: str, address: str) -> None:
        addresses = self._parties[party]
        if not addresses[address]:
            del addresses[address]
        if not addresses:
            del self._parties[party]
