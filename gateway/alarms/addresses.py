"""Where webhooks may go: resolved here, judged here, and connected to as judged.

A webhook's URL is typed by somebody who may not be trusted with what is near the gateway: its own ports, the provider's inner networks, a
cloud's metadata service. So a name is resolved once, *every* address that it has must be a public one, and the connection is made to
one of those very addresses: a name that answers otherwise a moment later is not asked again. Hosts that the operator names in
`webhook_hosts` may be anywhere.
"""

import ipaddress
import socket
from collections.abc import Callable, Collection, Sequence
from typing import Final

__all__ = ["AddressRefused", "Resolve", "is_public", "permitted", "resolve"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""Host and port to addresses.

Raises:
    OSError: the name has none.
"""

# Of IPv6 only this is given out. All else leads back here, into a site, or on to an IPv4 address that isn't shown (64:ff9b::, ::127.0.0.1).
GIVEN_OUT: Final = ipaddress.IPv6Network("2000::/3")
# Inside it, and likewise a way to an IPv4 address: Teredo, 6to4. And the relays of the latter.
LEADS_ON: Final = tuple(map(ipaddress.ip_network, ("2001::/32", "2002::/16", "192.88.99.0/24")))


class AddressRefused(Exception):  # noqa: N818  # a refusal, not a fault
    """A webhook may not go there."""


def resolve(host: str, port: int) -> list[str]:
    """Every address of *host*, as the system knows it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(text: str) -> bool:
    """Whether that is an address that anybody on the internet may reach."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, ipaddress.IPv6Address) and address not in GIVEN_OUT:
        return False
    if any(address in network for network in LEADS_ON):
        return False
    return address.is_global and not address.is_multicast


def permitted(host: str, port: int, *, allowed: Collection[str], resolver: Resolve = resolve) -> list[str]:
    """The addresses to connect to, in the order in which to try them.

    Args:
        allowed: hosts that may be anywhere, as URLs name them.

    Raises:
        AddressRefused: one of them is not public.
        OSError: the name has no address.
    """
    addresses = list(resolver(host, port))
    if not addresses:
        raise OSError(f"{host} has no address")
    if host.lower() not in {each.lower() for each in allowed}:
        for address in addresses:
            if not is_public(address):
                raise AddressRefused(
                    f"{host} is {address}, which is not a public address; an operator can allow the host by webhook_hosts"
                )
    return addresses
