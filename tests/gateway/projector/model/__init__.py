"""The model of the delivery rules: a world of real parts, to which things happen, and what must hold of it."""

from tests.gateway.projector.model.actors import AGENTS, EDGES, AgentSim, EdgeSim
from tests.gateway.projector.model.world import World

__all__ = ["AGENTS", "EDGES", "AgentSim", "EdgeSim", "World"]
