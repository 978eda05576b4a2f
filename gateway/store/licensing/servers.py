"""Which server is to have which licence, and how far that has come.

    Pending ──pushed──▶ Pushed ──settled──▶ Installed | Removed | Failed
       ▲                   │
       └─── not begun in time, or cut short ───┘

A row says what is *wanted*; whoever changes that makes it Pending again. Asking the agent and noting that it was asked are two
transactions, and a kill in between asks it twice: an agent that is given the licence that it has says so and is content.
"""

from collections.abc import Sequence
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note
from gateway.store.command_rows import CommandState
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.feed import note_changed
from gateway.store.licensing.refusals import LicenceNotAssigned, LicenceNotShared, LicenceOfAnother
from gateway.store.licensing.rows import document, require_active
from gateway.store.licensing.schema import licence_servers
from gateway.store.licensing.values import LicenceServer, LicenceServerState, LicenceWanted, StoredLicence
from gateway.store.schema import agents
from gateway.store.schema_operations import commands
from gateway.store.standing import Standing

SERVER: Final = [licence_servers.c[field.name] for field in attrs.fields(LicenceServer)]

TRY_AGAIN: Final = frozenset({CommandState.EXPIRED.value, CommandState.INTERRUPTED.value})
"""The agent has not said yes or no."""
ENDED: Final = tuple(state.value for state in CommandState if state.is_final)


@attrs.frozen(kw_only=True)
class LicenceServerWaiting:
    """A server whose agent is to be asked."""

    server: LicenceServer
    installation_uid: str
    organization_uid: str


@attrs.frozen
class LicenceServers:
    """The verbs: `store.licence_servers`."""

    _db: Database

    def want(self, licence_uid: str, agent_uid: str, *, by: str, now_ms: int) -> LicenceServer:
        """A server is to have that licence, in the place of any other.

        Raises:
            Conflict: the agent is not verified.
            LicenceNotAssigned: the licence is nobody's yet.
            LicenceNotShared: it is another server's already.
            LicenceOfAnother: the agent is another organization's.
            LicenceRevoked: it was revoked.
            NotFound: no such licence, or no such agent.
        """
        with self._db.write() as connection:
            licence = require_active(connection, licence_uid)
            self._require_fits(connection, licence, agent_uid)
            self._want(
                connection,
                agent_uid,
                {
                    "licence_uid": licence_uid,
                    "revision": licence.terms.revision,
                    "wanted": LicenceWanted.INSTALLED.value,
                },
                organization_uid=licence.terms.organization_uid,
                by=by,
                now_ms=now_ms,
            )
            return require_server(connection, agent_uid)

    def unwant(self, agent_uid: str, *, by: str, now_ms: int) -> LicenceServer:
        """A server is to have no licence any more.

        Raises:
            NotFound: it was to have none.
        """
        with self._db.write() as connection:
            server = require_server(connection, agent_uid)
            owner = connection.scalar(sa.select(agents.c.organization_uid).where(agents.c.uid == agent_uid))
            wanted = {
                "licence_uid": server.licence_uid,
                "revision": server.revision,
                "wanted": LicenceWanted.REMOVED.value,
            }
            self._want(connection, agent_uid, wanted, organization_uid=owner, by=by, now_ms=now_ms)
            return require_server(connection, agent_uid)

    def waiting(self, *, limit: int = 100) -> list[LicenceServerWaiting]:
        """Whose agents are to be asked; those that may be given commands."""
        query = (
            sa.select(*SERVER, agents.c.installation_uid, agents.c.organization_uid)
            .join(agents, agents.c.uid == licence_servers.c.agent_uid)
            .where(
                licence_servers.c.state == LicenceServerState.PENDING, agents.c.standing == Standing.VERIFIED
            )
            .order_by(licence_servers.c.agent_uid)
            .limit(limit)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return [
            LicenceServerWaiting(
                server=server_of(row[:-2]), installation_uid=row[-2], organization_uid=row[-1]
            )
            for row in rows
        ]

    def pushed(self, asked: LicenceServer, command_uid: str, *, now_ms: int) -> bool:
        """The agent was asked for what *asked* says; false if something else is wanted by now."""
        return self._move(
            asked, now_ms=now_ms, state=LicenceServerState.PUSHED.value, command_uid=command_uid
        )

    def fail(self, asked: LicenceServer, *, code: int, message: str, now_ms: int) -> bool:
        """The agent can't be asked for that; false if something else is wanted by now."""
        return self._move(
            asked, now_ms=now_ms, state=LicenceServerState.FAILED.value, code=code, message=message
        )

    def settle(self, *, now_ms: int, limit: int = 500) -> list[LicenceServer]:
        """Take over how the commands ended that servers were asked with; the servers that this changed."""
        query = (
            sa.select(*SERVER, commands.c.state, commands.c.code, commands.c.message)
            .join(commands, commands.c.uid == licence_servers.c.command_uid)
            .where(licence_servers.c.state == LicenceServerState.PUSHED, commands.c.state.in_(ENDED))
            .limit(limit)
        )
        with self._db.read() as connection:
            ended = connection.execute(query).all()
        if not ended:
            return []
        with self._db.write() as connection:
            changed = []
            for row in ended:
                server = server_of(row[:-3])
                values = outcome(server, *row[-3:], now_ms=now_ms)
                if self._update(connection, server, now_ms=now_ms, **values):
                    changed.append(require_server(connection, server.agent_uid))
            for server in changed:
                note_changed(connection, "licence server", server.agent_uid)
        return changed

    def get(self, agent_uid: str) -> LicenceServer:
        """What is known of an agent's server.

        Raises:
            NotFound: it was never to have a licence.
        """
        with self._db.read() as connection:
            return require_server(connection, agent_uid)

    def of_licence(self, licence_uid: str) -> list[LicenceServer]:
        """The servers that have, or are to have, a licence."""
        query = sa.select(*SERVER).where(licence_servers.c.licence_uid == licence_uid)
        with self._db.read() as connection:
            found = connection.execute(query.order_by(licence_servers.c.agent_uid)).mappings()
            return [LicenceServer(**row) for row in found]

    # -- within ------------------------------------------------------------------------------------------------

    def _want(
        self,
        connection: Connection,
        agent_uid: str,
        wanted: dict[str, Any],
        *,
        organization_uid: str | None,
        by: str,
        now_ms: int,
    ) -> None:
        query = sa.select(licence_servers).where(licence_servers.c.agent_uid == agent_uid)
        found = connection.execute(query).mappings().first()
        before = (
            None if found is None else {name: found[name] for name in ("licence_uid", "revision", "wanted")}
        )
        row = wanted | {
            "agent_uid": agent_uid, "state": LicenceServerState.PENDING.value, "code": 0, "message": None,
            "changed_ms": now_ms, "changed_by": by,
        }  # fmt: skip
        values = {name: value for name, value in row.items() if name != "agent_uid"}
        insert = self._db.insert(licence_servers).values(row)
        connection.execute(insert.on_conflict_do_update(index_elements=["agent_uid"], set_=values))
        entry = AuditEntry(
            at_ms=now_ms, who=by, action=f"licence to be {wanted['wanted']}", about=f"agent {agent_uid}",
            before=None if before is None else document(before), after=document(wanted),
            organization_uid=organization_uid,
        )  # fmt: skip
        note(connection, entry)
        note_changed(connection, "licence server", agent_uid)

    def _require_fits(self, connection: Connection, licence: StoredLicence, agent_uid: str) -> None:
        terms = licence.terms
        if terms.organization_uid is None:
            raise LicenceNotAssigned(f"licence {terms.uid} is nobody's yet: assign it to a company first")
        query = sa.select(agents.c.organization_uid, agents.c.host_name, agents.c.standing)
        agent = connection.execute(query.where(agents.c.uid == agent_uid)).first()
        if agent is None:
            raise NotFound(f"no agent has the uid {agent_uid!r}")
        if agent.organization_uid != terms.organization_uid:
            raise LicenceOfAnother(
                f"{agent.host_name} is not a server of the company that has licence {terms.uid}"
            )
        if agent.standing != Standing.VERIFIED:
            raise Conflict(f"the agent is {agent.standing}: only a verified one is given a licence")
        elsewhere = sa.select(licence_servers.c.agent_uid).where(
            licence_servers.c.licence_uid == terms.uid,
            licence_servers.c.agent_uid != agent_uid,
            sa.or_(
                licence_servers.c.wanted == LicenceWanted.INSTALLED,
                licence_servers.c.installed_uid == terms.uid,
            ),
        )
        other = None if licence.shared else connection.scalar(elsewhere)
        if other is not None:
            raise LicenceNotShared(
                f"licence {terms.uid} is on the server of agent {other}, and is not a shared one"
            )

    def _move(self, asked: LicenceServer, *, now_ms: int, **values: Any) -> bool:
        with self._db.write() as connection:
            return self._update(connection, asked, now_ms=now_ms, **values)

    def _update(self, connection: Connection, asked: LicenceServer, *, now_ms: int, **values: Any) -> bool:
        """Change a row that still says what *asked* says."""
        same = [
            licence_servers.c[name] == value
            for name, value in (
                ("agent_uid", asked.agent_uid),
                ("licence_uid", asked.licence_uid),
                ("revision", asked.revision),
                ("wanted", asked.wanted.value),
                ("state", asked.state.value),
                ("changed_ms", asked.changed_ms),
            )
        ]
        found = connection.execute(
            sa.update(licence_servers).where(*same).values(**values, changed_ms=now_ms)
        )
        return found.rowcount == 1


def outcome(
    server: LicenceServer, state: str, code: int, message: str | None, *, now_ms: int
) -> dict[str, Any]:
    """What the end of a command means for the server that was asked with it."""
    if state in TRY_AGAIN:
        return {"state": LicenceServerState.PENDING.value}
    if state != CommandState.SUCCEEDED:
        return {"state": LicenceServerState.FAILED.value, "code": code, "message": message}
    if server.wanted is LicenceWanted.REMOVED:
        gone = {"installed_uid": None, "installed_revision": None, "installed_ms": None}
        return {"state": LicenceServerState.REMOVED.value, "code": 0, "message": message, **gone}
    has = {
        "installed_uid": server.licence_uid,
        "installed_revision": server.revision,
        "installed_ms": now_ms,
    }
    return {"state": LicenceServerState.INSTALLED.value, "code": 0, "message": message, **has}


def server_of(row: Sequence[Any]) -> LicenceServer:
    """A row of SERVER."""
    return LicenceServer(**dict(zip((column.name for column in SERVER), row, strict=True)))


def require_server(connection: Connection, agent_uid: str) -> LicenceServer:
    """What is known of an agent's server.

    Raises:
        NotFound: it was never to have a licence.
    """
    query = sa.select(*SERVER).where(licence_servers.c.agent_uid == agent_uid)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"the server of agent {agent_uid!r} has no licence")
    return LicenceServer(**row)
