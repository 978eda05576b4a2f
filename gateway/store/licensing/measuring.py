"""What is used of licences, by what the servers that have them have listed last: the verbs `store.licence_use`.

A server has the licence that its agent says it has installed. What of it is used is what that agent's newest listing has as protected, counted as
for bills (gateway.store.billing). A server that went to another company meanwhile, or whose agent was revoked, has no part in it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.billing.schema import metered_agents, metered_workloads
from gateway.store.billing.workloads import PROTECTED_MS
from gateway.store.engine import Database
from gateway.store.feed import note_changed
from gateway.store.licensing.rows import licence_of, require_licence
from gateway.store.licensing.schema import licence_servers, licences
from gateway.store.licensing.values import LicenceState, LicenceStatus, StoredLicence
from gateway.store.schema import agents
from gateway.store.standing import Standing
from protocol import UsageSubject


@attrs.frozen(kw_only=True)
class LicenceMeasure:
    """What is used of one licence, before anybody judges it."""

    licence: StoredLicence
    used: dict[UsageSubject, int]
    """How many of each kind of workload; what is not named is not used."""
    as_of_ms: int | None
    """When the oldest of the listings came that this was counted from; None: no server has listed its workloads yet."""
    servers: int
    """On how many it is."""
    silent: int
    """How many of those have not listed their workloads yet."""
    incomplete: tuple[str, ...]
    """What was missing in the listings, by the servers' own words."""


@attrs.frozen(kw_only=True)
class LicenceJudged:
    """What that comes to; the fields of `StoredLicence` with these names."""

    used_points: int | None
    used_ms: int | None
    over_since_ms: int | None
    grace_ends_ms: int | None
    status: LicenceStatus
    status_why: str
    near_limit: bool


JUDGED: Final = tuple(field.name for field in attrs.fields(LicenceJudged))
# A server of another company has its own: what it uses is nobody's business under this licence.
ON: Final = (
    licence_servers.join(agents, agents.c.uid == licence_servers.c.agent_uid)
    .join(licences, licences.c.uid == licence_servers.c.installed_uid)
    .outerjoin(metered_agents, metered_agents.c.agent_id == agents.c.id)
)
THERE: Final = (agents.c.standing == Standing.VERIFIED) & (
    agents.c.organization_uid == licences.c.organization_uid
)


@attrs.frozen
class LicenceUse:
    """The verbs."""

    _db: Database

    def page(self, after: str = "", *, limit: int = 200) -> list[LicenceMeasure]:
        """The next licences that count, by uid, behind *after*."""
        query = (
            sa.select(licences)
            .where(licences.c.state == LicenceState.ACTIVE.value, licences.c.uid > after)
            .order_by(licences.c.uid)
            .limit(limit)
        )
        with self._db.read() as connection:
            found = [licence_of(row) for row in connection.execute(query).mappings()]
            return _measured(connection, found)

    def of(self, uid: str) -> LicenceMeasure:
        """Of one licence.

        Raises:
            NotFound: there is none.
        """
        with self._db.read() as connection:
            (measure,) = _measured(connection, [require_licence(connection, uid)])
            return measure

    def note(self, licence: StoredLicence, judged: LicenceJudged) -> bool:
        """Write down what *licence* was judged to be; false if that is known, or if the licence is another one by now."""
        values = attrs.asdict(judged) | {"status": judged.status.value}
        if all(getattr(licence, name) == getattr(judged, name) for name in JUDGED):
            return False
        same = sa.and_(
            licences.c.uid == licence.terms.uid,
            licences.c.revision == licence.terms.revision,
            licences.c.state == licence.state.value,
            licences.c.over_since_ms.is_not_distinct_from(licence.over_since_ms),
        )
        with self._db.write() as connection:
            done = connection.execute(sa.update(licences).where(same).values(values)).rowcount == 1
            if done and licence.status is not judged.status:
                note_changed(connection, "licence", licence.terms.uid)
            return done


def _measured(connection: Connection, found: Sequence[StoredLicence]) -> list[LicenceMeasure]:
    uids = [licence.terms.uid for licence in found]
    servers = _by_licence(connection.execute(_servers(uids)).mappings())
    counted = _by_licence(connection.execute(_counted(uids)).mappings())
    return [
        _measure(licence, servers.get(licence.terms.uid, []), counted.get(licence.terms.uid, []))
        for licence in found
    ]


def _servers(uids: Sequence[str]) -> "sa.Select[Any]":
    return (
        sa.select(
            licence_servers.c.installed_uid,
            agents.c.host_name,
            metered_agents.c.listed_ms,
            metered_agents.c.listed_why,
        )
        .select_from(ON)
        .where(licence_servers.c.installed_uid.in_(uids), THERE)
        .order_by(agents.c.host_name, agents.c.id)
    )


def _counted(uids: Sequence[str]) -> "sa.Select[Any]":
    w = metered_workloads
    return (
        sa.select(licence_servers.c.installed_uid, w.c.kind, sa.func.count().label("used"))
        .select_from(ON.join(w, w.c.agent_id == agents.c.id))
        .where(
            licence_servers.c.installed_uid.in_(uids), THERE, w.c.listed_ms == metered_agents.c.listed_ms,
            w.c.age_ms <= PROTECTED_MS,
        )
        .group_by(licence_servers.c.installed_uid, w.c.kind)
    )  # fmt: skip


def _by_licence(rows: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row["installed_uid"], []).append(row)
    return found


def _measure(licence: StoredLicence, servers: Sequence[Any], counted: Sequence[Any]) -> LicenceMeasure:
    listed = [row["listed_ms"] for row in servers if row["listed_ms"] is not None]
    return LicenceMeasure(
        licence=licence,
        used={UsageSubject(row["kind"]): row["used"] for row in counted},
        as_of_ms=min(listed, default=None),
        servers=len(servers),
        silent=len(servers) - len(listed),
        incomplete=tuple(f"{row['host_name']}: {row['listed_why']}" for row in servers if row["listed_why"]),
    )
