"""Incidents as the projector writes them: `p.incidents`.

Whether somebody who reported is well again is told by claims: a session that began after the report, and lasted as long as the
verdict asks for. A token's holder is looked for as the agent that the token has enrolled on the same installation.
"""

from collections.abc import Callable

import attrs

from gateway.store.feed import Fact, changed
from gateway.store.hot import Hot
from gateway.store.incidents import INCIDENT_COLUMNS, Incident, IncidentState, incident_of
from gateway.store.overrides import OVERRIDE_COLUMNS, Override, override_of
from gateway.store.paths import Reporter, StoredReport, report_of
from gateway.store.projected_paths import REPORT

OVERRIDE = f"SELECT {', '.join(OVERRIDE_COLUMNS)} FROM overrides "  # noqa: S608  # names of ours
INCIDENT = f"SELECT {', '.join(INCIDENT_COLUMNS)} FROM incidents "  # noqa: S608  # names of ours

# More than an edge serves agents. Who holds a token could make up any number of installations.
MAX_MEMBERS = 20_000

PROVEN = "c.claimed_ms > {since} AND c.last_heartbeat_ms - c.claimed_ms >= {proof}"
AGENTS_CLAIM = "SELECT 1 FROM claims c WHERE c.agent_uid = {uid} AND " + PROVEN  # noqa: S608  # texts of ours
TOKENS_CLAIM = (
    "SELECT 1 FROM agents a JOIN claims c ON c.agent_uid = a.uid"  # noqa: S608  # texts of ours
    " WHERE a.token_id = {uid} AND a.installation_uid = {installation} AND " + PROVEN
)
MEMBERS = {"uid": "m.signer_uid", "installation": "m.installation_uid", "since": "m.last_ms", "proof": "i.proof_ms"}  # fmt: skip
# Somebody whom the provider no longer expects (revoked, rejected, a token that leads nowhere) suffers from nothing. A code is a
# person's, who looks at the answer: no session could end what it opens.
SUFFERS = f"""
    (m.signer_kind = 'agent'
        AND EXISTS (SELECT 1 FROM agents a WHERE a.uid = m.signer_uid AND a.standing IN ('verified', 'unverified'))
        AND NOT EXISTS ({AGENTS_CLAIM.format(**MEMBERS)}))
    OR (m.signer_kind = 'token'
        AND EXISTS (SELECT 1 FROM tokens t WHERE t.id = m.signer_uid AND t.revoked_ms IS NULL AND t.expires_ms > ?)
        AND NOT EXISTS ({TOKENS_CLAIM.format(**MEMBERS)}))
"""  # noqa: S608  # texts of ours
ONE = (
    "(SELECT CAST(? AS TEXT) AS signer_kind, CAST(? AS TEXT) AS signer_uid, CAST(? AS TEXT) AS installation_uid,"
    " CAST(? AS BIGINT) AS last_ms) m, (SELECT CAST(? AS BIGINT) AS proof_ms) i"
)
# An agent is one, whatever installations its reports name; those of a token are servers that have not enrolled yet.
INSTALLATION = "CASE WHEN signer_kind = 'agent' THEN '' ELSE installation_uid END"
WELL = f"""
    (m.signer_kind = 'agent' AND EXISTS ({AGENTS_CLAIM.format(**MEMBERS)}))
    OR (m.signer_kind = 'token' AND EXISTS ({TOKENS_CLAIM.format(**MEMBERS)}))
"""


@attrs.frozen(kw_only=True)
class NewIncident:
    """An incident's beginning."""

    organization_uid: str
    location_uid: str
    verdict: str
    subject: str
    family: str
    proof_ms: int
    alarm_due_ms: int


@attrs.frozen
class ProjectedIncidents:
    """The verbs."""

    _hot: Hot
    _note: Callable[[Fact], None]

    def provider_uid(self) -> str:
        """The organization that an incident of the provider's own belongs to; empty in a store without one."""
        row = self._hot.one("SELECT uid FROM organizations WHERE kind = 'provider'")
        return "" if row is None else str(row[0])

    def find(self, organization_uid: str, location_uid: str, verdict: str, subject: str) -> Incident | None:
        """The incident of that key."""
        row = self._hot.one(
            INCIDENT + "WHERE organization_uid = ? AND location_uid = ? AND verdict = ? AND subject = ?",
            (organization_uid, location_uid, verdict, subject),
        )
        return None if row is None else incident_of(row)

    def get(self, incident_id: int) -> Incident:
        """An incident that is there."""
        row = self._hot.one(INCIDENT + "WHERE id = ?", (incident_id,))
        assert row is not None  # noqa: S101  # incidents are never deleted
        return incident_of(row)

    def count_lately(
        self, organization_uid: str, family: str, who: Reporter, *, since_ms: int
    ) -> tuple[int, int]:
        """How many of an organization's are open, or were opened since; and how many of these *who* has reported."""
        row = self._hot.one(
            "SELECT count(*), coalesce(sum(CASE WHEN EXISTS (SELECT 1 FROM incident_agents m WHERE m.incident_id = i.id"
            " AND m.signer_kind = ? AND m.signer_uid = ?) THEN 1 ELSE 0 END), 0)"
            " FROM incidents i WHERE i.organization_uid = ? AND i.family = ? AND (i.state <> 'closed' OR i.opened_ms > ?)",
            (who.kind, who.uid, organization_uid, family, since_ms),
        )
        assert row is not None  # noqa: S101  # an aggregate always has a row
        return int(row[0]), int(row[1])

    def is_said_by_two(self, incident: Incident) -> bool:
        """Whether two have reported it that hold different keys: who holds one may make up installations."""
        row = self._hot.one(
            "SELECT count(*) FROM (SELECT DISTINCT signer_kind, signer_uid FROM incident_agents WHERE incident_id = ?"
            " LIMIT 2) AS signers",
            (incident.incident_id,),
        )
        assert row is not None  # noqa: S101  # an aggregate always has a row
        return int(row[0]) > 1

    def open(self, new: NewIncident, report: StoredReport, *, now_ms: int) -> Incident:
        """Begin an incident, with nobody in it yet."""
        row = self._hot.one(
            "INSERT INTO incidents (organization_uid, location_uid, verdict, subject, family, state, network, vendor, blame,"
            " confidence, report_id, reports, agents, first_ms, last_ms, opened_ms, closed_why, recurrences, proof_ms,"
            " alarm_due_ms) VALUES (?, ?, ?, ?, ?, ?, ?, '', '', -1, ?, 0, 0, ?, ?, ?, '', 0, ?, ?) RETURNING id",
            (
                new.organization_uid, new.location_uid, new.verdict, new.subject, new.family, IncidentState.OPENED.value,
                report.network, report.report_id, report.happened_ms, report.happened_ms, now_ms, new.proof_ms,
                new.alarm_due_ms,
            ),
        )  # fmt: skip
        assert row is not None  # noqa: S101  # RETURNING of a plain INSERT
        self._note(changed("incident", row[0]))
        return self.get(row[0])

    def join(self, incident: Incident, report: StoredReport) -> Incident:
        """Count a report, and whoever made it."""
        who, at_ms = report.reporter, report.happened_ms
        installation_uid = "" if who.kind == "agent" else who.installation_uid
        member = (incident.incident_id, who.kind, who.uid, installation_uid)
        known = self._hot.run(
            "UPDATE incident_agents SET reports = reports + 1,"
            " first_ms = CASE WHEN first_ms < ? THEN first_ms ELSE ? END,"
            " last_ms = CASE WHEN last_ms > ? THEN last_ms ELSE ? END"
            " WHERE incident_id = ? AND signer_kind = ? AND signer_uid = ? AND installation_uid = ?",
            (at_ms, at_ms, at_ms, at_ms, *member),
        )
        new = 0
        if not known and incident.agents < MAX_MEMBERS:
            new = 1
            self._hot.run(
                "INSERT INTO incident_agents (incident_id, signer_kind, signer_uid, installation_uid, reports, first_ms, last_ms)"
                " VALUES (?, ?, ?, ?, 1, ?, ?)",
                (*member, at_ms, at_ms),
            )
        newer = at_ms >= incident.last_ms and report.network
        self._hot.run(
            "UPDATE incidents SET reports = reports + 1, agents = agents + ?, first_ms = ?, last_ms = ?, network = ? WHERE id = ?",
            (
                new, min(at_ms, incident.first_ms), max(at_ms, incident.last_ms),
                report.network if newer else incident.network, incident.incident_id,
            ),
        )  # fmt: skip
        return self.get(incident.incident_id)

    def show(self, incident: Incident, report: StoredReport, *, vendor: str, blame: str) -> None:
        """The report says best what the incident is."""
        self._hot.run(
            "UPDATE incidents SET report_id = ?, confidence = ?, vendor = ?, blame = ? WHERE id = ?",
            (report.report_id, report.confidence, vendor, blame, incident.incident_id),
        )

    def recount(self, incident: Incident) -> Incident:
        """Count again after a report was judged anew and belongs elsewhere."""
        here = incident.incident_id
        self._hot.run("DELETE FROM incident_agents WHERE incident_id = ?", (here,))
        self._hot.run(
            "INSERT INTO incident_agents (incident_id, signer_kind, signer_uid, installation_uid, reports, first_ms, last_ms)"  # noqa: S608  # texts of ours
            f" SELECT incident_id, signer_kind, signer_uid, {INSTALLATION}, count(*), min(happened_ms), max(happened_ms)"
            f" FROM path_reports WHERE incident_id = ? GROUP BY incident_id, signer_kind, signer_uid, {INSTALLATION}",
            (here,),
        )
        self._hot.run(
            "UPDATE incidents SET (reports, agents, first_ms, last_ms) = (SELECT coalesce(sum(reports), 0), count(*),"
            " coalesce(min(first_ms), incidents.first_ms), coalesce(max(last_ms), incidents.last_ms)"
            " FROM incident_agents WHERE incident_id = ?) WHERE id = ?",
            (here, here),
        )
        return self.get(here)

    def surest(self, incident: Incident) -> StoredReport | None:
        """The report of an incident that is surest; of two, the later."""
        row = self._hot.one(
            REPORT + "WHERE incident_id = ? ORDER BY confidence DESC, happened_ms DESC, id DESC LIMIT 1",
            (incident.incident_id,),
        )
        return None if row is None else report_of(row)

    def confirm(self, incident: Incident, *, now_ms: int) -> None:
        """A second one says so, or both ends do."""
        self._note(changed("incident", incident.incident_id))
        state = IncidentState.CONFIRMED if incident.state is IncidentState.OPENED else incident.state
        self._hot.run(
            "UPDATE incidents SET state = ?, confirmed_ms = ? WHERE id = ?",
            (state.value, now_ms, incident.incident_id),
        )

    def reopen(self, incident: Incident, *, again: bool, alarm_due_ms: int) -> None:
        """Somebody suffers from it.

        Args:
            again: it had ended and has come back; otherwise it had never ended for this one.
        """
        self._note(changed("incident", incident.incident_id))
        if again:
            self._hot.run(
                "UPDATE incidents SET state = ?, closed_ms = NULL, closed_why = '', recurrences = recurrences + 1,"
                " alarm_due_ms = ?, alarmed_ms = NULL, silenced_by = NULL WHERE id = ?",
                (IncidentState.RECURRING.value, alarm_due_ms, incident.incident_id),
            )
            return
        former = IncidentState.OPENED
        if incident.recurrences:
            former = IncidentState.RECURRING
        elif incident.confirmed_ms is not None:
            former = IncidentState.CONFIRMED
        self._hot.run(
            "UPDATE incidents SET state = ?, closed_ms = NULL, closed_why = '' WHERE id = ?",
            (former.value, incident.incident_id),
        )

    def close(self, incident: Incident, *, why: str, now_ms: int) -> None:
        """Nobody suffers from it any more."""
        self._note(changed("incident", incident.incident_id))
        self._hot.run(
            "UPDATE incidents SET state = ?, closed_ms = ?, closed_why = ? WHERE id = ?",
            (IncidentState.CLOSED.value, now_ms, why, incident.incident_id),
        )

    def suffers(self, who: Reporter, *, since_ms: int, proof_ms: int, now_ms: int) -> bool:
        """Whether a reporter is expected, and has had no session that began after *since_ms* and lasted for *proof_ms*."""
        row = self._hot.one(
            f"SELECT 1 FROM {ONE} WHERE {SUFFERS}",  # noqa: S608  # texts of ours
            (who.kind, who.uid, who.installation_uid, since_ms, proof_ms, now_ms),
        )
        return row is not None

    def over(self, now_ms: int) -> list[tuple[Incident, bool]]:
        """The open incidents from which nobody suffers any more, each with whether a session has proved that."""
        rows = self._hot.all(
            f"SELECT {', '.join(f'i.{name}' for name in INCIDENT_COLUMNS)},"  # noqa: S608  # texts of ours
            f" EXISTS (SELECT 1 FROM incident_agents m WHERE m.incident_id = i.id AND ({WELL}))"
            " FROM incidents i WHERE i.state <> 'closed'"
            f" AND NOT EXISTS (SELECT 1 FROM incident_agents m WHERE m.incident_id = i.id AND ({SUFFERS}))"
            " ORDER BY i.id",
            (now_ms,),
        )
        return [(incident_of(row[:-1]), bool(row[-1])) for row in rows]

    def unsaid(self, now_ms: int) -> list[Incident]:
        """The open incidents whose alarm is due and was not given."""
        rows = self._hot.all(
            INCIDENT + "WHERE state <> 'closed' AND alarmed_ms IS NULL AND alarm_due_ms <= ? ORDER BY id",
            (now_ms,),
        )
        return [incident_of(row) for row in rows]

    def overrides(self, now_ms: int) -> list[Override]:
        """Those that silence anything now."""
        rows = self._hot.all(OVERRIDE + "WHERE ended_ms IS NULL AND expires_ms > ? ORDER BY id", (now_ms,))
        return [override_of(row) for row in rows]

    def silence(self, incident: Incident, override_id: int | None) -> None:
        """An override keeps the alarm quiet, or no longer does."""
        self._hot.run(
            "UPDATE incidents SET silenced_by = ? WHERE id = ?", (override_id, incident.incident_id)
        )

    def alarmed(self, incident: Incident, *, now_ms: int) -> None:
        """The alarm was given."""
        self._note(changed("incident", incident.incident_id))
        self._hot.run(
            "UPDATE incidents SET alarmed_ms = ?, silenced_by = NULL WHERE id = ?",
            (now_ms, incident.incident_id),
        )

    def open_by_verdict(self) -> dict[str, int]:
        """How many are open, by verdict."""
        rows = self._hot.all(
            "SELECT verdict, count(*) FROM incidents WHERE state <> 'closed' GROUP BY verdict"
        )
        return {str(verdict): int(number) for verdict, number in rows}
