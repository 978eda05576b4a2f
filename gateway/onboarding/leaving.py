"""A company leaves: its last usage, everybody revoked, what is personal erased, and a receipt that says what was.

In this order, because nothing can be billed that was erased first, and nothing stays erased that an agent goes on reporting. Each step
does what is left of it. Whoever was interrupted says the same again; after the open month was closed, saying it again erases the
reports of usage that it rested on.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import attrs

from gateway.decisions import Decisions
from gateway.store import COMPANY, KEPT, Store, WrongKind, time_text

__all__ = ["Receipt", "leave", "receipt_bytes"]

FORMAT: Final = "fieldgate departure receipt 1"


@attrs.frozen(kw_only=True)
class Receipt:
    """What a departure came to."""

    document: dict[str, Any]
    sha256: str
    """Of receipt_bytes; the audit has it, too."""


def receipt_bytes(document: dict[str, Any]) -> bytes:
    """A receipt as it is written to a file and hashed."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def leave(
    decisions: Decisions,
    company_uid: str,
    *,
    why: str,
    final_usage: Callable[[str], bytes],
    usage_before_ms: int,
    by: str,
    now_ms: int,
) -> Receipt:
    """Take a company's leave.

    Args:
        decisions: of the provider.
        company_uid: who leaves.
        why: the reason, kept with the departure.
        final_usage: writes the company's last statement where the caller keeps it, and gives its bytes.
        usage_before_ms: reports of usage of before that are erased; later ones belong to months that are not final.
        by: who does it.
        now_ms: the time.

    Raises:
        NotFound: there is no such company.
        OSError, RevocationLogError: the revocation log can't be written or read.
        WrongKind: it is a reseller.
    """
    store = decisions.store
    company = store.companies.get(company_uid)
    if company.kind != COMPANY:
        raise WrongKind(f"{company.name} is a {company.kind}: its companies leave, or come to another")
    departure = store.departures.begin(company_uid, why=why, by=by, now_ms=now_ms)
    statement = final_usage(company_uid)
    for token in store.departures.living_tokens(company_uid):
        decisions.revoke_token(token, by=by, now_ms=now_ms)
    people = _end_access(store, company_uid, by=by, now_ms=now_ms)
    revoked = store.departures.living_agents(company_uid)
    for agent in revoked:
        decisions.revoke_agent(agent, why=f"{company.name} left: {why}", by=by, now_ms=now_ms)
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
    document = {
        "format": FORMAT,
        "company": {"uid": company.uid, "name": company.name, "externalId": company.external_id},
        "why": departure.why,
        "begun": time_text(departure.begun_ms),
        "ended": time_text(now_ms),
        "by": by,
        "finalUsageSha256": hashlib.sha256(statement).hexdigest(),
        "agents": len(every),
        "agentsRevokedNow": len(revoked),
        "usersAndKeysEndedNow": people,
        "tenantsTakenBackNow": [f"{each.site_name}/{each.tenant_name}" for each in mapped],
        "erasedRowsNow": dict(sorted(erased.items())),
        "usageReportsKeptSince": time_text(usage_before_ms),
        "kept": {
            **KEPT,
            "audit": "who did what",
            "users": "names and hashes of passwords of those who are disabled, for the audit",
            "organizations": "the name and the numbers that invoices carry",
            "revocation log": "who was shut out, by the host's name, so that no restore lets them in again",
        },
    }
    sha256 = hashlib.sha256(receipt_bytes(document)).hexdigest()
    store.departures.end(company_uid, document, sha256=sha256, by=by, now_ms=now_ms)
    return Receipt(document=document, sha256=sha256)


def _end_access(store: Store, company_uid: str, *, by: str, now_ms: int) -> int:
    """Nobody of the company's logs in any more; how many users and keys that ended."""
    ended = 0
    after = ""
    while users := store.users.list(after=after):
        for user in users:
            if user.organization_uid == company_uid and user.disabled_ms is None:
                store.users.disable(user.uid, by=by, now_ms=now_ms)
                ended += 1
        after = users[-1].uid
    after = ""
    while keys := store.api_keys.list(after=after):
        for key in keys:
            if key.organization_uid == company_uid and key.revoked_ms is None:
                store.api_keys.revoke(key.uid, by=by, now_ms=now_ms)
                ended += 1
        after = keys[-1].uid
    return ended
