"""Every route, by family."""

from typing import Final

from litestar.handlers import HTTPRouteHandler

from gateway.management.routes.about import ABOUT
from gateway.management.routes.actions import ACTIONS
from gateway.management.routes.enrollment import ENROLLMENT
from gateway.management.routes.events import EVENTS
from gateway.management.routes.infrastructure import INFRASTRUCTURE
from gateway.management.routes.organizations import ORGANIZATIONS
from gateway.management.routes.reports import REPORTS
from gateway.management.routes.usage import USAGE
from gateway.management.routes.usage_organizations import USAGE_OF_ORGANIZATIONS

__all__ = ["ROUTES"]

ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    *ABOUT,
    *ACTIONS,
    *ENROLLMENT,
    *EVENTS,
    *INFRASTRUCTURE,
    *ORGANIZATIONS,
    *USAGE,
    *USAGE_OF_ORGANIZATIONS,
    *REPORTS,
)
