"""What would rule a verdict out does, and what is missing makes it surer once it is there."""

import attrs
import pytest

from certs.inspection import judge
from certs.inspection import rules_truth as truth
from certs.inspection.facts import Seen
from certs.inspection.rules import RULES, first_that_applies
from certs.inspection.rules_model import Clause, Rule, weigh
from tests.certs.inspection.cases import Case
from tests.certs.inspection.supplies import SUPPLIES
from tests.certs.inspection.test_verdicts import CASES


def looked_at(case: Case) -> Seen:
    return Seen(evidence=case.evidence, asked_at_ms=case.at_ms)


DECIDED = [(case, first_that_applies(looked_at(case))) for case in CASES]

GUARDS = [
    pytest.param(case, weighed.rule, clause, id=f"{case.name}: {clause.fact.name}")
    for case, weighed in DECIDED
    for clause in weighed.rule.clauses
    if not clause.required and clause.against is None
]
MISSING = [
    pytest.param(case, clause, id=f"{case.name}: {clause.fact.name}")
    for case, weighed in DECIDED
    for clause in weighed.unknown
    if clause.unknown
]


@pytest.mark.parametrize(("case", "rule", "clause"), GUARDS)
def test_a_guard_rules_the_verdict_out(case: Case, rule: Rule, clause: Clause) -> None:
    """With the opposite observed, this rule is not the one that decides."""
    turned = attrs.evolve(looked_at(case), evidence=SUPPLIES[clause.fact][not clause.wanted](case.evidence))
    if clause.fact in (truth.VALID_NOW, truth.CLOCK_OFF):  # the evidence brings its own time
        turned = attrs.evolve(turned, asked_at_ms=None)

    assert clause.fact.derive(turned) is not clause.wanted
    assert weigh(rule, turned) is None


@pytest.mark.parametrize(("case", "clause"), MISSING)
def test_what_was_missing_makes_it_surer(case: Case, clause: Clause) -> None:
    """An item that a finding calls missing, with the value that its rule asks for, never lowers the confidence."""
    before = judge(case.evidence, at_ms=case.at_ms)
    supplied = SUPPLIES[clause.fact][clause.wanted](case.evidence)
    after = judge(supplied, at_ms=case.at_ms)

    assert clause.fact.derive(Seen(evidence=supplied, asked_at_ms=case.at_ms)) is clause.wanted
    assert after.confidence >= before.confidence, (before, after)


def test_every_guard_is_tried() -> None:
    """Every clause that can rule a verdict out is one of the cases above."""
    tried = {(id(param.values[1]), id(param.values[2])) for param in GUARDS}
    guards = {(id(r), id(c)) for r in RULES for c in r.clauses if not c.required and c.against is None}

    assert guards == tried


def test_a_half_less_is_never_surer() -> None:
    """One half alone never makes the same verdict surer than both did."""
    for case in CASES:
        both = judge(case.evidence, at_ms=case.at_ms)
        one = judge(attrs.evolve(case.evidence, gateway=None), at_ms=case.at_ms)
        if one.verdict is both.verdict:
            assert one.confidence <= both.confidence, case.name
