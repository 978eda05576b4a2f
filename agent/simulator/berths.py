"""Where a fleet lies between two runs: the same agents come back, with what they had not yet delivered.

Every agent has a folder as a real one has it (`agent.state`), and beside its files `estate.json`: which estate it plays, and
since when. An estate is deterministic, so with the number of events that the outbox has taken this is all there is to know.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from agent.enrollment import Enrollment
from agent.state import StateError, StateFolder
from agent.workload import Estate, Site
from certs import make_private_folder, write_private
from protocol import AgentType

_ESTATE: Final = "estate.json"


@attrs.frozen(kw_only=True)
class Plot:
    """Which estate an agent plays."""

    seed: int
    begin_ms: int
    agent_type: AgentType
    company: str | None = None
    """Whose it is; drawn if None."""
    customers: Sequence[str] = ()
    """Of a site: who is among its tenants."""

    def estate(self) -> Estate | Site:
        """At its beginning."""
        if self.agent_type is AgentType.SITE:
            return Site(self.seed, self.begin_ms, customers=self.customers)
        return Estate(self.seed, self.begin_ms, company=self.company)


@attrs.frozen
class Berths:
    """The folders of a fleet's agents, in *folder*."""

    folder: Path

    def count(self) -> int:
        """How many have enrolled."""
        return sum(1 for _ in self.folder.glob("*/identity.json"))

    def load(self) -> list[tuple[StateFolder, Plot]]:
        """Everybody who has enrolled, in the order in which they did.

        Raises:
            StateError: a file is damaged or cannot be read.
        """
        found = [_load(path.parent) for path in self.folder.glob("*/identity.json")]
        return sorted(found, key=lambda each: each[1].seed)

    def keep(self, enrollment: Enrollment, plot: Plot) -> StateFolder:
        """Write down somebody who has just enrolled.

        Raises:
            StateError: the folder cannot be written.
        """
        berth = self.folder / str(plot.seed)
        try:
            make_private_folder(berth)
            write_private(berth / _ESTATE, json.dumps(attrs.asdict(plot)).encode() + b"\n")
        except OSError as error:
            raise StateError(f"cannot write {berth}: {error.strerror}") from error
        return StateFolder.create(berth, enrollment.identity, enrollment.credential)


def _load(berth: Path) -> tuple[StateFolder, Plot]:
    path = berth / _ESTATE
    try:
        fields = json.loads(path.read_bytes())
        plot = Plot(**fields | {"agent_type": AgentType(fields["agent_type"])})
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"{path} is damaged: remove {berth.parent} for a new fleet") from error
    return StateFolder.load(berth), plot
