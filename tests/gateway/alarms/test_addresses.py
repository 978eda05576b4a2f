"""Where webhooks may go: public addresses, of all that a name has, and to the one that was judged."""

import pytest

from gateway.alarms.addresses import AddressRefused, is_public, permitted

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",  # noqa: S104  # an address to be refused
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff0e::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
    "2002:7f00:1::", "2001:0:1::1", "fec0::1", "::ffff:0:127.0.0.1", "localhost", "",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_refused(address: str) -> None:
    """Whatever form an inner address is written in."""
    assert not is_public(address)
    with pytest.raises(AddressRefused):
        permitted("hooks.example", 443, allowed=(), resolver=lambda *_: [address])


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_permitted(address: str) -> None:
    """And is what is connected to."""
    assert permitted("hooks.example", 443, allowed=(), resolver=lambda *_: [address]) == [address]


def test_one_inner_address_among_public_ones_is_enough() -> None:
    """A name that has both is not tried at either."""
    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        permitted("hooks.example", 443, allowed=(), resolver=lambda *_: ["8.8.8.8", "10.0.0.1"])


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost"])
def test_spellings_of_loopback_are_resolved_first(host: str) -> None:
    """The system's own reading of a name is what is judged."""
    with pytest.raises((AddressRefused, OSError)):
        permitted(host, 443, allowed=())


def test_an_operator_allows_a_host() -> None:
    """By the name that URLs have, in whatever case."""
    assert permitted("Hooks.Example", 443, allowed=["hooks.example"], resolver=lambda *_: ["10.0.0.1"]) == [
        "10.0.0.1"
    ]
