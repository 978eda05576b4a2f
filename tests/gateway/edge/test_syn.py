"""A saved SYN: what Linux keeps of one, by hand and from a real connection."""

import socket
import sys
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.inspection import GatewaySide, Syn, document_to_json, to_document
from gateway.edge.sight import syn_of
from gateway.edge.syn import parse_syn
from transport import save_syns

# Linux 6.1, loopback: IPv4 header of 20 bytes, TCP header with MSS, SACK, timestamps and window scale.
IPV4 = bytes.fromhex(
    "4500003cb05f400040068c5a7f0000017f000001c4868ad54b8447d000000000a002ffd7fe3000000204ffd70402080a36d7364f000000000103030a"
)


def test_an_ipv4_syn() -> None:
    """TTL, MSS, window and the options in their order."""
    assert parse_syn(IPV4) == Syn(ttl=64, mss=65495, window=65495, options="2-4-8-1-3")


def test_an_ipv6_syn() -> None:
    """Its header has a fixed length, and the hop limit for a TTL."""
    ipv6 = bytes([0x60, 0, 0, 0, 0, 40, 6, 57]) + bytes(32) + IPV4[20:]

    assert parse_syn(ipv6) == Syn(ttl=57, mss=65495, window=65495, options="2-4-8-1-3")


@given(st.binary(max_size=120) | st.integers(0, len(IPV4)).map(lambda n: IPV4[:n]))
def test_whatever_came_is_told_or_not(data: bytes) -> None:
    """It never raises, and what it tells fits a document."""
    if (syn := parse_syn(data)) is not None:
        to_document(GatewaySide(at_ms=0, syn=syn))


@given(st.binary(max_size=40))
def test_any_options_fit_a_document(options: bytes) -> None:
    """A stranger writes them."""
    words = (20 + len(options) + 3) // 4
    tcp = IPV4[20:32] + bytes([words << 4]) + IPV4[33:40] + options.ljust(words * 4 - 20, b"\0")
    syn = parse_syn(IPV4[:20] + tcp)

    assert syn is not None
    assert document_to_json(to_document(GatewaySide(at_ms=0, syn=syn)))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps SYNs")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_real_one(family: socket.AddressFamily) -> None:
    """Kept by the kernel, and given out once."""
    address = "127.0.0.1" if family is socket.AF_INET else "::1"
    with closing(socket.socket(family)) as listening:
        assert save_syns(listening)
        listening.bind((address, 0))
        listening.listen()
        with (
            closing(socket.create_connection(listening.getsockname()[:2])),
            closing(listening.accept()[0]) as accepted,
        ):
            syn = syn_of(accepted)
            again = syn_of(accepted)

    assert syn is not None
    assert 0 < syn.ttl <= 255
    assert syn.mss
    assert syn.options
    assert syn.rtt_ms is not None
    assert again is None
