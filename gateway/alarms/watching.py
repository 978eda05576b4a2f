"""What is wrong with agents and their places: pure functions, as in evaluations.py."""

from collections.abc import Sequence
from typing import Final

from gateway.alarms.evaluations import DAY_MS, HOUR_MS, LESS, Wrong, day_of, least
from gateway.store import AgentFacts, ConnectionStatus, LocationFacts, RuleValues
from protocol import Health

__all__ = [
    "agent_connection",
    "agent_health",
    "agent_version",
    "certificate_expiring",
    "clock_skew",
    "collection_delay",
    "duplicate_installation",
    "fails",
    "location_connection",
    "quarantined",
]

# Agents that a failing line takes along are lost within three heartbeats of each other.
TOGETHER_MS: Final = 120_000
# One alone is an agent's alarm.
LEAST_LOST: Final = 2


def is_online(agent: AgentFacts) -> bool:
    """Whether what it said last is of now."""
    return agent.connection is ConnectionStatus.ONLINE


def lost_together(lost_ms: Sequence[int]) -> int:
    """The most of these that lie within TOGETHER_MS; *lost_ms* rises."""
    most = first = 0
    for n, at_ms in enumerate(lost_ms):
        while at_ms - lost_ms[first] > TOGETHER_MS:
            first += 1
        most = max(most, n - first + 1)
    return most


def fails(place: LocationFacts, percent: int) -> bool:
    """Whether that part of the agents that were there went together; those that had gone before do not count."""
    lost = lost_together(place.lost_ms)
    return lost >= LEAST_LOST and lost * 100 >= percent * (lost + place.online)


def location_connection(
    place: LocationFacts, values: RuleValues, now_ms: int, *, holding: bool
) -> Wrong | None:
    """All or most of its agents were lost within two minutes, and no incident says why."""
    if place.inspected or not fails(place, least(values, holding=holding)):
        return None
    return Wrong(
        "most of its agents were lost together: the line or the firewall there fails", values.severity
    )


def agent_connection(agent: AgentFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """It is not there, and no other alarm says why."""
    if agent.connection is not ConnectionStatus.INACCESSIBLE or agent.excused:
        return None
    return Wrong(f"not connected since {day_of(agent.last_seen_ms or 0)}", values.severity)


def agent_health(agent: AgentFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """It is there, and says that it can't do its work."""
    if not is_online(agent) or agent.health not in (Health.WARNING, Health.ERROR):
        return None
    severity = values.severity if agent.health == Health.ERROR else LESS[values.severity]
    return Wrong("the agent can't collect from its backup server, or its outbox is full", severity)


def agent_version(agent: AgentFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """It runs something older than it should."""
    if not agent.due_version:
        return None
    return Wrong(f"runs {agent.version or 'no known version'}, {agent.due_version} is due", values.severity)


def collection_delay(agent: AgentFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """It is there, and its last whole inventory is old."""
    if not is_online(agent):
        return None
    limit_ms = values.threshold * HOUR_MS
    if agent.collected_ms is None:
        return Wrong("no inventory has come yet", values.severity, lasting_ms=limit_ms)
    if now_ms - agent.collected_ms <= limit_ms:
        return None
    return Wrong(f"the last whole inventory is of {day_of(agent.collected_ms)}", values.severity)


def clock_skew(agent: AgentFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """Its clock is wrong."""
    if not is_online(agent) or abs(agent.clock_offset_ms) < least(values, holding=holding) * 1000:
        return None
    which = "ahead" if agent.clock_offset_ms > 0 else "behind"
    return Wrong(f"its clock is more than {values.threshold} s {which}", values.severity)


def certificate_expiring(
    agent: AgentFacts, values: RuleValues, now_ms: int, *, holding: bool
) -> Wrong | None:
    """It is there, and has not renewed its certificate in time."""
    ends_ms = agent.certificate_ends_ms
    if not is_online(agent) or ends_ms is None or ends_ms - now_ms > values.threshold * DAY_MS:
        return None
    return Wrong(f"its certificate ends at {day_of(ends_ms)} and was not renewed", values.severity)


def duplicate_installation(
    agent: AgentFacts, values: RuleValues, now_ms: int, *, holding: bool
) -> Wrong | None:
    """Another agent has its installation id: one of the two is a copy."""
    if not agent.twins:
        return None
    return Wrong(f"has the installation id of {', '.join(agent.twins[:3])}: one is a copy", values.severity)


def quarantined(agent: AgentFacts, values: RuleValues, now_ms: int, *, holding: bool) -> Wrong | None:
    """Something that it said lately could not be taken."""
    if agent.quarantine_id == 0 or now_ms - agent.quarantine_ms > values.threshold * DAY_MS:
        return None
    return Wrong(
        f"a record was set aside: {agent.quarantine_reason}", values.severity, str(agent.quarantine_id)
    )
