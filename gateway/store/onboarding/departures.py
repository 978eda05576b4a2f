"""A company that leaves: what is erased of it, what is kept and why, and how far that has come.

Every step may be taken again and then does what is left, so a departure that was interrupted goes on where it stopped, and what came out
of a journal meanwhile is erased by the next run. An agent's rows go in transactions of their own: the fleet goes on reporting.

Kept are numbers and decisions, and what bills rest on: who was revoked stays revoked, chains of usage keep their digests, the audit
keeps its deeds and no names.
"""

from typing import Final

import attrs
import sqlalchemy as sa

from gateway.store.agents import require_agent
from gateway.store.audit import AuditEntry, note
from gateway.store.billing.schema import metered_agents, metered_tenants, metered_workloads, usage_reports
from gateway.store.changes import publish
from gateway.store.engine import Database
from gateway.store.errors import NotFound
from gateway.store.onboarding.companies import OrganizationStatus, change_company, require_company
from gateway.store.onboarding.erasing import NOBODY, erase_of_company
from gateway.store.onboarding.schema import consents, departures, organization_details
from gateway.store.schema import agents, locations, metadata, tokens
from gateway.store.schema_paths import audit
from gateway.store.standing import Standing

ERASED: Final = frozenset(
    {
        "alarm_deliveries", "alarm_history", "alarms", "claims", "cloud_tenants", "commands", "inventories", "job_events",
        "job_results", "job_sessions", "jobs", "parked", "parking", "quarantine", "repositories", "restore_sessions", "resyncs",
        "servers", "transfers", "workloads",
    }
)  # fmt: skip
"""Tables of what agents said and of what was done with them: names, messages, addresses, files."""
KEPT: Final = {
    "agents": "who was revoked stays revoked; the host's name and installation id are erased",
    "batches": "numbers and hashes of what was received",
    "certificates": "serial numbers, so that they stay revoked",
    "gaps": "numbers of what was missing",
    "licence_servers": "which licence was on which agent: the books",
    "maintenance_windows": "times, and an agent's uid",
    "mapping_changes": "whose each tenant was, and when: uids and times, which bills rest on",
    "metered_agents": "when an agent reported last: the books, until the months are final that rest on it",
    "metered_tenants": "of sites, which are the provider's",
    "metered_workloads": "when each workload was first protected: the books, until the months are final that rest on it",
    "revocations": "serial numbers, so that they stay revoked",
    "sites": "the provider's",
    "streams": "numbers and hashes of what was received",
    "tenant_mappings": "taken back, each with a line in the audit",
    "usage_forked": "erased with the reports of usage",
    "usage_observations": "erased with the reports of usage",
    "usage_reports": "digests and links, so that the chain holds; payload and salt are erased",
}
"""Every other table that has something of an agent, and why that stays; receipts say so."""


@attrs.frozen(kw_only=True)
class Departure:
    """That a company leaves, and how far that has come."""

    organization_uid: str
    begun_ms: int
    begun_by: str
    why: str
    ended_ms: int | None
    receipt: str | None
    """Of its last end: the signed file."""
    final_usage: bytes | None
    """Its last statement, signed: made once."""


@attrs.frozen
class Departures:
    """The verbs: `store.departures`."""

    _db: Database

    def begin(self, company_uid: str, *, why: str, by: str, now_ms: int) -> Departure:
        """Begin, or go on with, a company's departure. From now on it gets nothing new.

        Raises:
            NotFound: there is no such company.
        """
        with self._db.write() as connection:
            company = require_company(connection, company_uid, lock=True)
            row = {"organization_uid": company_uid, "begun_ms": now_ms, "begun_by": by, "why": why}
            if self._db.insert_new(connection, departures, row):
                entry = AuditEntry(
                    at_ms=now_ms, who=by, action="company leaves", about=company.name, why=why, organization_uid=company_uid
                )  # fmt: skip
                note(connection, entry)
            disabled = {"status": OrganizationStatus.DISABLED}
            change_company(connection, self._db, company_uid, disabled, by=by, now_ms=now_ms)
        return self.get(company_uid)

    def get(self, company_uid: str) -> Departure:
        """A company's departure.

        Raises:
            NotFound: it does not leave.
        """
        query = sa.select(departures).where(departures.c.organization_uid == company_uid)
        with self._db.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound("the company does not leave")
        return Departure(**row)

    def keep_usage(self, company_uid: str, statement: bytes) -> bytes:
        """Keep the last statement of a company that leaves, unless there is one; the one that is kept.

        Raises:
            NotFound: it does not leave.
        """
        mine = departures.c.organization_uid == company_uid
        first = sa.update(departures).where(mine, departures.c.final_usage.is_(None))
        with self._db.write() as connection:
            connection.execute(first.values(final_usage=statement))
        kept = self.get(company_uid).final_usage
        assert kept is not None  # noqa: S101  # just written, and nothing takes it back
        return kept

    def living_agents(self, company_uid: str) -> list[str]:
        """The uids of its agents that nobody has revoked."""
        return self._uids(company_uid, agents.c.standing != Standing.REVOKED)

    def every_agent(self, company_uid: str) -> list[str]:
        """The uids of all agents that it ever had."""
        return self._uids(company_uid, sa.true())

    def _uids(self, company_uid: str, condition: sa.ColumnElement[bool]) -> list[str]:
        query = sa.select(agents.c.uid).where(agents.c.organization_uid == company_uid, condition)
        with self._db.read() as connection:
            return list(connection.execute(query.order_by(agents.c.id)).scalars())

    def living_tokens(self, company_uid: str) -> list[str]:
        """The ids of its tokens that nobody has revoked."""
        query = sa.select(tokens.c.id).where(
            tokens.c.organization_uid == company_uid, tokens.c.revoked_ms.is_(None)
        )
        with self._db.read() as connection:
            return list(connection.execute(query.order_by(tokens.c.id)).scalars())

    def erase_agent(self, agent_uid: str) -> dict[str, int]:
        """Erase what a revoked agent said; how many rows of which tables.

        Raises:
            NotFound: there is no such agent, or it is not revoked.
        """
        erased: dict[str, int] = {}
        with self._db.write() as connection:
            query = sa.select(agents.c.id).where(
                agents.c.uid == agent_uid, agents.c.standing == Standing.REVOKED
            )
            agent_id = connection.execute(query).scalar()
            if agent_id is None:
                raise NotFound(f"no revoked agent has the uid {agent_uid!r}")
            for table in reversed(metadata.sorted_tables):
                if table.name in ERASED:
                    own = (
                        table.c.agent_id == agent_id
                        if "agent_id" in table.c
                        else table.c.agent_uid == agent_uid
                    )
                    if rows := connection.execute(sa.delete(table).where(own)).rowcount:
                        erased[table.name] = rows
            # How its commands and files went is of no organization, and says what they were called.
            told = sa.update(audit).where(audit.c.who == f"agent {agent_uid}", audit.c.why != "")
            if rows := connection.execute(told.values(why="")).rowcount:
                erased["audit"] = rows
            named = sa.update(agents).where(agents.c.id == agent_id, agents.c.host_name != NOBODY)
            hidden = {"host_name": NOBODY, "installation_uid": NOBODY}
            if connection.execute(named.values(hidden)).rowcount:
                erased["agents"] = 1
                # What edges were told of it has the name, too.
                publish(connection, self._db, [require_agent(connection, agent_uid)])
        return erased

    def forget_metered(self, company_uid: str) -> int:
        """Erase what was used last, by name, of its agents whose reports are all erased; how many agents that were."""
        r = usage_reports
        left = sa.select(r.c.agent_id).where(r.c.agent_id == agents.c.id, r.c.erased_ms.is_(None))
        gone = sa.select(agents.c.id).where(
            agents.c.organization_uid == company_uid,
            agents.c.standing == Standing.REVOKED,
            ~left.correlate(agents).exists(),
        )
        with self._db.write() as connection:
            for table in (metered_workloads, metered_tenants):
                connection.execute(sa.delete(table).where(table.c.agent_id.in_(gone)))
            done = connection.execute(sa.delete(metered_agents).where(metered_agents.c.agent_id.in_(gone)))
            return done.rowcount

    def erase_company(self, company_uid: str, *, by: str, now_ms: int) -> dict[str, int]:
        """Erase the people of a company, the names of its places, and what was done and noticed for it (erasing.py); how many rows of which
        tables.
        """
        with self._db.write() as connection:
            counted = erase_of_company(connection, company_uid)
            known = ("contact_name", "contact_mail", "contact_phone", "notes")
            before = require_company(connection, company_uid)
            said = [name for name in known if getattr(before, name) is not None]
            if said:
                cleared = sa.update(organization_details).where(organization_details.c.uid == company_uid)
                connection.execute(cleared.values(dict.fromkeys(said) | {"changed_ms": now_ms}))
                # That they are gone, and not what they were.
                entry = AuditEntry(
                    at_ms=now_ms, who=by, action="people erased", about=", ".join(said), organization_uid=company_uid
                )  # fmt: skip
                note(connection, entry)
            people = sa.update(consents).where(
                consents.c.organization_uid == company_uid, consents.c.given_by != NOBODY
            )
            gave = connection.execute(people.values(given_by=NOBODY, words=NOBODY)).rowcount
            places = sa.update(locations).where(
                locations.c.organization_uid == company_uid, ~locations.c.name.startswith(f"{NOBODY} ")
            )
            hidden = {"name": sa.literal(f"{NOBODY} ") + locations.c.uid, "firewall": None}
            renamed = connection.execute(places.values(hidden)).rowcount
        counted.update({"organization_details": 1 if said else 0, "consents": gave, "locations": renamed})
        return {table: rows for table, rows in counted.items() if rows}

    def end(self, company_uid: str, receipt: bytes, *, sha256: str, by: str, now_ms: int) -> None:
        """Keep the signed receipt; the audit has its hash."""
        kept = {"ended_ms": now_ms, "receipt": receipt.decode("ascii")}
        with self._db.write() as connection:
            connection.execute(
                sa.update(departures).where(departures.c.organization_uid == company_uid).values(kept)
            )
            entry = AuditEntry(
                at_ms=now_ms, who=by, action="company has left", about=f"receipt with SHA-256 {sha256}",
                organization_uid=company_uid,
            )  # fmt: skip
            note(connection, entry)
