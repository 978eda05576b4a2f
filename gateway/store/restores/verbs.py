"""The verbs on restore points: asking an agent what there is, and for what is wanted back. What lies outside a scope does not exist."""

import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note
from gateway.store.command_rows import UNFINISHED, CommandState, StoredCommand, Told
from gateway.store.engine import Database
from gateway.store.enqueuing import enqueue_in
from gateway.store.errors import Conflict, NotFound
from gateway.store.hot import Hot
from gateway.store.restores.schema import restore_sessions
from gateway.store.restores.settling import LOGGED
from gateway.store.schema import agents, workloads
from gateway.store.schema_operations import commands as command_rows
from gateway.store.schema_operations import transfers
from gateway.store.transfers import TransferState
from gateway.store.views.answering import inside
from gateway.store.views.asking import Scope
from protocol import Code, commands

T = TypeVar("T")

Question = commands.ListRestorePoints | commands.BrowseRestorePoint | commands.SearchRestorePoint
"""What is answered with a listing."""

Wanted = commands.DownloadItem | commands.RestoreItems | commands.RestoreWorkload
"""What is logged as a restore."""

EVERYTHING: Final = "/"
"""In the place of an item."""

MOST_UNDER_WAY: Final = 8
"""Of one agent: it sends one file at a time, and its other commands need places, too."""


class TooManyRestores(Conflict):
    """One agent has as many restores under way as it may."""

    code = Code.RESTORE_TOO_MANY


class RestoreMode(StrEnum):
    """Where what is wanted back goes."""

    DOWNLOAD = "download"
    """To whoever asks, by way of the gateway's spool."""
    IN_PLACE = commands.IN_PLACE
    """Onto the agent's machine; files take the places of those that have their names."""
    KEEP_BOTH = commands.KEEP_BOTH
    """Onto the agent's machine, beside what has their names."""


def _digest(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


@attrs.frozen(kw_only=True)
class RestoreSession:
    """An entry of the restore log, with how it stands now."""

    uid: str
    """Its command's."""
    agent_uid: str
    host_name: str
    organization_uid: str
    workload_uid: str
    workload_name: str
    point_uid: str
    items: tuple[str, ...]
    mode: RestoreMode = attrs.field(converter=RestoreMode)
    target: str | None
    """The folder on the agent's machine that was named for it; None: where it was, or none at all."""
    created_ms: int
    created_by: str
    state: CommandState = attrs.field(converter=CommandState)
    percent: int
    finished_ms: int | None
    code: int
    message: str | None
    file_name: str | None
    """What the agent calls it; words, and no path."""
    size_bytes: int | None
    sha256: bytes | None = attrs.field(converter=_digest)
    file_state: TransferState | None = attrs.field(converter=attrs.converters.optional(TransferState))
    """None: no file was begun, or it is long gone."""
    received_bytes: int
    path: str | None
    """Of the file, below the spool."""


@attrs.frozen(kw_only=True)
class _Source:
    """A workload that somebody may look into."""

    organization_uid: str
    name: str


@attrs.frozen
class Restores:
    """The verbs: `store.restores`."""

    _db: Database

    def ask(
        self, agent_uid: str, question: Question, *, scope: Scope, who: str, ttl_ms: int, now_ms: int
    ) -> StoredCommand:
        """Ask an agent what there is to restore; ring the doorbell afterwards. The command's file is the answer.

        Raises:
            Conflict: as of `commands.enqueue`.
            InvalidCommand: a field is out of its bounds (FG-5002).
            NotFound: the scope has no such agent, or the agent reports no such workload.
        """
        match question:
            case commands.BrowseRestorePoint():
                where = f"{question.path} in {question.point_uid} of "
            case commands.SearchRestorePoint():
                where = f"names with {question.text!r} below {question.path} in {question.point_uid} of "
            case _:
                where = ""

        def write(connection: Connection, command: StoredCommand, source: _Source) -> StoredCommand:
            note(connection, _entry(source, "restore points read", f"{where}{source.name}", command))
            return command

        return self._asked(agent_uid, question, write, scope=scope, who=who, ttl_ms=ttl_ms, now_ms=now_ms)

    def begin(
        self,
        agent_uid: str,
        wanted: Wanted,
        *,
        scope: Scope,
        who: str,
        ttl_ms: int,
        now_ms: int,
        uid: str | None = None,
    ) -> RestoreSession:
        """Have an agent send an item, or restore some; ring the doorbell afterwards.

        Args:
            uid: what it is to be called: asked for again under the same one, by the same person, it is the same restore.

        Raises:
            TooManyRestores: the agent has as many under way as it may.
            StoreError, InvalidCommand: as `ask` does.
        """
        items, mode, target = _described(wanted)

        def write(connection: Connection, command: StoredCommand, source: _Source) -> RestoreSession:
            if known := _read(connection, restore_sessions.c.uid == command.uid):
                return known[0]
            if _under_way(connection, agent_uid) >= MOST_UNDER_WAY:
                raise TooManyRestores(
                    f"the agent has {MOST_UNDER_WAY} restores under way: wait for one, or cancel it"
                )
            row = {
                "uid": command.uid, "agent_uid": agent_uid, "organization_uid": source.organization_uid,
                "workload_uid": wanted.workload_uid, "workload_name": source.name, "point_uid": wanted.point_uid,
                "items": json.dumps({"paths": items}), "mode": mode.value, "target": target, "created_ms": now_ms,
                "created_by": who, "state": command.state.value, "code": 0,
            }  # fmt: skip
            connection.execute(sa.insert(restore_sessions).values(row))
            more = f" and {len(items) - 1} more" if len(items) > 1 else ""
            about = f"{mode}: {items[0]}{more} in {wanted.point_uid} of {source.name}"
            note(connection, _entry(source, "restore asked", about, command, after=json.dumps(row)))
            return _read(connection, restore_sessions.c.uid == command.uid)[0]

        return self._asked(
            agent_uid, wanted, write, scope=scope, who=who, ttl_ms=ttl_ms, now_ms=now_ms, uid=uid
        )

    def workloads(self, agent_uid: str, text: str) -> dict[str, str]:
        """The names of the agent's workloads whose uid or name is *text*, by their uids."""
        query = (
            sa.select(workloads.c.uid, workloads.c.name)
            .join_from(agents, workloads, workloads.c.agent_id == agents.c.id)
            .where(agents.c.uid == agent_uid, sa.or_(workloads.c.uid == text, workloads.c.name == text))
            .order_by(workloads.c.uid)
            .limit(100)
        )
        with self._db.read() as connection:
            return {row.uid: row.name for row in connection.execute(query)}

    def get(self, uid: str, *, scope: Scope) -> RestoreSession:
        """One entry of the log.

        Raises:
            NotFound: the scope has none of that uid.
        """
        with self._db.read() as connection:
            found = _read(
                connection,
                sa.and_(restore_sessions.c.uid == uid, inside(restore_sessions.c.organization_uid, scope)),
            )
        if not found:
            raise NotFound(f"no restore has the uid {uid!r}")
        return found[0]

    def list(
        self, *, scope: Scope, agent_uid: str | None = None, limit: int = 100
    ) -> Sequence[RestoreSession]:
        """The log, the newest first."""
        where = inside(restore_sessions.c.organization_uid, scope)
        if agent_uid is not None:
            where = sa.and_(where, restore_sessions.c.agent_uid == agent_uid)
        with self._db.read() as connection:
            return _read(connection, where, limit=limit)

    def fetched(self, session: RestoreSession, *, who: str, now_ms: int) -> None:
        """Somebody takes the file that came; say so before the first byte."""
        with self._db.write() as connection:
            note(
                connection,
                AuditEntry(
                    at_ms=now_ms, who=who, action="restore fetched", organization_uid=session.organization_uid,
                    about=f"{session.file_name} of restore {session.uid}, {session.size_bytes} bytes",
                ),
            )  # fmt: skip

    def _asked(
        self,
        agent_uid: str,
        instruction: Question | Wanted,
        write: Callable[[Connection, StoredCommand, _Source], T],
        *,
        scope: Scope,
        who: str,
        ttl_ms: int,
        now_ms: int,
        uid: str | None = None,
    ) -> T:
        """Queue the command, and what *write* adds to it, in one transaction."""
        with self._db.write() as connection:
            source = _require_source(connection, agent_uid, instruction.workload_uid, scope)
            hot, told = Hot(connection), Told()
            try:
                command = enqueue_in(
                    hot, told, agent_uid, instruction, who=who, ttl_ms=ttl_ms, now_ms=now_ms, uid=uid
                )
                outcome = write(connection, command, source)
                told.write(hot, connection, self._db)
            finally:
                hot.close()
        return outcome


def _under_way(connection: Connection, agent_uid: str) -> int:
    unfinished = [state.value for state in UNFINISHED]
    query = (
        sa.select(sa.func.count())
        .select_from(command_rows)
        .where(
            command_rows.c.agent_uid == agent_uid, command_rows.c.state.in_(unfinished), command_rows.c.kind.in_(LOGGED)
        )
    )  # fmt: skip
    return connection.execute(query).scalar_one() - 1  # the one that is being added


def _described(wanted: Wanted) -> tuple[list[str], RestoreMode, str | None]:
    """Items, mode and folder."""
    match wanted:
        case commands.DownloadItem():
            return [wanted.path], RestoreMode.DOWNLOAD, None
        case commands.RestoreItems():
            return list(wanted.paths), RestoreMode(wanted.mode), wanted.folder or None
        case commands.RestoreWorkload():
            return [EVERYTHING], RestoreMode(wanted.mode), wanted.folder or None


def _require_source(connection: Connection, agent_uid: str, workload_uid: str, scope: Scope) -> _Source:
    query = (
        sa.select(agents.c.organization_uid, workloads.c.name)
        .join_from(agents, workloads, workloads.c.agent_id == agents.c.id)
        .where(
            agents.c.uid == agent_uid,
            workloads.c.uid == workload_uid,
            inside(agents.c.organization_uid, scope),
        )
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"no agent of the uid {agent_uid!r} protects a workload of the uid {workload_uid!r}")
    return _Source(organization_uid=row.organization_uid, name=row.name)


def _entry(
    source: _Source, action: str, about: str, command: StoredCommand, *, after: str | None = None
) -> AuditEntry:
    return AuditEntry(
        at_ms=command.created_ms, who=command.created_by, action=action, organization_uid=source.organization_uid,
        about=f"{about}, by command {command.uid}", after=after,
    )  # fmt: skip


def _read(
    connection: Connection, where: sa.ColumnElement[bool], *, limit: int = 1
) -> Sequence[RestoreSession]:
    logged, command, file = restore_sessions.c, command_rows.c, transfers.c
    whole = file.state == TransferState.COMPLETE.value
    query = (
        sa.select(
            logged.uid, logged.agent_uid, agents.c.host_name, logged.organization_uid, logged.workload_uid,
            logged.workload_name, logged.point_uid, logged["items"], logged.mode, logged.target, logged.created_ms, logged.created_by,
            sa.func.coalesce(command.state, logged.state).label("state"),
            sa.func.coalesce(command.percent, 0).label("percent"), logged.finished_ms, logged.code,
            sa.func.coalesce(logged.message, command.progress).label("message"), logged.file_name, logged.size_bytes,
            logged.sha256, file.state.label("file_state"),
            sa.func.coalesce(file.received_bytes, 0).label("received_bytes"),
            sa.case((whole, file.path)).label("path"),
        )
        .join_from(restore_sessions, agents, agents.c.uid == logged.agent_uid)
        .outerjoin(command_rows, command.uid == logged.uid)
        .outerjoin(transfers, file.uid == logged.uid)
        .where(where)
        .order_by(logged.created_ms.desc(), logged.uid)
        .limit(limit)
    )  # fmt: skip
    return [_session(row) for row in connection.execute(query).mappings()]


def _session(row: sa.RowMapping) -> RestoreSession:
    cells: dict[str, Any] = dict(row)
    return RestoreSession(**{**cells, "items": tuple(json.loads(cells["items"])["paths"])})
