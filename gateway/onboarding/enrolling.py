"""Enrollment tokens, with the consent of those whose servers they open to the provider.

A tenant ticks "allow this server to be managed"; who that was, and to what, is written down with the token. Withdrawing it ends the
token. Agents that it let in are shown then, and ended only when somebody asks for that, too: their backups are the tenant's.
"""

from collections.abc import Callable
from typing import Final

import attrs

from certs import Token
from gateway.decisions import Decisions
from gateway.onboarding.fields import FieldRefused
from gateway.store import PROVIDER, Consent, ConsentGiven, Store, StoredToken

__all__ = [
    "DAY_MS",
    "MOST_DAYS",
    "MOST_USES",
    "IssuedToken",
    "TokenWish",
    "Withdrawal",
    "issue_token",
    "withdraw_consent",
]

DAY_MS: Final = 24 * 3600 * 1000
# More than these is a slip of the finger.
MOST_DAYS: Final = 3650
MOST_USES: Final = 1_000_000


@attrs.frozen(kw_only=True)
class TokenWish:
    """What a token is to be for."""

    organization_uid: str
    location_uid: str | None = None
    is_site: bool = False
    synthetic: bool = False
    days: int = 30
    uses: int = 25
    consent: ConsentGiven | None = None


@attrs.frozen(kw_only=True)
class IssuedToken:
    """A token that was made: what a person is shown once, and what is kept."""

    token: Token
    stored: StoredToken


@attrs.frozen(kw_only=True)
class Withdrawal:
    """A consent that was taken back."""

    consent: Consent
    agents: tuple[str, ...]
    """The uids of those that its token let in and that still are."""
    revoked: tuple[str, ...]
    """Those that were revoked with it."""


def issue_token(
    store: Store, mint: Callable[[bool], Token], wish: TokenWish, *, by: str, now_ms: int
) -> IssuedToken:
    """Make a token, keep its public key, and record the consent that goes with it.

    Args:
        store: where it is kept.
        mint: makes one that nobody knows yet; takes whether it is for the provider's own servers.
        wish: what it is to be for.
        by: who makes it, for the audit.
        now_ms: the time.

    Raises:
        Conflict: a site's token is made for a company.
        FieldRefused: it is for too long or too many.
        NotFound: there is no such organization, or it has no such location.
        OrganizationDisabled: the company is disabled.
        WrongKind: the organization is a reseller.
    """
    if not 1 <= wish.days <= MOST_DAYS or not 1 <= wish.uses <= MOST_USES:
        raise FieldRefused(f"a token is valid for 1 to {MOST_DAYS} days and 1 to {MOST_USES} uses")
    token = mint(store.organizations.find(wish.organization_uid).kind == PROVIDER)
    stored = store.tokens.add(
        token.id,
        token.public_key(),
        kind="site" if wish.is_site else "client",
        organization_uid=wish.organization_uid,
        location_uid=wish.location_uid,
        expires_ms=now_ms + wish.days * DAY_MS,
        max_uses=wish.uses,
        synthetic=wish.synthetic,
        now_ms=now_ms,
        by=by,
        consent=wish.consent,
    )
    return IssuedToken(token=token, stored=stored)


def withdraw_consent(
    decisions: Decisions, token_id: str, *, why: str, by: str, now_ms: int, revoke_agents: bool
) -> Withdrawal:
    """Take back a consent, which ends its token; with *revoke_agents*, end the agents that it let in, too.

    What was interrupted goes on when it is said again.

    Raises:
        NotFound: no consent is recorded for that token.
    """
    consent = decisions.withdraw_consent(token_id, why=why, by=by, now_ms=now_ms)
    revoked = tuple(decisions.store.consents.agents_of(token_id)) if revoke_agents else ()
    for uid in revoked:
        decisions.revoke_agent(uid, why=f"consent withdrawn: {why}", by=by, now_ms=now_ms)
    left = tuple(decisions.store.consents.agents_of(token_id))
    return Withdrawal(consent=consent, agents=left, revoked=revoked)
