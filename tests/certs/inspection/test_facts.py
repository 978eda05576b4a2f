"""What follows from the evidence, before anybody concludes anything."""

import ipaddress

import attrs
import pytest

from certs.inspection import Evidence, Join, Nearby, NearbyKind, SessionEnd
from certs.inspection.facts import NEARBY_S, Seen
from certs.inspection.facts_path import cut_after
from certs.inspection.facts_read import address_of, host_of, moment, readable, within
from tests.certs.inspection.cases import FORGED, sessions
from tests.certs.inspection.cases_guilty import TLS12
from tests.certs.inspection.scenes import AT_MS, agent, alone, beyond_a_box, both, gateway, served


def seen(evidence: Evidence) -> Seen:
    return Seen(evidence=evidence)


def test_a_differing_value_tells_only_of_the_carrying_connection() -> None:
    """Found by time and address, the other half may be another agent's."""
    by_time = beyond_a_box(join=Join.TIME_AND_ADDRESS, served=FORGED)

    assert seen(both(gateway=beyond_a_box())).one_tls is False
    assert seen(both(gateway=by_time)).one_tls is None
    assert seen(both(gateway=beyond_a_box(join=None))).one_tls is None


def test_an_equal_value_tells_always() -> None:
    """No two connections share it by chance."""
    assert seen(both(gateway=gateway(join=Join.TIME_AND_ADDRESS))).one_tls is True
    assert seen(both(gateway=gateway(join=Join.TIME_AND_ADDRESS, exporter=None))).one_tls is True


def test_an_equal_exporter_of_tls_12_is_no_proof() -> None:
    """It needs the extended master secret; a differing one is proof all the same."""
    equal = both(agent=agent(negotiated=TLS12, client_random=None, hello=None))
    differing = both(agent=agent(negotiated=TLS12), gateway=gateway(exporter=b"x" * 32))

    assert seen(equal).one_tls is None
    assert seen(differing).one_tls is False


def test_the_exporter_outranks_the_random() -> None:
    """A box can copy a hello's random; it cannot copy the keys."""
    assert seen(both(gateway=gateway(exporter=b"x" * 32))).one_tls is False


def test_another_leaf_than_the_one_sent_is_two_connections() -> None:
    """Even where the hello was copied, random and all."""
    assert seen(both(agent=agent(chain=FORGED), gateway=gateway(exporter=None))).one_tls is False


def test_an_opened_session_is_one_connection() -> None:
    """Unless the keys say otherwise."""
    assert seen(alone(authenticated=True)).one_tls is True
    assert seen(both(agent=agent(authenticated=True), gateway=beyond_a_box())).one_tls is False


def test_the_moment_is_the_best_clocks() -> None:
    """The caller's, the gateway's, the agent's corrected, the agent's."""
    late = agent(at_ms=AT_MS + 7000, clock_offset_ms=7000)

    assert Seen(evidence=both(agent=late), asked_at_ms=5).at == moment(5)
    assert seen(both(agent=late, gateway=gateway(at_ms=AT_MS + 1))).at == moment(AT_MS + 1)
    assert seen(both(agent=late, gateway=None)).at == moment(AT_MS)
    assert seen(alone()).at == moment(AT_MS)
    assert seen(Evidence()).at == moment(0)


def test_times_beyond_the_calendar_are_its_ends() -> None:
    """Whatever a stranger's clock says."""
    assert moment(2**80).year == 9999
    assert moment(-(2**80)).year == 1


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("gateway.example:6180", "gateway.example"),
        ("gateway.example", "gateway.example"),
        ("[2001:db8::1]:6180", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1:443", "192.0.2.1"),
        ("", ""),
    ],
)
def test_host_of(endpoint: str, host: str) -> None:
    assert host_of(endpoint) == host


def test_addresses_in_ipv6_clothes_are_themselves() -> None:
    """A dual-stack listener shows IPv4 so."""
    assert address_of("[::ffff:192.0.2.1]:6180") == ipaddress.ip_address("192.0.2.1")
    assert within("[::ffff:192.0.2.1]:6180", ["192.0.2.0/24"])
    assert not within("192.0.3.1:1", ["nonsense", "2001:db8::/32", "192.0.2.0/24"])
    assert address_of("gateway.example:1") is None


def test_a_chain_hides_nothing_behind_garbage() -> None:
    """What cannot be read is left out; without a readable leaf there is no chain."""
    assert readable((served()[0], b"garbage", *served()[1:])) == served()
    assert readable((b"garbage", *served())) == ()
    assert len(readable(FORGED * 20)) == 10


def test_events_near_the_attempt() -> None:
    """Two minutes before or after."""
    nearby = (Nearby(kind=NearbyKind.RESTART, seconds=-NEARBY_S),)
    far = (Nearby(kind=NearbyKind.RESTART, seconds=NEARBY_S + 1),)

    assert seen(both(gateway=gateway(nearby=nearby))).near(NearbyKind.RESTART) is True
    assert seen(both(gateway=gateway(nearby=far))).near(NearbyKind.RESTART) is False
    assert seen(both(gateway=gateway(nearby=nearby))).near(NearbyKind.BAN) is False
    assert seen(alone()).near(NearbyKind.RESTART) is None


def test_cuts_are_regular_by_age_or_by_idle_time() -> None:
    """Three at least, alike, and none with a goodbye."""
    by_age = sessions(lasted_s=3600)
    by_idle = tuple(attrs.evolve(s, idle_s=300.0, lasted_s=500.0 * n) for n, s in enumerate(by_age, 1))
    chance = tuple(attrs.evolve(s, lasted_s=500.0 * n) for n, s in enumerate(by_age, 1))

    assert (cut_after(seen(alone(sessions=by_age))) or ("", 0))[0] == "age"
    assert cut_after(seen(alone(sessions=by_idle))) == ("idle time", 300.0)
    assert cut_after(seen(alone(sessions=chance))) is None
    assert cut_after(seen(alone(sessions=by_age[:2]))) is None
    assert cut_after(seen(alone(sessions=tuple(goodbye(s) for s in by_age)))) is None


def goodbye(session: SessionEnd) -> SessionEnd:
    return attrs.evolve(session, close_notify=True)
