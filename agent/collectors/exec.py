"""The collector for whatever a program of the customer's says: run so often, it prints one JSON object (`agent.collectors.document`).

It is given where it was in FIELDGATE_SINCE, which is the `cursor` that it printed when its events were stored last, and empty at first. What it
says on standard error is shown in the agent's status. It runs without a shell, and with a limit on its time and its output.
"""

from pathlib import Path
from typing import ClassVar, Final

import attrs

from agent.collectors.config import read_options
from agent.collectors.contract import (
    EVENTS_LIMIT,
    Ability,
    Collector,
    CollectorError,
    CollectorSettings,
    Found,
    Measured,
    Surroundings,
)
from agent.collectors.document import Output, read_output
from agent.collectors.program import bare_environment, find_program, run_program
from agent.facts import Facts

OUTPUT_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of JSON: some 20,000 entries."""


@attrs.frozen(kw_only=True)
class Options:
    """Of a [[collector]] of kind exec."""

    command: tuple[str, ...]
    """The program, by its path or its name, and its arguments."""
    interval_s: int = 300
    """Seconds from one run to the next."""
    limit_s: int = 60
    """Seconds that a run may take."""

    def __attrs_post_init__(self) -> None:
        if not self.command or ("/" in self.command[0] and not Path(self.command[0]).is_absolute()):
            raise ValueError("command is a program, by its name or its absolute path, and its arguments")
        if not 1 <= self.limit_s <= 600 or not 1 <= self.interval_s <= 86_400:
            raise ValueError("interval_s is 1 to 86400, limit_s is 1 to 600")


def make(settings: CollectorSettings, around: Surroundings) -> "Exec":
    """For the registry."""
    options = read_options(Options, settings.options, f"collector {settings.name}")
    return Exec(settings.name, options, around)


class Exec(Collector):
    """One program."""

    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.INVENTORY, Ability.JOBS, Ability.USAGE})

    def __init__(self, name: str, options: Options, around: Surroundings) -> None:
        super().__init__(name)
        self.poll_s = float(options.interval_s)
        self._options = options
        self._now = around.now
        self._output: Output | None = None
        self._last_words = ""

    async def events(self, since: str) -> Found:
        """Run it, and take its events; the rest of what it says is kept for the other questions."""
        output = await self._ask(since)
        return Found(rows=output.events, cursor=output.cursor, more=output.more and bool(output.events))

    async def inventory(self) -> Facts:
        """As it said last."""
        return (self._output or await self._ask("")).facts

    async def usage(self) -> Measured:
        """As it said last."""
        output = self._output or await self._ask("")
        return Measured(rows=output.usage, incomplete_why=output.incomplete_why)

    def status(self) -> str:
        """The end of what it said on standard error."""
        return self._last_words

    async def _ask(self, since: str) -> Output:
        program, *arguments = self._options.command
        ran = await run_program(
            [find_program(program), *arguments],
            environment=bare_environment(FIELDGATE_SINCE=since, FIELDGATE_LIMIT=str(EVENTS_LIMIT)),
            limit_s=self._options.limit_s,
            output_limit=OUTPUT_LIMIT,
        )
        self._last_words = ran.last_words
        if ran.code != 0:
            raise CollectorError(
                f"{Path(program).name} ended with {ran.code}: {ran.last_words or 'without a word'}"
            )
        self._output = read_output(ran.output, now_ms=self._now())
        return self._output
