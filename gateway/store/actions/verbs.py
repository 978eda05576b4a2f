"""What the gateway itself was asked to do: kept until a worker has done it, whoever is killed meanwhile.

A worker takes an action and says again and again that it lives. One that has been silent for SILENT_MS has died, and another takes its
action: so everything that is done here must be of a kind that may be begun again. The end is written only by the one that has it.
"""

import hashlib
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.actions.schema import actions
from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound

SILENT_MS: Final = 60_000
MOST_UNFINISHED: Final = 1000
"""They are done one after the other: more that wait are a loop somewhere."""
KEPT_MS: Final = 100 * 86_400_000
"""As long as commands."""


class ActionState(StrEnum):
    """How far an action is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED: Final = frozenset({ActionState.SUCCEEDED, ActionState.FAILED, ActionState.CANCELLED})


@attrs.frozen(kw_only=True)
class Action:
    """Something that was asked of the gateway."""

    uid: str
    organization_uid: str
    kind: str
    request: str | None
    """JSON; None: it has ended."""
    request_sha256: str
    state: ActionState = attrs.field(converter=ActionState)
    created_ms: int
    created_by: str
    worker: str | None
    beat_ms: int | None
    started_ms: int | None
    finished_ms: int | None
    code: int
    message: str | None
    result: str | None
    """JSON."""


@attrs.frozen(kw_only=True)
class Outcome:
    """How an action ended."""

    state: ActionState
    code: int = 0
    """The number of an FG code; 0: it succeeded."""
    message: str
    result: str | None = None
    """JSON."""


@attrs.frozen
class Actions:
    """The verbs: `store.actions`."""

    _db: Database

    def ask(
        self, kind: str, request: str, *, organization_uid: str, by: str, now_ms: int, uid: str | None = None
    ) -> Action:
        """Ask for something. The same request of the same one under the same *uid* is the same action.

        Raises:
            Conflict: *uid* is another action's, or too many wait.
            NotFound: there is no such organization.
        """
        sha256 = hashlib.sha256(request.encode()).hexdigest()
        with self._db.write() as connection:
            if uid is not None and (known := _find(connection, uid)) is not None:
                asked = (known.kind, known.organization_uid, known.request_sha256, known.created_by)
                if asked == (kind, organization_uid, sha256, by):
                    return known
                raise Conflict(f"{uid} is another action's uid")
            waiting = sa.select(actions.c.uid).where(actions.c.state == ActionState.QUEUED)
            some = waiting.limit(MOST_UNFINISHED).subquery()
            if (
                connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
                >= MOST_UNFINISHED
            ):
                raise Conflict(f"{MOST_UNFINISHED} actions wait already: cancel some first")
            row: dict[str, Any] = {
                "uid": uid or str(uuid4()), "organization_uid": organization_uid, "kind": kind, "request": request,
                "request_sha256": sha256, "state": ActionState.QUEUED, "created_ms": now_ms, "created_by": by, "code": 0,
            }  # fmt: skip
            connection.execute(sa.insert(actions).values(row))
            return _noted(connection, "action asked for", row["uid"], by=by, now_ms=now_ms)

    def get(self, uid: str) -> Action:
        """One of them.

        Raises:
            NotFound: there is none.
        """
        with self._db.read() as connection:
            return _require(connection, uid)

    def take(self, worker: str, *, now_ms: int) -> Action | None:
        """The oldest that nobody does, which is *worker*'s from now on; None: there is none."""
        silent = sa.and_(actions.c.state == ActionState.RUNNING, actions.c.beat_ms < now_ms - SILENT_MS)
        for free in (actions.c.state == ActionState.QUEUED, silent):
            query = sa.select(actions.c.uid).where(free).order_by(actions.c.created_ms).limit(1)
            with self._db.read() as connection:  # most of the time there is none, and nobody waits for us
                uid = connection.execute(query).scalar()
            if uid is None:
                continue
            mine = {
                "state": ActionState.RUNNING, "worker": worker, "beat_ms": now_ms,
                "started_ms": sa.func.coalesce(actions.c.started_ms, now_ms),
            }  # fmt: skip
            with self._db.write() as connection:
                taken = sa.update(actions).where(actions.c.uid == uid, free).values(mine)
                if connection.execute(taken).rowcount:
                    return _require(connection, uid)
        return None

    def beat(self, uid: str, worker: str, *, now_ms: int) -> None:
        """Say that *worker* still does it."""
        with self._db.write() as connection:
            connection.execute(sa.update(actions).where(*_of(uid, worker)).values(beat_ms=now_ms))

    def end(self, uid: str, worker: str, outcome: Outcome, *, now_ms: int) -> None:
        """Write how it ended.

        Raises:
            Conflict: it is not *worker*'s any more.
        """
        ended = attrs.asdict(outcome) | {"finished_ms": now_ms, "request": None}
        with self._db.write() as connection:
            if not connection.execute(sa.update(actions).where(*_of(uid, worker)).values(ended)).rowcount:
                raise Conflict(f"the action {uid} is done by another worker by now")

    def cancel(self, uid: str, *, by: str, now_ms: int) -> Action:
        """Take back one that nobody has begun.

        Raises:
            Conflict: it has begun, or has ended.
            NotFound: there is none.
        """
        cancelled = {
            "state": ActionState.CANCELLED, "finished_ms": now_ms, "request": None, "message": f"taken back by {by}",
        }  # fmt: skip
        with self._db.write() as connection:
            waiting = sa.and_(actions.c.uid == uid, actions.c.state == ActionState.QUEUED)
            if not connection.execute(sa.update(actions).where(waiting).values(cancelled)).rowcount:
                state = _require(connection, uid).state
                raise Conflict(
                    f"the action has ended: {state}"
                    if state in ENDED
                    else "the action has begun: it goes on to its end"
                )
            return _noted(connection, "action taken back", uid, by=by, now_ms=now_ms)

    def prune(self, *, now_ms: int) -> int:
        """Forget those that ended so long ago that nobody asks any more; how many those were."""
        old = sa.and_(actions.c.created_ms < now_ms - KEPT_MS, actions.c.finished_ms < now_ms - KEPT_MS)
        with self._db.write() as connection:
            return connection.execute(sa.delete(actions).where(old)).rowcount


def _of(uid: str, worker: str) -> tuple[sa.ColumnElement[bool], ...]:
    return actions.c.uid == uid, actions.c.state == ActionState.RUNNING, actions.c.worker == worker


def _noted(connection: Connection, deed: str, uid: str, *, by: str, now_ms: int) -> Action:
    """With a line in the audit."""
    action = _require(connection, uid)
    entry = AuditEntry(
        at_ms=now_ms, who=by, action=deed, about=f"{action.kind} {uid}", organization_uid=action.organization_uid
    )  # fmt: skip
    note(connection, entry)
    return action


def _find(connection: Connection, uid: str) -> Action | None:
    row = connection.execute(sa.select(actions).where(actions.c.uid == uid)).mappings().first()
    return None if row is None else Action(**row)


def _require(connection: Connection, uid: str) -> Action:
    found = _find(connection, uid)
    if found is None:
        raise NotFound(f"no action has the uid {uid!r}")
    return found
