"""`/infrastructure` and `/protectedWorkloads`: what agents report, as lists of the store's views."""

from collections.abc import Iterator
from typing import Final

from litestar.handlers import HTTPRouteHandler

from gateway.access import Permission
from gateway.management.rest.listing import listing, one
from gateway.store import VIEWS

__all__ = ["INFRASTRUCTURE"]

TAG: Final = "Infrastructure"

LISTS: Final = (
    # path, view, what one row of it is called in operation ids, the path's parameter; "" where single rows have no path
    ("/infrastructure/managementAgents", "managementAgents", "ManagementAgent", "agent_uid"),
    ("/infrastructure/unverifiedAgents", "unverifiedAgents", "UnverifiedAgent", "agent_uid"),
    ("/infrastructure/sites", "sites", "Site", "site_uid"),
    ("/infrastructure/sites/tenants", "sites/tenants", "SiteTenant", "tenant_uid"),
    ("/infrastructure/backupServers", "backupServers", "BackupServer", "server_uid"),
    ("/infrastructure/backupServers/repositories", "repositories", "Repository", "repository_uid"),
    ("/infrastructure/backupServers/jobs", "jobs", "Job", "job_uid"),
    ("/infrastructure/backupServers/jobs/sessions", "jobSessions", "JobSession", ""),
    (
        "/protectedWorkloads/virtualMachines",
        "protectedWorkloads/virtualMachines",
        "VirtualMachine",
        "workload_uid",
    ),
    (
        "/protectedWorkloads/computersManagedByConsole",
        "protectedWorkloads/computers",
        "Computer",
        "workload_uid",
    ),
    ("/protectedWorkloads/fileShares", "protectedWorkloads/fileShares", "FileShare", "workload_uid"),
)


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _routes(path: str, name: str, word: str, key: str) -> Iterator[HTTPRouteHandler]:
    view = VIEWS[name]
    # Who finds files and gets them back has to see what there is to look into, and nothing else of the servers.
    of_workloads = path.startswith("/protectedWorkloads")
    permission = Permission.RESTORE_READ if of_workloads else Permission.INFRASTRUCTURE_READ
    yield listing(
        path, view, permission=permission, operation_id=f"Get{_plural(word)}",
        summary=view.says, tag=TAG,
    )  # fmt: skip
    if key:
        yield one(
            f"{path}/{{{key}:str}}", view, key=key, permission=permission, operation_id=f"Get{word}",
            summary=f"One of these: {view.says[0].lower()}{view.says[1:]}", tag=TAG,
        )  # fmt: skip


INFRASTRUCTURE: Final[tuple[HTTPRouteHandler, ...]] = tuple(
    handler for each in LISTS for handler in _routes(*each)
)
