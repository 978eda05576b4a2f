"""Tenants' consent to be managed: recorded with the enrollment token that it is for, and taken back with it."""

from typing import Annotated

import attrs
from cyclopts import App, Parameter

from gateway.cli.common import now_ms, open_provider, operator
from gateway.cli.companies import By
from gateway.cli.errors import UNUSABLE, CommandError
from gateway.cli.options import DEFAULT_DATA, Data, Json, require_name
from gateway.cli.output import rows, say, when
from gateway.onboarding import withdraw_consent
from gateway.store import ConsentGiven

__all__ = ["consent_app", "consent_given"]

consent_app = App(name="consent")


def consent_given(by: str | None, words: str | None) -> ConsentGiven | None:
    """What was given by --consent-by and --consent, as of now.

    Raises:
        CommandError: one of the two is missing, or can't be read.
    """
    if by is None and words is None:
        return None
    if by is None or words is None:
        raise CommandError("a consent has both --consent-by and --consent", exit_code=UNUSABLE)
    require_name(by, "--consent-by: ")
    require_name(words, "--consent: ")
    return ConsentGiven(given_by=by, words=words, given_ms=now_ms())


@consent_app.command(name="record")
def consent_record(
    token: str, /, *, consent_by: str, consent: str, by: By = None, data: Data = DEFAULT_DATA
) -> None:
    """Record a consent for a token that was made without.

    Parameters
    ----------
    token
        The token's id, as `token list` shows it.
    consent_by
        Who of the company agreed that its servers are managed.
    consent
        To what that person agreed, or where it is written down.
    """
    given = consent_given(consent_by, consent)
    assert given is not None  # noqa: S101  # both are there
    with open_provider(data) as provider:
        provider.store.consents.record(token, given, by=operator(by), now_ms=now_ms())
    say("recorded")


@consent_app.command(name="list")
def consent_list(company: str, /, *, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """List a company's consents: who gave each, for which token, and whether it was taken back.

    Parameters
    ----------
    company
        The company's name or uid.
    """
    with open_provider(data) as provider:
        owner = provider.store.companies.find(company)
        listed = [attrs.asdict(each) for each in provider.store.consents.of_company(owner.uid)]
    rows(
        listed,
        {
            "token_id": "TOKEN",
            "given_by": "BY",
            "words": "TO WHAT",
            "given_ms": "GIVEN",
            "withdrawn_ms": "WITHDRAWN",
            "withdrawn_why": "WHY",
        },
        as_json=json_,
        empty="no consent is recorded: fieldgate token create --consent-by WHO --consent WORDS",
        show={"given_ms": when, "withdrawn_ms": when},
    )


@consent_app.command(name="withdraw")
def consent_withdraw(
    token: str,
    /,
    *,
    why: str,
    revoke_agents: Annotated[bool, Parameter(negative="")] = False,
    by: By = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Take a consent back: its token enrolls nobody any more. The agents that it let in are listed, and go on.

    Parameters
    ----------
    token
        The token's id.
    why
        The reason, kept with the consent.
    revoke_agents
        End those agents, too; each has to enroll again, with a new token.
    """
    if not why.strip():
        raise CommandError("--why is empty: say why, it is kept with the consent", exit_code=UNUSABLE)
    with open_provider(data) as provider:
        done = withdraw_consent(
            provider.decisions, token, why=why, by=operator(by), now_ms=now_ms(), revoke_agents=revoke_agents
        )
    say("withdrawn: the token enrolls nobody any more")
    if done.revoked:
        say(f"{len(done.revoked)} agents were revoked")
    for uid in done.agents:
        say(f"still there: agent {uid}")
    if done.agents:
        say("say it again with --revoke-agents to end them, or `fieldgate agent revoke` for one")
