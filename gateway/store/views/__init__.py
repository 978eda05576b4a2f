"""Lists, as REST and the commands show them: one engine, and a declaration for each list.

    store.views.page(VIEWS["jobs"], Asked(where=Compare("status", Operation.EQUALS, "Failed")), Scope.everything(), now_ms=…)

A view's properties are declared once (describing.py); queries, rows and the description of the interface are made from them. A room adds
its views in a `views.py` of its own and registers them here.
"""

from collections.abc import Mapping
from typing import Final

from gateway.store.access.views import API_KEYS, AUDIT, USERS
from gateway.store.actions.views import GATEWAY_ACTIONS
from gateway.store.alarms.mail_views import MAIL_DELIVERIES, MAIL_RECEIVERS
from gateway.store.alarms.morning import (
    JOBS_TO_LOOK_AT,
    LICENCES_NEAR,
    QUOTAS,
    WITHOUT_RESTORE_POINT,
    without_restore_point,
)
from gateway.store.alarms.views import ACTIVE_ALARMS, ALARM_HISTORY, DELIVERIES, MAINTENANCE_WINDOWS, WEBHOOKS
from gateway.store.licensing.views import LICENCES, LICENSED_SERVERS
from gateway.store.onboarding.views import COMPANIES, ENROLLMENT_TOKENS, RESELLERS
from gateway.store.restores.views import RESTORE_SESSIONS
from gateway.store.views.agents import MANAGEMENT_AGENTS, UNVERIFIED_AGENTS
from gateway.store.views.answering import Views, time_text
from gateway.store.views.asking import (
    EXACT,
    MOST_VALUES,
    Any_,
    Asked,
    Collation,
    Compare,
    Condition,
    Every,
    Operation,
    Order,
    Page,
    QueryRefused,
    Scope,
)
from gateway.store.views.backups import COMPUTERS, FILE_SHARES, JOBS, VIRTUAL_MACHINES
from gateway.store.views.commands import ASYNC_ACTIONS
from gateway.store.views.describing import Kind, Property, View
from gateway.store.views.infrastructure import BACKUP_SERVERS, LOCATIONS, REPOSITORIES, SITES, TENANTS
from gateway.store.views.runs import JOB_SESSIONS

__all__ = [
    "EXACT",
    "MOST_VALUES",
    "VIEWS",
    "Any_",
    "Asked",
    "Collation",
    "Compare",
    "Condition",
    "Every",
    "Kind",
    "Operation",
    "Order",
    "Page",
    "Property",
    "QueryRefused",
    "Scope",
    "View",
    "Views",
    "time_text",
    "without_restore_point",
]

VIEWS: Final[Mapping[str, View]] = {
    view.name: view
    for view in (
        MANAGEMENT_AGENTS,
        UNVERIFIED_AGENTS,
        ACTIVE_ALARMS,
        ALARM_HISTORY,
        MAINTENANCE_WINDOWS,
        WEBHOOKS,
        DELIVERIES,
        MAIL_RECEIVERS,
        MAIL_DELIVERIES,
        JOBS_TO_LOOK_AT,
        WITHOUT_RESTORE_POINT,
        QUOTAS,
        LICENCES_NEAR,
        SITES,
        TENANTS,
        LOCATIONS,
        BACKUP_SERVERS,
        REPOSITORIES,
        JOBS,
        JOB_SESSIONS,
        VIRTUAL_MACHINES,
        COMPUTERS,
        FILE_SHARES,
        ASYNC_ACTIONS,
        GATEWAY_ACTIONS,
        USERS,
        API_KEYS,
        AUDIT,
        RESELLERS,
        COMPANIES,
        ENROLLMENT_TOKENS,
        LICENCES,
        LICENSED_SERVERS,
        RESTORE_SESSIONS,
    )
}
"""By name."""
