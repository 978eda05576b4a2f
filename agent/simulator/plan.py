"""What each process of a simulation is to do, and how many there should be."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import attrs

from agent.simulator.members import FleetOptions, Part
from certs import Token
from protocol import AgentType

# One process drives so many agents at a rate of one event a second each on half a core.
AGENTS_PER_PROCESS: Final = 2500


@attrs.frozen(kw_only=True)
class Plan:
    """Of one worker."""

    number: int
    options: FleetOptions
    parts: Sequence[Part]
    first: int
    """How many agents of other workers come before these."""
    folder: Path
    """Where its outbox and its ledger are to lie."""
    keeps: bool = False
    """The folder holds a fleet that comes back."""
    count: int
    """How many agents it will have, those that come back among them."""
    data: Path | None = None
    """The provider's data folder, if it is on this machine."""
    reads_back: bool = False
    """At the end, it asks the gateway what it holds of its agents."""

    @property
    def outbox(self) -> str:
        """The name of its outbox in the folder."""
        return "outbox.sqlite" if self.keeps else f"outbox-{self.number}.sqlite"

    @property
    def ledger(self) -> Path:
        """Where its ledger is to lie."""
        return self.folder / f"ledger-{self.number}.jsonl"

    def to_document(self) -> dict[str, Any]:
        """As an object that `json` can write."""
        fields = attrs.asdict(self, recurse=False)
        fields["options"] = attrs.asdict(self.options) | {"sources": list(self.options.sources)}
        fields["parts"] = [
            attrs.asdict(part, recurse=False) | {"token": part.token.encode()} for part in self.parts
        ]
        return fields | {"folder": str(self.folder), "data": None if self.data is None else str(self.data)}

    @classmethod
    def from_document(cls, fields: dict[str, Any]) -> Self:
        """The inverse of `to_document`, of a process of ours."""
        parts = [
            Part(**each | {"token": Token.parse(each["token"]), "agent_type": AgentType(each["agent_type"])})
            for each in fields["parts"]
        ]
        data = None if fields["data"] is None else Path(fields["data"])
        options = FleetOptions(**fields["options"])
        return cls(
            **fields | {"options": options, "parts": parts, "folder": Path(fields["folder"]), "data": data}
        )


def process_count(agents: int) -> int:
    """How many processes suit so many agents on this machine."""
    return max(1, min(os.cpu_count() or 1, -(-agents // AGENTS_PER_PROCESS)))


def divided(parts: Sequence[Part], processes: int) -> list[list[Part]]:
    """The agents of *parts*, spread evenly over *processes*: each has its share of each part."""
    shares: list[list[Part]] = [[] for _ in range(processes)]
    turn = 0
    for part in parts:
        for number in range(processes):
            share = part.count // processes + ((number - turn) % processes < part.count % processes)
            if share:
                shares[number].append(attrs.evolve(part, count=share))
        turn = (turn + part.count) % processes
    return shares
