"""Addresses that flood: what counts against one, and for how long it is refused at accept. Pure, but for trio's clock.

*Only what costs us and cannot be an agent of ours counts*: no TLS, broken TLS, frames that are none, certificates of nobody we
know, tokens that never were. An agent whose certificate expired or was revoked, whose clock is wrong, whose token is used up,
shows a chain or a token of ours and counts for nothing. Neither do resets, silence, deadlines, and alerts about our own
certificate: a box in the path breaks off every connection of an honest site, and the path reports from there are how anybody
learns of it. A health check in HTTP weighs a tenth.

*A leaky bucket for each address*: `BURST_S` times the rate at once, then the rate. Forty agents behind one address that have it
all wrong come to a quarter of a connection a second once they have backed off, and to 300 in their first two minutes.

*A ban is short and grows*: a minute, twice as long each time within a day, an hour at most. While it lasts a connection costs an
accept and a close.

Who is spared altogether (an address that is known, one's own balancers, this machine) is the caller's to say.
"""

from collections import OrderedDict
from collections.abc import Callable

import attrs
import trio
import trio.lowlevel

from protocol import Code

__all__ = ["ADDRESSES", "FIRST_BAN_S", "LONGEST_BAN_S", "Bans"]

FAULTS: dict[Code, float] = {
    Code.NOT_TLS: 1.0,
    Code.NOT_TLS_SSH: 1.0,
    Code.NOT_TLS_HTTP: 0.1,
    Code.BAD_PROXY_HEADER: 1.0,
    Code.TLS_HANDSHAKE_FAILED: 1.0,
    Code.MALFORMED_FRAME: 1.0,
    Code.MESSAGE_TOO_BIG: 1.0,
    Code.UNEXPECTED_MESSAGE: 1.0,
    Code.INVALID_VALUE: 1.0,
    Code.CLIENT_CERT_MISSING: 1.0,
    Code.CLIENT_CERT_UNTRUSTED: 1.0,
    Code.CLIENT_CERT_WRONG_USAGE: 1.0,
    Code.TOKEN_UNKNOWN: 1.0,
    Code.ENROLLMENT_PROOF_INVALID: 1.0,
}

# With the default of 2 a second: 300 at once.
BURST_S = 150.0

FIRST_BAN_S = 60.0
LONGEST_BAN_S = 3600.0
FORGOTTEN_S = 24 * 3600.0

# 250 bytes each. Who comes from more addresses than that is bounded by pace and places, as everybody is.
ADDRESSES = 4096


@attrs.define
class _Source:
    """What an address has done."""

    level: float = 0.0
    at: float = 0.0
    until: float = 0.0
    bans: int = 0


class Bans:
    """The books about strangers' addresses, by address key; what was longest unused is forgotten first.

    Args:
        faults_per_s: what an address may do for as long as it likes.
    """

    def __init__(self, faults_per_s: float) -> None:
        self.faults_per_s = faults_per_s
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._clock: Callable[[], float] = lambda: 0.0  # until there is anything to tell the time for

    def fault(self, key: str, code: Code) -> float:
        """A connection from there ended with *code*; returns for how many seconds that has banned it, mostly 0."""
        weight = FAULTS.get(code, 0.0)
        if not weight:
            return 0.0
        self._clock = trio.lowlevel.current_clock().current_time
        now = self._clock()
        source = self._sources.pop(key, None)
        if source is None or now - max(source.at, source.until) > FORGOTTEN_S:
            source = _Source(at=now)
        source.level = max(0.0, source.level - (now - source.at) * self.faults_per_s) + weight
        source.at = now
        self._sources[key] = source
        if len(self._sources) > ADDRESSES:
            self._sources.popitem(last=False)
        if source.until > now or source.level <= self.faults_per_s * BURST_S:
            return 0.0  # what was under way when the ban began is part of it
        lasts_s = min(LONGEST_BAN_S, FIRST_BAN_S * 2.0 ** min(source.bans, 32))
        source.bans += 1
        source.level = 0.0
        source.until = now + lasts_s
        return lasts_s

    def refuses(self, key: str) -> bool:
        """Whether connections from there are refused now."""
        source = self._sources.get(key)
        return source is not None and self._clock() < source.until

    def forgive(self, key: str) -> None:
        """An agent was authenticated there: whatever came before, it is somebody's site."""
        self._sources.pop(key, None)

    @property
    def active(self) -> int:
        """How many addresses are refused now. Read by the monitor's thread, too."""
        now = self._clock()
        return sum(now < source.until for source in list(self._sources.values()))
