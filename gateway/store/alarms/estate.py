"""What the engine looks at of an estate, agents by the page: workloads that are overdue, tenants near their quota, gaps; and the few
things of the gateway's own: incidents, edges.
"""

from collections.abc import Collection
from typing import Any, Final

import attrs
import sqlalchemy as sa

from gateway.store.alarms.life import AlarmSubject
from gateway.store.alarms.machine import Machine
from gateway.store.engine import Database
from gateway.store.gaps import GapState
from gateway.store.incidents import IncidentState
from gateway.store.onboarding.schema import tenant_mappings
from gateway.store.schema import (
    agents,
    batches,
    cloud_tenants,
    cursors,
    edges,
    gaps,
    inventories,
    locations,
    organizations,
    workloads,
)
from gateway.store.schema_paths import incidents
from gateway.store.standing import Standing
from protocol import WorkloadKind

# A projector that has read everything says so every 5 s or little more; that it says nothing for so long is no lag.
SAYS_SO_MS: Final = 10_000

KINDS = {kind.value: kind.name.lower().replace("_", "-") for kind in WorkloadKind}


@attrs.frozen(kw_only=True)
class WorkloadFacts:
    """Something protected whose newest restore point is old."""

    machine: Machine
    workload_uid: str
    name: str
    kind: str
    """vm, computer or file-share."""
    has_job: bool
    latest_ms: int
    """Its newest restore point: by its agent's clock, no later than the receipt of the inventory; 0: it has none."""

    @property
    def scope(self) -> str:
        """Workloads are looked at by agent."""
        return self.machine.agent_uid

    @property
    def subject(self) -> AlarmSubject:
        """What an alarm says it is about."""
        return self.machine.subject(self.kind, self.workload_uid, self.name)


@attrs.frozen(kw_only=True)
class TenantFacts:
    """A cloud tenant of a site, with a quota."""

    machine: Machine
    """The site's, as of the company that the tenant is mapped to."""
    tenant_uid: str
    name: str
    quota_bytes: int
    used_bytes: int

    @property
    def scope(self) -> str:
        """Tenants are looked at by their site's agent."""
        return self.machine.agent_uid

    @property
    def subject(self) -> AlarmSubject:
        """What an alarm says it is about."""
        return self.machine.subject("cloud-tenant", self.tenant_uid, self.name)


@attrs.frozen(kw_only=True)
class GapFacts:
    """Records of an agent that are given up."""

    machine: Machine
    gap_id: int
    from_sequence: int
    to_sequence: int

    @property
    def scope(self) -> str:
        """Gaps are looked at by agent."""
        return self.machine.agent_uid

    @property
    def subject(self) -> AlarmSubject:
        """What an alarm says it is about."""
        return self.machine.subject("gap", str(self.gap_id), f"gap {self.gap_id}")


@attrs.frozen(kw_only=True)
class IncidentFacts:
    """A place whose agents can open no session, and of which an alarm is due."""

    incident_id: int
    organization_uid: str
    location_uid: str | None
    place: str
    verdict: str
    confirmed: bool
    agents: int
    blame: str
    recurrences: int

    scope = "incidents"

    @property
    def subject(self) -> AlarmSubject:
        """What an alarm says it is about."""
        return AlarmSubject(
            kind="incident", uid=str(self.incident_id), name=f"{self.verdict} at {self.place}",
            organization_uid=self.organization_uid, location_uid=self.location_uid,
        )  # fmt: skip


@attrs.frozen(kw_only=True)
class EdgeFacts:
    """An edge."""

    edge_uid: str
    name: str
    organization_uid: str
    """The provider's."""
    lease_until_ms: int

    scope = "edges"

    @property
    def subject(self) -> AlarmSubject:
        """What an alarm says it is about: the edge of that name, in whichever life."""
        return AlarmSubject(
            kind="cloud-gateway", uid=self.name, name=self.name, organization_uid=self.organization_uid,
            computer_name=self.name,
        )  # fmt: skip


@attrs.frozen(kw_only=True)
class LagFacts:
    """How old what becomes known is by then."""

    organization_uid: str
    """The provider's."""
    received_ms: int
    """What was received by then is in the tables."""

    scope = "journal"

    @property
    def subject(self) -> AlarmSubject:
        """What an alarm says it is about."""
        return AlarmSubject(
            kind="projector", uid="projector", name="projector", organization_uid=self.organization_uid
        )


OF_AGENT = (agents.c.uid, agents.c.organization_uid, agents.c.location_uid, agents.c.host_name)
PROVIDER = sa.select(organizations.c.uid).where(organizations.c.kind == "provider").scalar_subquery()


@attrs.frozen
class EstateFacts:
    """The verbs: `store.alarm_estate`."""

    _db: Database

    def overdue(self, agent_ids: Collection[int], *, before_ms: int) -> list[WorkloadFacts]:
        """The workloads of those agents without a restore point since *before_ms*."""
        latest = sa.case(
            (workloads.c.latest_restore_point_ms > inventories.c.updated_ms, inventories.c.updated_ms),
            else_=workloads.c.latest_restore_point_ms,
        )
        query = (
            sa.select(
                workloads.c.uid.label("workload_uid"), workloads.c.name, workloads.c.kind, workloads.c.job_uid
            )
            .add_columns(latest.label("latest_ms"), *OF_AGENT)
            .join(agents, agents.c.id == workloads.c.agent_id)
            .join(inventories, inventories.c.agent_id == workloads.c.agent_id)
            .where(
                workloads.c.agent_id.in_(agent_ids),
                latest < before_ms,
                agents.c.standing == Standing.VERIFIED.value,
            )
        )
        with self._db.read() as connection:
            return [
                WorkloadFacts(
                    machine=machine_of(row), workload_uid=row.workload_uid, name=row.name, kind=KINDS.get(row.kind, "workload"),
                    has_job=bool(row.job_uid), latest_ms=row.latest_ms,
                )
                for row in connection.execute(query)
            ]  # fmt: skip

    def tenants(self, agent_ids: Collection[int]) -> list[TenantFacts]:
        """The enabled cloud tenants of those sites that have a quota."""
        mapped = sa.and_(
            tenant_mappings.c.agent_id == cloud_tenants.c.agent_id,
            tenant_mappings.c.tenant_uid == cloud_tenants.c.uid,
        )
        query = (
            sa.select(
                cloud_tenants.c.uid.label("tenant_uid"), cloud_tenants.c.name, cloud_tenants.c.quota_bytes
            )
            .add_columns(cloud_tenants.c.used_bytes, tenant_mappings.c.company_uid, *OF_AGENT)
            .join(agents, agents.c.id == cloud_tenants.c.agent_id)
            .outerjoin(tenant_mappings, mapped)
            .where(
                cloud_tenants.c.agent_id.in_(agent_ids),
                cloud_tenants.c.quota_bytes > 0,
                cloud_tenants.c.enabled,
                agents.c.standing == Standing.VERIFIED.value,
            )
        )
        with self._db.read() as connection:
            return [
                TenantFacts(
                    machine=attrs.evolve(machine_of(row), organization_uid=row.company_uid or row.organization_uid),
                    tenant_uid=row.tenant_uid, name=row.name, quota_bytes=row.quota_bytes, used_bytes=row.used_bytes,
                )
                for row in connection.execute(query)
            ]  # fmt: skip

    def gaps(self, agent_ids: Collection[int], *, since_ms: int) -> list[GapFacts]:
        """The gaps of those agents that were opened since then and are given up."""
        query = (
            sa.select(gaps.c.id, gaps.c.from_sequence, gaps.c.to_sequence, *OF_AGENT)
            .join(agents, agents.c.id == gaps.c.agent_id)
            .where(
                gaps.c.agent_id.in_(agent_ids),
                gaps.c.state.in_((GapState.DECLARED.value, GapState.LOST.value)),
                gaps.c.opened_ms >= since_ms,
                agents.c.standing == Standing.VERIFIED.value,
            )
        )
        with self._db.read() as connection:
            return [
                GapFacts(
                    machine=machine_of(row), gap_id=row.id, from_sequence=row.from_sequence, to_sequence=row.to_sequence
                )
                for row in connection.execute(query)
            ]  # fmt: skip

    def incidents(self) -> list[IncidentFacts]:
        """The open incidents of which an alarm was given, but for those that an override keeps quiet."""
        query = (
            sa.select(incidents, locations.c.name.label("place"), organizations.c.name.label("whose"))
            .outerjoin(locations, locations.c.uid == incidents.c.location_uid)
            .outerjoin(organizations, organizations.c.uid == incidents.c.organization_uid)
            .where(
                incidents.c.state.in_(
                    [each.value for each in IncidentState if each is not IncidentState.CLOSED]
                ),
                incidents.c.alarmed_ms.is_not(None),
                incidents.c.silenced_by.is_(None),
            )
        )
        with self._db.read() as connection:
            return [
                IncidentFacts(
                    incident_id=row.id, organization_uid=row.organization_uid, location_uid=row.location_uid or None,
                    place=row.place or row.whose or row.network, verdict=row.verdict,
                    confirmed=row.confirmed_ms is not None, agents=row.agents, blame=row.blame,
                    recurrences=row.recurrences,
                )
                for row in connection.execute(query)
            ]  # fmt: skip

    def edges(self) -> list[EdgeFacts]:
        """Every edge."""
        query = sa.select(edges.c.uid, edges.c.name, edges.c.lease_until_ms, PROVIDER.label("provider"))
        with self._db.read() as connection:
            return [
                EdgeFacts(
                    edge_uid=row.uid, name=row.name, organization_uid=row.provider or "", lease_until_ms=row.lease_until_ms
                )
                for row in connection.execute(query)
            ]  # fmt: skip

    def lag(self, received_ms: int) -> LagFacts:
        """What was received then is known now."""
        with self._db.read() as connection:
            provider = connection.execute(sa.select(PROVIDER)).scalar()
        return LagFacts(organization_uid=provider or "", received_ms=received_ms)

    def read_until(self) -> LagFacts | None:
        """What is known by now, also where nothing comes: a projector says so when it has read everything; None if none ever has."""
        with self._db.read() as connection:
            caught_up_ms = connection.execute(sa.select(sa.func.max(cursors.c.caught_up_ms))).scalar()
            newest = sa.select(batches.c.received_ms).order_by(batches.c.id.desc()).limit(1)
            received_ms = connection.execute(newest).scalar()
        if caught_up_ms is None:
            return None
        return self.lag(max(caught_up_ms + SAYS_SO_MS, received_ms or 0))


def machine_of(row: Any) -> Machine:
    """The agent of a row with OF_AGENT."""
    return Machine(
        agent_uid=row.uid, organization_uid=row.organization_uid, location_uid=row.location_uid, host_name=row.host_name
    )  # fmt: skip
