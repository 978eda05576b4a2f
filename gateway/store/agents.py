"""Agents: who they are, what was decided about them, and whether they are there."""

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.bodies import AgentEntry, Body, Revocation
from gateway.store.changes import publish
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.feed import Fact, note_changed, note_facts
from gateway.store.hot import Hot
from gateway.store.organizations import PROVIDER, refuse_reseller, require_location, require_organization
from gateway.store.projected_commands import ProjectedCommands
from gateway.store.schema import (
    agents,
    certificates,
    claims,
    edges,
    gaps,
    inventories,
    locations,
    organizations,
    revocations,
)
from gateway.store.standing import ConnectionStatus, Standing, connection_status
from protocol import Code


@attrs.frozen(kw_only=True)
class Agent:
    """An agent as an operator sees it."""

    uid: str
    agent_id: int
    kind: str
    standing: Standing
    code: int
    organization_uid: str
    organization_name: str
    location_uid: str | None
    location_name: str | None
    installation_uid: str
    host_name: str
    agent_version: str
    platform: str
    synthetic: bool
    enrolled_ms: int
    status: ConnectionStatus
    edge_name: str | None
    address: str | None
    health: int | None
    """protocol.Health of the last heartbeat."""
    last_heartbeat_ms: int | None
    clock_offset_ms: int | None
    """The agent's clock minus ours."""
    ended_code: int | None
    """Why its last session ended; None while it lives."""
    inventory_ms: int | None
    """When its inventory last changed."""
    lost_gaps: int
    """Holes in its events that were declared lost: what is counted of it is incomplete."""


@attrs.frozen
class Agents:
    """The verbs: `store.agents`."""

    _db: Database

    def list(
        self,
        *,
        now_ms: int,
        organization_uid: str | None = None,
        standing: Standing | None = None,
        status: ConnectionStatus | None = None,
    ) -> list[Agent]:
        """The agents that fit every filter given, by organization and host name."""
        query = view().order_by(organizations.c.name, agents.c.host_name, agents.c.id)
        if organization_uid is not None:
            query = query.where(agents.c.organization_uid == organization_uid)
        if standing is not None:
            query = query.where(agents.c.standing == standing)
        with self._db.read() as connection:
            found = [agent_of(row, now_ms) for row in connection.execute(query).mappings()]
        return [agent for agent in found if status is None or agent.status is status]

    def get(self, uid: str, *, now_ms: int) -> Agent:
        """The agent of that uid.

        Raises:
            NotFound: there is none.
        """
        with self._db.read() as connection:
            row = connection.execute(view().where(agents.c.uid == uid)).mappings().first()
        if row is None:
            raise NotFound(f"no agent has the uid {uid!r}")
        return agent_of(row, now_ms)

    def accept(self, uid: str, *, organization_uid: str, location_uid: str | None) -> None:
        """Verify an unverified or rejected agent, for that organization and location.

        Raises:
            Conflict: the agent was revoked (its key is no longer trusted, it has to enroll again), or it is a site's
                and the organization is not the provider.
            NotFound: no such agent, organization or location.
            WrongKind: the organization is a reseller.
        """
        with self._db.write() as connection:
            entry = require_agent(connection, uid)
            if entry.standing is Standing.REVOKED:
                raise Conflict("a revoked agent cannot be accepted: give it a new token")
            organization = require_organization(connection, organization_uid)
            if entry.agent_kind == "site" and organization.kind != PROVIDER:
                raise Conflict("a site is the provider's: its agent cannot be accepted for a company")
            refuse_reseller(organization)
            if location_uid is not None:
                require_location(connection, location_uid, organization_uid=organization_uid)
            self._decide(
                connection, uid, standing=Standing.VERIFIED, code=0,
                organization_uid=organization_uid, location_uid=location_uid,
            )  # fmt: skip

    def reject(self, uid: str, *, code: Code) -> None:
        """Turn an agent away until it is accepted; it is told *code*.

        Raises:
            Conflict: it was revoked, which is more.
            NotFound: there is no such agent.
        """
        with self._db.write() as connection:
            if require_agent(connection, uid).standing is Standing.REVOKED:
                raise Conflict("the agent is revoked already")
            self._decide(connection, uid, standing=Standing.REJECTED, code=code)

    def revoke(self, uid: str, *, why: str, code: Code, now_ms: int) -> None:
        """End an agent for good: every certificate of its is revoked, its sessions end, and it is told *code*.

        Raises:
            NotFound: there is no such agent.
        """
        with self._db.write() as connection:
            require_agent(connection, uid)
            serials = connection.execute(
                sa.select(certificates.c.serial).where(certificates.c.agent_uid == uid)
            ).scalars()
            revoked = [
                Revocation(serial=int(serial, 16), agent_uid=uid, why=why, revoked_ms=now_ms)
                for serial in serials
            ]
            add_revocations(connection, self._db, revoked)
            ended = self._end_commands(connection, uid, now_ms)
            self._decide(connection, uid, *revoked, *ended, standing=Standing.REVOKED, code=code, why=why)

    def record_certificate(
        self, uid: str, *, serial: int, spki: bytes, not_after_ms: int, now_ms: int
    ) -> bool:
        """Remember a certificate before it is handed out, so that revoking its agent finds it.

        Returns whether it may be handed out: false when the agent has been rejected or revoked meanwhile.

        Raises:
            NotFound: there is no such agent.
        """
        with self._db.write() as connection:
            entry = require_agent(connection, uid)
            if entry.standing not in (Standing.VERIFIED, Standing.UNVERIFIED):
                return False
            row = {
                "serial": format(serial, "x"), "agent_uid": uid, "spki": spki, "not_after_ms": not_after_ms,
                "issued_ms": now_ms,
            }  # fmt: skip
            connection.execute(sa.insert(certificates).values(row))
        return True

    def _end_commands(self, connection: Connection, uid: str, now_ms: int) -> Sequence[Body]:
        """No word is waited for of an agent that is turned away for good; what edges must know of it."""
        bodies: list[Body] = []
        facts: list[Fact] = []
        hot = Hot(connection)
        try:
            ending = ProjectedCommands(hot, bodies.append, facts.append)
            ending.abandon_all(uid, message="the agent was revoked", now_ms=now_ms)
            note_facts(hot, facts)
        finally:
            hot.close()
        return bodies

    def _decide(self, connection: Connection, uid: str, *also: Body, **decided: Any) -> None:
        connection.execute(sa.update(agents).where(agents.c.uid == uid).values(**decided))
        note_changed(connection, "agent", uid)
        publish(connection, self._db, [*also, require_agent(connection, uid)])


ENTRY = sa.select(
    agents.c.uid.label("agent_uid"),
    agents.c.id.label("agent_id"),
    agents.c.kind.label("agent_kind"),
    agents.c.standing,
    agents.c.code,
    agents.c.organization_uid,
    organizations.c.kind.label("organization_kind"),
    agents.c.location_uid,
    agents.c.host_name,
    agents.c.synthetic,
).join(organizations, organizations.c.uid == agents.c.organization_uid)


def entries(connection: Connection, condition: sa.ColumnElement[bool]) -> Iterator[AgentEntry]:
    """What an edge must know of every agent that fits."""
    for row in connection.execute(ENTRY.where(condition)).mappings():
        yield AgentEntry(**{**row, "standing": Standing.read(row["standing"])})


def entry_of(connection: Connection, condition: sa.ColumnElement[bool]) -> AgentEntry | None:
    """What an edge must know of the one agent that fits."""
    return next(entries(connection, condition), None)


def require_agent(connection: Connection, uid: str) -> AgentEntry:
    """The agent of that uid, its row locked until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    connection.execute(sa.select(agents.c.id).where(agents.c.uid == uid).with_for_update())
    entry = entry_of(connection, agents.c.uid == uid)
    if entry is None:
        raise NotFound(f"no agent has the uid {uid!r}")
    return entry


def add_revocations(connection: Connection, db: Database, revoked: list[Revocation]) -> None:
    """Write down revocations; one that is there stays as it is."""
    if revoked:
        rows = [{**attrs.asdict(r), "serial": format(r.serial, "x")} for r in revoked]
        connection.execute(db.insert(revocations).on_conflict_do_nothing(), rows)


def view() -> sa.Select[Any]:
    """Agents with their organization, location and last session."""
    lost = (
        sa.select(sa.func.count())
        .where(gaps.c.agent_id == agents.c.id, gaps.c.state == "lost")
        .scalar_subquery()
    )
    return sa.select(
        agents,
        organizations.c.name.label("organization_name"),
        locations.c.name.label("location_name"),
        claims.c.address,
        claims.c.health,
        claims.c.heartbeat_ms,
        claims.c.last_heartbeat_ms,
        claims.c.clock_offset_ms,
        claims.c.ended_ms,
        claims.c.ended_code,
        claims.c.session_uid,
        edges.c.name.label("edge_name"),
        edges.c.lease_until_ms,
        inventories.c.updated_ms.label("inventory_ms"),
        lost.label("lost_gaps"),
    ).select_from(
        agents.join(organizations, organizations.c.uid == agents.c.organization_uid)
        .outerjoin(locations, locations.c.uid == agents.c.location_uid)
        .outerjoin(claims, claims.c.agent_uid == agents.c.uid)
        .outerjoin(edges, edges.c.uid == claims.c.edge_uid)
        .outerjoin(inventories, inventories.c.agent_id == agents.c.id)
    )


def agent_of(row: sa.RowMapping, now_ms: int) -> Agent:
    """A row of the view, with what is derived from it."""
    fields = {a.name: row.get(a.name) for a in attrs.fields(Agent)}
    standing = Standing.read(row["standing"])
    status = connection_status(
        standing,
        session_ended=None if row["session_uid"] is None else row["ended_ms"] is not None,
        lease_until_ms=row["lease_until_ms"],
        last_heartbeat_ms=row["last_heartbeat_ms"],
        heartbeat_ms=row["heartbeat_ms"],
        now_ms=now_ms,
    )
    return Agent(**{**fields, "agent_id": row["id"], "standing": standing, "status": status})
