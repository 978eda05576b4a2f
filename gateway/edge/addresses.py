"""Where connections come from, and whose agents were seen there."""

import functools
import ipaddress
import math
from collections import OrderedDict

import trio

__all__ = ["KNOWN_ADDRESSES", "KNOWN_FOR_S", "STRANGERS", "Neighbourhood", "address_key"]

KNOWN_FOR_S = 24 * 3600.0
# 200 bytes each: 10 MB for fifty thousand sites.
KNOWN_ADDRESSES = 50_000

# The party of all addresses from which nobody was authenticated lately. No organization has this uid.
STRANGERS = "strangers"


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


class Neighbourhood:
    """Of which organization an agent was authenticated last, by address key; the latest `KNOWN_ADDRESSES` of them.

    Before a Hello nothing else says whose a connection is. An address behind which several organizations have agents counts as the
    one's that came last: it is known, which is what matters, and takes its turn with that one.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def note(self, key: str, organization_uid: str) -> None:
        """An agent of that organization was authenticated there."""
        self._seen[key] = (trio.current_time(), organization_uid)
        self._seen.move_to_end(key)
        if len(self._seen) > KNOWN_ADDRESSES:
            self._seen.popitem(last=False)

    def knows(self, key: str) -> bool:
        """Whether an agent was authenticated there within `KNOWN_FOR_S`."""
        return trio.current_time() - self._seen.get(key, (-math.inf, ""))[0] < KNOWN_FOR_S

    def party(self, key: str) -> str:
        """With whom a connection from there takes its turn: an organization's uid, or `STRANGERS`."""
        return self._seen[key][1] if self.knows(key) else STRANGERS
