"""Who may stand in the hall: what a connection may use before it has said who it is.

*Silence is free.* A connection that has said nothing holds a socket and a task, no TLS object and no budget. When the
hall is full, the one that has been silent longest goes: an agent speaks within a round trip, a scanner waits.

*Speaking costs a place at the handshake, charged before OpenSSL allocates.* Places are few (bytes / `HANDSHAKE_BYTES`),
which also keeps a herd from collapsing: thousands of handshakes begun at once would all end after their deadline.
Who finds no place queues, and a place that comes free goes to the address that holds the fewest, so that an address with
a thousand connections waits behind itself alone.

*Who stands still gives way.* While anybody waits, one task for the whole hall (`keep_moving`) looks who has held a place
for `STALL_S` and has not said who it is: as many as wait are cut, those of the address that holds most first, and nobody
whose place no waiter could be given. What the edge itself was too busy for is not held against anybody: the time by
which a handshake stands still does not run while the edge does not come round, nor while an enrollment waits for us.

*One deadline* covers accepting, the PROXY header, TLS and Hello. It lives in the ticket's cancel scope; whoever is
authenticated is free of it.

*Nobody is banned.* A stranger's address may hold `Limits.per_address` connections in the hall and is refused beyond;
an address from which an agent was authenticated within a day is not refused, it only queues. A site's forty agents sit
behind one address, and one of them being broken is no reason to lose the other thirty-nine.
"""

import functools
import ipaddress
import math
from collections import Counter, OrderedDict, deque

import attrs
import trio

from gateway.config import Limits

__all__ = ["HANDSHAKE_BYTES", "Admission", "Ticket", "address_key"]

# What a handshake may hold at worst, measured: 57 KiB once our flight is sent, and OpenSSL makes room for a client's
# whole certificate message (its limit: 100 kB, times 4/3) when it has seen no more than its header.
HANDSHAKE_BYTES = 192 * 1024

# The slowest honest handshake needs two round trips over a satellite, about 1.5 s.
STALL_S = 3.0

# How often those who stand still are looked for, while somebody waits.
_LOOK_S = 0.1

# A look that comes so late was kept by the edge: the machine slept, or computed a herd's signatures.
_HELD_UP_S = 0.5

# No address may hold more than this part of the places: eight attackers' addresses to fill them, not one.
_SHARE = 8

KNOWN_FOR_S = 24 * 3600.0
# 120 bytes each (measured): 6 MB for fifty thousand sites.
KNOWN_ADDRESSES = 50_000

# Above this part of the limit, sessions are refused in words, with a time to come back; at the limit before TLS.
_CROWDED = 0.95


@functools.lru_cache(4096)  # 6 µs otherwise, for every connection of a storm from the same addresses
def address_key(address: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 that an IPv6 site gets and moves about in."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.IPv6Address(int(ip) >> 64 << 64))
    return str(ip)


@attrs.define(eq=False, kw_only=True)
class Ticket:
    """One connection's place in the hall. `close` it whatever happens; a second time does nothing.

    Attributes:
        scope: cancelled at the deadline, or when the connection has to give way; then `cut` says why.
        stage: what it is doing, for the reason that a deadline gives.
        is_heard: whether its first message is here, and it waits for us.
    """

    admission: "Admission"
    opened_at: float
    scope: trio.CancelScope
    key: str = ""
    stage: str = "silent"
    cut: str = ""
    is_heard: bool = False
    in_hall: bool = True
    is_open: bool = True

    @property
    def crowded(self) -> bool:
        """Whether the edge is so full that a newcomer should be told to come back later."""
        admission = self.admission
        return admission.connections > _CROWDED * admission.limits.connections

    @property
    def is_known(self) -> bool:
        """Whether an agent was authenticated from its address within a day."""
        return self.admission.knows(self.key)

    def identify(self, address: str) -> bool:
        """Say where it comes from; False if that address has too many in the hall already."""
        return self.admission.identify(self, address)

    def spoke(self) -> None:
        """Its first byte has come: it is not among those who go first any more."""
        self.admission.spoke(self)

    async def charge(self) -> None:
        """Wait for a place at the handshake."""
        await self.admission.charge(self)

    def heard(self) -> None:
        """Its first message is here. It does not stand still any more: what it waits for is our answer."""
        self.is_heard = True

    def authenticated(self) -> None:
        """Its Hello was accepted: no deadline any more, its place is free, its address is known."""
        self.admission.authenticated(self)

    def close(self) -> None:
        """The connection is gone."""
        self.admission.close(self)


class Admission:
    """The hall: one for all listeners of an edge."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.places = max(1, limits.pre_auth_bytes // HANDSHAKE_BYTES)
        self.connections = 0
        self.in_hall = 0
        self.queued = 0  # how many wait for a place at the handshake
        self._share = max(1, self.places // _SHARE)
        self._by_address: Counter[str] = Counter()
        self._silent: OrderedDict[Ticket, None] = OrderedDict()
        self._holding: OrderedDict[Ticket, float] = OrderedDict()
        self._holding_by_address: Counter[str] = Counter()
        self._queue: OrderedDict[str, deque[tuple[Ticket, trio.Event]]] = OrderedDict()
        self._known: OrderedDict[str, float] = OrderedDict()
        self._room = trio.lowlevel.ParkingLot()
        self._crowd = trio.lowlevel.ParkingLot()
        self._held_up_s = 0.0

    def relimit(self, limits: Limits) -> None:
        """Go by *limits* from now on; who is in already stays."""
        self.limits = limits
        self.places = max(1, limits.pre_auth_bytes // HANDSHAKE_BYTES)
        self._share = max(1, self.places // _SHARE)
        self._grant()
        self._room.unpark_all()

    @property
    def handshaking(self) -> int:
        """How many hold a place at the handshake."""
        return len(self._holding)

    async def wait_for_room(self) -> None:
        """Wait until another connection may be accepted; the backlog's clock does not run, a connection's does."""
        while self.in_hall >= self.limits.pre_auth_connections:
            if self._silent:
                self._cut(next(iter(self._silent)), "made room for others")
            await self._room.park()

    def open(self) -> Ticket | None:
        """A ticket for a connection just accepted; None if the edge has all the connections it can have."""
        if self.connections >= self.limits.connections:
            return None
        now = trio.current_time()
        scope = trio.CancelScope(deadline=now + self.limits.hello_s)
        ticket = Ticket(admission=self, opened_at=now, scope=scope)
        self.connections += 1
        self.in_hall += 1
        self._silent[ticket] = None
        return ticket

    def identify(self, ticket: Ticket, address: str) -> bool:
        """See `Ticket.identify`."""
        key = address_key(address)
        if self._by_address[key] >= self.limits.per_address and not self.knows(key):
            return False
        self._by_address[key] += 1
        ticket.key = key
        return True

    def knows(self, key: str) -> bool:
        """Whether an agent was authenticated from there within `KNOWN_FOR_S`."""
        return trio.current_time() - self._known.get(key, -math.inf) < KNOWN_FOR_S

    def spoke(self, ticket: Ticket) -> None:
        """See `Ticket.spoke`."""
        self._silent.pop(ticket, None)

    async def charge(self, ticket: Ticket) -> None:
        """See `Ticket.charge`."""
        if self._may_hold(ticket.key) and ticket.key not in self._queue:
            self._hold(ticket)
            return
        ticket.stage = "queued for tls"
        granted = trio.Event()
        self._queue.setdefault(ticket.key, deque()).append((ticket, granted))
        self.queued += 1
        self._crowd.unpark()
        try:
            await granted.wait()
        finally:
            if not granted.is_set():
                self._leave_queue(ticket, granted)

    def _leave_queue(self, ticket: Ticket, granted: trio.Event) -> None:
        waiters = self._queue[ticket.key]
        waiters.remove((ticket, granted))
        self.queued -= 1
        if not waiters:
            del self._queue[ticket.key]

    def _may_hold(self, key: str) -> bool:
        return len(self._holding) < self.places and self._holding_by_address[key] < self._share

    def _hold(self, ticket: Ticket) -> None:
        ticket.stage = "in the tls handshake"
        self._holding[ticket] = self._time()
        self._holding_by_address[ticket.key] += 1

    def _grant(self) -> None:
        """Give free places away, address by address."""
        while len(self._holding) < self.places and (key := self._next_address()) is not None:
            self._queue.move_to_end(key)
            waiters = self._queue[key]
            ticket, granted = waiters.popleft()
            self.queued -= 1
            self._hold(ticket)
            granted.set()
            if not waiters:
                del self._queue[key]

    def _next_address(self) -> str | None:
        """Of those that wait and are below their share: which holds the fewest places, and was served longest ago."""
        found, fewest = None, self._share
        for key in self._queue:
            held = self._holding_by_address[key]
            if held < fewest:
                found, fewest = key, held
            if not held:
                break  # the usual case, and in a herd from a thousand sites the first look
        return found

    async def keep_moving(self) -> None:
        """Cut those who stand still while others wait, until cancelled. Every hall needs it, once."""
        while True:
            while not self.queued:
                await self._crowd.park()
            due = trio.current_time() + _LOOK_S
            await trio.sleep_until(due)
            late_s = trio.current_time() - due
            if late_s > _HELD_UP_S:
                self._held_up_s += late_s
            for ticket in self._in_the_way()[: self.queued]:
                self._cut(ticket, "stood still in the handshake while others waited")

    def _in_the_way(self) -> list[Ticket]:
        """Who stands still in a place that a waiter could have, those of the address that holds most places first."""
        latest = self._time() - STALL_S
        old = (ticket for ticket, since in self._holding.items() if since <= latest)
        stalled = [ticket for ticket in old if not (ticket.cut or ticket.is_heard or self.knows(ticket.key))]
        if len(self._holding) < self.places or self._next_address() is None:
            # Nobody waits for just any place; but an address at its share waits for its own.
            stalled = [ticket for ticket in stalled if ticket.key in self._queue]
        return sorted(stalled, key=lambda ticket: -self._holding_by_address[ticket.key])

    def _time(self) -> float:
        """The clock by which a handshake stands still."""
        return trio.current_time() - self._held_up_s

    def _cut(self, ticket: Ticket, why: str) -> None:
        self._silent.pop(ticket, None)
        ticket.cut = why
        ticket.scope.cancel()

    def authenticated(self, ticket: Ticket) -> None:
        """See `Ticket.authenticated`."""
        if not ticket.is_open or not ticket.in_hall:
            return
        self._leave_hall(ticket)
        ticket.stage = "authenticated"
        ticket.scope.deadline = math.inf
        self._known[ticket.key] = trio.current_time()
        self._known.move_to_end(ticket.key)
        if len(self._known) > KNOWN_ADDRESSES:
            self._known.popitem(last=False)

    def close(self, ticket: Ticket) -> None:
        """See `Ticket.close`."""
        if ticket.is_open:
            ticket.is_open = False
            self.connections -= 1
            if ticket.in_hall:
                self._leave_hall(ticket)

    def _leave_hall(self, ticket: Ticket) -> None:
        ticket.in_hall = False
        self.in_hall -= 1
        self._silent.pop(ticket, None)
        _decrease(self._by_address, ticket.key)
        if self._holding.pop(ticket, None) is not None:
            _decrease(self._holding_by_address, ticket.key)
            self._grant()
        self._room.unpark()


def _decrease(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
