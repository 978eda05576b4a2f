"""Who is one at the door."""

import pytest

from gateway.management.door import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_address_is_one(address: str, network: str) -> None:
    """Of IPv6, one customer's network."""
    assert network_of(address) == network
