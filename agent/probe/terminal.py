"""Live progress on a terminal: each step as it is known, and below them what is being done. On anything else, silence."""

import sys
from typing import Final, TextIO

from agent.probe.steps import Mark, Step
from protocol import printable

__all__ = ["Terminal"]

_COLOURS: Final = {Mark.GOOD: "32", Mark.BAD: "31", Mark.TOLD: "33"}
_WIDTH: Final = 110


class Terminal:
    """Standard error, usually: what is read by programs goes to standard output."""

    def __init__(
        self, stream: TextIO | None = None, *, live: bool | None = None, colour: bool = True
    ) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty() if live is None else live
        self._colour = colour
        self._shown: list[Step] = []
        self.brief = False
        """Whether only what is being done is shown."""

    def show(self, now: str, steps: tuple[Step, ...]) -> None:
        """Write the steps that are new, and *now* in the line that is written over."""
        if not self._live:
            return
        new = [] if self.brief else [step for step in steps if step not in self._shown]
        self._shown += new
        lines = "".join(f"\r\x1b[K{self._line(step)}\n" for step in new)
        doing = f"… {printable(now)}" if now else ""
        self._stream.write(f"{lines}\r\x1b[K{doing}")
        self._stream.flush()

    def end(self, steps: tuple[Step, ...]) -> None:
        """The last steps, and nothing below them."""
        if self._live:
            self.show("", steps)
            if not self.brief:
                self._stream.write("\n")
            self._stream.flush()
        self._shown.clear()

    def _line(self, step: Step) -> str:
        mark = step.mark.value
        shown = f"\x1b[{_COLOURS[step.mark]}m{mark}\x1b[0m" if self._colour else mark
        return f"{shown} {step.name:<17}{printable(step.detail)[:_WIDTH]}"
