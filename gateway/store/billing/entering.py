"""Usage that a person enters: what could not be collected, or is of a time before the agent came. The verb `store.usage_entries`.

An entry is a report like any other: linked to the chain, billed, and erased as others are. It says who entered it and why, and
so does the appendix of every statement that has it. It counts from the day that it is of, until the agent's own next listing.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note
from gateway.store.billing.chain import Reported
from gateway.store.billing.metering import ProjectedMetering
from gateway.store.billing.schema import metered_workloads
from gateway.store.billing.workloads import WORKLOAD_TYPES
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.hot import Hot
from gateway.store.projection import PROJECTING
from gateway.store.schema import agents, organizations
from protocol import Row, Usage, UsageMetric, UsageSubject

MOST: Final = 10_000
"""Workloads in an entry."""


@attrs.frozen
class UsageEntries:
    """The verb."""

    _db: Database

    def enter(
        self,
        agent_uid: str,
        counts: Mapping[UsageSubject, int],
        *,
        at_ms: int,
        why: str,
        by: str,
        now_ms: int,
    ) -> Reported:
        """Enter how many workloads of each type were protected on an agent's server; an entry of the same moment takes the place of the one before it.

        Those that the agent lists are taken first, in the order of their uids: what was entered of an earlier month is not new in the next one.

        Args:
            counts: by kind, those of WORKLOAD_TYPES.
            at_ms: when it was so: it is billed as if it had been reported then.

        Raises:
            Conflict: the agent is simulated, which is never billed; the moment is still to come; or it is too much.
            NotFound: there is no such agent.
        """
        if at_ms > now_ms:
            raise Conflict("it lies in the future: what was used is not known yet")
        if sum(counts.values()) > MOST:
            raise Conflict(f"an entry of {sum(counts.values())} workloads, limit is {MOST}")
        with self._db.write() as connection:
            o = organizations
            query = sa.select(agents.c.id, agents.c.host_name, agents.c.synthetic, o.c.uid, o.c.name).join(
                o, o.c.uid == agents.c.organization_uid
            )
            hot = Hot(connection)
            if hot.postgresql:  # the projector links, too, and two may not follow the same link
                hot.one("SELECT pg_advisory_xact_lock(?)", (PROJECTING,))
            row = connection.execute(query.where(agents.c.uid == agent_uid)).first()
            if row is None:
                raise NotFound(f"no agent has the uid {agent_uid!r}")
            if row.synthetic:
                raise Conflict(
                    f"{row.host_name} is simulated: it is never billed, and nothing is entered for it"
                )
            listed = [
                each
                for kind, count in counts.items()
                for each in _some(connection, row.id, kind, count, at_ms)
            ]
            heading = _row(
                UsageSubject.AGENT, agent_uid, row.host_name, UsageMetric.COUNT, len(listed), at_ms
            )
            report = attrs.evolve(
                Reported.of(
                    agent_uid, epoch=0, sequence=0, received_ms=at_ms, complete=True, why="", rows=[heading, *listed]
                ),
                entered_by=by, entered_why=why,
            )  # fmt: skip
            which = hashlib.sha256(f"entered {agent_uid} {at_ms}".encode()).digest()
            ProjectedMetering(hot).take(row.id, which, report)
            said = {WORKLOAD_TYPES[kind]: count for kind, count in counts.items()} | {"at_ms": at_ms}
            entry = AuditEntry(
                at_ms=now_ms, who=by, action="usage entered", about=f"agent {agent_uid}", why=why, organization_uid=row.uid,
                after=json.dumps(said),
            )  # fmt: skip
            note(connection, entry)
            hot.close()
        return report


def _some(connection: Connection, agent_id: int, kind: UsageSubject, count: int, at_ms: int) -> list[Row]:
    w = metered_workloads
    query = sa.select(w.c.uid, w.c.name).where(w.c.agent_id == agent_id, w.c.kind == kind).order_by(w.c.uid)
    known: list[tuple[Any, ...]] = [(*row,) for row in connection.execute(query.limit(count))]
    known += [(f"entered-{n}", f"{WORKLOAD_TYPES[kind]} {n}") for n in range(len(known) + 1, count + 1)]
    return [_row(kind, uid, name, UsageMetric.NEWEST_POINT_MS, at_ms, at_ms) for uid, name in known]


def _row(kind: UsageSubject, uid: str, name: str, metric: UsageMetric, value: int, at_ms: int) -> Row:
    return Usage(
        subject_kind=kind, subject_uid=uid, name=name, metric=metric, value=value, observed_ms=at_ms
    ).to_row()
