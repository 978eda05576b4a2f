"""A balancer's word: read exactly, believed from balancers only."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.proxy_protocol import (
    FIXED_BYTES,
    Networks,
    ProxyHeaderError,
    Source,
    announced_in,
    body_bytes,
    parse,
)

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
PORTS = st.integers(0, 65535)
IPV4 = st.ip_addresses(v=4)
IPV6 = st.ip_addresses(v=6)


def header(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + bytes([0x20 | command, family << 4 | 1]) + len(body).to_bytes(2) + body


def proxied(source: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, tlvs: bytes = b"") -> bytes:
    """What a balancer sends for a connection from *source*."""
    ports = struct.pack("!HH", port, 6180)
    if source.version == 4:
        return header(1, 1, source.packed + ipaddress.IPv4Address("10.0.0.1").packed + ports + tlvs)
    return header(1, 2, source.packed + ipaddress.IPv6Address("fd00::1").packed + ports + tlvs)


@given(IPV4 | IPV6, PORTS, st.binary(max_size=300))
def test_the_source_is_what_the_balancer_said(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, tlvs: bytes
) -> None:
    """TLVs after the addresses change nothing."""
    whole = proxied(source, port, tlvs)
    assert FIXED_BYTES + body_bytes(whole[:FIXED_BYTES]) == len(whole)
    assert parse(whole) == Source(str(source), port)


@given(IPV4 | IPV6, PORTS, st.data())
def test_a_cut_header_is_none(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, data: st.DataObject
) -> None:
    whole = proxied(source, port)
    with pytest.raises(ProxyHeaderError):
        parse(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.binary(max_size=300), st.booleans())
def test_garbage_raises_only_proxy_header_errors(garbage: bytes, signed: bool) -> None:
    try:
        source = parse((SIGNATURE if signed else b"") + garbage)
    except ProxyHeaderError:
        return
    assert source is None or ipaddress.ip_address(source.address)


@given(st.integers(0, 15), st.binary(max_size=40))
def test_a_balancer_that_speaks_for_itself_names_nobody(family: int, body: bytes) -> None:
    """LOCAL is a health check; whatever else is in its header is to be ignored (section 2.2)."""
    assert parse(header(0, family, body)) is None


def test_other_families_name_nobody_we_could_count() -> None:
    assert parse(header(1, 0, b"")) is None
    assert parse(header(1, 3, b"\0" * 216)) is None


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (b"PROXY TCP4 198.51.100.7 10.0.0.1 5 6180\r\n", "signature"),
        (SIGNATURE + b"\x11\x11\x00\x0c" + b"\0" * 12, "version and command 0x11"),
        (SIGNATURE + b"\x22\x11\x00\x0c" + b"\0" * 12, "version and command 0x22"),
        (SIGNATURE + b"\x21\x11\xff\xff", "65535 bytes announced"),
        (header(1, 1, b"\0" * 11), "11 bytes of addresses"),
        (header(1, 2, b"\0" * 35), "35 bytes of addresses"),
        (header(1, 7, b"\0" * 20), "family 0x7"),
        (header(1, 1, b"\0" * 12) + b"\x16", "29 bytes where"),
    ],
)
def test_a_header_that_is_none_says_why(broken: bytes, why: str) -> None:
    with pytest.raises(ProxyHeaderError, match=why):
        parse(broken)


def test_who_is_announced_is_read_from_what_came_first() -> None:
    """Where no header is wanted: a hello may follow it, and it may be none, or cut."""
    whole = proxied(ipaddress.IPv4Address("198.51.100.7"), 51514)

    assert announced_in(whole + b"\x16\x03\x01") == "198.51.100.7"
    assert announced_in(header(0x20, 0x00, b"")) is None
    for seen in (b"", whole[:12], whole[:15], whole[:-1], b"PROXY TCP4 198.51.100.7", b"\x16\x03\x01" * 20):
        assert announced_in(seen) is None


def test_only_configured_networks_are_balancers() -> None:
    balancers = Networks(["10.1.0.0/16", "fd00:1::/32"])
    assert "10.1.2.3" in balancers
    assert "::ffff:10.1.2.3" in balancers
    assert "fd00:1::7" in balancers
    assert "fd00:1::7%eth0" in balancers
    assert "10.2.0.1" not in balancers
    assert "fd00:2::7" not in balancers
    assert "not an address" not in balancers
    assert "10.1.2.3" not in Networks([])
