"""Addresses and the networks that they are counted by."""

import functools
import ipaddress

__all__ = ["is_within", "network_of"]


@functools.lru_cache(4096)
def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /64 of an IPv6 one; the text itself where it is none."""
    ip = _ip(address)
    if ip is None:
        return address
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 64), strict=False))


def is_within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether an address is in one of *networks*, which are in CIDR."""
    ip = _ip(address)
    if ip is None:
        return False
    return any(ip.version == each.version and ip in each for each in map(ipaddress.ip_network, networks))


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return ip.ipv4_mapped or ip if isinstance(ip, ipaddress.IPv6Address) else ip
