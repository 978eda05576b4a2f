"""The collectors of one agent, from its identity and its agent.toml."""

from collections.abc import Callable
from pathlib import Path

from agent.collectors.config import SettingError, load_collectors
from agent.collectors.contract import Collector, Surroundings
from agent.collectors.machine import Machine
from agent.collectors.registry import make_collector
from agent.identity import Identity


def surroundings(folder: Path, identity: Identity, *, now: Callable[[], int]) -> Surroundings:
    """What collectors may know of the agent in *folder*."""
    return Surroundings(
        folder=folder, agent_uid=identity.agent_uid, installation_uid=identity.installation_uid,
        host_name=identity.host_name, agent_type=identity.agent_type, since_ms=identity.since_ms,
        synthetic=identity.synthetic, now=now,
    )  # fmt: skip


def assemble(folder: Path, identity: Identity, *, now: Callable[[], int], rate: float) -> list[Collector]:
    """The machine itself, or the estate that a synthetic agent plays, and whatever agent.toml names.

    Args:
        folder: the agent's.
        identity: the agent's.
        now: milliseconds since the epoch.
        rate: events a second at which a synthetic estate catches up with its history.

    Raises:
        CollectorError: one cannot be loaded.
        SettingError: agent.toml cannot be used.
    """
    around = surroundings(folder, identity, now=now)
    found: list[Collector] = [_own(around, rate)]
    for settings in load_collectors(folder):
        if settings.name == found[0].name:
            raise SettingError(
                f"collector {settings.name}: that is the agent's own name for itself; give it another"
            )
        found.append(make_collector(settings, around))
    return found


def _own(around: Surroundings, rate: float) -> Collector:
    if not around.synthetic:
        return Machine(around)
    from agent.collectors.synthetic import Synthetic  # an agent that is real needs no names of companies

    return Synthetic("synthetic", around, rate=rate)
