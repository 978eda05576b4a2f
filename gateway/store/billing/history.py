"""What agents have reported in a stretch of time, for who makes a bill of it: the verbs `store.usage_history`.

    with store.usage_history.reading() as history:
        for agent in history.agents(): ...
        for agent_id, link, report in history.reports(agent_ids, from_ms, to_ms): ...

All of it as of one moment, read in one transaction: a report that comes meanwhile is in all of the answers or in none.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.billing.chain import PayloadError, Reported, unpacked_payload
from gateway.store.billing.schema import metered_workloads, usage_reports
from gateway.store.engine import Database
from gateway.store.gaps import GapState
from gateway.store.licensing.schema import licence_servers, licences
from gateway.store.onboarding.ownership import NO_CHANGE, Held, held, read_changes
from gateway.store.onboarding.schema import mapping_changes
from gateway.store.organizations import Organization
from gateway.store.schema import agents, gaps, organizations, sites

ROWS = 200


@attrs.frozen(kw_only=True)
class BilledAgent:
    """An agent, as bills must know it."""

    agent_id: int
    agent_uid: str
    kind: str
    """client or site."""
    standing: str
    host_name: str
    installation_uid: str
    synthetic: bool
    enrolled_ms: int
    organization: Organization
    site_uid: str | None
    site_name: str | None
    licence_uid: str | None
    """Which licence is on its server, by its own word."""
    licence_kind: str | None
    """How that is paid for, a LicenceKind; None of one that is not the provider's."""
    missing: int
    """Holes in what it sent that were given up: usage may have been in them."""


@attrs.frozen(kw_only=True)
class Link:
    """A link of a chain."""

    n: int
    digest: bytes
    link: bytes
    erased: bool
    """Its report is gone."""


@attrs.frozen(kw_only=True)
class Owned:
    """In a stretch of time a site's cloud tenant was a company's."""

    agent_id: int
    agent_uid: str
    """Of the site."""
    tenant_uid: str
    company: Organization
    held: Held


WorkloadKey = tuple[int, int, str]
"""(agent_id, kind, uid)."""


@attrs.frozen
class History:
    """The answers, as of one moment."""

    _connection: Connection

    def agents(self) -> list[BilledAgent]:
        """Every agent, by its organization's name and its own uid."""
        holes = (
            sa.select(sa.func.count())
            .where(gaps.c.agent_id == agents.c.id, gaps.c.state == GapState.LOST)
            .correlate(agents)
            .scalar_subquery()
        )
        o = organizations
        query = (
            sa.select(
                agents.c.id, agents.c.uid, agents.c.kind, agents.c.standing, agents.c.host_name, agents.c.installation_uid,
                agents.c.synthetic, agents.c.enrolled_ms, o.c.uid.label("organization_uid"),
                o.c.kind.label("organization_kind"), o.c.name.label("organization_name"), o.c.created_ms,
                licence_servers.c.installed_uid, licences.c.kind.label("licence_kind"),
                sites.c.uid.label("site_uid"), sites.c.name.label("site_name"), holes.label("missing"),
            )
            .select_from(
                agents.join(o, o.c.uid == agents.c.organization_uid)
                .outerjoin(sites, sites.c.agent_id == agents.c.id)
                .outerjoin(licence_servers, licence_servers.c.agent_uid == agents.c.uid)
                .outerjoin(licences, licences.c.uid == licence_servers.c.installed_uid)
            )
        )  # fmt: skip
        found = [
            BilledAgent(
                agent_id=row.id, agent_uid=row.uid, kind=row.kind, standing=row.standing, host_name=row.host_name,
                installation_uid=row.installation_uid, synthetic=row.synthetic, enrolled_ms=row.enrolled_ms,
                organization=Organization(
                    uid=row.organization_uid, kind=row.organization_kind, name=row.organization_name, created_ms=row.created_ms
                ),
                site_uid=row.site_uid, site_name=row.site_name, missing=row.missing,
                licence_uid=row.installed_uid, licence_kind=row.licence_kind,
            )
            for row in self._connection.execute(query)
        ]  # fmt: skip
        # Databases do not sort names alike, and a bill is the same from either.
        return sorted(
            found, key=lambda agent: (agent.organization.name, agent.organization.uid, agent.agent_uid)
        )

    def reports(
        self, agent_ids: Collection[int], from_ms: int, to_ms: int
    ) -> Iterator[tuple[int, Link, Reported | None]]:
        """The links of what those agents reported, by agent and in their order, each with its report.

        None stands in the place of a report that was erased, and of one that says nothing of workloads where the agent has no tenants either:
        a backup server's hourly figures of storage are in no bill.

        Raises:
            PayloadError: one is not what was written.
        """
        r = usage_reports
        is_read = r.c.listed | (agents.c.kind == "site")
        query = (
            sa.select(
                r.c.agent_id,
                agents.c.uid,
                r.c.n,
                r.c.digest,
                r.c.link,
                r.c.erased_ms,
                sa.case((is_read, r.c.payload)).label("payload"),
            )
            .join(agents, agents.c.id == r.c.agent_id)
            .where(r.c.agent_id.in_(agent_ids), r.c.received_ms >= from_ms, r.c.received_ms < to_ms)
            .where(r.c.superseded_by.is_(None))
            .order_by(r.c.agent_id, r.c.n)
        )
        with self._connection.execution_options(yield_per=ROWS).execute(query) as rows:
            for row in rows:
                report = None if row.payload is None else _read(row.payload, row.uid, row.n)
                is_erased = row.erased_ms is not None
                yield row.agent_id, Link(n=row.n, digest=row.digest, link=row.link, erased=is_erased), report

    def links(self, from_ms: int, to_ms: int) -> Iterator[tuple[str, bytes]]:
        """(agent's uid, link) of every report that may be billed, each agent's in their order: what came, without what it says."""
        r = usage_reports
        query = (
            sa.select(agents.c.uid, r.c.link)
            .join(agents, agents.c.id == r.c.agent_id)
            .where(sa.not_(agents.c.synthetic), r.c.superseded_by.is_(None))
            .where(r.c.received_ms >= from_ms, r.c.received_ms < to_ms)
            .order_by(r.c.agent_id, r.c.n)
        )
        with self._connection.execution_options(yield_per=ROWS).execute(query) as rows:
            for row in rows:
                yield row.uid, row.link

    def first_seen(self, agent_ids: Collection[int]) -> dict[WorkloadKey, int]:
        """When each workload of those agents was first reported as protected."""
        w = metered_workloads
        query = sa.select(w.c.agent_id, w.c.kind, w.c.uid, w.c.first_ms).where(
            w.c.agent_id.in_(agent_ids), w.c.first_ms.is_not(None)
        )
        return {(row.agent_id, row.kind, row.uid): row.first_ms for row in self._connection.execute(query)}

    def owned(self, from_ms: int, to_ms: int) -> list[Owned]:
        """Whose each mapped cloud tenant was within a period, by site, tenant and time; simulated sites are left out, as they are in bills."""
        o, c = organizations, mapping_changes
        query = sa.select(o.c.uid, o.c.kind, o.c.name, o.c.created_ms).where(
            o.c.uid.in_(sa.select(c.c.company_uid).distinct())
        )
        companies = {row["uid"]: Organization(**row) for row in self._connection.execute(query).mappings()}
        real = sa.select(agents.c.id, agents.c.uid).where(
            agents.c.id.in_(sa.select(c.c.agent_id).distinct()), sa.not_(agents.c.synthetic)
        )
        uids = {row.id: row.uid for row in self._connection.execute(real)}
        found = [
            Owned(
                agent_id=agent_id, agent_uid=uids[agent_id], tenant_uid=tenant_uid, company=companies[each.company_uid],
                held=Held(each.company_uid, max(each.from_ms, from_ms), to_ms if each.to_ms is None else min(each.to_ms, to_ms)),
            )
            for (agent_id, tenant_uid), stretches in held(change for change, _ in read_changes(self._connection)).items()
            for each in stretches
            if agent_id in uids and each.from_ms < to_ms and (each.to_ms is None or each.to_ms > from_ms)
        ]  # fmt: skip
        return sorted(found, key=lambda each: (each.agent_uid, each.tenant_uid, each.held.from_ms))

    def mappings_link(self) -> tuple[int, bytes]:
        """Which change of whose tenants are is the newest, and its link: what a statement was made by."""
        c = mapping_changes
        row = self._connection.execute(sa.select(c.c.n, c.c.link).order_by(c.c.n.desc()).limit(1)).first()
        return (0, NO_CHANGE) if row is None else (row.n, bytes(row.link))

    def first_report_ms(self) -> int | None:
        """When the oldest report came; None: there is none."""
        return self._connection.execute(sa.select(sa.func.min(usage_reports.c.received_ms))).scalar()


def _read(stored: bytes, agent_uid: str, n: int) -> Reported:
    try:
        return Reported.read(unpacked_payload(stored))
    except PayloadError as error:
        raise PayloadError(f"report {n} of agent {agent_uid}: {error}; see `fieldgate usage audit`") from None


@attrs.frozen
class UsageHistory:
    """The verb."""

    _db: Database

    @contextmanager
    def reading(self) -> Iterator[History]:
        """One reading transaction."""
        with self._db.read() as connection:
            yield History(connection)
