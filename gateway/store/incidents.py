"""Incidents: one for a customer's place, a verdict and whoever interferes, however many agents suffer from it.

    opened ──▶ confirmed          a second agent says the same, or both ends of a connection do
    opened, confirmed, recurring ──▶ closed      every agent that suffered has had an authenticated session since
    closed ──▶ recurring          somebody suffers from it again

The projector moves them (projector/incidents.py); here they are read.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import attrs
import sqlalchemy as sa

from gateway.store.engine import Database
from gateway.store.errors import NotFound
from gateway.store.paths import Reporter
from gateway.store.schema import agents, organizations
from gateway.store.schema import locations as locations_table
from gateway.store.schema_paths import incident_agents, incidents


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPENED = "opened"
    CONFIRMED = "confirmed"
    CLOSED = "closed"
    RECURRING = "recurring"


@attrs.frozen(kw_only=True)
class Incident:
    """One incident."""

    incident_id: int
    organization_uid: str
    location_uid: str
    """Empty where none is known."""
    verdict: str
    subject: str
    """The interceptor's key, else the network that the connections come from."""
    family: str
    """Who has to act: a value of certs.inspection.Family."""
    state: IncidentState
    network: str
    """The one that its newest report came from."""
    vendor: str
    blame: str
    confidence: int
    """Per cent, of its surest report."""
    report_id: int
    """The surest report."""
    reports: int
    agents: int
    first_ms: int
    last_ms: int
    opened_ms: int
    confirmed_ms: int | None
    closed_ms: int | None
    closed_why: str
    recurrences: int
    proof_ms: int
    alarm_due_ms: int
    alarmed_ms: int | None
    silenced_by: int | None
    """The override that keeps its alarm quiet."""

    @property
    def is_open(self) -> bool:
        """Whether somebody still suffers from it, as far as is known."""
        return self.state is not IncidentState.CLOSED


@attrs.frozen(kw_only=True)
class IncidentView:
    """An incident with the names of those whom it concerns; empty where the store knows none."""

    incident: Incident
    organization_name: str
    location_name: str


@attrs.frozen(kw_only=True)
class IncidentAgent:
    """One who suffers from an incident."""

    reporter: Reporter
    host_name: str
    """Empty for one that never enrolled."""
    reports: int
    first_ms: int
    last_ms: int


INCIDENT_COLUMNS = ("id", *(field.name for field in attrs.fields(Incident)[1:]))


@attrs.frozen
class Incidents:
    """The verbs: `store.incidents`."""

    _db: Database

    def list(
        self, *, organization_uid: str | None = None, closed: bool = False, limit: int = 1000
    ) -> list[IncidentView]:
        """The open ones, or all; the one that was last heard of first."""
        query = VIEW.order_by(incidents.c.last_ms.desc(), incidents.c.id.desc()).limit(limit)
        if organization_uid is not None:
            query = query.where(incidents.c.organization_uid == organization_uid)
        if not closed:
            query = query.where(incidents.c.state != IncidentState.CLOSED.value)
        with self._db.read() as connection:
            return [view_of(row) for row in connection.execute(query)]

    def get(self, incident_id: int) -> IncidentView:
        """One incident.

        Raises:
            NotFound: there is none of that number.
        """
        with self._db.read() as connection:
            row = connection.execute(VIEW.where(incidents.c.id == incident_id)).first()
        if row is None:
            raise NotFound(f"there is no incident {incident_id}")
        return view_of(row)

    def members(self, incident_id: int, *, limit: int = 1000) -> Sequence[IncidentAgent]:
        """Who suffers from it, who spoke last first."""
        theirs = sa.or_(
            sa.and_(incident_agents.c.signer_kind == "agent", agents.c.uid == incident_agents.c.signer_uid),
            sa.and_(
                incident_agents.c.signer_kind == "token",
                agents.c.token_id == incident_agents.c.signer_uid,
                agents.c.installation_uid == incident_agents.c.installation_uid,
            ),
        )
        query = (
            sa.select(incident_agents, agents.c.host_name)
            .select_from(incident_agents.outerjoin(agents, theirs))
            .where(incident_agents.c.incident_id == incident_id)
            .order_by(incident_agents.c.last_ms.desc(), incident_agents.c.signer_uid)
            .limit(limit)
        )
        with self._db.read() as connection:
            return [
                IncidentAgent(
                    reporter=Reporter(
                        kind=row.signer_kind, uid=row.signer_uid, installation_uid=row.installation_uid
                    ),
                    host_name=row.host_name or "",
                    reports=row.reports,
                    first_ms=row.first_ms,
                    last_ms=row.last_ms,
                )
                for row in connection.execute(query)
            ]


VIEW = sa.select(
    *[incidents.c[name] for name in INCIDENT_COLUMNS],
    organizations.c.name.label("organization_name"),
    locations_table.c.name.label("location_name"),
).select_from(
    incidents.outerjoin(organizations, organizations.c.uid == incidents.c.organization_uid).outerjoin(
        locations_table, locations_table.c.uid == incidents.c.location_uid
    )
)


def view_of(row: Sequence[Any]) -> IncidentView:
    """A row of VIEW."""
    cells = tuple(row)
    return IncidentView(
        incident=incident_of(cells[: len(INCIDENT_COLUMNS)]),
        organization_name=cells[-2] or "",
        location_name=cells[-1] or "",
    )


def incident_of(row: tuple[Any, ...]) -> Incident:
    """A row of INCIDENT_COLUMNS."""
    cells = dict(zip(INCIDENT_COLUMNS[1:], row[1:], strict=True))
    return Incident(incident_id=row[0], **cells | {"state": IncidentState(cells["state"])})
