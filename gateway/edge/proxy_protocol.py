"""PROXY protocol, version 2: a balancer's word for who is really at the other end. Pure.

The header comes once, before TLS: 16 bytes (signature, version and command, family, length), then addresses, then
optional TLVs that we skip. The receiver never guesses: on a listener with configured balancers, a connection from one
of them begins with a header, and one from anywhere else must not (proxy-protocol.txt, section 2: "the receiver MUST
NOT try to guess"). So only the address that TCP vouches for decides whether a header is read at all.

Version 1, the one in text, is refused: its length is known only at its end.
"""

import ipaddress
from collections.abc import Iterable

import attrs

__all__ = ["FIXED_BYTES", "Networks", "ProxyHeaderError", "Source", "announced_in", "body_bytes", "parse"]

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
FIXED_BYTES = 16

# Addresses take 12, 36 or 216 bytes; HAProxy, AWS and Azure add TLVs of some hundred. The format allows 65,535.
MAX_BODY = 2048

_LOCAL, _PROXY = 0x20, 0x21
_INET, _INET6 = 0x1, 0x2
_ADDRESS_BYTES = {0x0: 0, _INET: 12, _INET6: 36, 0x3: 216}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ProxyHeaderError(Exception):
    """What came is no PROXY v2 header that we accept."""


@attrs.frozen
class Source:
    """Where a connection really comes from."""

    address: str
    port: int


def body_bytes(fixed: bytes) -> int:
    """How many bytes follow the first `FIXED_BYTES`.

    Raises:
        ProxyHeaderError: no signature, another version or command, or more than `MAX_BODY` announced.
    """
    if fixed[:12] != SIGNATURE:
        raise ProxyHeaderError("no proxy v2 signature")
    if fixed[12] not in (_LOCAL, _PROXY):
        raise ProxyHeaderError(f"version and command {fixed[12]:#04x}, expected 0x20 or 0x21")
    length = int.from_bytes(fixed[14:16])
    if length > MAX_BODY:
        raise ProxyHeaderError(f"{length} bytes announced, limit is {MAX_BODY}")
    return length


def parse(header: bytes) -> Source | None:
    """The source in a whole header, None if the balancer speaks for itself (a health check) or for no IP address.

    Raises:
        ProxyHeaderError: as `body_bytes`, or the body is not as long as its header and its family say.
    """
    if len(header) < FIXED_BYTES:
        raise ProxyHeaderError(f"{len(header)} bytes, a header has {FIXED_BYTES}")
    if len(header) != FIXED_BYTES + body_bytes(header):
        raise ProxyHeaderError(
            f"{len(header)} bytes where the header says {FIXED_BYTES + body_bytes(header)}"
        )
    family = header[13] >> 4
    needed = _ADDRESS_BYTES.get(family)
    if header[12] == _LOCAL:
        return None
    if needed is None:
        raise ProxyHeaderError(f"address family {family:#x} is none")
    body = header[FIXED_BYTES:]
    if len(body) < needed:
        raise ProxyHeaderError(f"{len(body)} bytes of addresses, their family needs {needed}")
    if family == _INET:
        return Source(str(ipaddress.IPv4Address(body[0:4])), int.from_bytes(body[8:10]))
    if family == _INET6:
        return Source(str(ipaddress.IPv6Address(body[0:16])), int.from_bytes(body[32:34]))
    return None


def announced_in(seen: bytes) -> str | None:
    """The source address in a header at the beginning of *seen*, which may be cut off behind it; None if there is none."""
    try:
        source = parse(seen[: FIXED_BYTES + body_bytes(seen[:FIXED_BYTES])])
    except (ProxyHeaderError, IndexError):
        return None
    return None if source is None else source.address


class Networks:
    """The balancers of one listener."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(each) for each in networks)

    def __contains__(self, address: object) -> bool:
        if not self._networks:
            return False
        try:
            ip = ipaddress.ip_address(str(address).partition("%")[0])
        except ValueError:
            return False
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        return any(ip.version == network.version and ip in network for network in self._networks)
