"""Path reports and sightings as the projector writes them: `p.paths`."""

import attrs

from gateway.store.hot import Hot
from gateway.store.paths import (
    REPORT_COLUMNS,
    Documents,
    Halves,
    Reporter,
    StoredReport,
    documents_of,
    last_told_offset_ms,
    packed_document,
    report_of,
    unpacked,
)

REPORT = f"SELECT {', '.join(REPORT_COLUMNS)} FROM path_reports "  # noqa: S608  # names of ours

# A report has some 4 kB once it is packed. An agent behind a broken path makes one in ten minutes; of the older ones the row stays,
# so that nobody can have one taken a second time.
KEPT_DOCUMENTS = 200

# A port scan of the whole day, a row a minute from a hundred networks, and room beside it for everybody else.
MAX_SIGHTINGS = 200_000


@attrs.frozen(kw_only=True)
class NewReport:
    """A report that is to be kept."""

    reporter: Reporter
    counter: int
    organization_uid: str
    location_uid: str
    delivered_by: str
    source: str
    network: str
    at_ms: int
    happened_ms: int
    wait_until_ms: int | None
    """Not to be counted before; None: at once."""


@attrs.frozen(kw_only=True)
class Judged:
    """What a judgement says of a report's row."""

    verdict: str
    subject: str
    confidence: int
    halves: Halves
    documents: Documents


@attrs.frozen(kw_only=True)
class NewSighting:
    """A sighting that is to be kept."""

    digest: bytes
    at_ms: int
    network: str
    source: str
    listener: str
    verdict: str
    confidence: int
    connections: int
    documents: Documents


@attrs.frozen
class ProjectedPaths:
    """The verbs."""

    _hot: Hot

    def find(self, reporter: Reporter, counter: int) -> StoredReport | None:
        """The report of that number of its signer's, if it is in."""
        row = self._hot.one(
            REPORT + "WHERE signer_kind = ? AND signer_uid = ? AND installation_uid = ? AND counter = ?",
            (reporter.kind, reporter.uid, reporter.installation_uid, counter),
        )
        return None if row is None else report_of(row)

    def get(self, report_id: int) -> StoredReport:
        """A report that is in."""
        row = self._hot.one(REPORT + "WHERE id = ?", (report_id,))
        assert row is not None  # noqa: S101  # rows of reports are never deleted
        return report_of(row)

    def add(self, report: NewReport, judged: Judged) -> StoredReport:
        """Keep a report that `find` does not know."""
        who = report.reporter
        row = self._hot.one(
            "INSERT INTO path_reports (signer_kind, signer_uid, installation_uid, counter, organization_uid, location_uid,"
            " delivered_by, source, network, at_ms, happened_ms, wait_until_ms, verdict, subject, confidence, halves,"
            " evidence, finding) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (
                who.kind, who.uid, who.installation_uid, report.counter, report.organization_uid, report.location_uid,
                report.delivered_by, report.source, report.network, report.at_ms, report.happened_ms,
                report.wait_until_ms, judged.verdict, judged.subject, judged.confidence, judged.halves.value,
                packed_document(judged.documents.evidence), packed_document(judged.documents.finding),
            ),
        )  # fmt: skip
        assert row is not None  # noqa: S101  # RETURNING of a plain INSERT
        self._forget_older(who)
        return self.get(row[0])

    def rejudge(self, report_id: int, judged: Judged) -> StoredReport:
        """More is known of a report than when it came."""
        self._hot.run(
            "UPDATE path_reports SET verdict = ?, subject = ?, confidence = ?, halves = ?, evidence = ?, finding = ? WHERE id = ?",
            (
                judged.verdict, judged.subject, judged.confidence, judged.halves.value,
                packed_document(judged.documents.evidence), packed_document(judged.documents.finding), report_id,
            ),
        )  # fmt: skip
        return self.get(report_id)

    def redate(self, report_id: int, happened_ms: int) -> StoredReport:
        """It is known better now when it happened."""
        self._hot.run("UPDATE path_reports SET happened_ms = ? WHERE id = ?", (happened_ms, report_id))
        return self.get(report_id)

    def told_offset_ms(self, reporter: Reporter, *, since_ms: int) -> int | None:
        """See `last_told_offset_ms`."""
        return last_told_offset_ms(self._hot, reporter, since_ms=since_ms)

    def assign(self, report_id: int, incident_id: int | None) -> None:
        """The report belongs to that incident, or to none; it waits no longer."""
        self._hot.run(
            "UPDATE path_reports SET incident_id = ?, wait_until_ms = NULL WHERE id = ?",
            (incident_id, report_id),
        )

    def is_waiting(self, report_id: int) -> bool:
        """Whether it is yet to be counted."""
        return (
            self._hot.one(
                "SELECT 1 FROM path_reports WHERE id = ? AND wait_until_ms IS NOT NULL", (report_id,)
            )
            is not None
        )

    def due(self, now_ms: int, *, limit: int = 100) -> list[StoredReport]:
        """Reports that have waited long enough, oldest first."""
        rows = self._hot.all(
            REPORT + "WHERE wait_until_ms <= ? ORDER BY wait_until_ms, id LIMIT ?", (now_ms, limit)
        )
        return [report_of(row) for row in rows]

    def documents(self, report_id: int) -> Documents | None:
        """The documents of a report; None once they were too old to keep."""
        row = self._hot.one("SELECT evidence, finding FROM path_reports WHERE id = ?", (report_id,))
        return None if row is None else documents_of(*row)

    def one_sided(
        self, network: str, *, from_ms: int, to_ms: int, nearest_ms: int, limit: int = 20
    ) -> list[StoredReport]:
        """Reports of about that time and network that nobody has a gateway's half of, the nearest first."""
        rows = self._hot.all(
            REPORT
            + "WHERE network = ? AND happened_ms BETWEEN ? AND ? AND halves = ? AND evidence IS NOT NULL "
            "ORDER BY abs(happened_ms - ?), id LIMIT ?",
            (network, from_ms, to_ms, Halves.AGENT.value, nearest_ms, limit),
        )
        return [report_of(row) for row in rows]

    def add_sighting(self, new: NewSighting) -> bool:
        """Keep a sighting; false when it is in already."""
        return bool(
            self._hot.run(
                "INSERT INTO sightings (digest, at_ms, network, source, listener, verdict, confidence, connections,"
                " evidence, finding) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
                (
                    new.digest, new.at_ms, new.network, new.source, new.listener, new.verdict, new.confidence,
                    new.connections, packed_document(new.documents.evidence), packed_document(new.documents.finding),
                ),
            )
        )  # fmt: skip

    def sighting_near(
        self, network: str, *, from_ms: int, to_ms: int, nearest_ms: int, unlikely: str
    ) -> bytes | None:
        """The evidence of the sighting nearest to that moment, from that network; one of the verdict *unlikely* comes last."""
        row = self._hot.one(
            "SELECT evidence FROM sightings WHERE network = ? AND at_ms BETWEEN ? AND ? "
            "ORDER BY CASE WHEN verdict = ? THEN 1 ELSE 0 END, abs(at_ms - ?), id LIMIT 1",
            (network, from_ms, to_ms, unlikely, nearest_ms),
        )
        return None if row is None else unpacked(row[0])

    def last_address(self, agent_uid: str) -> str:
        """Where an agent's last session came from, as its edge saw it; empty if it never had one."""
        row = self._hot.one("SELECT address FROM claims WHERE agent_uid = ?", (agent_uid,))
        return "" if row is None else str(row[0])

    def firewall(self, location_uid: str) -> str | None:
        """The product that a person recorded for a location."""
        row = self._hot.one("SELECT firewall FROM locations WHERE uid = ?", (location_uid,))
        return None if row is None else row[0]

    def forget(self, *, reports_before_ms: int, sightings_before_ms: int) -> None:
        """Let go of what is old: the documents of reports, and sightings whole."""
        self._hot.run(
            "UPDATE path_reports SET evidence = NULL, finding = NULL WHERE at_ms < ? AND evidence IS NOT NULL",
            (reports_before_ms,),
        )
        self._hot.run("DELETE FROM sightings WHERE at_ms < ?", (sightings_before_ms,))
        self._hot.run(
            "DELETE FROM sightings WHERE id <= (SELECT max(id) FROM sightings) - ?", (MAX_SIGHTINGS,)
        )

    def _forget_older(self, who: Reporter) -> None:
        self._hot.run(
            "UPDATE path_reports SET evidence = NULL, finding = NULL WHERE evidence IS NOT NULL AND id IN"
            " (SELECT id FROM path_reports WHERE signer_kind = ? AND signer_uid = ?"
            " AND evidence IS NOT NULL ORDER BY id DESC LIMIT 100 OFFSET ?)",
            (who.kind, who.uid, KEPT_DOCUMENTS),
        )
