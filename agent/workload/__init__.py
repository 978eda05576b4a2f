"""Synthetic but believable estates, deterministic by seed: what the simulator and the demonstration show.

`Estate` is a customer's backup server, `Site` a provider's cloud-connect server. Both are an `agent.facts.Source`.
"""

from agent.workload.estate import Estate
from agent.workload.site import Site

__all__ = ["Estate", "Site"]
