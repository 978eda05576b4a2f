"""The painful repair: agents and cloud tenants that were taken on for the wrong company are moved to the right one, all in one transaction.

History stays where it was made: alarms, incidents and the audit say what was true then. What an agent reports counts for the new company
in every month that is not final; a tenant's storage from now on, or from an earlier day that is named (ownership.py), and a month that was final
by then gets a correction.
"""

import json
from collections.abc import Mapping, Sequence

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.agents import require_agent
from gateway.store.audit import AuditEntry, note
from gateway.store.changes import publish
from gateway.store.engine import Database
from gateway.store.errors import Conflict
from gateway.store.feed import note_changed
from gateway.store.onboarding.companies import require_active, require_company
from gateway.store.onboarding.mappings import require_mapping
from gateway.store.onboarding.ownership import note_mapping
from gateway.store.onboarding.schema import tenant_mappings
from gateway.store.schema import agents
from gateway.store.standing import Standing


@attrs.frozen(kw_only=True)
class Move:
    """What is to come from one company to another."""

    from_uid: str
    to_uid: str
    agents: Sequence[str] = ()
    tenants: Sequence[tuple[str, str]] = ()
    """Site uid and tenant uid of each."""
    since_ms: int | None = None
    """From when on the tenants' storage is the second company's, though no earlier than it became the first one's; None: from now on."""


@attrs.frozen
class Remapping:
    """The verb: `store.remapping`."""

    _db: Database

    def move(self, move: Move, *, why: str, by: str, now_ms: int) -> None:
        """Move all of it, or nothing. Agents come without their location, which is the other company's; their sessions go on.

        Raises:
            Conflict: something of it is not the first company's (any more), or an agent is revoked.
            NotFound: a company, an agent or a mapping is not there.
            OrganizationDisabled: the company that it shall come to is disabled.
            WrongKind: one of the two is no company.
        """
        with self._db.write() as connection:
            require_company(connection, move.from_uid)
            require_active(connection, move.to_uid)
            for site_uid, tenant_uid in move.tenants:
                self._tenant(connection, move, site_uid, tenant_uid, why=why, by=by, now_ms=now_ms)
            # In one order, whoever moves: the rows are locked one after the other.
            moved = [
                self._agent(connection, move, uid, why=why, by=by, now_ms=now_ms)
                for uid in sorted(move.agents)
            ]
            for uid in moved:
                note_changed(connection, "agent", uid)
            publish(connection, self._db, [require_agent(connection, uid) for uid in moved])

    def _agent(self, connection: Connection, move: Move, uid: str, *, why: str, by: str, now_ms: int) -> str:
        entry = require_agent(connection, uid)
        if entry.organization_uid != move.from_uid:
            raise Conflict(f"the agent {entry.host_name} ({uid}) is not that company's")
        if entry.standing is Standing.REVOKED:
            raise Conflict(f"the agent {entry.host_name} ({uid}) is revoked: it stays where it was")
        came = {"organization_uid": move.to_uid, "location_uid": None}
        connection.execute(sa.update(agents).where(agents.c.uid == uid).values(came))
        before = {"organization_uid": entry.organization_uid, "location_uid": entry.location_uid}
        _note(
            connection,
            "agent moved",
            f"{entry.host_name} ({uid})",
            move,
            before,
            came,
            why=why,
            by=by,
            now_ms=now_ms,
        )
        return uid

    def _tenant(
        self,
        connection: Connection,
        move: Move,
        site_uid: str,
        tenant_uid: str,
        *,
        why: str,
        by: str,
        now_ms: int,
    ) -> None:
        mapping = require_mapping(connection, site_uid, tenant_uid)
        since_ms = now_ms if move.since_ms is None else min(now_ms, max(move.since_ms, mapping.mapped_ms))
        came = {"company_uid": move.to_uid, "mapped_ms": since_ms, "mapped_by": by}
        wanted = sa.and_(
            tenant_mappings.c.site_uid == site_uid, tenant_mappings.c.tenant_uid == tenant_uid,
            tenant_mappings.c.company_uid == move.from_uid,
        )  # fmt: skip
        moved = sa.update(tenant_mappings).where(wanted).values(came).returning(tenant_mappings.c.agent_id)
        agent_id = connection.execute(moved).scalar()
        if agent_id is None:
            raise Conflict(f"the tenant {mapping.tenant_name} of {mapping.site_name} is not that company's")
        note_mapping(
            connection, agent_id=agent_id, site_uid=site_uid, tenant_uid=tenant_uid, company_uid=move.to_uid, since_ms=since_ms,
            now_ms=now_ms,
        )  # fmt: skip
        about = f"{mapping.tenant_name} of {mapping.site_name}"
        before = {"company_uid": move.from_uid}
        _note(
            connection,
            "tenant moved",
            about,
            move,
            before,
            {"company_uid": move.to_uid, "since_ms": since_ms},
            why=why,
            by=by,
            now_ms=now_ms,
        )


def _note(
    connection: Connection,
    action: str,
    about: str,
    move: Move,
    before: Mapping[str, str | None],
    after: Mapping[str, object],
    *,
    why: str,
    by: str,
    now_ms: int,
) -> None:
    """One line for each of the two: whoever looks at one of them finds it."""
    for whose in (move.from_uid, move.to_uid):
        entry = AuditEntry(
            at_ms=now_ms, who=by, action=action, about=about, why=why, organization_uid=whose,
            before=json.dumps(dict(before)), after=json.dumps(dict(after)),
        )  # fmt: skip
        note(connection, entry)
