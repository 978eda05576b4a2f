"""Whose each cloud tenant was, and when: what bills are made by, and the verbs `store.ownership`.

Every mapping, unmapping and repair is a change in a log that nothing is taken out of. A change says whose a tenant is from a moment on, which is
the moment when it was made; a repair may say an earlier one, and then holds from there, whatever was said before it. So a month is
billed by what was so in that month, and not by what is so when somebody makes the bill.

    link = SHA-256(label, link before, n, canonical JSON of the change)

No change can be altered, left out or put in without another link. Names are not in it: uids and numbers alone, so nothing has to be erased.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.engine import Database
from gateway.store.onboarding.schema import mapping_changes

LABEL: Final = b"fieldgate mapping 1\0"
NO_CHANGE: Final = bytes(32)
"""What stands before the first link."""

# Two at once would follow the same link. (SQLite has one writer anyway.)
CHANGING: Final = 0x666D617070696E67

TenantKey = tuple[int, str]
"""(agent_id of the site, tenant's uid)."""


@attrs.frozen(kw_only=True)
class MappingChange:
    """From *since_ms* on, the tenant is the company's; None: nobody's."""

    n: int
    at_ms: int
    since_ms: int
    agent_id: int
    site_uid: str
    tenant_uid: str
    company_uid: str | None

    def link(self, before: bytes) -> bytes:
        """Its link, behind another one."""
        said = json.dumps(attrs.asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(LABEL + before + self.n.to_bytes(8, "big") + said.encode("ascii")).digest()


@attrs.frozen
class Held:
    """For how long a tenant was a company's."""

    company_uid: str
    from_ms: int
    to_ms: int | None
    """Not in it any more; None: it goes on."""

    def at(self, ms: int) -> bool:
        """Whether it was so then."""
        return self.from_ms <= ms and (self.to_ms is None or ms < self.to_ms)


@attrs.frozen(kw_only=True)
class MappingsWalked:
    """What a walk along the log came to."""

    changes: int
    link: bytes
    """The newest; of an empty log, NO_CHANGE."""
    broken: int | None
    """The first change that is not what it should be."""


def held(changes: Iterable[MappingChange]) -> dict[TenantKey, list[Held]]:
    """What a log comes to: of each tenant the stretches of time, in their order, in which it was somebody's."""
    found: dict[TenantKey, list[Held]] = {}
    for change in changes:
        former = found.get((change.agent_id, change.tenant_uid), [])
        kept = [
            each
            if each.to_ms is not None and each.to_ms <= change.since_ms
            else attrs.evolve(each, to_ms=change.since_ms)
            for each in former
            if each.from_ms < change.since_ms
        ]
        if change.company_uid is not None:
            kept.append(Held(change.company_uid, change.since_ms, None))
        found[change.agent_id, change.tenant_uid] = kept
    return found


@attrs.frozen
class Ownership:
    """The verbs."""

    _db: Database

    def walk(self) -> MappingsWalked:
        """Follow the log from its beginning: whether nothing was altered, left out or put in."""
        n, before, broken = 0, NO_CHANGE, None
        with self._db.read() as connection:
            for change, link in read_changes(connection):
                n += 1
                if change.n != n or change.link(before) != link:
                    broken = n
                    break
                before = link
        return MappingsWalked(changes=n, link=before, broken=broken)


def read_changes(connection: Connection) -> Iterator[tuple[MappingChange, bytes]]:
    """The whole log, each change with its link."""
    query = sa.select(mapping_changes).order_by(mapping_changes.c.n)
    with connection.execution_options(yield_per=1000).execute(query) as rows:
        for row in rows.mappings():
            said = dict(row)
            link = bytes(said.pop("link"))
            yield MappingChange(**said), link


def note_mapping(
    connection: Connection,
    *,
    agent_id: int,
    site_uid: str,
    tenant_uid: str,
    company_uid: str | None,
    since_ms: int,
    now_ms: int,
) -> None:
    """Write down whose a tenant is, within the transaction that makes it so."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CHANGING)))
    last = connection.execute(
        sa.select(mapping_changes.c.n, mapping_changes.c.link).order_by(mapping_changes.c.n.desc()).limit(1)
    ).first()
    n, before = (1, NO_CHANGE) if last is None else (last.n + 1, bytes(last.link))
    change = MappingChange(
        n=n, at_ms=now_ms, since_ms=since_ms, agent_id=agent_id, site_uid=site_uid, tenant_uid=tenant_uid, company_uid=company_uid
    )  # fmt: skip
    connection.execute(
        sa.insert(mapping_changes).values(attrs.asdict(change) | {"link": change.link(before)})
    )
