"""Overrides: an operator keeps alarms about one customer's or network's paths quiet, for a while, and says why.

An override silences alarms and does nothing else. No edge knows of any: what a path may carry is decided by certificates.
"""

import ipaddress
from typing import Any

import attrs
import sqlalchemy as sa

from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.organizations import require_location, require_organization
from gateway.store.schema_paths import overrides


@attrs.frozen(kw_only=True)
class Override:
    """What is kept quiet; an empty field is any."""

    override_id: int
    organization_uid: str
    location_uid: str
    verdict: str
    network: str
    """CIDR, as the gateway sees the customer's addresses."""
    who: str
    why: str
    created_ms: int
    expires_ms: int
    ended_ms: int | None

    def is_active(self, now_ms: int) -> bool:
        """Whether it silences anything at that moment."""
        return self.ended_ms is None and self.created_ms <= now_ms < self.expires_ms

    def covers(self, *, organization_uid: str, location_uid: str, verdict: str, network: str) -> bool:
        """Whether such an incident is meant."""
        return (
            self.organization_uid in ("", organization_uid)
            and self.location_uid in ("", location_uid)
            and self.verdict in ("", verdict)
            and (not self.network or is_within(network, self.network))
        )


OVERRIDE_COLUMNS = ("id", *(field.name for field in attrs.fields(Override)[1:]))


@attrs.frozen
class Overrides:
    """The verbs: `store.overrides`."""

    _db: Database

    def add(
        self,
        *,
        organization_uid: str = "",
        location_uid: str = "",
        verdict: str = "",
        network: str = "",
        who: str,
        why: str,
        expires_ms: int,
        now_ms: int,
    ) -> Override:
        """Silence from now on.

        Raises:
            Conflict: neither an organization nor a network: that would silence everybody's; or a location alone.
            NotFound: no such organization or location.
        """
        if not organization_uid and not network:
            raise Conflict("an override is for an organization or a network, not for everybody")
        if location_uid and not organization_uid:
            raise Conflict("a location is one of an organization's: name that as well")
        row: dict[str, Any] = {
            "organization_uid": organization_uid, "location_uid": location_uid, "verdict": verdict, "network": network,
            "who": who, "why": why, "created_ms": now_ms, "expires_ms": expires_ms, "ended_ms": None,
        }  # fmt: skip
        with self._db.write() as connection:
            about = []
            if organization_uid:
                about.append(require_organization(connection, organization_uid).name)
            if location_uid:
                require_location(connection, location_uid, organization_uid=organization_uid)
            insert = sa.insert(overrides).values(row).returning(overrides.c.id)
            override_id = connection.execute(insert).scalar_one()
            about += [text for text in (location_uid, network, verdict) if text]
            told = f"{override_id}: {', '.join(about)}"
            note(
                connection,
                AuditEntry(at_ms=now_ms, who=who, action="override added", about=told, why=why),
            )
        return override_of((override_id, *row.values()))

    def end(self, override_id: int, *, who: str, now_ms: int) -> None:
        """Silence no longer.

        Raises:
            Conflict: it has ended already.
            NotFound: there is none of that number.
        """
        with self._db.write() as connection:
            found = connection.execute(
                sa.select(overrides).where(overrides.c.id == override_id).with_for_update()
            ).first()
            if found is None:
                raise NotFound(f"there is no override {override_id}")
            if found.ended_ms is not None or found.expires_ms <= now_ms:
                raise Conflict(f"override {override_id} has ended already")
            connection.execute(
                sa.update(overrides).where(overrides.c.id == override_id).values(ended_ms=now_ms)
            )
            note(
                connection,
                AuditEntry(at_ms=now_ms, who=who, action="override ended", about=str(override_id)),
            )

    def list(self, *, active_at_ms: int | None = None) -> list[Override]:
        """The newest first: all of them, or those that silence anything at that moment."""
        with self._db.read() as connection:
            query = sa.select(*[overrides.c[name] for name in OVERRIDE_COLUMNS])
            found = [
                override_of(tuple(row)) for row in connection.execute(query.order_by(overrides.c.id.desc()))
            ]
        return [each for each in found if active_at_ms is None or each.is_active(active_at_ms)]


def override_of(row: tuple[Any, ...]) -> Override:
    """A row of OVERRIDE_COLUMNS."""
    return Override(override_id=row[0], **dict(zip(OVERRIDE_COLUMNS[1:], row[1:], strict=True)))


def is_within(network: str, wider: str) -> bool:
    """Whether *network* lies within *wider*; false where either is none."""
    try:
        inner, outer = ipaddress.ip_network(network), ipaddress.ip_network(wider)
    except ValueError:
        return False
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False
