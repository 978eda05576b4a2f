"""A company leaves: its last usage, everybody revoked, what is personal erased, and a receipt that says what was.

In this order, because nothing can be billed that was erased first, and nothing stays erased that an agent goes on reporting. Each step
does what is left of it. Whoever was interrupted says the same again; after the open month was closed, saying it again erases the
reports of usage that it rested on.
"""

import hashlib
from collections import Counter
from typing import Any

import attrs

from gateway.billing import RECEIPT_FORMAT, Books, Period, excerpt
from gateway.decisions import Decisions
from gateway.store import (
    COMPANY,
    KEPT,
    KEPT_OF_COMPANY,
    LicenceDeedKind,
    LicenceState,
    StatementState,
    Store,
    WrongKind,
    time_text,
)

__all__ = ["Receipt", "leave"]


@attrs.frozen(kw_only=True)
class Receipt:
    """What a departure came to."""

    document: dict[str, Any]
    signed: bytes
    """The same with a signature: the file."""
    sha256: str
    """Of that file; the audit has it, too."""
    final_usage: bytes
    """The company's last statement, signed."""
    usage_kept_since_ms: int
    """Reports of usage since then belong to months that are not final: they are erased by the next run after that."""


def leave(decisions: Decisions, books: Books, company_uid: str, *, why: str, by: str, now_ms: int) -> Receipt:
    """Take a company's leave.

    Args:
        decisions: of the provider.
        books: its books: they say which months are final, and vouch for the last usage.
        company_uid: who leaves.
        why: the reason, kept with the departure.
        by: who does it.
        now_ms: the time.

    Raises:
        AuthorityError: nobody can sign the last usage and the receipt.
        NotFound: there is no such company.
        OSError, RevocationLogError: the revocation log can't be written or read.
        WrongKind: it is a reseller.
    """
    store = decisions.store
    company = store.companies.get(company_uid)
    if company.kind != COMPANY:
        raise WrongKind(f"{company.name} is a {company.kind}: its companies leave, or come to another")
    departure = store.departures.begin(company_uid, why=why, by=by, now_ms=now_ms)
    statement = _final_usage(store, books, company_uid, now_ms)
    usage_before_ms = _open_since(store, books, now_ms)
    for token in store.departures.living_tokens(company_uid):
        decisions.revoke_token(token, by=by, now_ms=now_ms)
    people = _end_access(store, company_uid, by=by, now_ms=now_ms)
    revoked = store.departures.living_agents(company_uid)
    for agent in revoked:
        decisions.revoke_agent(agent, why=f"{company.name} left: {why}", by=by, now_ms=now_ms)
    ended = store.licences.list(organization_uid=company_uid, state=LicenceState.ACTIVE)
    asked = {deed.licence_uid for deed in store.licences.pending()}
    ended = [licence for licence in ended if licence.terms.uid not in asked]
    for licence in ended:  # the authority is asked by who talks to it, until it has answered
        body = {"licenseId": licence.terms.uid, "why": f"{company.name} left"}
        store.licences.ask(LicenceDeedKind.REVOKE, body, by=by, now_ms=now_ms)
    mapped = store.mappings.of_company(company_uid)
    for each in mapped:
        store.mappings.unmap(each.site_uid, each.tenant_uid, by=by, now_ms=now_ms)
    every = store.departures.every_agent(company_uid)
    erased: Counter[str] = Counter()
    for agent in every:
        erased.update(store.departures.erase_agent(agent))
    erased.update(store.departures.erase_company(company_uid, by=by, now_ms=now_ms))
    erased["usage_reports"] += store.usage_chain.erase(
        every, by=by, why=f"{company.name} left", now_ms=now_ms, before_ms=usage_before_ms
    )
    erased["metered_agents"] += store.departures.forget_metered(company_uid)
    document = {
        "company": {"uid": company.uid, "name": company.name, "externalId": company.external_id},
        "why": departure.why,
        "begun": time_text(departure.begun_ms),
        "ended": time_text(now_ms),
        "by": by,
        "finalUsageSha256": hashlib.sha256(statement).hexdigest(),
        "agents": len(every),
        "agentsRevokedNow": len(revoked),
        "usersAndKeysEndedNow": people,
        "licencesEndedNow": [licence.terms.uid for licence in ended],
        "tenantsTakenBackNow": [f"{each.site_name}/{each.tenant_name}" for each in mapped],
        "erasedRowsNow": {table: rows for table, rows in sorted(erased.items()) if rows},
        "usageReportsKeptSince": time_text(usage_before_ms),
        "kept": {
            **KEPT,
            **KEPT_OF_COMPANY,
            "feed": "what other programs were told of it, until it is 90 days old",
            "usage_statements": "what was billed, signed: it names the servers that were counted",
            "revocation log": "who was shut out, by the host's name, so that no restore lets them in again",
        },
    }
    signed = books.vouch(document, form=RECEIPT_FORMAT).data
    sha256 = hashlib.sha256(signed).hexdigest()
    store.departures.end(company_uid, signed, sha256=sha256, by=by, now_ms=now_ms)
    return Receipt(
        document=document,
        signed=signed,
        sha256=sha256,
        final_usage=statement,
        usage_kept_since_ms=usage_before_ms,
    )


def _final_usage(store: Store, books: Books, company_uid: str, now_ms: int) -> bytes:
    """Of the month until now; made once: what a later run would find is less."""
    kept = store.departures.get(company_uid).final_usage
    if kept is not None:
        return kept
    month = Period.containing(now_ms, books.zone)
    until_now = Period(from_ms=month.from_ms, to_ms=now_ms + 1, zone=books.zone)
    made = books.vouch(excerpt(books.statement(until_now), {company_uid})).data
    return store.departures.keep_usage(company_uid, made)


def _open_since(store: Store, books: Books, now_ms: int) -> int:
    """When the first month began that is not final yet."""
    this = Period.containing(now_ms, books.zone)
    last = this.before()
    known = store.statements.of_month(last.month or "")
    return this.from_ms if any(each.state is StatementState.FINAL for each in known) else last.from_ms


def _end_access(store: Store, company_uid: str, *, by: str, now_ms: int) -> int:
    """Nobody of the company's logs in any more; how many users and keys that ended."""
    ended = 0
    after = ""
    while users := store.users.list(organization_uid=company_uid, after=after):
        for user in users:
            if user.disabled_ms is None:
                store.users.disable(user.uid, by=by, now_ms=now_ms)
                ended += 1
        after = users[-1].uid
    after = ""
    while keys := store.api_keys.list(organization_uid=company_uid, after=after):
        for key in keys:
            if key.revoked_ms is None:
                store.api_keys.revoke(key.uid, by=by, now_ms=now_ms)
                ended += 1
        after = keys[-1].uid
    return ended
