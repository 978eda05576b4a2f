"""`/infrastructure` and `/protectedWorkloads`: what agents report, as lists of the store's views."""

from typing import Final

from litestar.handlers import HTTPRouteHandler

from gateway.access import Permission
from gateway.management.rest.listing import listing, one
from gateway.store import VIEWS

__all__ = ["INFRASTRUCTURE"]

TAG: Final = "Infrastructure"

LISTS: Final = (
    # path, view, what one row of it is called in operation ids, the path's parameter
    ("/infrastructure/managementAgents", "managementAgents", "ManagementAgent", "agent_uid"),
    ("/infrastructure/unverifiedAgents", "unverifiedAgents", "UnverifiedAgent", "agent_uid"),
    ("/infrastructure/backupServers/jobs", "jobs", "Job", "job_uid"),
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


def _both(path: str, view: str, word: str, key: str) -> tuple[HTTPRouteHandler, HTTPRouteHandler]:
    return (
        listing(
            path, VIEWS[view], permission=Permission.INFRASTRUCTURE_READ, operation_id=f"Get{word}s",
            summary=VIEWS[view].says, tag=TAG,
        ),
        one(
            f"{path}/{{{key}:str}}", VIEWS[view], key=key, permission=Permission.INFRASTRUCTURE_READ,
            operation_id=f"Get{word}", summary=VIEWS[view].says, tag=TAG,
        ),
    )  # fmt: skip


INFRASTRUCTURE: Final[tuple[HTTPRouteHandler, ...]] = tuple(
    handler for each in LISTS for handler in _both(*each)
)
