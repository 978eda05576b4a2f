"""Who may stand in the hall: what a connection may use before it has said who it is.

*Silence is free.* A connection that has said nothing holds a socket and a task, no TLS object and no budget. When the
hall is full, the one that has been silent longest goes, once it has had the time for a round trip: an agent speaks, a scanner waits.

*Speaking costs a place at the handshake, charged before OpenSSL allocates.* Places are few: bytes / `HANDSHAKE_BYTES`, and
no more than this machine gets done in a quarter of the time that a connection has (`pace`). Thousands of handshakes begun at once
would all end after their deadline. They are also begun no faster than the machine can do them beside the sessions that are open.

*Who finds no place queues*, party by party and address by address (`turns`): organizations take turns, and the strangers, of whom
nothing is known but an address, are one party among them. No party holds more than three quarters of the places, and no
address more than an eighth.

*Who stands still gives way.* While anybody waits, one task for the whole hall (`keep_moving`) looks who has held a place
for `STALL_S` and has not said who it is: as many as wait are cut, those of the address that holds most first, and nobody
whose place no waiter could be given. What the edge itself was too busy for is not held against anybody: the time by
which a handshake stands still does not run while the edge does not come round, nor while an enrollment waits for us.

*One deadline* covers accepting, the PROXY header, TLS and Hello. It lives in the ticket's cancel scope; whoever is authenticated is
free of it. It stands still in the queue, where the waiting is ours, for its own length at most: who has a place has the time for it.

*Who is known is never refused.* A stranger's address may hold `Limits.per_address` connections in the hall and is refused beyond, and
one that floods is banned for a while (`bans`); an address from which an agent was authenticated within a day only queues. A
site's forty agents sit behind one address, and one of them being broken is no reason to lose the other thirty-nine.
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Callable

import trio

from gateway.config import Limits
from gateway.edge.addresses import Neighbourhood, address_key
from gateway.edge.bans import Bans
from gateway.edge.pace import TICK_S, Pace, Slots
from gateway.edge.proxy_protocol import Networks
from gateway.edge.ticket import Ticket
from gateway.edge.turns import Turns
from protocol import Code

__all__ = ["HANDSHAKE_BYTES", "Admission"]

# What a handshake may hold at worst, measured: 57 KiB once our flight is sent, and OpenSSL makes room for a client's
# whole certificate message (its limit: 100 kB, times 4/3) when it has seen no more than its header.
HANDSHAKE_BYTES = 192 * 1024

# The slowest honest handshake needs two round trips over a satellite, about 1.5 s.
STALL_S = 3.0
# Such a line's first byte comes a round trip after the connection, a busy host's later; but a small hall is soon full of the silent.
SPEAKS_S = 2.0
SILENT_PER_S = 1000.0

_LOOK_S = 0.1  # how often those who stand still are looked for, while somebody waits
# A look that comes so late was kept by the edge: the machine slept, or computed a herd's signatures.
_HELD_UP_S = 0.5
# No address may hold more than this part of the places: eight attackers' addresses to fill them, not one.
_SHARE = 8
# No party may hold the last quarter of the places.
_PARTY = 4

# As many at the handshake as the machine gets done in a quarter of the deadline, and in the hall in half of it: who is
# let in is through in time. Over a satellite, that is still more than its handshakes take.
_IN_FLIGHT = 0.25
_WAITING = 0.5
_LEAST = 8
# Slots are given for half of what the machine can do: who is refused comes in between the others.
_SLOT_SHARE = 0.5
# Where nobody measured it: half of what one core was measured to do.
UNMEASURED_PER_S = 250.0
# Balancers and checks on this machine; who attacks from here needs no network.
_OURSELVES = ("127.0.0.0/8", "::1/128")


class Admission:
    """The hall: one for all listeners of an edge."""

    def __init__(self, limits: Limits, handshake_cpu_s: float = 0.0) -> None:
        self.limits = limits
        self.connections = 0
        self.in_hall = 0
        self.known = Neighbourhood()
        self.bans = Bans(limits.faults_per_s)
        self.on_late: Callable[[float], None] = lambda late_s: None
        """Told how late the loop came round, while anybody waits."""
        self._handshake_cpu_s = handshake_cpu_s
        self.pace = Pace(handshake_cpu_s, fixed_per_s=limits.connects_per_s)
        self._slots = Slots()
        self._spared = Networks(_OURSELVES)
        self._by_address: Counter[str] = Counter()
        self._silent: OrderedDict[Ticket, None] = OrderedDict()
        self._holding: OrderedDict[Ticket, float] = OrderedDict()
        self._holding_by_address: Counter[str] = Counter()
        self._holding_by_party: Counter[str] = Counter()
        self._turns: Turns[tuple[Ticket, trio.Event]] = Turns(
            is_party_full=lambda party: self._holding_by_party[party] >= self._party_share,
            held_by=lambda address: self._holding_by_address[address],
            share=lambda: self._share,
        )
        self._room = trio.lowlevel.ParkingLot()
        self._crowd = trio.lowlevel.ParkingLot()
        self._held_up_s = 0.0

    def relimit(self, limits: Limits) -> None:
        """Go by *limits* from now on; who is in already stays."""
        if limits.connects_per_s != self.limits.connects_per_s:
            self.pace = Pace(self._handshake_cpu_s, fixed_per_s=limits.connects_per_s)
        self.limits = limits
        self.bans.faults_per_s = limits.faults_per_s
        self._grant()
        self._room.unpark_all()

    def measured(self, handshake_cpu_s: float) -> None:
        """A handshake costs so much here, by the certificate that is served from now on."""
        self._handshake_cpu_s = handshake_cpu_s
        self.pace = Pace(handshake_cpu_s, fixed_per_s=self.limits.connects_per_s)

    def spare(self, networks: tuple[str, ...]) -> None:
        """*networks* (CIDR) are one's own balancers: what comes through them is never banned for it."""
        self._spared = Networks((*_OURSELVES, *networks))

    def remember(self, address: str, organization_uid: str) -> None:
        """An agent of that organization was here before this edge's life began."""
        self.known.note(address_key(address), organization_uid)

    @property
    def _done_in_time(self) -> float:
        """How many connects are done before the deadline of the first of them, as it goes now."""
        return min(self.pace.per_s, self.pace.derived_per_s) * self.limits.hello_s

    @property
    def places(self) -> int:
        """How many may be at the handshake at one time."""
        by_memory = max(1, self.limits.pre_auth_bytes // HANDSHAKE_BYTES)
        in_time = max(_LEAST, self._done_in_time * _IN_FLIGHT)
        return int(min(by_memory, in_time))

    @property
    def room(self) -> int:
        """How many may be in the hall."""
        in_time = max(_LEAST * _LEAST, self._done_in_time * _WAITING)
        return int(min(self.limits.pre_auth_connections, in_time))

    @property
    def queued(self) -> int:
        """How many wait for a place at the handshake."""
        return len(self._turns)

    @property
    def _share(self) -> int:
        return max(1, self.places // _SHARE)

    @property
    def _party_share(self) -> int:
        places = self.places
        return places - places // _PARTY

    @property
    def slots_per_s(self) -> float:
        """How many agents a second are told to come back."""
        derived = self.pace.derived_per_s
        return UNMEASURED_PER_S if math.isinf(derived) else derived * _SLOT_SHARE

    def slot_ms(self, first_s: float) -> int:
        """A moment to come back at, nobody else's: milliseconds from now, *first_s* at least."""
        return self._slots.next_ms(trio.current_time(), per_s=self.slots_per_s, first_s=first_s)

    @property
    def sessions(self) -> int:
        """How many have left the hall for a session."""
        return self.connections - self.in_hall

    @property
    def handshaking(self) -> int:
        """How many hold a place at the handshake."""
        return len(self._holding)

    async def wait_for_room(self) -> None:
        """Wait until another connection may be accepted; the backlog's clock does not run, a connection's does."""
        while self.in_hall >= (room := self.room):
            oldest = next(iter(self._silent), None)
            grace_s = min(SPEAKS_S, room / SILENT_PER_S)
            patience_s = math.inf if oldest is None else oldest.opened_at + grace_s - trio.current_time()
            if oldest is not None and patience_s <= 0:
                self._cut(oldest, "made room for others")
                patience_s = math.inf
            with trio.move_on_after(patience_s):
                await self._room.park()

    def banned(self, address: str) -> bool:
        """Whether connections from *address* are refused for a while, because it flooded."""
        return self.bans.refuses(key := address_key(address)) and not self.knows(key)

    def fault(self, ticket: Ticket, code: Code) -> float:
        """See `Ticket.fault`."""
        if not ticket.key or ticket.address in self._spared or self.knows(ticket.key):
            return 0.0
        return self.bans.fault(ticket.key, code)

    def open(self, address: str = "") -> Ticket | None:
        """A ticket for a connection just accepted; None if the edge is full. *address* is empty where a balancer has yet to say it.

        Strangers take nobody's session: who is silent counts for nothing, and who speaks counts against other strangers alone.
        """
        stranger = address and not self.knows(address_key(address))
        taken = self.connections - len(self._silent) if stranger else self.sessions
        if taken >= self.limits.connections:
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
        ticket.address = address
        ticket.key = key
        ticket.party = self.known.party(key)
        return True

    def knows(self, key: str) -> bool:
        """Whether an agent was authenticated from there within `KNOWN_FOR_S`."""
        return self.known.knows(key)

    def spoke(self, ticket: Ticket) -> None:
        """See `Ticket.spoke`."""
        self._silent.pop(ticket, None)

    async def charge(self, ticket: Ticket) -> None:
        """See `Ticket.charge`."""
        granted = trio.Event()
        self._turns.join((ticket, granted), party=ticket.party, address=ticket.key)
        self._grant()
        if granted.is_set():
            return
        ticket.stage = "queued for tls"
        left_s = ticket.scope.deadline - trio.current_time()
        ticket.scope.deadline += self.limits.hello_s
        self._crowd.unpark()
        try:
            await granted.wait()
        finally:
            if granted.is_set():
                ticket.scope.deadline = trio.current_time() + left_s
            else:
                self._turns.leave((ticket, granted), party=ticket.party, address=ticket.key)

    def _hold(self, ticket: Ticket) -> None:
        ticket.stage = "in the tls handshake"
        self._holding[ticket] = self._time()
        self._holding_by_address[ticket.key] += 1
        self._holding_by_party[ticket.party] += 1

    def _grant(self) -> None:
        """Give places away that are free and due, by turns."""
        if not self._turns:
            return
        now = trio.current_time()
        while len(self._holding) < self.places and self.pace.is_due(now):
            waiter = self._turns.next()
            if waiter is None:
                return
            self.pace.begin(now)
            ticket, granted = waiter
            self._hold(ticket)
            granted.set()

    async def keep_moving(self) -> None:
        """Begin what is due, and cut those who stand still while others wait, until cancelled. Every hall needs it, once."""
        look_at = -math.inf
        while True:
            while not self.queued:
                quiet_since = trio.current_time()
                await self._crowd.park()
                self.pace.rested(trio.current_time() - quiet_since)
                look_at = trio.current_time() + _LOOK_S
            due = trio.current_time() + TICK_S
            await trio.sleep_until(due)
            now = trio.current_time()
            late_s = now - due
            if late_s > _HELD_UP_S:
                self._held_up_s += late_s
            self.pace.learn(late_s)
            self.on_late(late_s)
            self._grant()
            if now >= look_at:
                look_at = now + _LOOK_S
                for ticket in self._in_the_way()[: self.queued]:
                    self._cut(ticket, "stood still in the handshake while others waited")

    def _in_the_way(self) -> list[Ticket]:
        """Who stands still in a place that a waiter could have, those of the address that holds most places first."""
        latest = self._time() - STALL_S
        old = (ticket for ticket, since in self._holding.items() if since <= latest)
        stalled = [ticket for ticket in old if not (ticket.cut or ticket.is_heard or self.knows(ticket.key))]
        if len(self._holding) < self.places or self._turns.is_stuck:
            # Nobody waits for just any place; but who is at a share waits for a place of its own.
            stalled = [ticket for ticket in stalled if self._turns.waits(ticket.party, ticket.key)]
        return sorted(stalled, key=lambda ticket: -self._holding_by_address[ticket.key])

    def _time(self) -> float:
        """The clock by which a handshake stands still."""
        return trio.current_time() - self._held_up_s

    def _cut(self, ticket: Ticket, why: str) -> None:
        self._silent.pop(ticket, None)
        ticket.cut = why
        ticket.scope.cancel()

    def authenticated(self, ticket: Ticket, organization_uid: str) -> None:
        """See `Ticket.authenticated`."""
        if not ticket.is_open or not ticket.in_hall:
            return
        self._leave_hall(ticket)
        ticket.stage = "authenticated"
        ticket.scope.deadline = math.inf
        self.known.note(ticket.key, organization_uid)
        self.bans.forgive(ticket.key)

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
            _decrease(self._holding_by_party, ticket.party)
            self._grant()
        self._room.unpark()


def _decrease(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
