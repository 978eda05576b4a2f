"""Every route, by family."""

from typing import Final

from litestar.handlers import HTTPRouteHandler

from gateway.management.routes.about import ABOUT
from gateway.management.routes.access import ACCESS
from gateway.management.routes.actions import ACTIONS
from gateway.management.routes.agents import AGENTS
from gateway.management.routes.alarms import ALARMS
from gateway.management.routes.enrollment import ENROLLMENT
from gateway.management.routes.events import EVENTS
from gateway.management.routes.infrastructure import INFRASTRUCTURE
from gateway.management.routes.licensing import LICENSING
from gateway.management.routes.linting import LINT
from gateway.management.routes.login import LOGIN
from gateway.management.routes.mailing import MAILING
from gateway.management.routes.morning import MORNING
from gateway.management.routes.notifying import NOTIFYING
from gateway.management.routes.onboarding import ONBOARDING
from gateway.management.routes.organizations import ORGANIZATIONS
from gateway.management.routes.places import PLACES
from gateway.management.routes.reports import REPORTS
from gateway.management.routes.restore import RESTORE
from gateway.management.routes.restore_sessions import RESTORE_SESSIONS
from gateway.management.routes.token import TOKEN
from gateway.management.routes.usage import USAGE
from gateway.management.routes.usage_organizations import USAGE_OF_ORGANIZATIONS
from gateway.management.routes.users import USERS_ROUTES

__all__ = ["ROUTES"]

ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    *ABOUT,
    *ACCESS,
    *ACTIONS,
    *AGENTS,
    *ALARMS,
    *ENROLLMENT,
    *EVENTS,
    *INFRASTRUCTURE,
    *MAILING,
    *MORNING,
    *NOTIFYING,
    *LICENSING,
    *LINT,
    *LOGIN,
    *ONBOARDING,
    *ORGANIZATIONS,
    *PLACES,
    *TOKEN,
    *USAGE,
    *USERS_ROUTES,
    *USAGE_OF_ORGANIZATIONS,
    *REPORTS,
    *RESTORE,
    *RESTORE_SESSIONS,
)
