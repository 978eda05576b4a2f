"""How guessing passwords is held back without keeping out the people whose passwords are guessed.

Failures are counted of three things: a name from one network, a network whatever the name, a name from wherever. Each has so many for
nothing; after that every further failure doubles the time in which no attempt is looked at, up to a quarter of an hour, and a day without
one clears it. A machine that guesses has so many tries a day, whichever way it spreads them: see RULES.

Whoever could lock a name could keep its owner out for ever by guessing on. So a network from which a user has logged in within 30 days is
judged by that user's own failures from there, and by nothing else: somebody elsewhere who fails at the same name, or a neighbour who fails
at every name, does not concern it. API keys, tokens and logins by an OpenID provider are never held back.

A network is an address of IPv4, and a /64 of IPv6, whose owner has 2**64 addresses.
"""

import ipaddress
import unicodedata
from typing import Final

import attrs

from gateway.store import Counted

__all__ = ["RULES", "Rule", "name_key_of", "network_of", "watched"]

FIRST_MS: Final = 30_000
LONGEST_MS: Final = 15 * 60_000


@attrs.frozen
class Rule:
    """How many failures are for nothing, and how long each further one holds back."""

    free: int
    first_ms: int = FIRST_MS
    longest_ms: int = LONGEST_MS

    def lock_ms(self, failures: int) -> int:
        """For how long no attempt is looked at after so many failures."""
        beyond = failures - self.free
        if beyond < 0:
            return 0
        return min(self.longest_ms, self.first_ms << min(beyond, 32))


# A person who tries what it may have been needs a handful. Behind one address there may be an office; a name that fails from everywhere is
# nobody's habit, but its owner may be at a new place just then.
RULES: Final = {"name and network": Rule(5), "network": Rule(20), "name": Rule(50)}


def watched(name_key: str, network: str, *, known: bool) -> tuple[Counted, ...]:
    """What an attempt counts for, and what may hold it back.

    Args:
        known: a user of that name has logged in from that network lately.
    """
    own = Counted(name_key, network, RULES["name and network"].lock_ms)
    if known:
        return (own,)
    return (
        own,
        Counted("", network, RULES["network"].lock_ms),
        Counted(name_key, "", RULES["name"].lock_ms),
    )


def network_of(address: str) -> str:
    """The network that an address of a peer belongs to; one that can't be read is one of its own."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def name_key_of(name: str) -> str:
    """A user's name as names are compared: Anna, ANNA and anna are one, however a keyboard composes them; empty for what is no name.

    Caseless matching for identifiers, by section 3.13.5 of the Unicode standard.
    """
    if not name.isprintable():
        return ""
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", name).casefold())
    return unicodedata.normalize("NFKC", once.casefold()).strip()
