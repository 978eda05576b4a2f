"""Path reports and sightings on their way into the store: no epochs, no marks, each counted once.

A report is known by its signer, the signer's installation and a counter; a sighting by the hash of its record. Either may be read
again any number of times.

The two halves of a connection are joined by the edge where the report came on that very connection, or where the edge remembers
another one of that time and address. What is left is joined here: the report may have come to another edge, or before the sighting,
which edges sum up for a minute. Whichever comes second finds the first, and the evidence is judged again with both halves.

A report that comes some time after what it tells of waits a minute before it counts. Its agent is usually on its way to a session, over
the path that the report came by, and then nobody needs to be called. By then it is also known whether there is a session that
dates it (`certs.inspection.attempt_of`).
"""

import hashlib
from typing import Final

import attrs

from certs.inspection import (
    AT_ONCE_MS,
    Attempt,
    Delivery,
    Evidence,
    Family,
    Finding,
    GatewaySide,
    Join,
    PathRecord,
    RecordKind,
    SessionEnd,
    SignerKind,
    Verdict,
    attempt_of,
    document_to_json,
    judge,
    to_document,
)
from gateway.projector.documents import read_evidence, read_finding
from gateway.projector.incidents import Incidents
from gateway.projector.items import Outcome
from gateway.projector.whence import global_network, network_of
from gateway.store import (
    Documents,
    Halves,
    Judged,
    NewReport,
    NewSighting,
    Projection,
    Reporter,
    StoredReport,
    StoreError,
)
from protocol import Code

__all__ = ["Paths"]

# Two clocks may differ by this much, and a sighting is of some moment of a minute.
NEAR_MS: Final = 90_000

_HTTPS: Final = ":443"

# Longer than an agent takes from the report to a session, and the edge from there to the claim's row.
WAIT_MS: Final = 60_000

DAY_MS: Final = 24 * 60 * 60 * 1000
# An incident's reports are asked for again while it is talked about; who scanned us last quarter is nobody's question.
KEEP_REPORTS_MS: Final = 180 * DAY_MS
KEEP_SIGHTINGS_MS: Final = 30 * DAY_MS


class Paths:
    """What one transaction has to do with paths."""

    def __init__(self, p: Projection, outcome: Outcome, *, now_ms: int) -> None:
        self._p = p
        self._outcome = outcome
        self._now_ms = now_ms
        self._incidents = Incidents(p, outcome, now_ms=now_ms)
        self._touched = False

    def take(self, record: PathRecord, payload: bytes) -> None:
        """Project one record, and *payload*, which it was read from."""
        self._touched = True
        if record.kind is RecordKind.SIGHTING:
            self._sighting(record, hashlib.sha256(payload).digest()[:16])
        else:
            self._report(record)

    def chores(self) -> None:
        """What no record asks for: count reports that have waited, close what is over, forget what is old."""
        self._touched = True
        for report in self._p.paths.due(self._now_ms):
            try:
                with self._p.savepoint():
                    self._count_waiting(report)
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001  # as for a record: what is wrong with one report stalls nobody
                self._p.paths.assign(report.report_id, None)
                reason = f"{type(error).__name__}: {error}"[:200]
                self._outcome.alarm(
                    "path report not counted", Code.RECORD_QUARANTINED, report.reporter.uid, reason=reason
                )
        self._incidents.sweep()
        self._p.paths.forget(
            reports_before_ms=self._now_ms - KEEP_REPORTS_MS,
            sightings_before_ms=self._now_ms - KEEP_SIGHTINGS_MS,
        )

    def finish(self) -> None:
        """Give the alarms that are due."""
        if self._touched:
            self._incidents.give_alarms()

    # -- reports ---------------------------------------------------------------------------------------------------------

    def _report(self, record: PathRecord) -> None:
        reporter = Reporter(
            kind="" if record.signer_kind is None else record.signer_kind.value,
            uid=record.signer_uid,
            installation_uid=record.installation_uid,
        )
        known = self._p.paths.find(reporter, record.counter)
        if known is not None:
            self._outcome.paths["duplicate", record.finding.verdict.value] += 1
            gateway = record.evidence.gateway
            if known.halves is Halves.AGENT and gateway is not None and gateway.is_seen:
                self._join(known, gateway)
            return
        evidence, finding, network = record.evidence, record.finding, self._network(record)
        attempt = self._attempt(
            evidence, reporter, counter=record.counter, came_ms=record.at_ms, delivered_by=record.delivered_by
        )
        completed = self._complete(evidence, record.location_uid, network, attempt.at_ms)
        if completed is not evidence:
            evidence, finding = completed, judge(completed)
        new = NewReport(
            reporter=reporter,
            counter=record.counter,
            organization_uid=record.organization_uid,
            location_uid=record.location_uid,
            delivered_by=record.delivered_by.value,
            source=record.source,
            network=network,
            at_ms=record.at_ms,
            happened_ms=attempt.at_ms,
            wait_until_ms=self._now_ms + WAIT_MS if attempt.may_be_over else None,
        )
        report = self._p.paths.add(new, judged(evidence, finding, network=network, uid=reporter.uid))
        self._outcome.paths["report", finding.verdict.value] += 1
        if not attempt.may_be_over:
            self._incidents.take(report, finding, _sessions(evidence))

    def _attempt(
        self, evidence: Evidence, reporter: Reporter, *, counter: int, came_ms: int, delivered_by: str
    ) -> Attempt:
        """When it happened, as far as is known now."""
        if evidence.agent is None:
            return Attempt(at_ms=came_ms, came_ms=came_ms)
        by_hand = delivered_by == Delivery.FILE
        told_ms = self._p.paths.told_offset_ms(reporter, since_ms=0 if by_hand else came_ms - AT_ONCE_MS)
        return attempt_of(
            evidence.agent, counter=counter, came_ms=came_ms, told_offset_ms=told_ms, half=evidence.gateway, by_hand=by_hand
        )  # fmt: skip

    def _complete(self, evidence: Evidence, location_uid: str, network: str, at_ms: int) -> Evidence:
        """The evidence with what the store knows beside it; the same object where that is nothing."""
        if evidence.tenant_product is None and location_uid:
            firewall = self._p.paths.firewall(location_uid)
            if firewall is not None:
                evidence = attrs.evolve(evidence, tenant_product=firewall)
        if (evidence.gateway is None or not evidence.gateway.is_seen) and network:
            found = self._p.paths.sighting_near(
                network,
                from_ms=at_ms - NEAR_MS,
                to_ms=at_ms + NEAR_MS,
                nearest_ms=at_ms,
                unlikely=Verdict.NOT_AN_AGENT.value,
            )
            seen = None if found is None else read_evidence(found)
            if seen is not None and seen.gateway is not None and _may_be(seen.gateway, evidence):
                gateway = attrs.evolve(seen.gateway, join=Join.TIME_AND_ADDRESS)
                evidence = _with_half(evidence, gateway)
        return evidence

    def _network(self, record: PathRecord) -> str:
        """Where the agent's connections come from, as the gateway sees them."""
        gateway, agent = record.evidence.gateway, record.evidence.agent
        if gateway is not None and gateway.source is not None and (network := network_of(gateway.source)):
            return network
        if network := network_of(record.source):
            return network
        if record.signer_kind is SignerKind.AGENT and (
            network := network_of(self._p.paths.last_address(record.signer_uid))
        ):
            return network
        return global_network(agent.local) if agent is not None and agent.local is not None else ""

    def _join(self, report: StoredReport, gateway: GatewaySide) -> None:
        """The other half of a report's evidence has come."""
        documents = self._p.paths.documents(report.report_id)
        stored = None if documents is None else read_evidence(documents.evidence)
        if stored is None or (gateway.join is Join.TIME_AND_ADDRESS and not _may_be(gateway, stored)):
            return
        evidence = _with_half(stored, gateway)
        finding = judge(evidence)
        uid = report.reporter.uid
        new = self._p.paths.rejudge(
            report.report_id, judged(evidence, finding, network=report.network, uid=uid)
        )
        self._outcome.paths["joined", finding.verdict.value] += 1
        if not self._p.paths.is_waiting(report.report_id):
            self._incidents.rejudged(report, new, finding, _sessions(evidence))

    def _count_waiting(self, report: StoredReport) -> None:
        """Its agent has had its time to get through."""
        documents = self._p.paths.documents(report.report_id)
        evidence = None if documents is None else read_evidence(documents.evidence)
        finding = None if documents is None else read_finding(documents.finding)
        if evidence is None or finding is None:
            self._p.paths.assign(report.report_id, None)
            return
        attempt = self._attempt(
            evidence, report.reporter, counter=report.counter, came_ms=report.at_ms, delivered_by=report.delivered_by
        )  # fmt: skip
        moved_ms = abs(attempt.at_ms - report.happened_ms)
        if moved_ms:
            report = self._p.paths.redate(report.report_id, attempt.at_ms)
        half = evidence.gateway
        if moved_ms > NEAR_MS and (half is None or half.join is not Join.CARRYING):
            # What was joined to it for its time was another connection.
            anew = attrs.evolve(evidence, gateway=None)
            anew = self._complete(anew, report.location_uid, report.network, report.happened_ms)
            if anew != evidence:
                evidence, finding = anew, judge(anew)
                new = judged(evidence, finding, network=report.network, uid=report.reporter.uid)
                report = self._p.paths.rejudge(report.report_id, new)
        self._incidents.take(report, finding, _sessions(evidence))

    # -- sightings -------------------------------------------------------------------------------------------------------

    def _sighting(self, record: PathRecord, digest: bytes) -> None:
        gateway = record.evidence.gateway
        if gateway is None:
            raise ValueError("a sighting without a gateway's half")
        source = gateway.source or ""
        network = network_of(source)
        new = NewSighting(
            digest=digest,
            at_ms=gateway.at_ms,
            network=network,
            source=source,
            listener=gateway.listener,
            verdict=record.finding.verdict.value,
            confidence=_per_cent(record.finding),
            connections=gateway.connections,
            documents=documents_of(record.evidence, record.finding),
        )
        if not self._p.paths.add_sighting(new):
            return
        self._outcome.paths["sighting", new.verdict] += 1
        if not network:
            return
        at_ms = gateway.at_ms
        for report in self._p.paths.one_sided(
            network, from_ms=at_ms - NEAR_MS, to_ms=at_ms + NEAR_MS, nearest_ms=at_ms
        ):
            self._join(report, attrs.evolve(gateway, join=Join.TIME_AND_ADDRESS))


def judged(evidence: Evidence, finding: Finding, *, network: str, uid: str) -> Judged:
    """What a report's row says of a judgement.

    Args:
        uid: the signer's.
    """
    gateway = evidence.gateway
    halves = Halves.AGENT
    if gateway is not None and gateway.is_seen:
        halves = Halves.CARRYING if gateway.join is Join.CARRYING else Halves.NEAR
    return Judged(
        verdict=finding.verdict.value,
        subject=_subject(finding, network=network, uid=uid),
        confidence=_per_cent(finding),
        halves=halves,
        documents=documents_of(evidence, finding),
    )


def _may_be(gateway: GatewaySide, evidence: Evidence) -> bool:
    """Whether a connection can be the attempt of *evidence*, by where it came to.

    An agent whose attempt failed tries port 443, to see whether the gateway is up: what came there, to an agent that had dialed
    another port, is that control experiment. A balancer may forward to any port.
    """
    dialed = "" if evidence.agent is None else evidence.agent.dialed
    return bool(gateway.through_own_proxy) or not gateway.listener.endswith(_HTTPS) or dialed.endswith(_HTTPS)


def _with_half(evidence: Evidence, gateway: GatewaySide) -> Evidence:
    """The evidence with a half of a connection; what the gateway did nearby stays known."""
    before = () if evidence.gateway is None else evidence.gateway.nearby
    return attrs.evolve(evidence, gateway=attrs.evolve(gateway, nearby=gateway.nearby or before))


def _subject(finding: Finding, *, network: str, uid: str) -> str:
    if finding.family is Family.PROVIDER:
        return ""  # it is ours, whoever reports it
    return uid if finding.family is Family.AGENT else finding.interceptor or network


def documents_of(evidence: Evidence, finding: Finding) -> Documents:
    """The documents of a judgement."""
    return Documents(
        evidence=document_to_json(to_document(evidence)), finding=document_to_json(to_document(finding))
    )


def _per_cent(finding: Finding) -> int:
    return round(finding.confidence * 100)


def _sessions(evidence: Evidence) -> tuple[SessionEnd, ...]:
    return () if evidence.agent is None else evidence.agent.sessions
