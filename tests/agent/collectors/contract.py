"""The contract, as tests: subclass it, say which collector, and pytest does the rest.

    class TestMine(CollectorContract):
        @pytest.fixture
        def collector(self, tmp_path: Path) -> Collector:
            return Mine("mine", …)

The rules are `agent.collectors.check.RULES`, which `fieldgate-agent collector check` runs on an agent's own collectors; here each is a test of
its own, and three more need two collectors or a clock, which a check of a living one has not.
"""

from collections.abc import Callable

import pytest
import trio

from agent.collectors.check import RULES, check
from agent.collectors.contract import Ability, Collector, Found
from agent.collectors.estate import checked_events

LIMIT_S = 60.0


class CollectorContract:
    """What holds of every collector."""

    @pytest.fixture
    def make(self) -> Callable[[], Collector]:
        """Makes the collector, over the same source every time."""
        raise NotImplementedError("a subclass says which collector")

    @pytest.mark.parametrize("rule", RULES)
    async def test_rule(self, make: Callable[[], Collector], rule: str) -> None:
        """What a check of a living collector finds."""
        with trio.fail_after(LIMIT_S):
            [verdict] = [verdict for verdict in await check(make()) if verdict.rule == rule]
        assert verdict.why == ""

    async def test_it_can_be_cancelled_and_asked_again(self, make: Callable[[], Collector]) -> None:
        """An agent that stops waits for nobody; one that goes on gets an answer."""
        collector = make()
        for ask in (collector.inventory, collector.usage, lambda: collector.events("")):
            with trio.CancelScope() as scope:
                scope.cancel()
                await ask()
        with trio.fail_after(LIMIT_S):
            said, fresh = await collector.events(""), await make().events("")
        common = min(len(said.rows), len(fresh.rows))
        assert list(said.rows)[:common] == list(fresh.rows)[:common]

    async def test_after_a_restart_it_goes_on(self, make: Callable[[], Collector]) -> None:
        """Another process, the same cursors: together they say what one says alone."""
        alone = await told_by(make, restarts=False)
        assert await told_by(make, restarts=True) == alone

    async def test_what_it_does_by_itself_ends_when_it_is_told(self, make: Callable[[], Collector]) -> None:
        """`run` is cancelled when the agent stops."""
        with trio.fail_after(LIMIT_S), trio.move_on_after(0.05):
            await make().run()

    def test_it_says_what_it_can_do_before_it_is_asked(self, make: Callable[[], Collector]) -> None:
        """And has a line for people."""
        collector = make()
        assert collector.abilities <= set(Ability)
        assert len(collector.status().splitlines()) <= 1


async def told_by(make: Callable[[], Collector], *, restarts: bool) -> list[object]:
    """All rows, from the first cursor to where it is up to date."""
    collector, found, rows = make(), Found(), list[object]()
    with trio.fail_after(LIMIT_S):
        while True:
            found = checked_events(await collector.events(found.cursor))
            rows += found.rows
            if not found.more:
                return rows
            if restarts:
                collector = make()
