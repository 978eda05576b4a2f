"""How long a simulation waits for what is left: a minute, longer for those who wait to connect again, and not for ever."""

import pytest
import trio
from trio.testing import MockClock

from agent.backoff import CEILING_S
from agent.simulator.conduct import HURRY_S, SETTLE_S, Conductor
from agent.simulator.crew import Crew
from agent.simulator.record import _Hand
from agent.simulator.scenario import Act


class Never(Crew):
    """A crew that never delivers, and says so each second."""

    is_delivered = False

    async def speak(self) -> None:
        while True:
            await trio.sleep(1)
            self._changed.set()
            self._changed = trio.Event()


@pytest.mark.parametrize(
    ("away_s", "hurried", "waits_s"),
    [
        (0, False, SETTLE_S),
        (100, False, 100 + SETTLE_S),
        (10_000, False, CEILING_S + SETTLE_S),
        (100, True, HURRY_S),
    ],
)
async def test_the_wait_ends(autojump_clock: MockClock, away_s: float, hurried: bool, waits_s: float) -> None:
    """*away_s*: for so long somebody has something to deliver and no session."""
    crew = Never([])
    crew.record.hands[0] = _Hand(waiting=1, away=int(away_s > 0))
    conductor = Conductor(crew=crew, warm_up_s=0, acts=[Act(name="x", duration_s=1)])
    if hurried:
        conductor.hurry.set()

    async def come_back() -> None:
        await trio.sleep(away_s)
        crew.record.hands[0].away = 0

    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(crew.speak)
        nursery.start_soon(come_back)
        await conductor._deliver(0.0)
        nursery.cancel_scope.cancel()
    assert trio.current_time() - start == pytest.approx(waits_s, abs=2)
