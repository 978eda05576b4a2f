"""What the gateway itself was doing near a moment."""

import attrs

from certs.inspection import Nearby, NearbyKind
from gateway.edge.surroundings import ADDRESSES, EVENTS, Surroundings

NOW = 1_700_000_000_000
KEY = "192.0.2.1"


@attrs.define
class Clock:
    ms: int = NOW

    def __call__(self) -> int:
        return self.ms


def test_a_restart_covers_the_time_away_and_a_moment_more() -> None:
    """Twenty seconds before the former life's lease ended, for a drain; five after this one began, for the backlog."""
    around = Surroundings(Clock())
    around.note(NearbyKind.RESTART, from_ms=NOW - 60_000)

    seconds = {
        offset_s: [each.seconds for each in around.near(NOW + offset_s * 1000, KEY)]
        for offset_s in (-81, -80, -60, -30, 0, 5, 6)
    }

    assert seconds == {-81: [], -80: [20.0], -60: [0.0], -30: [0.0], 0: [0.0], 5: [-5.0], 6: []}


def test_what_goes_on_is_one_event() -> None:
    """A storm that lasts for half a minute, noted a thousand times."""
    clock = Clock()
    around = Surroundings(clock)
    for _ in range(1000):
        clock.ms += 30
        around.note(NearbyKind.OVERLOAD, "the edge was full")

    assert around.near(NOW + 15_000, KEY) == (
        Nearby(kind=NearbyKind.OVERLOAD, seconds=0.0, detail="the edge was full"),
    )
    assert around.near(NOW + 60_000, KEY) == ()


def test_who_was_turned_away_is_told_so_alone() -> None:
    """One address had too many connections; others had not."""
    around = Surroundings(Clock())
    around.turned_away(KEY, "too many")

    assert [each.kind for each in around.near(NOW, KEY)] == [NearbyKind.BAN]
    assert around.near(NOW, "192.0.2.2") == ()


def test_who_was_turned_away_for_two_reasons_is_told_both() -> None:
    """The one does not push the other out."""
    around = Surroundings(Clock())
    around.turned_away(KEY, "too many")
    around.turned_away(KEY, "no header", NearbyKind.PROXY_HEADER)

    assert {each.kind for each in around.near(NOW, KEY)} == {NearbyKind.BAN, NearbyKind.PROXY_HEADER}
    assert around.near(NOW, "192.0.2.2") == ()


def test_both_are_bounded() -> None:
    """A storm from everywhere is remembered in its latest part."""
    clock = Clock()
    around = Surroundings(clock)
    for n in range(5_000):
        clock.ms += 20_000
        around.note(NearbyKind.OVERLOAD)
        around.turned_away(f"10.0.{n >> 8}.{n & 255}", "too many")

    assert len(around._events) == EVENTS
    assert len(around._turned_away) == ADDRESSES
    assert [each.kind for each in around.near(clock.ms, "10.0.19.135")] == [
        NearbyKind.OVERLOAD,
        NearbyKind.BAN,
    ]
