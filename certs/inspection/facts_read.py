"""What strangers wrote, read without ever raising: addresses, times, certificates."""

import functools
import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime

from cryptography import x509

from certs import CertificateError, from_ms, read_certificate
from certs.inspection.evidence import AgentSide, GatewaySide

# What the path verifier takes at most; a box that sends more does not hide its leaf by it.
_MAX_CHAIN = 10


def moment(time_ms: int) -> datetime:
    """*time_ms* as a datetime; beyond the calendar, the calendar's end."""
    try:
        return from_ms(time_ms)
    except (OverflowError, OSError, ValueError):
        return datetime(9999, 12, 31, tzinfo=UTC) if time_ms > 0 else datetime(1, 1, 1, tzinfo=UTC)


def host_of(endpoint: str) -> str:
    """The host of `host:port`, without brackets."""
    host, colon, port = endpoint.rpartition(":")
    if not colon or not port.isdigit() or (":" in host and not host.endswith("]")):
        host = endpoint
    return host.removeprefix("[").removesuffix("]")


def address_of(endpoint: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address of `host:port` or of a bare host, if it is one; IPv4 in IPv6's clothes comes out as IPv4."""
    try:
        address = ipaddress.ip_address(host_of(endpoint or ""))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def within(endpoint: str | None, networks: Iterable[str]) -> bool:
    """Whether the address lies in one of the networks (CIDR)."""
    address = address_of(endpoint)
    if address is None:
        return False
    for text in networks:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            continue
        if address.version == network.version and address in network:
            return True
    return False


def random_of(side: AgentSide | GatewaySide | None) -> bytes | None:
    """The client_random as that side knows it."""
    if side is None:
        return None
    return side.client_random or (side.hello.random if side.hello is not None else None)


@functools.lru_cache(maxsize=256)
def is_readable(der: bytes) -> bool:
    """Whether every name, date and extension of the certificate can be read."""
    try:
        read_certificate(der)
    except CertificateError:
        return False
    return True


def readable(chain: tuple[bytes, ...] | None) -> tuple[bytes, ...]:
    """The certificates that can be read, ten at most; none if the leaf is not among them."""
    if not chain or not is_readable(chain[0]):
        return ()
    return (chain[0], *(der for der in chain[1:] if is_readable(der)))[:_MAX_CHAIN]


def names_in(der: bytes) -> tuple[x509.Name, x509.Name]:
    """Subject and issuer of a readable certificate."""
    certificate = x509.load_der_x509_certificate(der)
    return certificate.subject, certificate.issuer


def values(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    """The texts of one attribute of a distinguished name."""
    return [a.value for a in name.get_attributes_for_oid(oid) if isinstance(a.value, str)]
