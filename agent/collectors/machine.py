"""The machine itself, as a collector: one server, and nothing happens on it. Every agent has it."""

from typing import ClassVar

from agent.collectors.contract import Ability, Collector, Surroundings
from agent.facts import Facts
from agent.host import Host


class Machine(Collector):
    """What `agent.host` knows."""

    abilities: ClassVar[frozenset[Ability]] = frozenset({Ability.INVENTORY})
    poll_s = 3600.0

    def __init__(self, around: Surroundings) -> None:
        super().__init__("machine")
        self._host = Host(around.installation_uid, around.agent_type)

    async def inventory(self) -> Facts:
        """One server."""
        return self._host.inventory()
