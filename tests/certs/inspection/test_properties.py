"""What holds of every judgement, whatever was seen."""

from typing import Any, TypeVar

import attrs
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from certs.inspection import AgentSide, Evidence, Family, Finding, GatewaySide, Verdict, judge
from certs.inspection import rules_truth as truth
from certs.inspection.facts import Seen
from certs.inspection.rules import first_that_applies
from certs.inspection.rules_model import FLOOR
from tests.certs.inspection.scenes import AT_MS
from tests.certs.inspection.strategies import agents, evidences, gateways
from tests.certs.inspection.supplies import SUPPLIES

Half = TypeVar("Half", AgentSide, GatewaySide)

moments = st.sampled_from((None, AT_MS, 0, 2**63))


def shuffled(half: Half, fields: tuple[str, ...], data: st.DataObject) -> Half:
    """The same with the items of these fields in another order."""
    changes: dict[str, Any] = {}
    for name in fields:
        items = getattr(half, name)
        changes[name] = None if items is None else tuple(data.draw(st.permutations(items)))
    return attrs.evolve(half, **changes)


@given(evidences, moments)
def test_judge_is_total(evidence: Evidence, at_ms: int | None) -> None:
    """Whatever was seen, there is a finding, in whole sentences, and sure to a degree between the floor and one."""
    finding = judge(evidence, at_ms=at_ms)

    assert FLOOR <= finding.confidence <= 1.0
    for sentence in (
        finding.blame,
        finding.reason,
        *finding.evidence,
        *finding.contradicting,
        *finding.missing,
    ):
        assert sentence
        assert sentence.isprintable()
        sentence.encode()
    assert judge(evidence, at_ms=at_ms) == finding


@given(st.data(), evidences)
def test_order_of_observations_changes_nothing(data: st.DataObject, evidence: Evidence) -> None:
    """Probes, alerts, sessions, verify codes, DNS answers and nearby events may come in any order."""
    agent, gateway = evidence.agent, evidence.gateway
    if agent is not None:
        agent = shuffled(agent, ("probes", "alerts", "sessions", "verify_codes", "resolved", "lacking"), data)
    if gateway is not None:
        gateway = shuffled(gateway, ("alerts", "nearby"), data)

    assert judge(attrs.evolve(evidence, agent=agent, gateway=gateway)) == judge(evidence)


@given(agents, gateways, evidences)
def test_equal_exporters_are_never_called_inspected(
    agent: AgentSide, gateway: GatewaySide, evidence: Evidence
) -> None:
    """Both ends hold the same keys of TLS 1.3: whatever else was seen, nobody opened it."""
    agent = attrs.evolve(evidence.agent or agent, exporter=b"k" * 32, negotiated=None)
    gateway = attrs.evolve(evidence.gateway or gateway, exporter=b"k" * 32, negotiated=None)

    assert judge(attrs.evolve(evidence, agent=agent, gateway=gateway)).family is not Family.INSPECTION


@given(agents, gateways, evidences)
def test_differing_exporters_are_never_called_direct(
    agent: AgentSide, gateway: GatewaySide, evidence: Evidence
) -> None:
    """Nor is what nobody decrypts."""
    agent = attrs.evolve(evidence.agent or agent, exporter=b"k" * 32)
    gateway = attrs.evolve(evidence.gateway or gateway, exporter=b"l" * 32)
    finding = judge(attrs.evolve(evidence, agent=agent, gateway=gateway))

    assert finding.verdict not in (Verdict.DIRECT, Verdict.PROXIED_INTACT)


@settings(max_examples=200)
@given(st.data(), evidences)
def test_what_is_missing_never_lowers_the_confidence(data: st.DataObject, evidence: Evidence) -> None:
    """Each item that a finding calls missing, with the value that its rule asks for, leaves it as sure or makes it surer."""
    before = judge(evidence)
    weighed = first_that_applies(Seen(evidence=evidence))
    missing = [clause for clause in weighed.unknown if clause.unknown]
    if not missing:
        assert before.confidence == weighed.confidence
        return
    clause = data.draw(st.sampled_from(missing))
    supplied = evidence
    # Any item of the gateway's brings its clock along, which the rule may be asking for too.
    for wanted in [c for c in missing if c.fact is truth.CLOCK_OFF and evidence.gateway is None] + [clause]:
        supplied = SUPPLIES[wanted.fact][wanted.wanted](supplied)
    if clause.fact.derive(Seen(evidence=supplied)) is not clause.wanted:
        reject()  # contradicted by something else that was seen

    after = judge(supplied)

    assert after.confidence >= before.confidence, (clause.fact.name, _brief(before), _brief(after))


def _brief(finding: Finding) -> tuple[str, float]:
    return finding.verdict.value, finding.confidence
