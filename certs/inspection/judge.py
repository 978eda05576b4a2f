"""The judgement: evidence in, a finding out. Pure, total, and the same for any order of what was observed.

`rules` decides and says how sure it is; here the finding is written: what spoke for it, what against, what is missing, and
the name of the product, which comes after the verdict and has no part in it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

import attrs
from cryptography import x509

from certs import spki_sha256
from certs.inspection.evidence import Evidence, Join
from certs.inspection.facts import Seen
from certs.inspection.facts_read import names_in
from certs.inspection.finding import FAMILIES, GUESS, SURE, Family, Finding, Verdict
from certs.inspection.rules import first_that_applies
from certs.inspection.rules_model import Clause, Weighed
from certs.inspection.rules_steps import STEPS
from certs.inspection.rules_words import fill
from certs.inspection.vendors import VendorMatch, by_tenant, name_vendor

__all__ = ["judge"]

_NOTHING: Final[tuple[object, ...]] = (None, (), b"", frozenset())

# Records of several things: what is asked for may be absent where others are there.
_MORE_WOULD_TELL = frozenset({"agent.alerts", "agent.probes", "agent.sessions", "gateway.nearby"})


def judge(evidence: Evidence, *, at_ms: int | None = None, told: Evidence | None = None) -> Finding:
    """What became of this path, and how sure that is.

    Args:
        evidence: of one attempt; either half may be absent, and anything in it may be hostile.
        told: the same without what the finding's reader is not to know: words are taken from there, and nothing else.
        at_ms: when it happened, by a clock that is right. Without it: the gateway's half's clock, else the agent's, corrected
            by what a session last told it.

    Never raises.
    """
    seen = Seen(evidence=evidence, asked_at_ms=at_ms)
    weighed = first_that_applies(seen)
    vendor = _vendor(seen, weighed)
    words = seen if told is None else Seen(evidence=told, asked_at_ms=at_ms)
    finding = Finding(
        verdict=weighed.rule.verdict,
        confidence=weighed.confidence,
        blame=fill(weighed.rule.blame, words, vendor, confidence=weighed.confidence),
        reason=fill(weighed.rule.reason, words, vendor),
        evidence=_sentences(_strongest_first(weighed), words),
        contradicting=_sentences(((c, not c.wanted) for c in weighed.opposed if c.against), words),
        missing=tuple(_missing(weighed, words)),
        advice=STEPS[weighed.rule.verdict],
        vendor="" if vendor is None else vendor.slug,
        vendor_why="" if vendor is None else vendor.why,
        interceptor=_interceptor(seen, weighed.rule.verdict),
    )
    return attrs.evolve(finding, advice=STEPS[Verdict.UNEXPLAINED]) if finding.is_guess else finding


def _strongest_first(weighed: Weighed) -> list[tuple[Clause, bool]]:
    """What the rule stands on, then by what not knowing it would have cost."""
    ordered = sorted(weighed.matched, key=lambda clause: (not clause.required, -clause.unknown))
    return [(clause, clause.wanted) for clause in ordered]


def _sentences(answered: Iterable[tuple[Clause, bool]], seen: Seen) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fill(clause.text(answer), seen) for clause, answer in answered))


def _missing(weighed: Weighed, seen: Seen) -> Iterator[str]:
    """A line for every field that would have made it surer, the dearest first."""
    told = set()
    for clause in sorted(weighed.unknown, key=lambda clause: -clause.unknown):
        if not clause.unknown:
            continue
        for field in clause.fact.fields:
            if field not in told and _is_absent(field, seen):
                told.add(field)
                yield f"{field}: {clause.fact.why}{_lacking(field, seen)}"


def _is_absent(field: str, seen: Seen) -> bool:
    side_name, _, name = field.partition(".")
    side = getattr(seen.evidence, side_name)
    if name == "exporter" and seen.below_13:
        return False
    if field == "gateway.join":  # a half that is there, and may be of another connection
        return side is not None and side.join is not Join.CARRYING
    return side is None or getattr(side, name) in _NOTHING or field in _MORE_WOULD_TELL


def _lacking(field: str, seen: Seen) -> str:
    side_name, _, name = field.partition(".")
    side = getattr(seen.evidence, side_name)
    return " (this platform cannot observe it)" if name in getattr(side, "lacking", ()) else ""


def _vendor(seen: Seen, weighed: Weighed) -> VendorMatch | None:
    """A guess names nobody. What a person recorded names a product only where a box is to blame, and that is sure."""
    if weighed.confidence < GUESS:
        return None
    recorded = seen.evidence.tenant_product if weighed.confidence >= SURE else None
    family = FAMILIES[weighed.rule.verdict]
    if family is Family.INSPECTION:
        return name_vendor(() if seen.key_ours else seen.chain, recorded)
    return by_tenant(recorded) if family is Family.NETWORK and "{box" in weighed.rule.blame else None


def _interceptor(seen: Seen, verdict: Verdict) -> str:
    if FAMILIES[verdict] is not Family.INSPECTION or seen.leaf is None:
        return ""
    if seen.key_ours:
        return seen.leaf.spki_sha256.hex()
    leaf = x509.load_der_x509_certificate(seen.chain[0])
    for der in seen.chain[1:]:
        if names_in(der)[0] == leaf.issuer:
            return spki_sha256(der).hex()
    if leaf.subject == leaf.issuer:
        return seen.leaf.spki_sha256.hex()
    return "dn:" + hashlib.sha256(leaf.issuer.public_bytes()).hexdigest()
