"""When a report's attempt was, and which network it came from, as far as that can be known of what a stranger may have made up."""

import ipaddress

from certs.inspection import Delivery, Join, PathRecord

__all__ = ["global_network", "happened_ms", "network_of"]


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


def happened_ms(record: PathRecord) -> int:
    """When it happened, by the gateway's clock as far as that is known.

    That is certain where the gateway was there. Else it is the agent's word, corrected by what its last session said of its clock,
    and never a time to come, nor one before all clocks. Of a clock that no session has told anything about, only a difference counts:
    a counter is the time at which its report was sealed. A report that is known to be late has no better time than its agent's.
    """
    agent, gateway = record.evidence.agent, record.evidence.gateway
    if gateway is not None and gateway.join is not Join.TIME_AND_ADDRESS:
        return gateway.at_ms
    if agent is None:
        return record.at_ms
    if agent.clock_offset_ms is None and not _is_later(record):
        at_ms = record.at_ms - max(0, record.counter - agent.at_ms)
    else:
        at_ms = min(record.at_ms, agent.at_ms - (agent.clock_offset_ms or 0))
    return max(0, at_ms)


def _is_later(record: PathRecord) -> bool:
    return record.delivered_by in (Delivery.LATER, Delivery.FILE)


def global_network(local: str) -> str:
    """The network of an agent's own address, where that is not a private one behind somebody's NAT."""
    network = network_of(local)
    return network if network and ipaddress.ip_network(network).is_global else ""
