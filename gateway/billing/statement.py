"""A statement of usage: who has used what in a period, and what could not be found out. One JSON document, the same whenever the store is.

    companies   what is paid for by each: peaks of workloads (peaks.py) by type and licence, tenants' storage at its highest
    servers     whose reports it was made of, each with its place in the chain of reports (gateway.store.billing.chain)
    appendix    what is not in it, and why: nothing that is missing is left unsaid
    basis       how many reports it was made of, and one digest of all of them: another basis is another statement

Simulated agents are in none of it. Of several agents with one installation id, which are clones, the one that enrolled first counts, and the
appendix names the others. What is under a licence that is not the provider's is paid for elsewhere, and named there, too.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import attrs

from gateway.billing.basis import Basis
from gateway.billing.calendar import Period, from_ms, month_begin_ms
from gateway.billing.peaks import Listing, Peak, Seen, peak_of
from gateway.store import (
    COMPANY,
    WORKLOAD_TYPES,
    BilledAgent,
    History,
    Link,
    Organization,
    Owned,
    Reported,
    is_protected,
    tenant_figures,
    workloads_of,
)
from protocol import UsageSubject

VERSION: Final = 1

SILENT_MS: Final = 2 * 24 * 3600 * 1000
"""An agent lists its workloads once a day. One whose last listing of a period came so long before its end had fallen silent."""

NO_LICENCE: Final = "None"
FOREIGN: Final = "Foreign"
"""A licence that is not the provider's: another one is paid for what is under it."""

Document = dict[str, Any]


def canonical(document: Any) -> bytes:
    """The one form of a document: what is compared, hashed and signed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


@attrs.define(kw_only=True)
class Account:
    """What one agent reported in the period."""

    agent: BilledAgent
    reports: int = 0
    last: Link | None = None
    """Of the links that it was made of, the highest."""
    listings: dict[UsageSubject, list[Listing]] = attrs.field(factory=dict)
    listed: int = 0
    last_listed_ms: int | None = None
    incomplete: int = 0
    why: str = ""
    """The last reason for a report's not being complete."""
    erased: int = 0
    entered: int = 0
    """How many of its reports were entered by hand."""
    entered_by: str = ""
    entered_why: str = ""
    """Of the last of them."""
    tenants: dict[tuple[str, str], Document] = attrs.field(factory=dict)
    """Of a site, by tenant and the company that it was mapped to then (empty: to none): the row at its highest."""

    @property
    def licence(self) -> str:
        """The kind of licence on its server."""
        return self.agent.licence_kind or (NO_LICENCE if self.agent.licence_uid is None else FOREIGN)


class Ledger:
    """All accounts of a period, and what follows from them."""

    def __init__(self, history: History, period: Period, provider: Organization) -> None:
        """Read what the statement needs.

        Raises:
            PayloadError: a report is not what was written: `fieldgate usage audit` says which.
        """
        self.period = period
        self._provider = provider
        self._history = history
        self._month_begin_ms = partial(month_begin_ms, zone=period.zone)
        self.basis = Basis.of(history, period)
        self._owners: dict[tuple[int, str], list[Owned]] = {}
        for owned in history.owned(period.from_ms, period.to_ms):
            self._owners.setdefault((owned.agent_id, owned.tenant_uid), []).append(owned)
        agents = [agent for agent in history.agents() if not agent.synthetic]
        self.clones = clones_of(agent for agent in agents if agent.agent_uid in self.basis.agents)
        self.accounts: list[Account] = []
        self._lines: dict[str, list[Document]] = {}
        for uid, theirs in groupby(agents, key=lambda agent: agent.organization.uid):
            accounts = self._read([*theirs])
            self._lines[uid] = [*self._workloads(each for each in accounts if self._is_paid(each))]
            for account in accounts:
                account.listings.clear()  # a month of them, of everybody, has no room in memory
            self.accounts += accounts

    def _is_paid(self, account: Account) -> bool:
        return account.agent.agent_uid not in self.clones and account.licence != FOREIGN

    def _read(self, agents: Sequence[BilledAgent]) -> list[Account]:
        by_id = {agent.agent_id: Account(agent=agent) for agent in agents}
        first_ms = self._history.first_seen(by_id)
        for agent_id, link, report in self._history.reports(by_id, self.period.from_ms, self.period.to_ms):
            account = by_id[agent_id]
            account.reports, account.last = account.reports + 1, link
            account.erased += link.erased
            if report is not None:
                self._enter(account, report, first_ms)
        for account in by_id.values():
            for listings in account.listings.values():
                listings.sort(key=lambda listing: listing.received_ms)
        return [*by_id.values()]

    def _enter(self, account: Account, report: Reported, first_ms: dict[tuple[int, int, str], int]) -> None:
        at_ms = report.received_ms
        if report.entered_by:
            account.entered, account.entered_by, account.entered_why = (
                account.entered + 1, report.entered_by, report.entered_why,
            )  # fmt: skip
        if not report.complete:
            account.incomplete, account.why = account.incomplete + 1, report.why
        if report.listed is not None:
            account.listed += 1
            account.last_listed_ms = max(at_ms, account.last_listed_ms or 0)
            seen: dict[UsageSubject, list[Seen]] = {kind: [] for kind in WORKLOAD_TYPES}
            for kind, uid, _, age_ms in workloads_of(report):
                if age_ms is not None and is_protected(age_ms):
                    first = first_ms.get((account.agent.agent_id, kind, uid), at_ms)
                    seen[kind].append(Seen(age_ms=age_ms, first_ms=first))
            for kind, workloads in seen.items():
                listing = Listing(received_ms=at_ms, workloads=tuple(workloads))
                account.listings.setdefault(kind, []).append(listing)
        for uid, name, figures in tenant_figures(report):
            row = {"tenantUid": uid, "tenantName": name, "atMs": at_ms} | figures
            owner = self._owner(account.agent, uid, at_ms)
            key = (uid, "" if owner is None else owner.uid)
            highest = account.tenants.get(key)
            if highest is None or used_of(row) > used_of(highest):
                account.tenants[key] = row

    def _owner(self, site: BilledAgent, tenant_uid: str, at_ms: int) -> Organization | None:
        """The company that a cloud tenant was mapped to at a moment of the period."""
        owned = self._owners.get((site.agent_id, tenant_uid), ())
        return next((each.company for each in owned if each.held.at(at_ms)), None)

    # -- the document ------------------------------------------------------------------------------------------

    def document(self) -> Document:
        """All of it."""
        paid = [account for account in self.accounts if self._is_paid(account)]
        period = self.period
        return {
            "version": VERSION,
            "provider": {"uid": self._provider.uid, "name": self._provider.name},
            "period": {
                "month": period.month, "from": self._time(period.from_ms), "to": self._time(period.to_ms),
                "timeZone": period.zone.key,
            },
            "companies": self._companies(paid),
            "servers": [self._server(account) for account in paid if account.reports],
            "appendix": self._appendix(paid),
            "basis": {"reports": self.basis.reports, "sha256": self.basis.sha256},
            "mappings": self._mappings(),
        }  # fmt: skip

    def _mappings(self) -> Document:
        """The newest link of the log of whose cloud tenants are (gateway.store.onboarding.ownership)."""
        n, link = self._history.mappings_link()
        return {"n": n, "link": link.hex()}

    def _companies(self, paid: Sequence[Account]) -> list[Document]:
        organizations = {
            account.agent.organization.uid: account.agent.organization
            for account in paid
            if account.listed and account.agent.organization.kind == COMPANY
        }
        storage: dict[str, list[Document]] = {}
        named = {each.company.uid: each.company for theirs in self._owners.values() for each in theirs}
        for account in paid:
            for (_, company_uid), row in sorted(account.tenants.items(), key=itemgetter(0)):
                if company_uid:
                    organizations[company_uid] = named[company_uid]
                    storage.setdefault(company_uid, []).append(self._tenant(account, row))
        return [
            {
                "uid": company.uid, "name": company.name,
                "workloads": self._lines.get(company.uid, []),
                "cloud": storage.get(company.uid, []),
            }
            for company in sorted(organizations.values(), key=lambda each: (each.name, each.uid))
        ]  # fmt: skip

    def _workloads(self, accounts: Iterable[Account]) -> Iterator[Document]:
        by_licence: dict[str, list[Account]] = {}
        for account in accounts:
            by_licence.setdefault(account.licence, []).append(account)
        for kind, word in WORKLOAD_TYPES.items():
            for licence, theirs in sorted(by_licence.items()):
                peak = peak_of((each.listings.get(kind, []) for each in theirs), self._month_begin_ms)
                if peak.at_ms is not None:
                    yield self._line(word, licence, peak, peak.at_ms)

    def _line(self, word: str, licence: str, peak: Peak, at_ms: int) -> Document:
        return {
            "type": word, "licence": licence, "rentalCount": peak.rental, "newCount": peak.new, "usedCount": peak.used,
            "at": self._time(at_ms),
        }  # fmt: skip

    def _tenant(self, account: Account, row: Document) -> Document:
        figures = {name: value for name, value in row.items() if name != "atMs"}
        site = {"siteUid": account.agent.site_uid, "siteName": account.agent.site_name}
        return {**site, **figures, "at": self._time(row["atMs"])}

    def _server(self, account: Account) -> Document:
        assert account.last is not None  # noqa: S101  # it has reported
        return {
            **self._named(account), "licence": account.licence, "reports": account.reports, "listings": account.listed,
            "chain": {"n": account.last.n, "link": account.last.link.hex()},
        }  # fmt: skip

    def _named(self, account: Account) -> Document:
        agent = account.agent
        return {
            "agentUid": agent.agent_uid, "hostName": agent.host_name, "organizationUid": agent.organization.uid,
            "organizationName": agent.organization.name,
        }  # fmt: skip

    def _appendix(self, paid: Sequence[Account]) -> Document:
        silent_ms = self.period.to_ms - SILENT_MS
        companies = [each for each in paid if each.agent.organization.kind == COMPANY]
        shared: Counter[str | None] = Counter(
            each.agent.licence_uid for each in paid if each.agent.licence_uid and each.reports
        )
        return {
            "notCollected": [self._named(each) for each in companies if self._is_missing(each)],
            "silent": [
                self._named(each) | {"lastListed": self._time(each.last_listed_ms)}
                for each in companies
                if each.last_listed_ms is not None and each.last_listed_ms < silent_ms
            ],
            "incomplete": [
                self._named(each) | {"reports": each.incomplete, "why": each.why}
                for each in paid
                if each.incomplete
            ],
            "gaps": [
                self._named(each) | {"missing": each.agent.missing} for each in paid if each.agent.missing
            ],
            "entered": [
                self._named(each) | {"reports": each.entered, "by": each.entered_by, "why": each.entered_why}
                for each in paid
                if each.entered
            ],
            "erased": [self._named(each) | {"reports": each.erased} for each in paid if each.erased],
            "clones": [
                self._named(each) | {"installationUid": each.agent.installation_uid, "of": original}
                for each in self.accounts
                if (original := self.clones.get(each.agent.agent_uid)) is not None
            ],
            "foreignLicences": [
                self._named(each) | {"licenceId": each.agent.licence_uid}
                for each in self.accounts
                if each.licence == FOREIGN and each.reports
            ],
            "sharedLicences": [
                self._named(each) | {"licenceId": each.agent.licence_uid}
                for each in paid
                if each.reports and shared[each.agent.licence_uid] > 1
            ],
            "unmappedTenants": [
                self._tenant(each, row)
                for each in paid
                for (_, company_uid), row in sorted(each.tenants.items(), key=itemgetter(0))
                if not company_uid
            ],
        }

    def _is_missing(self, account: Account) -> bool:
        """Whether it should have listed its workloads, and has not."""
        agent = account.agent
        return not account.listed and agent.standing == "verified" and agent.enrolled_ms < self.period.to_ms

    def _time(self, ms: int) -> str:
        return from_ms(ms, self.period.zone).isoformat(timespec="milliseconds")


def used_of(row: Document) -> int:
    """What a tenant's row is compared by."""
    return int(row["usedStorageQuota"] or 0)


def clones_of(reporting: Iterable[BilledAgent]) -> dict[str, str]:
    """Agents that share an installation id with one that enrolled before them: uid → the uid of that one."""
    first: dict[str, str] = {}
    found: dict[str, str] = {}
    for agent in sorted(reporting, key=lambda each: (each.enrolled_ms, each.agent_uid)):
        original = first.setdefault(agent.installation_uid, agent.agent_uid)
        if original != agent.agent_uid:
            found[agent.agent_uid] = original
    return found
