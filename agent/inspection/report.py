"""From an attempt that led to no session to a verdict: look, judge, report, and keep what was answered.

    look     the attempt as it was, from its own connection (`gather.look_back`)
    judge    by what this agent knows: one half, so that its word is that of one side
    tell     sealed, signed, counted: on that connection if it carries bytes, else with control experiments and by other ways
    think    the verdict that a person is shown: the gateway's, signed, if it could be heard; until then the agent's own

A report is on the disk before it is said (`keep`), and goes when a gateway is known to have it. What could not be said is said later,
on a fresh connection over a path that is good again. The agent acts on no verdict: a path is tried again as before.
"""

from typing import Final

import attrs

from agent.inspection.deliver import Report, carry, deliver, routes_for, say
from agent.inspection.gather import Observation, look_back
from agent.inspection.keep import Cut, Kept, Opinion
from agent.inspection.probes import Prober, with_probes
from agent.inspection.replies import Reply
from agent.inspection.teller import Teller
from agent.path import PathError, Refusal, open_path
from certs import ReportPublic, from_ms, to_ms
from certs.inspection import AgentSide, Finding, Verdict
from protocol import Code
from transport import Context, client_context

__all__ = ["Later", "tell", "tell_cut", "tell_later"]

# A gateway that is busy says when to come again; one that says next year is no reason to forget it.
SHORTEST_RETRY_S: Final = 10.0
LONGEST_RETRY_S: Final = 600.0


async def tell(teller: Teller, refusal: Refusal) -> Opinion:
    """Find out what became of one attempt, and tell a gateway. Its connection is closed.

    Returns:
        What is thought of the path in the end.

    Raises:
        StateError: the state folder can't be written: then nothing is said.
        SealError: what was seen can't be put in a report.
    """
    observation = Observation(AgentSide(at_ms=to_ms(refusal.at), dialed=refusal.address))
    try:
        observation = await look_back(
            refusal, context=teller.context, anchors=teller.anchors, enrolled=teller.enrolled
        )
        observation = attrs.evolve(observation, side=teller.known(observation.side))
        finding = teller.judge(observation.side)
        opinion = _think(teller, finding, code=refusal.code, address=refusal.address)
        if teller.public is None or not _is_news(teller, finding, refusal.address):
            return opinion
        if observation.stream is not None:
            report = teller.seal(attrs.evolve(observation.side, carried=True))
            observation, reply = await carry(observation, report)
            if reply.is_taken:
                return _answered(teller, opinion, reply, report.public)
        return await _tell_elsewhere(teller, observation.side, refusal, opinion)
    finally:
        await refusal.aclose()


def _is_news(teller: Teller, finding: Finding, address: str) -> bool:
    """Whether it is to be reported now; if so, that is written down first."""
    what = f"{finding.verdict.value} {finding.interceptor} {address}"
    now_ms = teller.now()
    if not teller.keep.may_say(what, now_ms):
        return False
    teller.keep.say(what, now_ms)
    return True


async def _tell_elsewhere(teller: Teller, side: AgentSide, refusal: Refusal, opinion: Opinion) -> Opinion:
    """The path carries nothing: look closer, and go other ways."""
    proxy = refusal.way.proxy
    side = await with_probes(
        attrs.evolve(side, carried=False),
        Prober(address=refusal.address, anchors=teller.anchors, proxy=proxy),
    )
    finding = teller.judge(side)
    opinion = _think(teller, finding, code=refusal.code, address=refusal.address, glimpsed=opinion.glimpsed)
    report = _keep(teller, side, finding)
    spare = teller.proxies.spare()
    routes = routes_for(refusal.address, teller.gateways, proxy=proxy, spare_proxies=spare)
    reply = await deliver(report, routes)
    if not reply.is_taken:
        return opinion
    teller.keep.remove(report.counter)
    return _answered(teller, opinion, reply, report.public)


def _keep(teller: Teller, side: AgentSide, finding: Finding) -> Report:
    """A report that is on the disk until a gateway has it."""
    report = teller.seal(side)
    teller.keep.add(
        Kept(
            counter=report.counter, at_ms=side.at_ms, sealed=report.sealed, answer_key=report.answer_key,
            public=report.public.raw, verdict=finding.verdict.value, address=side.dialed,
        )
    )  # fmt: skip
    return report


def tell_cut(teller: Teller, cut: Cut, *, code: int, address: str) -> None:
    """An authenticated session was cut. If they all end alike, say so over the next good path.

    Raises:
        StateError: the state folder can't be written.
        SealError: it can't be put in a report.
    """
    teller.keep.cut(cut)
    side = teller.known(AgentSide(at_ms=cut.at_ms, dialed=address, enrolled=True, authenticated=True))
    finding = teller.judge(side)
    if finding.verdict is not Verdict.SESSION_CUT or not _is_news(teller, finding, address):
        return
    _think(teller, finding, code=code, address=address)
    if teller.public is not None:
        _keep(teller, side, finding)


# -- what is thought -------------------------------------------------------------------------------------------


def _think(teller: Teller, finding: Finding, *, code: int, address: str, glimpsed: str = "") -> Opinion:
    """What this agent finds by itself, shown and kept. What control experiments or a gateway have made of the same before still hold.

    Args:
        glimpsed: the verdict before the control experiments; empty if this is it.
    """
    now_ms = teller.now()
    prior = _lasting(teller, address)
    verdict = finding.verdict.value
    if prior is not None and (
        (prior.by_gateway and prior.found == verdict)
        or (not glimpsed and prior.glimpsed == verdict and prior.verdict != verdict)
    ):
        return _hold(teller, attrs.evolve(prior, last_ms=now_ms, code=code))
    opinion = Opinion(
        code=code,
        verdict=verdict,
        found=verdict,
        glimpsed=glimpsed or verdict,
        confidence=finding.confidence,
        blame=finding.blame,
        reason=finding.reason,
        address=address,
        since_ms=prior.since_ms if prior is not None else now_ms,
        last_ms=now_ms,
    )
    return _hold(teller, opinion)


def _lasting(teller: Teller, address: str) -> Opinion | None:
    prior = teller.keep.opinion_of(address)
    return prior if prior is not None and prior.over_ms is None else None


def _answered(teller: Teller, opinion: Opinion, reply: Reply, public: ReportPublic) -> Opinion:
    """The gateway's word takes the place of ours, with its proof."""
    finding = reply.answer.finding if reply.answer is not None else None
    if finding is None or reply.signed is None:
        return opinion
    return _hold(
        teller,
        attrs.evolve(
            opinion,
            verdict=finding.verdict.value,
            confidence=finding.confidence,
            blame=finding.blame,
            reason=finding.reason,
            signed=reply.signed.to_bytes(),
            public=public.raw,
        ),
    )


def _hold(teller: Teller, opinion: Opinion) -> Opinion:
    teller.show(opinion)
    teller.keep.think(opinion)
    return opinion


# -- later -----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Later:
    """What came of saying what was kept.

    Attributes:
        refused: for each that will never be any good, and is not kept any longer: why.
        retry_after_s: the gateway is busy; None where it is no use before the next session.
    """

    said: int = 0
    refused: tuple[str, ...] = ()
    retry_after_s: float | None = None


async def tell_later(teller: Teller, address: str) -> Later:
    """Say what is kept, oldest first, each on a fresh connection to *address*, whose path is good.

    Raises:
        StateError: the state folder can't be written.
    """
    context = client_context()
    later = Later()
    for kept in teller.keep.kept():
        reply = await _say_again(teller, kept, address, context)
        if reply is None:
            break
        if reply.refused == Code.REPORT_BUDGET:
            retry_s = min(max(reply.retry_after_s, SHORTEST_RETRY_S), LONGEST_RETRY_S)
            return attrs.evolve(later, retry_after_s=retry_s)
        # On a path that is right, what is said in the clear is the gateway's word.
        if reply.answer is None and reply.refused != Code.REPORT_UNREADABLE:
            break
        teller.keep.remove(kept.counter)
        if reply.is_taken:
            later = attrs.evolve(later, said=later.said + 1)
            prior = teller.keep.opinion()
            if prior is not None and not prior.by_gateway and _is_about(prior, kept):
                _answered(teller, prior, reply, ReportPublic(kept.public))
        else:
            code = reply.refused if reply.answer is None else reply.answer.code
            later = attrs.evolve(later, refused=(*later.refused, f"FG-{code}"))
    return later


def _is_about(opinion: Opinion, kept: Kept) -> bool:
    return opinion.address == kept.address and opinion.found == kept.verdict


async def _say_again(teller: Teller, kept: Kept, address: str, context: Context) -> Reply | None:
    """None if the path is not good."""
    try:
        path = await open_path(
            (address,), context=context, anchors=teller.anchors, certified=False, at=from_ms(teller.now()),
            proxies=teller.proxies,
        )  # fmt: skip
    except PathError:
        return None
    report = Report(
        sealed=kept.sealed, answer_key=kept.answer_key, public=ReportPublic(kept.public), counter=kept.counter
    )  # fmt: skip
    return await say(report, path.stream)
