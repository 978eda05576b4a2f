"""The memory of connections that ended: bounded, and asked for one that a report may be about."""

from typing import Any

import attrs

from certs.inspection import AgentSide, GatewaySide
from gateway.edge import halves
from gateway.edge.halves import Halves

NOW = 1_700_000_000_000
SIDE = AgentSide(at_ms=NOW, dialed="gateway.example:6180", connect_ms=20.0, handshake_ms=30.0)


def at(offset_ms: int, **changes: Any) -> GatewaySide:
    return attrs.evolve(GatewaySide(at_ms=NOW + offset_ms), **changes)


def remembered(*known: GatewaySide, key: str = "192.0.2.1") -> Halves:
    memory = Halves()
    for half in known:
        memory.add(key, half)
    return memory


def likeliest(
    memory: Halves, side: AgentSide = SIDE, *, key: str = "192.0.2.1", at_ms: int = NOW
) -> GatewaySide | None:
    return memory.likeliest(side, key, at_ms=at_ms)


def test_the_closest_in_time_is_the_likeliest() -> None:
    """Of one address; another's does not count."""
    memory = remembered(at(-2_000), at(40), at(2_500))
    memory.add("192.0.2.2", at(0))

    assert likeliest(memory) == at(40)


def test_what_is_too_far_away_is_another_attempt() -> None:
    """A control probe, some seconds later, must not speak for the attempt."""
    assert likeliest(remembered(at(-4_000), at(8_000))) is None


def test_an_attempt_lasts_as_long_as_it_lasted() -> None:
    """A handshake that took its time may have been accepted at any moment of it."""
    slow = attrs.evolve(SIDE, connect_ms=9_000.0)

    assert likeliest(remembered(at(8_000)), slow) == at(8_000)


def test_the_agents_own_clock_does_not_count() -> None:
    """When the attempt was is known by then (`certs.inspection.attempt_of`)."""
    side = attrs.evolve(SIDE, at_ms=NOW + 3_600_000)

    assert likeliest(remembered(at(0)), side) == at(0)
    assert likeliest(remembered(at(3_600_000)), side) is None


def test_what_only_one_connection_can_have_settles_it() -> None:
    """Whenever and from wherever it was; nothing equals what was not observed."""
    memory = remembered(
        at(-90_000_000, client_random=b"r" * 32), at(1, exporter=b"e" * 32), at(2), key="203.0.113.9"
    )

    assert memory.same_as(attrs.evolve(SIDE, client_random=b"r" * 32)) == at(
        -90_000_000, client_random=b"r" * 32
    )
    assert memory.same_as(attrs.evolve(SIDE, exporter=b"e" * 32)) == at(1, exporter=b"e" * 32)
    assert memory.same_as(attrs.evolve(SIDE, client_random=b"x" * 32)) is None
    assert memory.same_as(SIDE) is None


def test_one_address_keeps_its_latest() -> None:
    """A scanner pushes out nothing but its own."""
    memory = remembered(at(0), key="192.0.2.2")
    for n in range(100):
        memory.add("192.0.2.1", at(n))

    assert len(memory) == halves.OF_ONE_ADDRESS + 1
    assert likeliest(memory, key="192.0.2.2") == at(0)
    assert likeliest(memory, at_ms=NOW + 99) == at(99)


def test_the_whole_is_bounded() -> None:
    """The addresses that were silent longest go first."""
    memory = Halves()
    for n in range(5_000):
        memory.add(f"10.0.{n >> 8}.{n & 255}", at(n))

    assert len(memory) == halves.HALVES
    assert likeliest(memory, key="10.0.0.1") is None


def test_a_connection_to_another_port_is_a_control_probe() -> None:
    """An agent whose path to 6180 is blocked tries 443: what came there must not speak for what did not come."""
    probe = at(20, listener="192.0.2.9:443")
    memory = remembered(probe)

    assert memory.likeliest(SIDE, "192.0.2.1", at_ms=NOW, ports={6180, 443}) is None
    assert memory.likeliest(SIDE, "192.0.2.1", at_ms=NOW, ports={6443, 443}) == probe, (
        "a port that is forwarded to another one tells nothing"
    )


def test_what_a_balancer_announced_may_have_come_to_any_port() -> None:
    half = at(20, listener="192.0.2.9:7180", through_own_proxy=True)

    assert remembered(half).likeliest(SIDE, "192.0.2.1", at_ms=NOW, ports={6180, 7180}) == half
