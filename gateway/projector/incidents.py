"""The life of incidents: which report opens one, confirms it, brings it back, and when it is over.

An incident is known by whose place it is, the verdict, and whoever interferes; so forty agents behind one firewall are one. What a
report may do to it depends on one question, asked of the store inside the transaction: has who made it had a session since?
A session proves the path. So the same reports, in whatever order and however often they come, end in the same state:

- A report of somebody who has been well since opens nothing and brings nothing back; it is counted where an incident exists. Neither
  does one of somebody who is expected no more, for whom no incident stays open.
- An incident is over when everybody in it has been well since his own last report.
- A report about a time after that brings it back; one about a time before shows that it was never over.

A verdict that nobody has to act on, or that a planned rotation or restart of ours explains, is no incident.
"""

from collections.abc import Sequence
from typing import Final

import attrs

from certs.inspection import Family, Finding, SessionEnd, Verdict
from gateway.projector.documents import read_finding
from gateway.projector.items import News, Outcome
from gateway.store import Incident, IncidentState, NewIncident, Projection, StoredReport
from protocol import Code

__all__ = ["IncidentKey", "Incidents", "key_of", "proof_ms"]

# What we do on purpose, and what an operator has decided. An agent sees it and reports it; nobody is to be called.
PLANNED: Final = frozenset({Verdict.GATEWAY_CERT_ROTATED, Verdict.GATEWAY_RESTART, Verdict.AGENT_REFUSED})

# These may pass before anybody could act: a report is no alarm yet, one that still holds is.
PATIENT: Final = frozenset({Family.AGENT, Family.UNKNOWN})
PATIENCE_MS: Final = 10 * 60 * 1000

MINUTE_MS: Final = 60 * 1000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

# Of one organization's, of one family, open or begun within a day. More different boxes than any customer has; each can have its alarm.
MAX_OPEN: Final = 100
# Of these, those that one agent or token is in: nobody's way leads through more, and what it makes up leaves room for others.
MAX_OF_ONE: Final = 10

CLOSED_BY_SESSIONS = "every agent concerned has had a session since"
CLOSED_BY_REJUDGING = "its reports were judged anew, and belong to another"
CLOSED_BY_ABSENCE = "no agent concerned is expected any more"


@attrs.frozen(kw_only=True)
class IncidentKey:
    """What makes two reports one incident."""

    organization_uid: str
    location_uid: str
    verdict: str
    subject: str
    family: Family


def key_of(finding: Finding, report: StoredReport, *, provider_uid: str) -> IncidentKey | None:
    """Which incident a report belongs to; None if it is none."""
    family = finding.family
    if family is Family.CLEAN or finding.verdict in PLANNED:
        return None
    ours = family is Family.PROVIDER
    return IncidentKey(
        organization_uid=provider_uid if ours else report.organization_uid,
        location_uid="" if ours else report.location_uid,
        verdict=finding.verdict.value,
        subject=report.subject,
        family=family,
    )


def proof_ms(finding: Finding, sessions: Sequence[SessionEnd]) -> int:
    """How long a session must last to prove that the path is mended: where sessions open and are cut, longer than those did."""
    if finding.verdict is not Verdict.SESSION_CUT:
        return 0
    longest_ms = max((int(each.lasted_s * 1000) for each in sessions), default=0)
    return min(max(2 * longest_ms, 5 * MINUTE_MS), DAY_MS)


def quiet_until_ms(incident: Incident) -> int:
    """Until when an incident that comes back gives no alarm: it has given one, and who comes and goes calls nobody each time.

    An hour after its last alarm at the first time, twice as long at each further one, a day at most. An alarm that this has put off
    stays where it was put.
    """
    if incident.alarmed_ms is None:
        return incident.alarm_due_ms
    return incident.alarmed_ms + min(HOUR_MS << min(incident.recurrences, 8), DAY_MS)


class Incidents:
    """The incidents that one transaction touches."""

    def __init__(self, p: Projection, outcome: Outcome, *, now_ms: int) -> None:
        self._p = p
        self._outcome = outcome
        self._now_ms = now_ms
        self._provider_uid: str | None = None

    def take(self, report: StoredReport, finding: Finding, sessions: Sequence[SessionEnd]) -> None:
        """Find or open the incident of a report that belongs to none yet."""
        key = key_of(finding, report, provider_uid=self._provider())
        if key is None:
            self._p.paths.assign(report.report_id, None)
            return
        incident = self._p.incidents.find(key.organization_uid, key.location_uid, key.verdict, key.subject)
        proof = proof_ms(finding, sessions) if incident is None else incident.proof_ms
        # A code is a person's, who looks at the answer: there is no session that could end what it opens.
        suffers = self._p.incidents.suffers(
            report.reporter, since_ms=report.happened_ms, proof_ms=proof, now_ms=self._now_ms
        )
        if incident is None:
            incident = self._open(key, report, proof) if suffers else None
            if incident is None:
                self._p.paths.assign(report.report_id, None)
                return
        self._p.paths.assign(report.report_id, incident.incident_id)
        incident = self._p.incidents.join(incident, report)
        self._show(incident, report, finding)
        if suffers and not incident.is_open:
            incident = self._reopen(incident, report)
        self._confirm(incident, report)

    def rejudged(
        self, was: StoredReport, report: StoredReport, finding: Finding, sessions: Sequence[SessionEnd]
    ) -> None:
        """A report that was counted is judged otherwise now."""
        if was.incident_id is not None:
            incident = self._p.incidents.get(was.incident_id)
            key = key_of(finding, report, provider_uid=self._provider())
            if key is not None and (key.verdict, key.subject) == (incident.verdict, incident.subject):
                self._show(incident, report, finding)
                self._confirm(incident, report)
                return
            self._p.paths.assign(report.report_id, None)
            incident = self._p.incidents.recount(incident)
            if incident.report_id == report.report_id:
                self._show_another(incident)
        self.take(report, finding, sessions)

    def sweep(self) -> None:
        """Close what is over."""
        for incident, proven in self._p.incidents.over(self._now_ms):
            if not incident.agents:
                why = CLOSED_BY_REJUDGING
            else:
                why = CLOSED_BY_SESSIONS if proven else CLOSED_BY_ABSENCE
            self._p.incidents.close(incident, why=why, now_ms=self._now_ms)
            self._became("closed", incident, why=why)
        self._outcome.open_incidents = self._p.incidents.open_by_verdict()

    def give_alarms(self) -> None:
        """Say what is due and unsaid, unless an override keeps it quiet."""
        unsaid = [incident for incident in self._p.incidents.unsaid(self._now_ms) if incident.agents]
        if not unsaid:
            return
        overrides = [
            each for each in self._p.incidents.overrides(self._now_ms) if each.is_active(self._now_ms)
        ]
        for incident in unsaid:
            silencing = next(
                (
                    each.override_id
                    for each in overrides
                    if each.covers(
                        organization_uid=incident.organization_uid,
                        location_uid=incident.location_uid,
                        verdict=incident.verdict,
                        network=incident.network,
                    )
                ),
                None,
            )
            if silencing is not None:
                if incident.silenced_by != silencing:
                    self._p.incidents.silence(incident, silencing)
                continue
            self._p.incidents.alarmed(incident, now_ms=self._now_ms)
            alarm = News(
                event="path incident", alarm=True, fields=_facts(incident) | {"code": str(Code.PATH_INCIDENT)}
            )
            self._outcome.news.insert(0, alarm)  # before what became of it in this very transaction

    def _open(self, key: IncidentKey, report: StoredReport, proof: int) -> Incident | None:
        of_all, of_one = self._p.incidents.count_lately(
            key.organization_uid, key.family.value, report.reporter, since_ms=self._now_ms - DAY_MS
        )
        if of_all >= MAX_OPEN or of_one >= MAX_OF_ONE:
            self._outcome.paths["not opened", key.verdict] += 1
            self._outcome.alarm(
                "too many path incidents",
                Code.INCIDENT_LIMIT,
                report.reporter.uid,
                organization_uid=key.organization_uid,
            )
            return None
        new = NewIncident(
            organization_uid=key.organization_uid,
            location_uid=key.location_uid,
            verdict=key.verdict,
            subject=key.subject,
            family=key.family.value,
            proof_ms=proof,
            alarm_due_ms=self._now_ms + (PATIENCE_MS if key.family in PATIENT else 0),
        )
        incident = self._p.incidents.open(new, report, now_ms=self._now_ms)
        self._outcome.paths["opened", incident.verdict] += 1
        return incident

    def _reopen(self, incident: Incident, report: StoredReport) -> Incident:
        again = incident.closed_ms is not None and report.happened_ms > incident.closed_ms
        patience_ms = PATIENCE_MS if Family(incident.family) in PATIENT else 0
        due_ms = max(self._now_ms + patience_ms, quiet_until_ms(incident))
        self._p.incidents.reopen(incident, again=again, alarm_due_ms=due_ms)
        incident = self._p.incidents.get(incident.incident_id)
        if again:
            self._outcome.paths["recurring", incident.verdict] += 1
        return incident

    def _confirm(self, incident: Incident, report: StoredReport) -> None:
        if incident.confirmed_ms is not None:
            return
        if report.halves.has_gateway or self._p.incidents.is_said_by_two(incident):
            self._p.incidents.confirm(incident, now_ms=self._now_ms)
            self._became("confirmed", incident, agents=incident.agents)

    def _show(self, incident: Incident, report: StoredReport, finding: Finding) -> None:
        if report.confidence >= incident.confidence or report.report_id == incident.report_id:
            self._p.incidents.show(incident, report, vendor=finding.vendor, blame=finding.blame)

    def _show_another(self, incident: Incident) -> None:
        """The report that said best what the incident is has gone to another."""
        best = self._p.incidents.surest(incident)
        if best is not None:
            documents = self._p.paths.documents(best.report_id)
            finding = None if documents is None else read_finding(documents.finding)
            if finding is not None:
                self._p.incidents.show(incident, best, vendor=finding.vendor, blame=finding.blame)

    def _became(self, event: str, incident: Incident, **fields: object) -> None:
        self._outcome.paths[event, incident.verdict] += 1
        self._outcome.news.append(
            News(event=f"path incident {event}", alarm=False, fields=_facts(incident) | fields)
        )

    def _provider(self) -> str:
        if self._provider_uid is None:
            self._provider_uid = self._p.incidents.provider_uid()
        return self._provider_uid


def _facts(incident: Incident) -> dict[str, object]:
    """For the log; nothing that a stranger's certificate says."""
    return {
        "incident": incident.incident_id,
        "verdict": incident.verdict,
        "to_act": incident.family,
        "organization_uid": incident.organization_uid,
        "location_uid": incident.location_uid,
        "again": incident.state is IncidentState.RECURRING,
    }
