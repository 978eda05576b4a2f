"""Why onboarding says no, each with a code of its own: the text says what is in the way and what to do about it."""

from gateway.store.errors import Conflict, NotFound
from protocol import Code

__all__ = [
    "OrganizationDisabled",
    "SiteSilent",
    "TenantDisabled",
    "TenantMapped",
    "TenantNotReported",
    "WrongKind",
]


class TenantNotReported(NotFound):
    """The site reports no such tenant now."""

    code = Code.TENANT_NOT_REPORTED


class TenantDisabled(Conflict):
    """The tenant may not connect to its site."""

    code = Code.TENANT_DISABLED


class TenantMapped(Conflict):
    """The tenant is another company's."""

    code = Code.TENANT_MAPPED


class SiteSilent(Conflict):
    """The site has not said for too long which tenants it has."""

    code = Code.SITE_SILENT


class OrganizationDisabled(Conflict):
    """A disabled company or reseller gets nothing new."""

    code = Code.ORGANIZATION_DISABLED


class WrongKind(Conflict):
    """A company where a reseller is meant, or the other way round, or the provider."""

    code = Code.ORGANIZATION_WRONG_KIND
