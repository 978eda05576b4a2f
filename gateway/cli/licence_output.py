"""What is shown of licences and of the servers that have them."""

from typing import Any

import attrs

from gateway.cli.output import facts, json_line, say, when
from gateway.licensing import Outcome
from gateway.store import LicenceServer, StoredLicence

__all__ = ["record_of", "server_record", "show_licence", "show_server", "tell"]


def record_of(licence: StoredLicence) -> dict[str, Any]:
    """A licence for a table or a script."""
    terms = licence.terms
    record = attrs.asdict(terms) | {"kind": terms.kind.value, "points": terms.points}
    others = attrs.asdict(licence, filter=lambda field, _: field.name != "terms")
    status = None if licence.status is None else licence.status.value
    return (
        record
        | others
        | {"state": licence.state.value, "status": status, "used_percent": licence.used_percent}
    )


def tell(outcome: Outcome, *, as_json: bool) -> None:
    """Say what came of a deed: the licence, or that it is kept."""
    if outcome.licence is not None:
        show_licence(outcome.licence, as_json=as_json)
    elif as_json:
        json_line(
            {"deed": outcome.deed.uid, "state": outcome.deed.state.value, "message": outcome.deed.message}
        )
    else:
        why = outcome.deed.message or "an earlier deed for this licence is not answered yet"
        say(f"kept, and asked again until it is done: {why}", "fieldgate licence deeds shows what waits")


def show_licence(
    licence: StoredLicence, *, as_json: bool, servers: list[LicenceServer] | None = None
) -> None:
    """Print a licence, and the servers that have it."""
    record = record_of(licence)
    if as_json:
        json_line(
            record if servers is None else record | {"servers": [server_record(each) for each in servers]}
        )
        return
    workloads = ", ".join(f"{each.count} {each.name}" for each in licence.terms.workloads)
    shown = {
        name: when(value) if name.endswith("_ms") and isinstance(value, int) else value
        for name, value in record.items()
    }
    facts(shown | {"workloads": workloads})
    for server in servers or ():
        say(f"agent {server.agent_uid}: {server.state} {server.message or ''}".rstrip())


def server_record(server: LicenceServer) -> dict[str, Any]:
    """A server for a script."""
    return attrs.asdict(server) | {"wanted": server.wanted.value, "state": server.state.value}


def show_server(server: LicenceServer, *, as_json: bool) -> None:
    """Print a server."""
    record = server_record(server)
    if as_json:
        json_line(record)
        return
    facts(
        {
            name: when(value) if name.endswith("_ms") and isinstance(value, int) else value
            for name, value in record.items()
        }
    )
