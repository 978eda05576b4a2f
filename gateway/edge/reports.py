"""Path reports: opened, attributed, judged with the gateway's own half, journaled, and answered when that is on disk.

A report comes from anybody, before any session, over a connection that may belong to the very box that it is about. So each step
may refuse, the cheap ones first: a budget for bytes, a rate for each source network and one for all strangers (`room`), a few that
wait; the seal, the counter, the signer. Nothing is judged or written for somebody whose signature has not been verified. What costs milliseconds is done in a
worker thread, one report at a time.

*Refusals.* What can't be opened can't be answered in confidence: FG-3101 and FG-3104 are said in the clear. From there on every
answer is sealed to the reporter and signed by the report key.

*Replays.* A report is good for once, by (signer, installation, counter). The memory here is bounded and is this process's; what it
has forgotten the projector still knows, and the rows do not change.
"""

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import attrs
import structlog
import trio

from certs.inspection import (
    PATH_TAG,
    Answer,
    Delivery,
    Evidence,
    Finding,
    OpenedReport,
    PathRecord,
    RecordKind,
    SealError,
    attempt_of,
    judge,
    open_report,
    seal_answer,
)
from gateway.edge.identify import Refused
from gateway.edge.joining import Carrier, delivery_of, finding_for, is_theirs, join, visible
from gateway.edge.rates import Rates
from gateway.edge.reportroom import ReportRoom
from gateway.edge.signers import Reporter, product_of, reporter_of, told_offset_ms
from gateway.journal import JournalFull, Record, RecordFlags
from gateway.store import StoreError
from protocol import Action, Code

if TYPE_CHECKING:
    from gateway.edge.inspection import Inspection

__all__ = ["Reports", "Said", "noted", "unreadable"]

T = TypeVar("T")
R = TypeVar("R", "Said | Refused", Refused)

log = structlog.get_logger()

# A site's forty agents may all find their path broken in the same minute. Nobody else has a reason to come more often.
BURST, PER_S = 60, 1.0

# Of one signer, whatever networks it comes from: a token may be shared by a whole company, an agent says a thing every ten minutes.
SIGNER_BURST, SIGNER_PER_S = 60, 0.1

# A judgement takes some milliseconds: these are a quarter of a second's.
MAX_WAITING = 64

# Whoever reports waits for 30 s.
ANSWER_S = 25.0

LATER_MS = 60_000

# 200 bytes each: 2 MB.
REMEMBERED = 10_000


@attrs.frozen(kw_only=True)
class Said:
    """What goes back to the reporter: `sealed` is a PathVerdict's. `code` is 0, or why the report does not count."""

    code: int
    sealed: bytes
    detail: str
    agent_uid: str = ""


@attrs.define(eq=False, kw_only=True)
class Reports:
    """One desk for all connections of an edge."""

    inspection: "Inspection"
    room: ReportRoom = attrs.field(factory=ReportRoom)
    rates: Rates = attrs.field(factory=lambda: Rates(burst=BURST, per_s=PER_S))
    _signers: Rates = attrs.field(factory=lambda: Rates(burst=SIGNER_BURST, per_s=SIGNER_PER_S), init=False)
    _seen: OrderedDict[tuple[str, str, str, int], None] = attrs.field(factory=OrderedDict, init=False)
    _worker: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(1), init=False)

    async def take(self, sealed: bytes, carrier: Carrier) -> Said | Refused:
        """Do everything about one report that has arrived whole, and say what to answer."""
        ticket = carrier.peer.ticket
        ticket.heard()
        ticket.scope.deadline = trio.current_time() + ANSWER_S
        answer = await self._take(sealed, carrier)
        return self.refuse(answer) if answer.code else answer

    def no_room(self) -> Refused:
        """There is no memory for a report that is on its way."""
        return self.refuse(busy("too many path reports under way"))

    def refuse(self, answer: R) -> R:
        """Count a refusal."""
        self.inspection.metrics.refused[Code(answer.code)].inc()
        return answer

    async def _take(self, sealed: bytes, carrier: Carrier) -> Said | Refused:
        if why := self._why_later(carrier):
            return busy(why)
        keys = self.inspection.services.credentials.authority.report_keys()
        try:
            opened = await self._in_thread(lambda: open_report(sealed, keys))
        except SealError as error:
            return unreadable(str(error))
        number = (opened.kind.value, opened.uid, opened.installation_uid, opened.counter)
        if number in self._seen:
            return await self._say_no(opened, Code.REPORT_REPLAYED)
        try:
            reporter = await reporter_of(self.inspection.services, opened)
        except StoreError as error:
            return busy(f"the gateway's store: {error}")
        if isinstance(reporter, Code):
            return await self._say_no(opened, reporter)
        if number in self._seen:  # it came twice, and both waited
            return await self._say_no(opened, Code.REPORT_REPLAYED)
        if not self._signers.take(f"{opened.kind.value} {opened.uid}"):
            return busy("too many path reports of this sender")
        self._remember(number)
        try:
            return await self._judged(opened, reporter, carrier)
        except JournalFull as error:
            self._seen.pop(number, None)
            self.inspection.services.on_full(error)
            return busy("the gateway's disk is full")
        except BaseException:
            # Out of time, say. Perhaps nothing was written, so it may come again; if it was, the projector counts it once.
            self._seen.pop(number, None)
            raise

    def _why_later(self, carrier: Carrier) -> str:
        """Why nobody looks at it now; empty if somebody does."""
        if "disk" in self.inspection.services.valve.reasons:
            return "the gateway's disk is nearly full"
        if self._worker.statistics().tasks_waiting >= MAX_WAITING:
            return "too many path reports at once"
        if not self.rates.take(carrier.network):
            return "too many path reports from this address"
        return "" if self.room.may_be_opened(carrier.peer) else "too many path reports of strangers"

    def _remember(self, number: tuple[str, str, str, int]) -> None:
        self._seen[number] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    async def _judged(self, opened: OpenedReport, reporter: Reporter, carrier: Carrier) -> Said:
        """Judge it with our half, write it down, and say so once that is durable.

        Raises:
            JournalFull: it was not written.
        """
        services, inspection = self.inspection.services, self.inspection
        dated = functools.partial(
            attempt_of, opened.side, counter=opened.counter, came_ms=services.now(),
            told_offset_ms=await told_offset_ms(services, opened),
        )  # fmt: skip
        half = join(opened.side, carrier, inspection, at_ms=dated().at_ms)
        evidence = Evidence(
            agent=opened.side,
            gateway=half,
            expected=inspection.expectations.now(),
            tenant_product=await self._product(reporter),
        )
        now_ms = services.now()
        delivery = delivery_of(carrier, dated(half=half), half)
        finding, payload, sealed = await self._in_thread(
            lambda: _conclude(opened, reporter, evidence, carrier, delivery, now_ms)
        )
        flags = RecordFlags.SYNTHETIC if reporter.synthetic else RecordFlags.NONE
        record = Record(
            agent_uid=reporter.key, received_ms=now_ms, tag=PATH_TAG, payload=payload, flags=flags
        )
        await services.committer.append_alone(record).wait()
        inspection.metrics.reports[finding.verdict].inc()
        log.info(
            "path report", verdict=finding.verdict.value, confidence=round(finding.confidence, 2), signer=opened.kind.value,
            uid=opened.uid, organization=reporter.organization_uid, location=reporter.location_uid, peer=carrier.source,
            delivered_by=delivery.value,
        )  # fmt: skip
        return Said(
            code=0,
            sealed=sealed,
            detail=f"path report: {finding.verdict.value}",
            agent_uid=reporter.agent_uid,
        )

    async def _product(self, reporter: Reporter) -> str | None:
        link = self.inspection.services.link
        try:
            return await link.call(lambda: product_of(link.store, reporter))
        except StoreError:
            return None  # it names a product, and decides nothing

    async def _say_no(self, opened: OpenedReport, code: Code) -> Said:
        answer = Answer(code=int(code), gateway_time_ms=self.inspection.services.now())
        sealed = await self._in_thread(lambda: _sealed(answer, opened))
        return Said(code=code, sealed=sealed, detail=f"path report of {opened.kind.value} {opened.uid}")

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._worker)


def _conclude(
    opened: OpenedReport,
    reporter: Reporter,
    evidence: Evidence,
    carrier: Carrier,
    delivery: Delivery,
    now_ms: int,
) -> tuple[Finding, bytes, bytes]:
    """The finding, its record for the journal, and the answer. Takes milliseconds: runs in a worker thread."""
    finding = judge(evidence)
    record = PathRecord(
        kind=RecordKind.REPORT,
        signer_kind=opened.kind,
        signer_uid=opened.uid,
        installation_uid=opened.installation_uid,
        counter=opened.counter,
        at_ms=now_ms,
        organization_uid=reporter.organization_uid,
        location_uid=reporter.location_uid,
        delivered_by=delivery,
        source=carrier.source,
        evidence=evidence,
        finding=finding,
    )
    theirs = is_theirs(opened.side, evidence.gateway, carrier)
    answer = Answer(
        code=0,
        gateway_time_ms=now_ms,
        finding=finding_for(evidence, finding, theirs=theirs),
        gateway=visible(evidence.gateway, evidence.expected.own_proxies) if theirs else None,
    )
    return finding, record.encode(), _sealed(answer, opened)


def _sealed(answer: Answer, opened: OpenedReport) -> bytes:
    return seal_answer(answer, opened.report_key, opened.answer_key, opened.digest)


def noted(outcome: Said | Refused) -> tuple[Code, str, str]:
    """Code, detail and agent's uid for the end of a connection that carried a report."""
    if isinstance(outcome, Refused):
        return outcome.code, outcome.message, ""
    return Code(outcome.code or Code.GOODBYE), outcome.detail, outcome.agent_uid


def busy(why: str) -> Refused:
    """Later: the reporter keeps what it has to say."""
    return Refused.for_now(Code.REPORT_BUDGET, why, LATER_MS)


def unreadable(why: str) -> Refused:
    """Never: nothing that is sent again will be readable."""
    return Refused(code=Code.REPORT_UNREADABLE, message=why, action=Action.STOP)
