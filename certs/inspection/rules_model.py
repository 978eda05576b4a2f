"""What a fact and a rule are, and how a rule is weighed.

A *fact* is a question with the answers yes, no and not observed; it brings the sentence for either answer, the fields of
`Evidence` that it needs, and why one would want them. A *rule* asks for facts and leads to a verdict. Each clause wants one
answer:

    answer          requires             guards                       supports
    as wanted       ✓                    ✓ (told as evidence)         ✓ (told as evidence)
    the opposite    rule does not apply  rule does not apply          costs `against`, told as contradicting
    not observed    rule does not apply  costs `unknown`, missing     costs `unknown`, missing

    confidence = base − the costs, and never below FLOOR

So the base is what the rule is worth when everything that it asks for was observed, and a finding can only gain by what it
calls missing. That is the whole model; every number stands in the rule's own row.
"""

from collections.abc import Callable

import attrs

from certs.inspection.facts import Seen
from certs.inspection.finding import Verdict

__all__ = ["FLOOR", "Clause", "Fact", "Rule", "Weighed", "guard", "need", "support", "weigh"]

FLOOR = 0.1
"""No verdict is worth less: whatever is said at all is better than `unexplained`, which is always worth this."""


@attrs.frozen(kw_only=True, eq=False)
class Fact:
    """One question to the evidence.

    Attributes:
        name: for tests and logs.
        fields: of `Evidence`, dotted, that the answer comes from.
        derive: the answer, None where it was not observed; never raises.
        yes: what a person is told if so. Words in braces are filled in (`words.WORDS`).
        no: what a person is told if not.
        why: what the fields would help to know; ends the sentence in `Finding.missing`.
    """

    name: str
    fields: tuple[str, ...]
    derive: Callable[[Seen], bool | None]
    yes: str
    no: str
    why: str


@attrs.frozen(kw_only=True, eq=False)
class Clause:
    """What a rule wants of a fact. `against` is None where the opposite answer rules the verdict out."""

    fact: Fact
    wanted: bool
    required: bool = False
    unknown: float = 0.0
    against: float | None = None

    def text(self, answer: bool) -> str:
        """The sentence for that answer, words not yet filled in."""
        return self.fact.yes if answer else self.fact.no


def need(fact: Fact, wanted: bool = True) -> Clause:
    """Without it the rule does not apply."""
    return Clause(fact=fact, wanted=wanted, required=True)


def guard(fact: Fact, wanted: bool = True, *, unknown: float = 0.0) -> Clause:
    """The opposite would rule the verdict out; not knowing costs *unknown*."""
    return Clause(fact=fact, wanted=wanted, unknown=unknown)


def support(fact: Fact, wanted: bool = True, *, unknown: float, against: float) -> Clause:
    """Makes it surer; not knowing costs *unknown*, the opposite *against*."""
    return Clause(fact=fact, wanted=wanted, unknown=unknown, against=against)


@attrs.frozen(kw_only=True, eq=False)
class Rule:
    """One way to a verdict. `blame` and `reason` are for `Finding`; words in braces are filled in."""

    verdict: Verdict
    base: float
    clauses: tuple[Clause, ...]
    blame: str
    reason: str


@attrs.frozen(kw_only=True, eq=False)
class Weighed:
    """A rule that applies, its clauses by their answers, and what it is then worth."""

    rule: Rule
    confidence: float
    matched: tuple[Clause, ...]
    opposed: tuple[Clause, ...]
    unknown: tuple[Clause, ...]


def weigh(rule: Rule, seen: Seen) -> Weighed | None:
    """What *rule* is worth on this evidence, or None if it does not apply."""
    matched, opposed, unknown = [], [], []
    cost = 0.0
    for clause in rule.clauses:
        answer = clause.fact.derive(seen)
        if answer is clause.wanted:
            matched.append(clause)
        elif answer is None and not clause.required:
            unknown.append(clause)
            cost += clause.unknown
        elif answer is not None and clause.against is not None:
            opposed.append(clause)
            cost += clause.against
        else:
            return None
    return Weighed(
        rule=rule,
        confidence=max(FLOOR, round(rule.base - cost, 3)),
        matched=tuple(matched),
        opposed=tuple(opposed),
        unknown=tuple(unknown),
    )
