"""Does a certificate answer to this name? RFC 9525, for DNS names and addresses.

DNS names compare without case; a wildcard stands for exactly one whole left-most label and never for a top-level
domain. Addresses compare as addresses, so `::1` and `0:0:0:0:0:0:0:1` are one.
"""

import ipaddress
import re
from typing import Final

import attrs

_LONGEST_NAME: Final = 253  # RFC 1035, 2.3.4, like the 63 of a label
# Labels of letters, digits, - and _, the last one not of digits alone (RFC 1123, 2.1): that would be an address mistyped. With
# umlauts and the like, which become A-labels on the way.
_DNS_NAME: Final = re.compile(r"(?=.*[^\W\d][\w-]*\.?$)(?!-)[\w-]{1,63}(?:\.(?!-)[\w-]{1,63})*\.?")


@attrs.frozen(kw_only=True)
class MatchableNames:
    """The names that a certificate offers for matching."""

    dns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """All of them, as text."""
        return self.dns + self.addresses

    def cover(self, name: str) -> bool:
        """Whether *name* (a DNS name, or an IPv4 or IPv6 address) is one of these."""
        address = as_address(name)
        if address is not None:
            return any(as_address(own) == address for own in self.addresses)
        wanted = normal(name)
        return any(_matches(pattern, wanted) for pattern in self.dns)


def as_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """*name* as an address (brackets around IPv6 are accepted), or None when it is a DNS name."""
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def could_be_dns_name(name: str) -> bool:
    """Whether DNS could have an answer for *name*. No wildcard is such a name, and no address that was mistyped."""
    return len(name) <= _LONGEST_NAME and _DNS_NAME.fullmatch(name) is not None


def normal(name: str) -> str:
    """A DNS name in the form that certificates carry: lower case, no dot at the end, A-labels."""
    lowered = name.lower().removesuffix(".")
    if lowered.isascii():
        return lowered
    try:
        return lowered.encode("idna").decode("ascii")
    except UnicodeError:
        return lowered


def _matches(pattern: str, wanted: str) -> bool:
    pattern = pattern.removesuffix(".")
    if not pattern.startswith("*."):
        return pattern == wanted
    label, dot, rest = wanted.partition(".")
    return bool(label and dot) and "." in rest and rest == pattern[2:]
