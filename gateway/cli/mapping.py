"""Cloud tenants: what the provider's sites report of them, and which company's each is."""

from collections.abc import Iterator, Sequence
from typing import Annotated, TypeVar

import attrs
from cyclopts import App, Parameter

from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.companies import By
from gateway.cli.errors import CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import rows, say
from gateway.store import ReportedTenant, Site, TenantMapping, TenantNotReported

__all__ = ["site_of", "tenant_app"]

tenant_app = App(name="tenant")

PAGE = 500

Tenant = TypeVar("Tenant", ReportedTenant, TenantMapping)

SiteName = Annotated[
    str | None,
    Parameter(name="--site", help="The site (name or uid); needed where several have such a tenant."),
]


@tenant_app.command(name="map")
def tenant_map(
    tenant: str, company: str, /, *, site: SiteName = None, by: By = None, data: Data = DEFAULT_DATA
) -> None:
    """Give a cloud tenant to a company, verified against what its site reports now.

    Parameters
    ----------
    tenant
        The tenant's name or uid, as its site reports it.
    company
        The company's name or uid.
    """
    with open_provider(data) as provider:
        owner = provider.store.companies.find(company)
        found = provider.store.mappings.find_reported(tenant, site_uid=_site_uid(provider, site))
        if not found:
            where = "no site reports" if site is None else f"{site} does not report"
            raise TenantNotReported(f"{where} a tenant {tenant!r}: fieldgate tenant list")
        one = _only(found, tenant)
        mapping = provider.store.mappings.map(
            one.site_uid, one.tenant_uid, owner.uid, by=operator(by), now_ms=now_ms()
        )
    say(f"{mapping.tenant_name} of {mapping.site_name} is {mapping.company_name}'s")


@tenant_app.command(name="unmap")
def tenant_unmap(tenant: str, /, *, site: SiteName = None, by: By = None, data: Data = DEFAULT_DATA) -> None:
    """Take a cloud tenant back from the company that it was mapped to. Closed months stay as they are.

    Parameters
    ----------
    tenant
        The tenant's name or uid, as it was when it was mapped.
    """
    with open_provider(data) as provider:
        found = provider.store.mappings.find_mapped(tenant, site_uid=_site_uid(provider, site))
        if not found:
            raise CommandError(f"no tenant {tenant!r} is mapped: fieldgate tenant list")
        one = _only(found, tenant)
        was = provider.store.mappings.unmap(one.site_uid, one.tenant_uid, by=operator(by), now_ms=now_ms())
    say(f"{was.tenant_name} of {was.site_name} is nobody's any more; it was {was.company_name}'s")


@tenant_app.command(name="list")
def tenant_list(
    *,
    site: SiteName = None,
    unmapped: Annotated[bool, Parameter(negative="")] = False,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """List the cloud tenants that the sites report, and whose each is.

    Parameters
    ----------
    unmapped
        Only those that are nobody's.
    """
    with open_provider(data) as provider:
        sites = provider.store.organizations.list_sites() if site is None else [site_of(provider, site)]
        listed = [attrs.asdict(each) for one in sites for each in _reported(provider, one, unmapped=unmapped)]
    rows(
        listed,
        {
            "site_name": "SITE",
            "tenant_name": "TENANT",
            "company_name": "COMPANY",
            "enabled": "ENABLED",
            "synthetic": "SIMULATED",
            "tenant_uid": "UID",
        },
        as_json=json_,
        empty="every tenant is mapped"
        if unmapped
        else "no site has reported a tenant yet: fieldgate site list",
        show={name: lambda flag: "yes" if flag else "" for name in ("enabled", "synthetic")},
    )


def site_of(provider: Provider, named: str) -> Site:
    """The site with that name or uid.

    Raises:
        CommandError: there is none, or there are several.
    """
    fits = [each for each in provider.store.organizations.list_sites() if named in (each.uid, each.name)]
    if not fits:
        raise CommandError(f"no site is called {named!r}: fieldgate site list")
    if len(fits) > 1:
        raise CommandError(
            f"{len(fits)} sites are called {named!r}: name one by its uid, fieldgate site list"
        )
    return fits[0]


def _site_uid(provider: Provider, named: str | None) -> str | None:
    return None if named is None else site_of(provider, named).uid


def _only(found: Sequence[Tenant], named: str) -> Tenant:
    if len(found) > 1:
        where = ", ".join(f"{each.tenant_uid} of {each.site_name}" for each in found)
        raise CommandError(
            f"{len(found)} tenants are called {named!r}: {where}; name one by its uid and --site"
        )
    return found[0]


def _reported(provider: Provider, site: Site, *, unmapped: bool) -> Iterator[ReportedTenant]:
    after = ""
    while page := provider.store.mappings.reported(site.uid, after=after, limit=PAGE, unmapped=unmapped):
        yield from page
        after = page[-1].tenant_uid
