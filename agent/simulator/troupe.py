"""The agents of a process that misbehave: each plays its part again and again while the fleet produces, at least once to its end."""

import collections
from collections.abc import Sequence
from typing import Any, Final

import attrs
import trio

from agent.failures import unwrapped
from agent.observer import code_text
from agent.path import PathError
from agent.simulator.line import LineError
from agent.simulator.personas import PERSONAS, Persona, Stage, StageError
from agent.spool import OutboxError
from protocol import Code

# From the end of a play to the next one.
PAUSE_S: Final = 5.0

# A play that has not ended by then never will.
LIMIT_S: Final = 180.0


@attrs.define(kw_only=True)
class Account:
    """How those of one persona fared."""

    agents: int = 0
    played: set[str] = attrs.field(factory=set)
    """Who has come to an end, once at least."""
    met: dict[str, set[str]] = attrs.field(factory=lambda: collections.defaultdict(set))
    """By FG code: which agents met with it."""
    faults: list[str] = attrs.field(factory=list)
    """What was otherwise than it should be."""

    def to_document(self) -> dict[str, Any]:
        """As an object that `json` can write."""
        seen = {code: len(agents) for code, agents in self.met.items()}
        faults = list(self.faults)
        if not faults and len(self.played) < self.agents:
            faults.append(f"{self.agents - len(self.played)} of {self.agents} did not come to an end in time")
        return {"agents": self.agents, "seen": seen, "faults": faults}


class Troupe:
    """All of a process."""

    def __init__(self, cast: Sequence[tuple[str, Stage]]) -> None:
        self._cast = cast
        self.accounts: dict[str, Account] = collections.defaultdict(Account)
        for name, _ in cast:
            self.accounts[name].agents += 1
        self._winding_down = trio.Event()
        self.is_over = not cast
        """Whether everybody has played to an end, and nobody begins anew."""

    async def run(self) -> None:
        """Play until `wind_down`, and then to the end."""
        async with trio.open_nursery() as nursery:
            for name, stage in self._cast:
                nursery.start_soon(self._play_on, PERSONAS[name], stage)
        self.is_over = True

    def wind_down(self) -> None:
        """Nobody begins another play."""
        self._winding_down.set()

    async def _play_on(self, persona: Persona, stage: Stage) -> None:
        account = self.accounts[persona.name]
        while True:
            await self._play(persona, stage, account)
            with trio.move_on_after(PAUSE_S):
                await self._winding_down.wait()
                return
            if not persona.again:
                return

    async def _play(self, persona: Persona, stage: Stage, account: Account) -> None:
        met: Code | int | None = None
        try:
            with trio.fail_after(LIMIT_S), unwrapped():
                met = await persona.play(stage)
        except (LineError, PathError) as error:
            met = error.code
        except (StageError, OutboxError) as error:
            account.faults.append(f"agent {stage.uid}: {error}")
            return
        except trio.TooSlowError:
            account.faults.append(f"agent {stage.uid}: not at an end after {LIMIT_S:.0f} s")
            return
        account.played.add(stage.uid)
        if met is not None:
            account.met[code_text(met)].add(stage.uid)
        if met not in persona.meets and (persona.meets or met is not None):
            wanted = " or ".join(code_text(code) for code in persona.meets) or "to survive"
            what = "nothing" if met is None else code_text(met)
            account.faults.append(f"agent {stage.uid}: met with {what}, expected {wanted}")
