"""How often something may come from one source."""

import trio
import trio.testing

from gateway.edge import rates
from gateway.edge.rates import Rates


async def test_a_burst_and_then_a_rate(autojump_clock: trio.testing.MockClock) -> None:
    """Three at once, then one every two seconds; another source has its own."""
    bucket = Rates(burst=3, per_s=0.5)

    assert [bucket.take("a") for _ in range(5)] == [True, True, True, False, False]
    assert bucket.take("b")
    await trio.sleep(2)
    assert [bucket.take("a") for _ in range(2)] == [True, False]
    await trio.sleep(3600)
    assert [bucket.take("a") for _ in range(4)] == [True, True, True, False]


async def test_sources_are_bounded() -> None:
    """Whoever was silent longest is forgotten, and begins anew."""
    bucket = Rates(burst=1, per_s=0.001)
    assert bucket.take("first")
    for n in range(rates.SOURCES):
        bucket.take(str(n))

    assert len(bucket._buckets) == rates.SOURCES
    assert bucket.take("first")
    assert not bucket.take(str(rates.SOURCES - 1))
