"""What a fleet is made of, and what can be asked of one."""

from collections.abc import Sequence
from enum import Enum
from typing import Final

import attrs

from agent.backoff import BASE_S
from agent.client import Client
from agent.collector import TAKE
from agent.facilities import Facilities
from agent.simulator.berths import Plot
from agent.simulator.tally import AgentTally
from agent.workload import Estate, Site
from certs import Token
from protocol import AgentType

TICK_S: Final = 0.25

MAX_RATE: Final = TAKE / TICK_S
"""Events a second that one agent can collect: what it takes at once, in every tick."""

MAX_BATCH_EVENTS: Final = TAKE
"""What one agent can collect at once."""

# Handshakes a second that an edge sharing two cores with its own load can accept.
STARTS_PER_S: Final = 150.0

# Agents collect once a second; in a large fleet less often, so that the fleet sends so many batches a second and not more.
COLLECTS_PER_S: Final = 250.0


# Multiples of the golden ratio's fraction fill the unit interval evenly at every length.
_GOLDEN: Final = 0.6180339887498949


class FleetError(Exception):
    """The fleet cannot be brought up; the message says why."""


class Phase(Enum):
    """What the fleet is about."""

    OPENING = "opening"
    """It comes up: inventories, but no events, which would only slow the handshakes."""
    PRODUCING = "producing"
    """Estates go on, at the wanted rate."""
    DELIVERING = "delivering"
    """Nothing new; what found no room in the outbox before is brought in."""
    STOPPING = "stopping"
    """Nobody is started any more."""


@attrs.frozen(kw_only=True)
class Part:
    """Agents that share a token."""

    token: Token
    count: int
    agent_type: AgentType = AgentType.CLIENT
    company: str | None = None
    """Whose estates they are; each is another company's if None."""
    customers: Sequence[str] = ()
    """Of sites: who is among the tenants of each."""
    persona: str = ""
    """How they misbehave; empty: not at all."""


@attrs.frozen(kw_only=True)
class FleetOptions:
    """What can be set on the command line."""

    rate: float = 1.0
    """Events a second for each agent, in an open loop."""
    batch_events: int = 0
    """A closed loop: each agent's batches hold so many events, and the next follows the acknowledgement. 0: an open one."""
    duration_s: float | None = None
    """Of producing, the warm-up included."""
    seed: int = 0
    reconnect_s: float = BASE_S
    sources: Sequence[str] = ()
    """Addresses that agents dial from, in turn."""
    address: str = ""
    """Where to dial, whatever the token and the gateway say; empty: where they say."""
    starts_per_s: float = STARTS_PER_S
    collects_per_s: float = COLLECTS_PER_S

    slow_share: float = 0.0
    """Of the agents, on lines that are slower than this machine's."""
    latency_ms: float = 0.0
    """Of those lines, one way."""
    kbit_s: float = 0.0
    """Of those lines, in each direction; 0: as fast as it goes."""

    def is_slow(self, number: int) -> bool:
        """Whether the agent of that number is on a slow line: spread evenly, however many there are."""
        return number * _GOLDEN % 1.0 < self.slow_share

    def source(self, number: int) -> str | None:
        """Where the agent of that number dials from."""
        return self.sources[number % len(self.sources)] if self.sources else None


@attrs.define(eq=False)
class Member:
    """One simulated agent."""

    plot: Plot
    estate: Estate | Site
    facilities: Facilities
    client: Client
    tally: AgentTally
    allowance: float = 0.0
