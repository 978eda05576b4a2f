"""Codes for `fieldgate-agent probe --gateway-view`: somebody who is not enrolled sees the gateway's half of one connection."""

import secrets
from typing import Annotated

from cyclopts import Parameter

from certs import Authority, PathCode
from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import json_line, say, when
from gateway.cli.places import location_of
from gateway.config import CO_LOCATED, REMOTE
from gateway.minting import announced_trust

__all__ = ["inspection_code"]

MINUTE_MS = 60_000
MAX_MINUTES = 60


def inspection_code(
    *,
    for_: Annotated[str, Parameter(name="--for")],
    location: str | None = None,
    minutes: int = 15,
    why: str = "",
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Make a code for one probe with the gateway's view, and print it, this once. The gateway keeps only its public key.

    It shows what the gateway saw of the very connection that carries it, and nothing else; it enrolls nobody.

    Parameters
    ----------
    for_
        The company (name or uid) at whose place somebody probes.
    location
        One of that company's locations (name or uid).
    minutes
        For how long it may be used, at most 60.
    why
        The reason, kept for the audit.
    """
    if not 1 <= minutes <= MAX_MINUTES:
        raise CommandError(f"--minutes must be between 1 and {MAX_MINUTES}", exit_code=UNUSABLE)
    now = now_ms()
    with open_provider(data) as provider:
        owner = provider.store.organizations.find(for_)
        place = None if location is None else location_of(provider, owner, location)
        trust = announced_trust(provider.config, Authority.load(provider.folder.ca))
        gateways = provider.config.addresses(CO_LOCATED if owner.kind == "provider" else REMOTE)
        if not gateways or not trust.report_keys:
            lacking = (
                "listener for its agents" if not gateways else "report key: fieldgate ca rotate --report"
            )
            raise CommandError(f"there is no {lacking}", exit_code=UNUSABLE)
        code = PathCode.create(
            seed=secrets.token_bytes(32),
            pins=trust.pins_current + trust.pins_next,
            gateways=gateways,
            names=trust.names,
            report_key=trust.report_keys[0],
        )
        stored = provider.store.codes.add(
            code.id,
            code.public_key(),
            organization_uid=owner.uid,
            location_uid=None if place is None else place.uid,
            who=operator(),
            why=why,
            expires_ms=now + minutes * MINUTE_MS,
            now_ms=now,
        )
    if json_:
        json_line({"id": stored.id, "code": code.encode(), "expires_ms": stored.expires_ms})
        return
    say(
        code.encode(),
        "",
        f"For {owner.name}; good for one probe until {when(stored.expires_ms)}. Shown this once. At the customer's site:",
        f"  fieldgate-agent probe {gateways[0]} --gateway-view CODE",
    )
