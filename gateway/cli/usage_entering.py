"""`fieldgate usage enter`: usage that was not collected, reported by hand."""

from datetime import date
from zoneinfo import ZoneInfo

from gateway.billing import midnight_ms
from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data
from gateway.cli.output import say
from protocol import UsageSubject

__all__ = ["usage_enter"]


def usage_enter(
    agent: str,
    /,
    *,
    day: str,
    why: str,
    vms: int = 0,
    servers: int = 0,
    workstations: int = 0,
    mailboxes: int = 0,
    by: str | None = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Enter by hand what was protected on an agent's server, of a day on which it was not collected or before the agent came.

    It is billed as a report of that day, and every statement that has it says that it was entered, by whom and why. Another entry of the same
    day takes its place.

    Parameters
    ----------
    agent
        The agent's uid.
    day
        The day (2026-10-15) from whose beginning on it was so, until the agent's next own report or the next entry.
    why
        Why it is entered, and where the numbers are from.
    vms
        Virtual machines with a restore point of that day.
    servers
        Servers.
    workstations
        Workstations.
    mailboxes
        Microsoft 365 users.
    by
        Who enters it; default: you.
    """
    if not why.strip():
        raise CommandError("--why is empty: say why, statements show it", exit_code=UNUSABLE)
    counts = {
        UsageSubject.VM: vms, UsageSubject.SERVER: servers, UsageSubject.WORKSTATION: workstations, UsageSubject.M365_USER: mailboxes,
    }  # fmt: skip
    if min(counts.values()) < 0:
        raise CommandError("nobody protects fewer than none", exit_code=UNUSABLE)
    with open_provider(data) as provider:
        try:
            at_ms = midnight_ms(date.fromisoformat(day), ZoneInfo(provider.config.time_zone))
        except ValueError:
            raise CommandError(
                f"--day {day!r} is no day of the form 2026-10-15", exit_code=UNUSABLE
            ) from None
        provider.store.usage_entries.enter(
            agent, counts, at_ms=at_ms, why=why, by=operator(by), now_ms=now_ms()
        )
    say(f"entered for {day}: {sum(counts.values())} workloads")
