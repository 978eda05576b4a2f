"""The linter over REST: everybody is told what is theirs."""

from typing import Any

import pytest

from gateway.access import Role
from gateway.store import CompanyDetails
from gateway.store.onboarding import linting
from tests.gateway.management.conftest import NOW_MS, Rest
from tests.helpers.stores import enroll
from tests.helpers.tenants import report_tenants

LINT = "/organizations/lint"


def told(answer: Any) -> list[tuple[str, str | None]]:
    assert answer.status_code == 200, answer.text
    return [(row["code"], row["organizationName"]) for row in answer.json()["data"]]


def test_findings_are_told_to_whom_they_concern(rest: Rest) -> None:
    """The provider's people see all, a reseller its companies', a company its own."""
    report_tenants(rest.store, enroll(rest.store, "site", 1), {"t1": "Ölund"}, received_ms=NOW_MS)
    reseller = rest.store.companies.add("Sund IT", by="ann", now_ms=1, kind="reseller")
    own = rest.store.companies.add("Anker", CompanyDetails(reseller_uid=reseller.uid), by="ann", now_ms=1)
    every = [("FG-6120", None), ("FG-6127", "Anker"), ("FG-6127", "Bäckerei Ölund")]
    assert told(rest.ask("GET", LINT, key=rest.key(Role.READ_ONLY))) == every
    assert told(rest.ask("GET", LINT, key=rest.key(Role.RESELLER, reseller.uid))) == every[1:2]
    assert told(rest.ask("GET", LINT, key=rest.key(Role.COMPANY_OWNER, own.uid))) == every[1:2]
    assert told(rest.ask("GET", LINT, key=rest.key(Role.COMPANY_OWNER, rest.world.company.uid))) == every[2:]
    page = rest.ask("GET", LINT, key=rest.key(Role.OPERATOR), params={"limit": 1, "offset": 1})
    assert told(page) == every[1:2]
    assert page.json()["meta"]["pagingInfo"]["total"] == 3


def test_nobody_elses_findings_hide_ones_own(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each check there are so many at most, of those that concern the one who asks."""
    monkeypatch.setattr(linting, "MOST", 1)
    last = rest.store.companies.add("Zander", by="ann", now_ms=1)
    assert told(rest.ask("GET", LINT, key=rest.key(Role.COMPANY_OWNER, last.uid))) == [("FG-6127", "Zander")]
