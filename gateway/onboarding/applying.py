"""Carries out what a file wants.

*All or nothing.* A file of which anything is refused changes nothing. What is carried out is written company by company, each with its
locations and tenants in one transaction: so that a file of thousands never holds the store for longer than one takes, while agents go
on reporting. What stops it in between (a store that is locked or full, a tenant that somebody else mapped meanwhile) leaves whole
companies, and the same file again does the rest.
"""

from collections.abc import Callable, Iterator

import attrs

from certs import Token
from gateway.onboarding.enrolling import IssuedToken, TokenWish, issue_token
from gateway.onboarding.planning import Plan, PlannedCompany
from gateway.onboarding.wanted import NOBODY, WantedToken
from gateway.store import RESELLER, Company, CompanyIntake, ConsentGiven, Store, StoreError
from protocol import Code

__all__ = ["PlanRefused", "carry_out"]


class PlanRefused(StoreError):  # noqa: N818  # named after what it reports, as the store's errors are
    """Some of a file can't be done, so nothing was."""

    code = Code.ONBOARDING_PLAN_REFUSED


def carry_out(
    store: Store, plan: Plan, mint: Callable[[bool], Token], *, by: str, now_ms: int
) -> Iterator[IssuedToken]:
    """Write what a plan wants, and yield each token as soon as it is made. One that nobody is shown has to be revoked by the caller.

    Args:
        store: where it is written.
        plan: of this very moment.
        mint: makes a token that nobody knows yet; takes whether it is for the provider's own servers.
        by: who does it, for the audit.
        now_ms: the time.

    Raises:
        PlanRefused: something of it is refused; nothing was written.
        StoreError: the store has changed since, or can't be written; what was written stays.
    """
    if plan.refused:
        raise PlanRefused(f"{len(plan.refused)} things can't be done, so nothing was changed")
    for planned in plan.companies:
        company = store.intake.write(_resolved(store, planned), by=by, now_ms=now_ms)
        for token in planned.tokens:
            wish = _wish(store, company, token, now_ms=now_ms)
            yield issue_token(store, mint, wish, by=by, now_ms=now_ms)


def _resolved(store: Store, planned: PlannedCompany) -> CompanyIntake:
    """With the uid of its reseller, who is there by now."""
    if planned.reseller is None:
        return planned.intake
    uid = None if planned.reseller == NOBODY else store.companies.find(planned.reseller, kind=RESELLER).uid
    return attrs.evolve(planned.intake, fields={**planned.intake.fields, "reseller_uid": uid})


def _wish(store: Store, company: Company, token: WantedToken, *, now_ms: int) -> TokenWish:
    consent = None
    if token.consent_by is not None and token.consent is not None:
        consent = ConsentGiven(given_by=token.consent_by, words=token.consent, given_ms=now_ms)
    location_uid = None
    if token.location is not None:
        places = store.organizations.list_locations(company.uid)
        location_uid = next(each.uid for each in places if each.name == token.location)
    return TokenWish(
        organization_uid=company.uid, location_uid=location_uid, days=token.days, uses=token.uses, consent=consent
    )  # fmt: skip
