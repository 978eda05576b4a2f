"""What the engine looks at of agents, a page of them at a time: presence, what they sent last, certificates, and their places."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.alarms.life import AlarmSubject
from gateway.store.alarms.machine import Machine
from gateway.store.engine import Database
from gateway.store.incidents import IncidentState
from gateway.store.schema import agents, certificates, claims, edges, inventories, locations, quarantine
from gateway.store.schema_paths import incidents
from gateway.store.standing import ConnectionStatus, Standing, connection_status

# After a restart of its edge an agent is back within this time, also as one of 10,000 (docs/load-testing.md).
MOVING_MS: Final = 300_000


@attrs.frozen(kw_only=True)
class AgentFacts:
    """A verified agent."""

    machine: Machine
    version: str
    connection: ConnectionStatus
    last_seen_ms: int | None
    """Its last heartbeat; None: it never had a session."""
    health: int
    """A protocol.Health; 0: not known."""
    clock_offset_ms: int
    """How far its clock is ahead of ours."""
    collected_ms: int | None
    """When its last whole inventory came."""
    certificate_ends_ms: int | None
    twins: tuple[str, ...]
    """Other verified agents' host names with the same installation id."""
    quarantine_id: int
    """The newest of its records that could not be taken; 0: none."""
    quarantine_ms: int
    quarantine_reason: str
    excused: bool
    """Another alarm speaks for it: its location's, or an edge's where no edge lives."""
    due_version: str = ""
    """What it should run instead; empty: what it runs will do. The store does not know."""

    @property
    def scope(self) -> str:
        """Itself."""
        return self.machine.agent_uid

    @property
    def subject(self) -> AlarmSubject:
        """What an alarm says it is about."""
        return self.machine.subject("agent", self.machine.agent_uid, self.machine.host_name)


@attrs.frozen(kw_only=True)
class LocationFacts:
    """A customer's place, and which of its agents are there."""

    location_uid: str
    name: str
    organization_uid: str
    online: int
    lost_ms: tuple[int, ...]
    """Of those that are not, unless no edge lives: their last heartbeats."""
    inspected: bool
    """An incident says why they are not."""

    @property
    def scope(self) -> str:
        """Itself."""
        return self.location_uid

    @property
    def subject(self) -> AlarmSubject:
        """What an alarm says it is about."""
        return AlarmSubject(
            kind="location", uid=self.location_uid, name=self.name, organization_uid=self.organization_uid,
            location_uid=self.location_uid,
        )  # fmt: skip


PRESENCE: sa.Select[Any] = (
    sa.select(
        agents.c.id,
        agents.c.uid,
        agents.c.organization_uid,
        agents.c.location_uid,
        agents.c.host_name,
        agents.c.agent_version,
        agents.c.installation_uid,
        claims.c.ended_ms,
        claims.c.last_heartbeat_ms,
        claims.c.heartbeat_ms,
        claims.c.health,
        claims.c.clock_offset_ms,
        edges.c.lease_until_ms,
        inventories.c.complete_ms,
    )
    .select_from(agents)
    .outerjoin(claims, claims.c.agent_uid == agents.c.uid)
    .outerjoin(edges, edges.c.uid == claims.c.edge_uid)
    .outerjoin(inventories, inventories.c.agent_id == agents.c.id)
    .where(agents.c.standing == Standing.VERIFIED.value)
)


@attrs.frozen
class MachineFacts:
    """The verbs: `store.alarm_machines`."""

    _db: Database

    def places(self, agent_ids: Collection[int], *, now_ms: int) -> list[LocationFacts]:
        """The locations of those agents, with all of the agents of each."""
        with self._db.read() as connection:
            of_page = sa.select(agents.c.location_uid).where(agents.c.id.in_(agent_ids))
            uids = {uid for uid in connection.execute(of_page).scalars() if uid is not None}
            if not uids:
                return []
            rows = connection.execute(PRESENCE.where(agents.c.location_uid.in_(uids))).all()
            inspected = set(
                connection.execute(OPEN_INCIDENTS.where(incidents.c.location_uid.in_(uids))).scalars()
            )
            lives = gateway_lives(connection, now_ms)
            named = connection.execute(
                sa.select(locations).where(locations.c.uid.in_(uids)).order_by(locations.c.uid)
            ).all()
        present: dict[str, list[Any]] = {uid: [] for uid in uids}
        for row in rows:
            present[row.location_uid].append(row)
        return [
            LocationFacts(
                location_uid=each.uid, name=each.name, organization_uid=each.organization_uid,
                online=sum(status_of(row, now_ms) is ConnectionStatus.ONLINE for row in present[each.uid]),
                lost_ms=tuple(
                    sorted(
                        row.last_heartbeat_ms
                        for row in present[each.uid]
                        if lives and is_lost(row, now_ms)
                    )
                ),
                inspected=each.uid in inspected,
            )
            for each in named
        ]  # fmt: skip

    def agents(
        self, agent_ids: Collection[int], *, failing: Collection[str], now_ms: int
    ) -> list[AgentFacts]:
        """Those of the agents that are verified.

        Args:
            failing: the locations whose own alarm speaks for their agents.
        """
        with self._db.read() as connection:
            rows = connection.execute(PRESENCE.where(agents.c.id.in_(agent_ids)).order_by(agents.c.id)).all()
            uids = [row.uid for row in rows]
            ends = certificate_ends(connection, uids)
            twins = twins_of(connection, rows)
            aside = set_aside(connection, uids)
            excuse = not gateway_lives(connection, now_ms)
        return [
            AgentFacts(
                machine=Machine(
                    agent_uid=row.uid, organization_uid=row.organization_uid, location_uid=row.location_uid,
                    host_name=row.host_name,
                ),
                version=row.agent_version, connection=status_of(row, now_ms), last_seen_ms=row.last_heartbeat_ms,
                health=row.health or 0, clock_offset_ms=row.clock_offset_ms or 0, collected_ms=row.complete_ms,
                certificate_ends_ms=ends.get(row.uid), twins=tuple(twins.get(row.uid, ())),
                quarantine_id=aside[row.uid].id if row.uid in aside else 0,
                quarantine_ms=aside[row.uid].received_ms if row.uid in aside else 0,
                quarantine_reason=aside[row.uid].reason if row.uid in aside else "",
                excused=row.location_uid in failing or excuse,
            )
            for row in rows
        ]  # fmt: skip


OPEN_INCIDENTS = sa.select(incidents.c.location_uid).where(
    incidents.c.state != IncidentState.CLOSED.value, incidents.c.alarmed_ms.is_not(None)
)


def gateway_lives(connection: Connection, now_ms: int) -> bool:
    """Whether there is any edge at which agents could be."""
    live = sa.select(edges.c.uid).where(edges.c.lease_until_ms > now_ms).limit(1)
    return connection.execute(live).first() is not None


def is_lost(row: Any, now_ms: int) -> bool:
    """Whether the agent of a row of PRESENCE is not there, and has not merely lost its edge, which it is given time to replace."""
    if status_of(row, now_ms) is not ConnectionStatus.INACCESSIBLE:
        return False
    edge_lives = row.lease_until_ms is not None and row.lease_until_ms > now_ms
    return edge_lives or bool(now_ms - row.last_heartbeat_ms > MOVING_MS)


def status_of(row: Any, now_ms: int) -> ConnectionStatus:
    """Whether the agent of a row of PRESENCE is there."""
    return connection_status(
        Standing.VERIFIED,
        session_ended=None if row.last_heartbeat_ms is None else row.ended_ms is not None,
        lease_until_ms=row.lease_until_ms,
        last_heartbeat_ms=row.last_heartbeat_ms,
        heartbeat_ms=row.heartbeat_ms,
        now_ms=now_ms,
    )


def certificate_ends(connection: Connection, uids: Sequence[str]) -> dict[str, int]:
    """When the last certificate of each agent ends."""
    query = (
        sa.select(certificates.c.agent_uid, sa.func.max(certificates.c.not_after_ms))
        .where(certificates.c.agent_uid.in_(uids))
        .group_by(certificates.c.agent_uid)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def twins_of(connection: Connection, rows: Sequence[Any]) -> dict[str, list[str]]:
    """Whose installation ids others have, and the others' host names."""
    ids = {row.installation_uid for row in rows if row.installation_uid}
    query = (
        sa.select(agents.c.uid, agents.c.installation_uid, agents.c.host_name)
        .where(agents.c.installation_uid.in_(ids), agents.c.standing == Standing.VERIFIED.value)
        .order_by(agents.c.id)
    )
    holders: dict[str, list[tuple[str, str]]] = {}
    for row in connection.execute(query):
        holders.setdefault(row.installation_uid, []).append((row.uid, row.host_name))
    return {
        row.uid: [name for uid, name in holders[row.installation_uid] if uid != row.uid]
        for row in rows
        if row.installation_uid in holders
    }


def set_aside(connection: Connection, uids: Sequence[str]) -> dict[str, Any]:
    """The newest quarantined record of each agent that has any."""
    newest = (
        sa.select(sa.func.max(quarantine.c.id))
        .where(quarantine.c.agent_uid.in_(uids))
        .group_by(quarantine.c.agent_uid)
    )
    query = sa.select(
        quarantine.c.agent_uid, quarantine.c.id, quarantine.c.received_ms, quarantine.c.reason
    ).where(quarantine.c.id.in_(newest))
    return {row.agent_uid: row for row in connection.execute(query)}
