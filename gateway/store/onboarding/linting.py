"""What looks wrong among companies, tenants, agents and licences: `store.lint`. Looking changes nothing.

Each check is one query, which says of whom and of what; `gateway.onboarding` says what it means and what mends it. Within a scope it enters
by whose things are; for everybody it looks through tables of thousands of rows and not of millions: of tenants, agents, tokens, licences and
companies, never of what agents report of jobs and machines.
"""

from typing import Any, Final

import attrs
import sqlalchemy as sa

from gateway.store.engine import Database
from gateway.store.licensing.schema import licence_servers, licences
from gateway.store.licensing.values import LicenceState
from gateway.store.onboarding.companies import OrganizationStatus
from gateway.store.onboarding.schema import organization_details, tenant_mappings
from gateway.store.organizations import COMPANY
from gateway.store.schema import agents, cloud_tenants, organizations, sites, tokens
from gateway.store.standing import Standing
from gateway.store.views.answering import inside
from gateway.store.views.asking import Scope

EVERYTHING: Final = Scope.everything()
MOST: Final = 1000
"""Of one check: who has more to mend begins with these."""


@attrs.frozen(kw_only=True)
class Suspect:
    """A row that a check found."""

    organization_uid: str | None
    """Whose it is; None: nobody's."""
    organization_name: str | None
    uid: str
    """Of what is wrong: a tenant, an agent, a licence, a token, a company."""
    name: str
    detail: str
    """What tells it apart: the site, the installation id, how many there are, when it ends."""


@attrs.frozen
class Lint:
    """The verbs: `store.lint`. Each gives up to MOST rows, in the order of names."""

    _db: Database

    def unmapped_tenants(self, scope: Scope = EVERYTHING) -> list[Suspect]:
        """Enabled cloud tenants of verified sites that are nobody's, for who sees everything; detail: the site's uid."""
        if scope != EVERYTHING:
            return []
        query: sa.Select[Any] = (
            sa.select(
                sa.null().label("organization_uid"), sa.null().label("organization_name"), cloud_tenants.c.uid,
                cloud_tenants.c.name, sites.c.uid.label("detail"),
            )
            .join(sites, sites.c.agent_id == cloud_tenants.c.agent_id)
            .join(agents, agents.c.id == cloud_tenants.c.agent_id)
            .outerjoin(tenant_mappings, OF_TENANT)
            .where(cloud_tenants.c.enabled, agents.c.standing == Standing.VERIFIED, tenant_mappings.c.tenant_uid.is_(None))
        )  # fmt: skip
        return self._suspects(query.order_by(cloud_tenants.c.name, cloud_tenants.c.uid))

    def lost_tenants(self, scope: Scope = EVERYTHING) -> list[Suspect]:
        """Mapped tenants that their site does not report any more, or has disabled; detail: the site's uid."""
        query: sa.Select[Any] = (
            sa.select(
                organizations.c.uid.label("organization_uid"), organizations.c.name.label("organization_name"),
                tenant_mappings.c.tenant_uid.label("uid"), tenant_mappings.c.tenant_name.label("name"),
                tenant_mappings.c.site_uid.label("detail"),
            )
            .join(organizations, organizations.c.uid == tenant_mappings.c.company_uid)
            .outerjoin(cloud_tenants, OF_TENANT)
            .where(
                inside(tenant_mappings.c.company_uid, scope), sa.or_(cloud_tenants.c.uid.is_(None), ~cloud_tenants.c.enabled)
            )
        )  # fmt: skip
        return self._suspects(query.order_by(tenant_mappings.c.tenant_name, tenant_mappings.c.tenant_uid))

    def cloned_agents(self, scope: Scope = EVERYTHING) -> list[Suspect]:
        """Verified agents that share an installation id; detail: that id."""
        twice = (
            sa.select(agents.c.installation_uid)
            .where(agents.c.standing == Standing.VERIFIED)
            .group_by(agents.c.installation_uid)
            .having(sa.func.count() > 1)
        )
        query = self._of_agents(agents.c.installation_uid).where(
            inside(agents.c.organization_uid, scope),
            agents.c.standing == Standing.VERIFIED,
            agents.c.installation_uid.in_(twice),
        )
        return self._suspects(query.order_by(agents.c.installation_uid, agents.c.id))

    def waiting_agents(self, scope: Scope = EVERYTHING) -> list[Suspect]:
        """Agents that nobody has accepted for a company; detail: the code that they wait by."""
        query = self._of_agents(sa.cast(agents.c.code, sa.Text)).where(
            inside(agents.c.organization_uid, scope), agents.c.standing == Standing.UNVERIFIED
        )
        return self._suspects(query.order_by(agents.c.host_name, agents.c.id))

    def shared_licences(self, scope: Scope = EVERYTHING) -> list[Suspect]:
        """Licences that several servers say they have; detail: how many."""
        servers = (
            sa.select(licence_servers.c.installed_uid, sa.func.count().label("servers"))
            .where(licence_servers.c.installed_uid.is_not(None))
            .group_by(licence_servers.c.installed_uid)
            .having(sa.func.count() > 1)
            .subquery()
        )
        query: sa.Select[Any] = (
            sa.select(
                organizations.c.uid.label("organization_uid"), organizations.c.name.label("organization_name"),
                licences.c.uid, licences.c.product.label("name"), sa.cast(servers.c.servers, sa.Text).label("detail"),
            )
            .join(servers, servers.c.installed_uid == licences.c.uid)
            .outerjoin(organizations, organizations.c.uid == licences.c.organization_uid)
            .where(inside(licences.c.organization_uid, scope))
        )  # fmt: skip
        return self._suspects(query.order_by(organizations.c.name, licences.c.uid))

    def licences_left_behind(self, scope: Scope = EVERYTHING) -> list[Suspect]:
        """Verified agents whose servers have a licence of another company than theirs; detail: the licence."""
        query = (
            self._of_agents(licences.c.uid)
            .join(licence_servers, licence_servers.c.agent_uid == agents.c.uid)
            .join(licences, licences.c.uid == licence_servers.c.installed_uid)
            .where(
                inside(agents.c.organization_uid, scope),
                agents.c.standing == Standing.VERIFIED,
                licences.c.organization_uid.is_distinct_from(agents.c.organization_uid),
            )
        )
        return self._suspects(query.order_by(agents.c.host_name, agents.c.id))

    def mixed_licences(self, scope: Scope = EVERYTHING) -> list[Suspect]:
        """Companies whose licences are paid for in several ways; detail: how many ways."""
        query: sa.Select[Any] = (
            sa.select(*_company_columns(sa.cast(sa.func.count(licences.c.kind.distinct()), sa.Text).label("detail")))
            .join(licences, licences.c.organization_uid == organizations.c.uid)
            .where(inside(organizations.c.uid, scope), licences.c.state == LicenceState.ACTIVE.value)
            .group_by(organizations.c.uid, organizations.c.name)
            .having(sa.func.count(licences.c.kind.distinct()) > 1)
        )  # fmt: skip
        return self._suspects(query.order_by(organizations.c.name))

    def ending_tokens(self, scope: Scope = EVERYTHING, *, from_ms: int, to_ms: int) -> list[Suspect]:
        """Tokens that let agents in and end within that time; detail: when, in milliseconds since the epoch."""
        query: sa.Select[Any] = (
            sa.select(
                organizations.c.uid.label("organization_uid"), organizations.c.name.label("organization_name"),
                tokens.c.id.label("uid"), tokens.c.id.label("name"), sa.cast(tokens.c.expires_ms, sa.Text).label("detail"),
            )
            .join(organizations, organizations.c.uid == tokens.c.organization_uid)
            .where(
                inside(tokens.c.organization_uid, scope), tokens.c.expires_ms > from_ms, tokens.c.expires_ms <= to_ms, tokens.c.revoked_ms.is_(None),
                tokens.c.reset_ms.is_(None), tokens.c.uses < tokens.c.max_uses,
            )
        )  # fmt: skip
        return self._suspects(query.order_by(organizations.c.name, tokens.c.expires_ms, tokens.c.id))

    def idle_companies(self, scope: Scope = EVERYTHING) -> list[Suspect]:
        """Active companies without an agent that may report; detail: nothing."""
        living = sa.select(agents.c.organization_uid).where(
            agents.c.standing.in_((Standing.VERIFIED, Standing.UNVERIFIED))
        )
        query: sa.Select[Any] = (
            sa.select(*_company_columns(sa.literal("").label("detail")))
            .outerjoin(organization_details, organization_details.c.uid == organizations.c.uid)
            .where(
                inside(organizations.c.uid, scope),
                organizations.c.kind == COMPANY,
                organization_details.c.status.is_distinct_from(OrganizationStatus.DISABLED.value),
                organizations.c.uid.not_in(living),
            )
        )
        return self._suspects(query.order_by(organizations.c.name))

    def _of_agents(self, detail: sa.ColumnElement[str]) -> sa.Select[Any]:
        return sa.select(
            organizations.c.uid.label("organization_uid"), organizations.c.name.label("organization_name"), agents.c.uid,
            agents.c.host_name.label("name"), detail.label("detail"),
        ).join(organizations, organizations.c.uid == agents.c.organization_uid)  # fmt: skip

    def _suspects(self, query: sa.Select[Any]) -> list[Suspect]:
        with self._db.read() as connection:
            return [Suspect(**row) for row in connection.execute(query.limit(MOST)).mappings()]


OF_TENANT: Final = sa.and_(
    tenant_mappings.c.agent_id == cloud_tenants.c.agent_id,
    tenant_mappings.c.tenant_uid == cloud_tenants.c.uid,
)


def _company_columns(detail: sa.ColumnElement[str]) -> list[sa.ColumnElement[Any]]:
    """A company, as what is wrong and as whose it is."""
    uid, name = organizations.c.uid, organizations.c.name
    whose = [uid.label("organization_uid"), name.label("organization_name")]
    return [*whose, uid.label("uid"), name.label("name"), detail]
