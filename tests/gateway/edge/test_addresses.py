"""What one source is, and whose agents were seen there."""

import pytest
import trio
import trio.testing

from gateway.edge import addresses
from gateway.edge.addresses import KNOWN_FOR_S, STRANGERS, Neighbourhood, address_key


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("not an address", "not an address"),
    ],
)
def test_one_site_is_one_source(address: str, key: str) -> None:
    """An IPv6 site moves about in its /64; IPv4 in IPv6 is IPv4."""
    assert address_key(address) == key


async def test_an_address_is_its_last_organizations_for_a_day(autojump_clock: trio.testing.MockClock) -> None:
    known = Neighbourhood()
    assert known.party("192.0.2.1") == STRANGERS
    known.note("192.0.2.1", "northwind")
    await trio.sleep(KNOWN_FOR_S - 1)
    known.note("192.0.2.1", "contoso")
    await trio.sleep(KNOWN_FOR_S - 1)
    assert known.party("192.0.2.1") == "contoso"
    await trio.sleep(1)
    assert known.party("192.0.2.1") == STRANGERS
    assert not known.knows("192.0.2.1")


async def test_the_longest_unseen_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "KNOWN_ADDRESSES", 2)
    known = Neighbourhood()
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3"):
        known.note(address, "northwind")
    assert [known.knows(f"192.0.2.{n}") for n in (1, 2, 3)] == [True, False, True]
