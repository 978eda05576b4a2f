"""Walking the chains of usage reports, and erasing reports from them: the verbs `store.usage_chain`.

A walk finds what was altered, left out in the middle or put in. That the newest links of a chain were cut off it cannot find by itself: a
signed statement can, which names the link that each server's chain had.
"""

import json
from collections.abc import Collection, Iterator

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note
from gateway.store.billing.chain import (
    NO_LINK,
    PayloadError,
    Reported,
    digest_of,
    link_of,
    unpacked_payload,
)
from gateway.store.billing.schema import metered_agents, metered_tenants, metered_workloads, usage_reports
from gateway.store.engine import Database
from gateway.store.errors import NotFound
from gateway.store.schema import agents
from gateway.store.schema_operations import usage_forked, usage_observations

ROWS = 500


@attrs.frozen(kw_only=True)
class Walked:
    """What a walk along one agent's chain came to."""

    agent_uid: str
    host_name: str
    links: int
    erased: int
    link: bytes
    """The newest; of an empty chain, NO_LINK."""
    broken: "Broken | None"
    """The first link that is not what it should be."""


@attrs.frozen(kw_only=True)
class Broken:
    """A link that is not what it should be."""

    n: int
    received_ms: int
    why: str


@attrs.frozen
class UsageChain:
    """The verbs."""

    _db: Database

    def walk(self, agent_uid: str | None = None) -> Iterator[Walked]:
        """Walk the chain of every agent that has one, or of one agent.

        Raises:
            NotFound: there is no such agent.
        """
        r = usage_reports
        query = sa.select(agents.c.id, agents.c.uid, agents.c.host_name).order_by(
            agents.c.host_name, agents.c.uid
        )
        with self._db.read() as connection:
            if agent_uid is None:
                query = query.where(sa.exists().where(r.c.agent_id == agents.c.id))
            else:
                query = query.where(agents.c.uid == agent_uid)
            found = connection.execute(query).all()
            if agent_uid is not None and not found:
                raise NotFound(f"no agent has the uid {agent_uid!r}")
            for row in found:
                yield _walk(connection, row.id, row.uid, row.host_name)

    def erase(
        self, agent_uids: Collection[str], *, by: str, why: str, now_ms: int, before_ms: int | None = None
    ) -> int:
        """Erase what agents reported, all of it or what came before a moment; returns how many reports that were.

        Digests and links stay, and the chains hold. Of an agent that stays, what is used now and when a workload was first seen is kept, for
        bills are made by it; with all of it that goes, too, and with it the names of machines and people.

        Args:
            before_ms: erase what came before; None: all, of agents that are gone.
        """
        ids = sa.select(agents.c.id).where(agents.c.uid.in_(agent_uids))
        r = usage_reports
        which = sa.and_(r.c.agent_id.in_(ids), r.c.erased_ms.is_(None))
        if before_ms is not None:
            which = sa.and_(which, r.c.received_ms < before_ms)
        with self._db.write() as connection:
            erased = connection.execute(
                sa.update(r).where(which).values(salt=None, payload=None, erased_ms=now_ms)
            ).rowcount
            for o in (usage_observations, usage_forked):
                rows = sa.true() if before_ms is None else o.c.received_ms < before_ms
                connection.execute(sa.delete(o).where(o.c.agent_id.in_(ids), rows))
            for table in (metered_agents, metered_tenants, metered_workloads) if before_ms is None else ():
                connection.execute(sa.delete(table).where(table.c.agent_id.in_(ids)))
            after = {"agents": sorted(agent_uids), "reports": erased, "before_ms": before_ms}
            entry = AuditEntry(
                at_ms=now_ms, who=by, action="usage erased", about=f"{erased} reports of {len(agent_uids)} agents", why=why,
                after=json.dumps(after),
            )  # fmt: skip
            note(connection, entry)
        return erased


def _walk(connection: Connection, agent_id: int, agent_uid: str, host_name: str) -> Walked:
    r = usage_reports
    query = sa.select(r).where(r.c.agent_id == agent_id).order_by(r.c.n)
    before, n, erased, broken = NO_LINK, 0, 0, None
    with connection.execution_options(yield_per=ROWS).execute(query) as rows:
        for row in rows:
            n += 1
            erased += row.erased_ms is not None
            why = _wrong(row, n, before, agent_uid)
            if why:
                broken = Broken(n=row.n, received_ms=row.received_ms, why=why)
                break
            before = row.link
    return Walked(
        agent_uid=agent_uid, host_name=host_name, links=n, erased=erased, link=before, broken=broken
    )


def _wrong(row: "sa.Row[tuple[object, ...]]", n: int, before: bytes, agent_uid: str) -> str:
    """What is wrong with a link; empty if nothing is."""
    if row.n != n:
        return f"link {n} is missing: after {n - 1} comes {row.n}"
    if link_of(before, n, row.digest) != row.link:
        return "it does not follow from the link before it"
    if row.erased_ms is not None:
        return "" if row.payload is None and row.salt is None else "it was erased, and is there"
    if row.payload is None or row.salt is None:
        return "its report is gone, and nobody has erased it"
    try:
        payload = unpacked_payload(row.payload)
        report = Reported.read(payload)
    except PayloadError as error:
        return f"its report cannot be read: {error}"
    if digest_of(row.salt, payload) != row.digest:
        return "its report is not the one that was linked"
    said = (report.agent_uid, report.received_ms, report.listed is not None, bool(report.entered_by))
    if said != (agent_uid, row.received_ms, row.listed, row.entered):
        return "the columns beside its report say something else than the report"
    return ""
