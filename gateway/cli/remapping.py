"""`fieldgate remap`: what was taken on for the wrong company, moved to the right one, and shown first."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from gateway.billing import midnight_ms
from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.companies import By
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data
from gateway.cli.output import say
from gateway.onboarding import plan_move

__all__ = ["remap"]


def remap(
    company: str,
    to: str,
    /,
    *,
    why: str,
    agent: Annotated[Sequence[str], Parameter(negative="")] = (),
    tenant: Annotated[Sequence[str], Parameter(negative="")] = (),
    everything: Annotated[bool, Parameter(negative="")] = False,
    since: str | None = None,
    yes: Annotated[bool, Parameter(negative="")] = False,
    by: By = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Move agents and cloud tenants from one company to another: shown first, and done with --yes. Sessions go on, history stays.

    Parameters
    ----------
    company
        The company (name or uid) that they were taken on for by mistake.
    to
        The company whose they are.
    why
        The reason, kept for the audit.
    agent
        An agent's uid; several times for several.
    tenant
        A tenant's name or uid; several times for several.
    everything
        All of the company's agents and tenants.
    since
        The day (2026-10-15) from which on the tenants' storage counts for the other company; default: from now on.
    yes
        Do it; without, it is only shown.
    """
    if everything == bool(agent or tenant):
        raise CommandError(
            "name what to move by --agent and --tenant, or say --everything", exit_code=UNUSABLE
        )
    if not why.strip():
        raise CommandError("--why is empty: say why, it is kept for the audit", exit_code=UNUSABLE)
    with open_provider(data) as provider:
        store = provider.store
        source, target = store.companies.find(company), store.companies.find(to)
        plan = plan_move(
            store, source, target, agents=agent, tenants=tenant, everything=everything, now_ms=now_ms(),
            since_ms=None if since is None else _midnight(since, ZoneInfo(provider.config.time_zone)),
        )  # fmt: skip
        if yes:
            store.remapping.move(plan.move, why=why, by=operator(by), now_ms=now_ms())
            provider.ring()
    for uid, host_name in plan.agents.items():
        say(f"agent   {host_name} ({uid})")
    for each in plan.tenants:
        say(f"tenant  {each.tenant_name} of {each.site_name}")
    for licence in plan.licences:
        say(
            f"stays   licence {licence.terms.uid}: it is signed for {source.name}. Generate one for {target.name}, then revoke this one"
        )
    verb = "moved" if yes else "would be moved"
    say(
        "",
        f"{len(plan.agents)} agents and {len(plan.tenants)} tenants {verb} from {source.name} to {target.name}",
    )
    if not yes:
        say(
            "What agents report counts for the new company in all months that are not final; tenants' storage "
            + (
                "from now on (--since names an earlier day)"
                if since is None
                else f"since {since}, as far as it was mapped then"
            )
            + ". Say it again with --yes."
        )


def _midnight(day: str, zone: ZoneInfo) -> int:
    try:
        return midnight_ms(date.fromisoformat(day), zone)
    except ValueError:
        raise CommandError(f"--since {day!r} is no day of the form 2026-10-15", exit_code=UNUSABLE) from None
