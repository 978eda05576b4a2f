"""The provider's sites, and the tokens that enroll agents."""

import sys
from collections.abc import Callable
from typing import Annotated

import attrs
from cyclopts import App, Parameter

from certs import Token
from gateway.cli.common import Provider, now_ms, open_provider, operator
from gateway.cli.consents import consent_given
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import json_line, rows, say, size, when
from gateway.cli.places import location_of, names_of
from gateway.config import CO_LOCATED, REMOTE
from gateway.minting import mint_token
from gateway.onboarding import MOST_DAYS, MOST_USES, TokenWish, issue_token
from gateway.store import Organization, StoredToken

site_app = App(name="site")
token_app = App(name="token")


@site_app.command(name="list")
def site_list(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the sites with the cloud tenants that they reported."""
    with open_provider(data) as provider:
        sites = provider.store.organizations.list_sites()
        tenants = provider.store.organizations.list_cloud_tenants()
    listed = []
    for site in sites:
        its = [attrs.asdict(tenant) for tenant in tenants if tenant.site_uid == site.uid]
        listed.append(
            attrs.asdict(site)
            | {
                "cloud_tenants": its if json_ else len(its),
                "used_bytes": sum(tenant["used_bytes"] for tenant in its),
                "quota_bytes": sum(tenant["quota_bytes"] for tenant in its),
            }
        )
    rows(
        listed,
        {
            "name": "SITE",
            "cloud_tenants": "CLOUD TENANTS",
            "used_bytes": "USED",
            "quota_bytes": "QUOTA",
            "uid": "UID",
        },
        as_json=json_,
        empty="no site yet: a site appears when its agent enrolls (fieldgate token create --site)",
        show={"used_bytes": size, "quota_bytes": size},
    )


@token_app.command(name="create")
def token_create(
    *,
    company: str | None = None,
    location: str | None = None,
    site: Annotated[bool, Parameter(negative="")] = False,
    simulation: Annotated[bool, Parameter(negative="")] = False,
    days: int = 30,
    uses: int = 25,
    consent_by: str | None = None,
    consent: str | None = None,
    data: Data = DEFAULT_DATA,
    json_: Json = False,
) -> None:
    """Make a token and print it, this once: the gateway keeps only its public key.

    Without --company the token is for the provider's own servers, which connect to the co-located port.

    Parameters
    ----------
    company
        The company (name or uid) whose agents it enrolls.
    location
        One of that company's locations (name or uid).
    site
        For a cloud-connect server of the provider's.
    simulation
        Its agents are simulated: they carry that flag for good and are never billed.
    days
        How long it is valid.
    uses
        How many agents it enrolls.
    consent_by
        Who of the company agreed that its servers are managed.
    consent
        To what that person agreed, or where it is written down.
    """
    if site and company is not None:
        raise CommandError("a site is the provider's own: leave --company out", exit_code=UNUSABLE)
    if not 1 <= days <= MOST_DAYS or not 1 <= uses <= MOST_USES:
        raise CommandError(f"--days must be 1 to {MOST_DAYS}, --uses 1 to {MOST_USES}", exit_code=UNUSABLE)
    given = consent_given(consent_by, consent)
    with open_provider(data) as provider:
        organizations = provider.store.organizations
        owner = organizations.provider() if company is None else organizations.find(company)
        wish = TokenWish(
            organization_uid=owner.uid,
            location_uid=None if location is None else location_of(provider, owner, location).uid,
            is_site=site,
            synthetic=simulation,
            days=days,
            uses=uses,
            consent=given,
        )
        issued = issue_token(provider.store, minting(provider), wish, by=operator(), now_ms=now_ms())
        try:
            _print_token(issued.stored, issued.token, owner, as_json=json_)
            sys.stdout.flush()
        except OSError:  # nobody has seen it, and nobody shall find it usable
            provider.decisions.revoke_token(issued.token.id, by=operator(), now_ms=now_ms())
            raise


def minting(provider: Provider) -> Callable[[bool], Token]:
    """Makes the provider's tokens."""

    def mint(is_provider: bool) -> Token:
        return mint_token(provider.folder, provider.config, CO_LOCATED if is_provider else REMOTE)

    return mint


def _print_token(stored: StoredToken, token: Token, owner: Organization, *, as_json: bool) -> None:
    if as_json:
        body = {
            "id": stored.id,
            "token": token.encode(),
            "organization_uid": owner.uid,
            "expires_ms": stored.expires_ms,
        }
        json_line(body)
        return
    flags = (" --site" if stored.kind == "site" else "") + (" --synthetic" if stored.synthetic else "")
    say(
        token.encode(),
        "",
        f"For {owner.name}; {stored.max_uses} agents until {when(stored.expires_ms)}. Shown this once. On the server:",
        f"  fieldgate-agent enroll{flags} --state FOLDER --token TOKEN && fieldgate-agent run --state FOLDER",
    )


@token_app.command(name="list")
def token_list(*, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List the tokens: what each is for, how often it was used, and whether it still works."""
    with open_provider(data) as provider:
        tokens = provider.store.tokens.list()
        names = names_of(provider)[0]
    now = now_ms()
    listed = [
        {
            "id": token.id,
            "organization": names.get(token.organization_uid),
            "kind": token.kind + (" (simulation)" if token.synthetic else ""),
            "uses": token.uses,
            "max_uses": token.max_uses,
            "expires_ms": token.expires_ms,
            "state": _token_state(token, now),
        }
        for token in tokens
    ]
    rows(
        listed,
        {
            "id": "ID",
            "organization": "FOR",
            "kind": "KIND",
            "uses": "USED",
            "max_uses": "OF",
            "expires_ms": "EXPIRES",
            "state": "STATE",
        },
        as_json=json_,
        empty="no token yet: fieldgate token create --company COMPANY",
        show={"expires_ms": when},
    )


def _token_state(token: StoredToken, now: int) -> str:
    if token.revoked_ms is not None:
        return "revoked"
    if token.reset_ms is not None:
        return "reset"
    if token.expires_ms <= now:
        return "expired"
    return "used up" if token.uses >= token.max_uses else "valid"


@token_app.command(name="revoke")
def token_revoke(token_id: str, /, *, data: Data = DEFAULT_DATA) -> None:
    """A leaked token enrolls nobody from now on; agents that it enrolled stay (see `agent revoke`).

    Parameters
    ----------
    token_id
        The token's id, as `token list` shows it.
    """
    with open_provider(data) as provider:
        provider.decisions.revoke_token(token_id, by=operator(), now_ms=now_ms())
    say("revoked: it enrolls nobody any more")


@token_app.command(name="reset")
def token_reset(token_id: str, /, *, data: Data = DEFAULT_DATA) -> None:
    """Agents that enroll with it from now on wait for `agent accept`; connected ones are not disturbed.

    Parameters
    ----------
    token_id
        The token's id, as `token list` shows it.
    """
    with open_provider(data) as provider:
        provider.decisions.reset_token(token_id, by=operator(), now_ms=now_ms())
    say("reset: who uses it from now on is unverified until accepted")
