"""Overrides: keep the alarms of one customer's or network's paths quiet, for a while, and say why."""

import ipaddress

import attrs
from cyclopts import App

from certs.inspection import Verdict
from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.inspection import Flag
from gateway.cli.options import DEFAULT_DATA, Data, Json, RowId
from gateway.cli.output import rows, say, when
from gateway.cli.places import location_of, names_of

__all__ = ["override_app"]

DAY_MS = 24 * 3600 * 1000
MAX_DAYS = 90
# By version of IP: what is wider than an internet provider is not one customer.
WIDEST = {4: 8, 6: 16}

override_app = App(
    name="override", help="Keep alarms quiet for a while; no path carries a session because of it."
)


@override_app.command(name="add")
def override_add(
    *,
    why: str,
    company: str | None = None,
    location: str | None = None,
    network: str | None = None,
    verdict: str | None = None,
    days: int = 7,
    by: str | None = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Keep alarms quiet: of a company, one of its locations, or a network; of all verdicts or of one.

    Incidents go on being opened, counted and closed. When the override ends and an incident does not, its alarm is given.

    Parameters
    ----------
    why
        The reason, kept for the audit.
    company
        The company (name or uid); the provider's own name for faults of the provider.
    location
        One of that company's locations (name or uid).
    network
        A network in CIDR, as the gateway sees the customer's addresses; at most a /8 of IPv4, a /16 of IPv6.
    verdict
        Only this verdict, as `inspection list` shows it.
    days
        For how long, at most 90.
    by
        Who decided it; default: the user who runs the command.
    """
    if not why.strip():
        raise CommandError("--why is empty: say why, it is kept for the audit", exit_code=UNUSABLE)
    if not 1 <= days <= MAX_DAYS:
        raise CommandError(f"--days must be between 1 and {MAX_DAYS}: an override ends", exit_code=UNUSABLE)
    if location is not None and company is None:
        raise CommandError("--location needs --company", exit_code=UNUSABLE)
    if verdict is not None and verdict not in {each.value for each in Verdict}:
        known = ", ".join(each.value for each in Verdict)
        raise CommandError(f"{verdict!r} is no verdict; there are {known}", exit_code=UNUSABLE)
    who = operator(by)
    with open_provider(data) as provider:
        owner = None if company is None else provider.store.organizations.find(company)
        place = None if owner is None or location is None else location_of(provider, owner, location)
        override = provider.store.overrides.add(
            organization_uid="" if owner is None else owner.uid,
            location_uid="" if place is None else place.uid,
            verdict=verdict or "",
            network="" if network is None else _network(network),
            who=who,
            why=why,
            expires_ms=now_ms() + days * DAY_MS,
            now_ms=now_ms(),
        )
    say(f"override {override.override_id}: quiet until {when(override.expires_ms)}")


@override_app.command(name="list")
def override_list(*, ended: Flag = False, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the overrides, who made them, and why.

    Parameters
    ----------
    ended
        Also those that are over.
    """
    now = now_ms()
    with open_provider(data) as provider:
        overrides = provider.store.overrides.list(active_at_ms=None if ended else now)
        organizations, locations = names_of(provider)
    rows(
        (
            attrs.asdict(each)
            | {
                "organization": organizations.get(each.organization_uid),
                "location": locations.get(each.location_uid),
                "active": each.is_active(now),
            }
            for each in overrides
        ),
        {
            "override_id": "OVERRIDE",
            "organization": "ORGANIZATION",
            "location": "LOCATION",
            "network": "NETWORK",
            "verdict": "VERDICT",
            "expires_ms": "UNTIL",
            "active": "ACTIVE",
            "who": "BY",
            "why": "WHY",
        },
        as_json=json_,
        empty="no override: every alarm is given",
        show={"expires_ms": when, "active": lambda active: "yes" if active else "no"},
    )


@override_app.command(name="end")
def override_end(override_id: RowId, /, *, by: str | None = None, data: Data = DEFAULT_DATA) -> None:
    """Give alarms again, also those that it kept quiet and that are still true.

    Parameters
    ----------
    override_id
        As `inspection override list` shows it.
    by
        Who decided it; default: the user who runs the command.
    """
    who = operator(by)
    with open_provider(data) as provider:
        provider.store.overrides.end(override_id, who=who, now_ms=now_ms())
    say("ended")


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise CommandError(
            f"--network {text!r} is no network, as 198.51.100.0/24 is", exit_code=UNUSABLE
        ) from None
    if network.prefixlen < WIDEST[network.version]:
        raise CommandError(
            f"--network {text!r} is half the world: at most a /{WIDEST[network.version]}", exit_code=UNUSABLE
        )
    return str(network)
