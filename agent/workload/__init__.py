"""Synthetic but believable estates, deterministic by seed: what the simulator and the demonstration show.

`Estate` is a customer's backup server, `Site` a provider's cloud-connect server. Both answer to `Source`.
"""

from typing import Protocol

from agent.workload.estate import Estate
from agent.workload.facts import SECTIONS, Facts
from agent.workload.site import Site
from protocol import AgentType, Row

__all__ = ["SECTIONS", "Estate", "Facts", "Site", "Source"]


class Source(Protocol):
    """Where an agent's facts come from."""

    @property
    def agent_type(self) -> AgentType:
        """What kind of server this is."""

    @property
    def host_name(self) -> str:
        """The server's own name."""

    @property
    def events_per_day(self) -> float:
        """How many events an average day brings, about."""

    def advance(self, until_ms: int, limit: int = ...) -> list[Row]:
        """Events up to *until_ms*, at most *limit*."""

    def inventory(self) -> Facts:
        """Everything there is."""

    def changes(self) -> Facts:
        """What has changed since last asked."""

    def skip(self, events: int) -> None:
        """Play the first *events* events and forget them."""
