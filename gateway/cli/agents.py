"""Agents: who is there, who waits for a decision, and what is missing of what they said."""

import time
from collections.abc import Sequence
from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json, RowId
from gateway.cli.output import ago, facts, json_line, rows, say, when
from gateway.config import Agents
from gateway.store import Agent, AuditEntry, ConnectionStatus, GapState, Standing
from protocol import Code, Health

agent_app = App(name="agent")
gap_app = App(name="gap")

# Edges look for changes every 2 s, whatever becomes of the bell.
HEARD_AFTER_S = 5.0


@agent_app.command(name="list")
def agent_list(
    *,
    company: str | None = None,
    status: ConnectionStatus | None = None,
    standing: Standing | None = None,
    out_of_date: Annotated[bool, Parameter(negative="")] = False,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """List agents with their connection.

    Parameters
    ----------
    company
        Only this company's (name or uid).
    status
        Only those: online, inaccessible, unverified, rejected, unknown.
    standing
        Only those: verified, unverified, rejected, revoked.
    out_of_date
        Only those whose version will not do, by the settings agents.current and agents.minimum.
    """
    with open_provider(data) as provider:
        uid = None if company is None else provider.store.organizations.find(company).uid
        agents = provider.store.agents.list(
            now_ms=now_ms(), organization_uid=uid, standing=standing, status=status
        )
        due = provider.config.agents
    records = (_record(agent, due) for agent in agents)
    rows(
        [record for record in records if record["due_version"] or not out_of_date],
        {
            "organization_name": "ORGANIZATION",
            "host_name": "HOST",
            "kind": "KIND",
            "synthetic": "SIMULATED",
            "status": "STATUS",
            "health": "HEALTH",
            "last_heartbeat_ms": "HEARTBEAT",
            "agent_version": "VERSION",
            "due_version": "DUE",
            "uid": "UID",
        },
        as_json=json_,
        empty="no agent is out of date"
        if out_of_date
        else "no agent fits: fieldgate token create makes the string that enrolls one",
        show={"last_heartbeat_ms": ago(now_ms()), "synthetic": lambda flag: "yes" if flag else ""},
    )


def _record(agent: Agent, releases: Agents) -> dict[str, object]:
    record = attrs.asdict(agent)
    record["due_version"] = (
        releases.due(agent.agent_version, agent_uid=agent.uid, organization_uid=agent.organization_uid)
        or None
    )
    record["health"] = Health(agent.health).name.lower() if agent.health else None  # 0: no heartbeat yet
    record["code"] = str(Code(agent.code)) if agent.code else None
    record["ended_code"] = str(Code(agent.ended_code)) if agent.ended_code else None
    return record


@agent_app.command(name="show")
def agent_show(agent: str, /, *, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Show everything known about one agent.

    Parameters
    ----------
    agent
        The agent's uid.
    """
    with open_provider(data) as provider:
        record = _record(provider.store.agents.get(agent, now_ms=now_ms()), provider.config.agents)
    if json_:
        rows([record], {}, as_json=True, empty="")
        return
    for key, value in record.items():
        if key.endswith("_ms") and key != "clock_offset_ms" and isinstance(value, int):
            record[key] = when(value)
    facts(record)


@agent_app.command(name="accept")
def agent_accept(
    agent: str, /, *, company: str | None = None, location: str | None = None, data: Data = DEFAULT_DATA
) -> None:
    """Verify an agent that waits, or that was rejected.

    Parameters
    ----------
    agent
        The agent's uid.
    company
        The company it belongs to (name or uid); default: the one of its token.
    location
        One of that company's locations (name or uid).
    """
    with open_provider(data) as provider:
        found = provider.store.agents.get(agent, now_ms=now_ms())
        organization = provider.store.organizations.find(company or found.organization_uid)
        places = provider.store.organizations.list_locations(organization.uid)
        chosen = [place.uid for place in places if location in (place.uid, place.name)]
        if location is not None and not chosen:
            raise CommandError(f"{organization.name} has no location {location!r}")
        kept = found.location_uid if company is None else None
        provider.decisions.accept_agent(
            found, organization_uid=organization.uid, location_uid=chosen[0] if chosen else kept, by=operator(),
            now_ms=now_ms(),
        )  # fmt: skip
    say(f"accepted for {organization.name}")


@agent_app.command(name="reject")
def agent_reject(agent: str, /, *, data: Data = DEFAULT_DATA) -> None:
    """Turn an agent away until it is accepted; its session ends.

    Parameters
    ----------
    agent
        The agent's uid.
    """
    with open_provider(data) as provider:
        provider.decisions.reject_agent(agent, by=operator(), now_ms=now_ms())
    say(f"rejected: told {Code.AGENT_REJECTED}, until `fieldgate agent accept {agent}`")


@agent_app.command(name="revoke")
def agent_revoke(agent: str, /, *, why: str, data: Data = DEFAULT_DATA) -> None:
    """End an agent for good: its certificates are revoked and its session ends at once.

    Parameters
    ----------
    agent
        The agent's uid.
    why
        The reason, kept with the revocation.
    """
    if not why.strip():
        raise CommandError("--why is empty: say why, it is kept with the revocation", exit_code=UNUSABLE)
    with open_provider(data) as provider:
        provider.decisions.revoke_agent(agent, why=why, by=operator(), now_ms=now_ms())
    say("revoked: it has to enroll again, with a new token")


@agent_app.command(name="remove")
def agent_remove(
    *,
    synthetic: Annotated[bool, Parameter(negative="")],  # required: nobody is to mean others
    token: Annotated[Sequence[str], Parameter(negative="")] = (),
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Remove simulated agents, with all that they said. Nobody else can be removed.

    Parameters
    ----------
    synthetic
        Has to be said: there is no other kind that this command removes.
    token
        Only those that enrolled by this token (its id); several times for several tokens.
    """
    removed = 0
    with open_provider(data) as provider:
        while some := provider.store.simulated.remove(token or None):
            removed += some
            provider.ring()
        if removed:
            about = f"{removed} agents" + (f" of {', '.join(token)}" if token else "")
            entry = AuditEntry(at_ms=now_ms(), who=operator(), action="simulated agents removed", about=about)
            provider.store.audit.note(entry)
            time.sleep(HEARD_AFTER_S)
            provider.store.simulated.forget()
    if json_:
        json_line({"removed": removed})
    else:
        say(f"{removed} simulated agents removed" if removed else "no simulated agent fits")


@gap_app.command(name="list")
def gap_list(
    *,
    every: Annotated[bool, Parameter(negative="")] = False,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """List the gaps that wait for records.

    Parameters
    ----------
    every
        Also those that were settled.
    """
    waiting = (GapState.OPEN, GapState.DECLARED)
    with open_provider(data) as provider:
        views = provider.store.gaps.list(tuple(GapState) if every else waiting)
    rows(
        [
            attrs.asdict(view.gap)
            | {
                "missing": view.gap.missing.hex(),
                "host_name": view.host_name,
                "records": view.gap.to_sequence - view.gap.from_sequence,
                "parked_batches": view.parked_batches,
            }
            for view in views
        ],
        {
            "gap_id": "GAP",
            "host_name": "HOST",
            "from_sequence": "FROM",
            "records": "RECORDS",
            "state": "STATE",
            "parked_batches": "PARKED BEHIND",
            "opened_ms": "SINCE",
            "asks": "ASKED",
            "agent_uid": "AGENT",
        },
        as_json=json_,
        empty="no gap: nothing is missing",
        show={"opened_ms": when},
    )


@gap_app.command(name="declare-lost")
def gap_declare_lost(gap_id: RowId, /, *, data: Data = DEFAULT_DATA) -> None:
    """Say that no copy of the missing records is left anywhere; what waits behind the gap is then taken in.

    First make sure: the agent's outbox keeps what is not in the store, and is asked again and again. Records that come
    after all are still taken in, once.

    Parameters
    ----------
    gap_id
        As `gap list` shows it.
    """
    with open_provider(data) as provider:
        provider.store.gaps.declare_lost(gap_id)
    say(f"{Code.GAP_DECLARED_LOST}: the projector goes on behind the gap; its agent is asked for all")
