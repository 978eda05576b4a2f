"""Every verdict from what both ends saw, and nobody innocent accused."""

import attrs
import pytest

from certs.inspection import Family, Verdict, judge
from certs.inspection.facts import Seen
from certs.inspection.rules import RULES, first_that_applies
from tests.certs.inspection.cases import ACQUITTALS, Case
from tests.certs.inspection.cases_guilty import BLOCKED, GUILTY
from tests.certs.inspection.cases_reach import REACH

CASES = ACQUITTALS + GUILTY + BLOCKED + REACH
INNOCENT = [case for case in CASES if case.innocent]


def by_name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_each_case_has_its_verdict(case: Case) -> None:
    """The verdict, and how sure it is, follow from what was seen."""
    finding = judge(case.evidence, at_ms=case.at_ms)

    assert finding.verdict is case.verdict, finding
    assert case.least <= finding.confidence <= case.most, finding
    assert finding.advice


@pytest.mark.parametrize("case", INNOCENT, ids=by_name)
def test_nobody_innocent_is_called_interception(case: Case) -> None:
    """Nor by either half alone, nor when the two were only found to be near each other."""
    evidence = case.evidence
    halves = [
        evidence,
        attrs.evolve(evidence, gateway=None),
        attrs.evolve(evidence, agent=None),
    ]
    for seen in halves:
        for at_ms in (case.at_ms, None):
            finding = judge(seen, at_ms=at_ms)
            assert finding.family is not Family.INSPECTION, finding


def test_every_verdict_is_reached() -> None:
    """No verdict is there for show."""
    assert {judge(case.evidence, at_ms=case.at_ms).verdict for case in CASES} == set(Verdict)


def test_every_rule_decides_a_case() -> None:
    """No rule stands behind another that always comes first."""
    deciding = {
        id(first_that_applies(Seen(evidence=case.evidence, asked_at_ms=case.at_ms)).rule) for case in CASES
    }

    assert [rule for rule in RULES if id(rule) not in deciding] == []
