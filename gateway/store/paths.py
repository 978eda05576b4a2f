"""Path reports and sightings as people read them. The projector writes them (projected_paths.py).

The documents (evidence and finding) are bytes to the store: `certs.inspection` reads them, and nobody pays for it who only lists.
"""

import zlib
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import attrs
import sqlalchemy as sa

from gateway.store.engine import Database
from gateway.store.errors import NotFound
from gateway.store.hot import Hot
from gateway.store.schema_paths import path_reports, sightings

# A chain in base64 does not shrink much, field names do: half of the bytes at a tenth of the time that level 6 takes.
_LEVEL = 1
# What certs.inspection lets a document have, with room to grow.
_MAX_BYTES = 4 * 1024 * 1024


class Halves(StrEnum):
    """What a report's evidence has of the gateway's side."""

    AGENT = "agent"
    """Nothing: the agent speaks alone."""
    NEAR = "time and address"
    """A connection of about that time, from about that address."""
    CARRYING = "carrying connection"
    """The very connection."""

    @property
    def has_gateway(self) -> bool:
        """Whether both ends speak."""
        return self is not Halves.AGENT


@attrs.frozen(kw_only=True)
class Reporter:
    """Whose word a report is."""

    kind: str
    """agent, token or code."""
    uid: str
    installation_uid: str


@attrs.frozen(kw_only=True)
class StoredReport:
    """A path report, without its documents."""

    report_id: int
    reporter: Reporter
    counter: int
    organization_uid: str
    location_uid: str
    delivered_by: str
    source: str
    network: str
    at_ms: int
    happened_ms: int
    verdict: str
    subject: str
    """What tells two incidents of one verdict apart: the interceptor's key, else the network."""
    confidence: int
    """Per cent."""
    halves: Halves
    incident_id: int | None


@attrs.frozen(kw_only=True)
class Documents:
    """What was seen, and how it was judged: JSON of certs.inspection."""

    evidence: bytes
    finding: bytes


@attrs.frozen(kw_only=True)
class StoredSighting:
    """Connections of one kind from one network within a minute or so, as the gateway alone saw them."""

    sighting_id: int
    at_ms: int
    network: str
    source: str
    listener: str
    verdict: str
    confidence: int
    connections: int


REPORT_COLUMNS = (
    "id", "signer_kind", "signer_uid", "installation_uid", "counter", "organization_uid", "location_uid", "delivered_by",
    "source", "network", "at_ms", "happened_ms", "verdict", "subject", "confidence", "halves", "incident_id",
)  # fmt: skip
SIGHTING_COLUMNS = (
    "id", "at_ms", "network", "source", "listener", "verdict", "confidence", "connections",
)  # fmt: skip


@attrs.frozen
class Paths:
    """The verbs: `store.paths`."""

    _db: Database

    def reports(
        self, *, incident_id: int | None = None, since_ms: int = 0, limit: int = 1000
    ) -> list[StoredReport]:
        """The newest reports first, of one incident or of all."""
        query = sa.select(*[path_reports.c[name] for name in REPORT_COLUMNS])
        query = query.where(path_reports.c.at_ms >= since_ms).order_by(path_reports.c.id.desc()).limit(limit)
        if incident_id is not None:
            query = query.where(path_reports.c.incident_id == incident_id)
        with self._db.read() as connection:
            return [report_of(tuple(row)) for row in connection.execute(query)]

    def report(self, report_id: int) -> StoredReport:
        """One report.

        Raises:
            NotFound: there is none of that number.
        """
        query = sa.select(*[path_reports.c[name] for name in REPORT_COLUMNS])
        with self._db.read() as connection:
            row = connection.execute(query.where(path_reports.c.id == report_id)).first()
        if row is None:
            raise NotFound(f"there is no path report {report_id}")
        return report_of(tuple(row))

    def find(self, reporter: Reporter, counter: int) -> StoredReport | None:
        """The report of that number of its signer's."""
        query = sa.select(*[path_reports.c[name] for name in REPORT_COLUMNS]).where(
            path_reports.c.signer_kind == reporter.kind,
            path_reports.c.signer_uid == reporter.uid,
            path_reports.c.installation_uid == reporter.installation_uid,
            path_reports.c.counter == counter,
        )
        with self._db.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else report_of(tuple(row))

    def told_offset_ms(self, reporter: Reporter, *, since_ms: int) -> int | None:
        """See `last_told_offset_ms`."""
        with self._db.read() as connection:
            return last_told_offset_ms(Hot(connection), reporter, since_ms=since_ms)

    def documents(self, report_id: int) -> Documents | None:
        """The documents of a report; None once they were too old to keep.

        Raises:
            NotFound: there is no such report.
        """
        query = sa.select(path_reports.c.evidence, path_reports.c.finding)
        with self._db.read() as connection:
            row = connection.execute(query.where(path_reports.c.id == report_id)).first()
        if row is None:
            raise NotFound(f"there is no path report {report_id}")
        return documents_of(row.evidence, row.finding)

    def judged(self, *, incident_id: int | None = None, since_ms: int = 0) -> Iterator[StoredReport]:
        """Every report whose documents are kept, oldest first, in pages of short transactions."""
        after, more = 0, True
        wanted = sa.select(*[path_reports.c[name] for name in REPORT_COLUMNS]).where(
            path_reports.c.evidence.is_not(None), path_reports.c.at_ms >= since_ms
        )
        if incident_id is not None:
            wanted = wanted.where(path_reports.c.incident_id == incident_id)
        while more:
            query = wanted.where(path_reports.c.id > after).order_by(path_reports.c.id).limit(500)
            with self._db.read() as connection:
                page = [report_of(tuple(row)) for row in connection.execute(query)]
            yield from page
            more = len(page) == 500
            after = page[-1].report_id if page else after

    def sightings(self, *, since_ms: int = 0, limit: int = 1000) -> list[StoredSighting]:
        """The newest sightings first."""
        query = (
            sa.select(*[sightings.c[name] for name in SIGHTING_COLUMNS])
            .where(sightings.c.at_ms >= since_ms)
            .order_by(sightings.c.at_ms.desc(), sightings.c.id.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            return [sighting_of(tuple(row)) for row in connection.execute(query)]


def last_told_offset_ms(hot: Hot, reporter: Reporter, *, since_ms: int) -> int | None:
    """How far a reporter's clock is ahead of the gateway's, as its last session said, if that was open at *since_ms* or is since.

    A token's holder is looked for as the agent that the token has enrolled on the same installation.
    """
    open_since = "coalesce(c.ended_ms, c.last_heartbeat_ms) >= ?"
    if reporter.kind == "agent":
        row = hot.one(
            f"SELECT c.clock_offset_ms FROM claims c WHERE c.agent_uid = ? AND {open_since}",  # noqa: S608  # texts of ours
            (reporter.uid, since_ms),
        )
    elif reporter.kind == "token":
        row = hot.one(
            "SELECT c.clock_offset_ms FROM agents a JOIN claims c ON c.agent_uid = a.uid"  # noqa: S608  # texts of ours
            f" WHERE a.token_id = ? AND a.installation_uid = ? AND {open_since} ORDER BY c.claimed_ms DESC LIMIT 1",
            (reporter.uid, reporter.installation_uid, since_ms),
        )
    else:
        row = None
    return None if row is None else int(row[0])


def report_of(row: tuple[Any, ...]) -> StoredReport:
    """A row of REPORT_COLUMNS."""
    reporter = Reporter(kind=row[1], uid=row[2], installation_uid=row[3])
    rest = dict(zip(REPORT_COLUMNS[4:], row[4:], strict=True))
    return StoredReport(report_id=row[0], reporter=reporter, **rest | {"halves": Halves(row[15])})


def sighting_of(row: tuple[Any, ...]) -> StoredSighting:
    """A row of SIGHTING_COLUMNS."""
    return StoredSighting(sighting_id=row[0], **dict(zip(SIGHTING_COLUMNS[1:], row[1:], strict=True)))


def documents_of(evidence: bytes | None, finding: bytes | None) -> Documents | None:
    """What two cells hold."""
    if evidence is None or finding is None:
        return None
    return Documents(evidence=unpacked(evidence), finding=unpacked(finding))


def packed_document(document: bytes) -> bytes:
    """A document as it lies in a cell."""
    return zlib.compress(document, _LEVEL)


def unpacked(cell: bytes) -> bytes:
    """The inverse of `packed_document`."""
    return zlib.decompressobj().decompress(bytes(cell), _MAX_BYTES)
