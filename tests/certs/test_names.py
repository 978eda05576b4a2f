"""Which names a certificate answers to."""

import pytest

from certs.names import MatchableNames


@pytest.mark.parametrize(
    ("offered", "wanted", "covered"),
    [
        ("gateway.example", "gateway.example", True),
        ("gateway.example", "GATEWAY.Example.", True),
        ("gateway.example", "gateway.example.org", False),
        ("gateway.example", "xgateway.example", False),
        ("*.provider.example", "gw.provider.example", True),
        ("*.provider.example", "a.gw.provider.example", False),
        ("*.provider.example", "provider.example", False),
        ("*.provider.example", ".provider.example", False),
        ("*.example", "gateway.example", False),
        ("*", "localhost", False),
        ("g*.provider.example", "gw.provider.example", False),
        ("xn--bcher-kva.example", "bücher.example", True),
        ("127.0.0.1", "127.0.0.1", False),
    ],
)
def test_dns_names(offered: str, wanted: str, covered: bool) -> None:
    """Case and a final dot do not matter; a wildcard is one whole label below a domain; an address is no DNS name."""
    assert MatchableNames(dns=(offered,)).cover(wanted) is covered


@pytest.mark.parametrize("wanted", ["::1", "[::1]", "0:0:0:0:0:0:0:1"])
def test_addresses_compare_as_addresses(wanted: str) -> None:
    assert MatchableNames(addresses=("::1",)).cover(wanted)
    assert not MatchableNames(dns=("::1",), addresses=("::2",)).cover(wanted)


def test_nothing_covers_nothing() -> None:
    assert not MatchableNames().cover("gateway.example")
