"""A company's places, changed and taken away."""

import json
from collections.abc import Mapping
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.agents import require_agent
from gateway.store.audit import AuditEntry, note
from gateway.store.changes import publish
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.feed import note_changed
from gateway.store.organizations import Location
from gateway.store.schema import agents, locations, tokens


@attrs.frozen
class Places:
    """The verbs: `store.places`."""

    _db: Database

    def change(self, location_uid: str, changes: Mapping[str, Any], *, by: str, now_ms: int) -> Location:
        """Give a location another name, or record its firewall.

        Args:
            location_uid: which.
            changes: `name` and `firewall`, those that are said.
            by: who does it.
            now_ms: the time.

        Raises:
            Conflict: its organization has another of that name.
            NotFound: there is none.
        """
        with self._db.write() as connection:
            before = _require(connection, location_uid)
            after = attrs.evolve(before, **changes)
            if after == before:
                return before
            mine = locations.c.uid == location_uid
            try:
                connection.execute(
                    sa.update(locations).where(mine).values(name=after.name, firewall=after.firewall)
                )
            except sa.exc.IntegrityError:
                raise Conflict(f"there is a location {after.name!r} already") from None
            _note(connection, "location changed", before, after, by=by, now_ms=now_ms)
            return after

    def remove(self, location_uid: str, *, by: str, now_ms: int) -> None:
        """Take a location away: its agents and tokens stay the organization's, without a place.

        Raises:
            NotFound: there is none.
        """
        with self._db.write() as connection:
            place = _require(connection, location_uid)
            there = sa.select(agents.c.uid).where(agents.c.location_uid == location_uid)
            uids = list(connection.execute(there.order_by(agents.c.uid)).scalars())
            nowhere = {"location_uid": None}
            connection.execute(sa.update(agents).where(agents.c.location_uid == location_uid).values(nowhere))
            theirs = sa.and_(
                tokens.c.organization_uid == place.organization_uid, tokens.c.location_uid == location_uid
            )
            connection.execute(sa.update(tokens).where(theirs).values(nowhere))
            connection.execute(sa.delete(locations).where(locations.c.uid == location_uid))
            _note(connection, "location removed", place, None, by=by, now_ms=now_ms)
            for uid in uids:
                note_changed(connection, "agent", uid)
            publish(connection, self._db, [require_agent(connection, uid) for uid in uids])


def _require(connection: Connection, location_uid: str) -> Location:
    query = sa.select(locations).where(locations.c.uid == location_uid)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"no location has the uid {location_uid!r}")
    return Location(**row)


def _note(
    connection: Connection, action: str, before: Location, after: Location | None, *, by: str, now_ms: int
) -> None:
    def shown(place: Location) -> str:
        return json.dumps({"name": place.name, "firewall": place.firewall})

    entry = AuditEntry(
        at_ms=now_ms, who=by, action=action, about=before.name, before=shown(before),
        after=None if after is None else shown(after), organization_uid=before.organization_uid,
    )  # fmt: skip
    note(connection, entry)
