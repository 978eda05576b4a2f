"""What this edge is ready to do with an agent beyond the first version's words; said in Welcome."""

from typing import Final

from gateway.store import AgentEntry
from protocol import Capability

__all__ = ["OFFERED", "offered"]

OFFERED: Final = Capability.BULK | Capability.USAGE | Capability.COMMANDS | Capability.METERING


def offered(agent: AgentEntry) -> Capability:
    """What is offered to *agent*; only a simulated one may read back what is stored of it."""
    return OFFERED | Capability.VERIFY if agent.synthetic else OFFERED
