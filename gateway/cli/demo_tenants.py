"""The demo's onboarding: the cloud tenants that its simulated sites report are mapped to the companies of the same names."""

from collections.abc import Mapping

import attrs

from gateway.cli.common import now_ms
from gateway.store import Conflict, SiteSilent, Store

__all__ = ["TenantMapper"]

BY = "demo"


@attrs.define
class TenantMapper:
    """Maps each site's tenants once, as soon as the site has reported them; who takes one back then has the last word."""

    store: Store
    companies: Mapping[str, str]
    """Their uids, by name."""
    _done: set[str] = attrs.field(factory=set)

    def look(self) -> int:
        """Map what has been reported since; how many tenants that were."""
        mapped = 0
        for site in self.store.organizations.list_sites():
            if site.uid not in self._done:
                mapped += self._map(site.uid)
        return mapped

    def _map(self, site_uid: str) -> int:
        mapped = 0
        reported = self.store.mappings.reported(site_uid)
        for tenant in reported:
            company = self.companies.get(tenant.tenant_name)
            if not tenant.synthetic or tenant.company_uid is not None or company is None:
                continue
            try:
                self.store.mappings.map(site_uid, tenant.tenant_uid, company, by=BY, now_ms=now_ms())
            except SiteSilent:  # its inventory comes in parts, and the last is not here yet
                return mapped
            except Conflict:  # somebody was faster, or has disabled the company
                continue
            mapped += 1
        if reported:
            self._done.add(site_uid)
        return mapped
