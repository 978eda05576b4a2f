"""Which network a report came from, as far as that can be known of what a stranger may have made up."""

import ipaddress

__all__ = ["global_network", "network_of"]


def network_of(source: str) -> str:
    """The network that an address is counted under: /24, or /64; empty if it is no address.

    Args:
        source: an address, `host:port` with brackets around an IPv6 host, or a network.
    """
    host = source.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        given = ipaddress.ip_interface(host)
    except ValueError:
        return ""
    address = given.ip
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    prefix = 24 if address.version == 4 else 64
    return str(ipaddress.ip_network((address, prefix), strict=False))


def global_network(local: str) -> str:
    """The network of an agent's own address, where that is not a private one behind somebody's NAT."""
    network = network_of(local)
    return network if network and ipaddress.ip_network(network).is_global else ""
