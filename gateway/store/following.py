"""Following the store from outside: every fact once, in an order that can be read on from any line.

Two sources are merged. `feed` has facts of low rate. `batches` has what agents said, in the order of application; nothing of it
is copied. Both count up, and their ids become visible in order (feed.py, and the lock in projection.py), so a place is two
numbers, and a third for the line within a batch.

A line about a *state* (an agent, a job session, an inventory) says what is true when it is read, which is never older than what
the line stands for. So of several such lines about one thing in one page the last is enough. A line about an *event* is that
event, and its id is made of the batch's contents: read again, also out of a store that was built anew, it bears the same one.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.engine import Database
from gateway.store.events import EVENT, StoredEvent
from gateway.store.feed import MARK_ID, Mark, mark_of
from gateway.store.place import EVERY_LINE, Place
from gateway.store.readmodel import BOOLEAN, READ_MODEL
from gateway.store.rows import JOB_KINDS
from gateway.store.schema import agents, batches, inventories, job_events
from gateway.store.schema_operations import feed, store_identity
from gateway.store.simulated import KEPT_WHY
from protocol import Code, EventBatch, EventKind, Inventory, JobStatus

PAGE_FACTS: Final = 500
PAGE_BATCHES: Final = 100
# Each is a whole estate, and a page is held in memory.
PAGE_INVENTORIES: Final = 8

STATES: Final = {
    "agent": ("rm_agents", "agent_uid", str),
    "incident": ("rm_incidents", "incident_id", int),
    "gap": ("rm_gaps", "gap_id", int),
}
"""Facts that say only what has changed: where its state is read, and by which key."""

LINE_KINDS: Final = (
    "job-event", "job-session", "inventory", "agent", "incident", "gap", "usage", "alarm", "command", "reset",
)  # fmt: skip
"""All that there are, as docs/integrating.md lists them."""

ITEMS: Final = {
    "servers": "rm_servers",
    "repositories": "rm_repositories",
    "workloads": "rm_workloads",
    "jobs": "rm_jobs",
    "cloud_tenants": "rm_cloud_tenants",
}

Row = dict[str, Any]


@attrs.frozen(kw_only=True)
class Line:
    """One line: what is true, and the place behind it."""

    id: str
    kind: str
    place: Place
    body: Mapping[str, Any]

    def record(self) -> Row:
        """As it is written for others."""
        return {"id": self.id, "kind": self.kind, "cursor": str(self.place), "body": self.body}


@attrs.frozen
class Following:
    """The verbs: `store.following`."""

    _db: Database

    def start(self) -> Place:
        """Before everything."""
        with self._db.read() as connection:
            return beginning(connection)

    def newest(self) -> Place:
        """Behind everything that is there: what is read from it on has only just become true."""
        with self._db.read() as connection:
            fact, batch = newest(connection)
            return attrs.evolve(beginning(connection), fact=fact, batch=batch, line=EVERY_LINE)

    def read(self, place: Place) -> tuple[list[Line], Place]:
        """The next lines behind *place*, and the place behind them; *place* itself when there is nothing more.

        One page is one moment. Where *place* is void, it is the line that says so, and the beginning.
        """
        with self._db.read() as connection:
            why = why_void(connection, place)
            if why is not None:
                return [reset(connection, why)], beginning(connection)
            lines = facts_behind(connection, place)
            if lines:
                return lines, lines[-1].place
            return batches_behind(connection, place)

    def rows_behind(self, place: Place) -> int | None:
        """How many rows there are behind *place*, each of them some lines or none; None where it is void."""
        with self._db.read() as connection:
            if why_void(connection, place) is not None:
                return None
            facts, last = newest(connection)
            return facts - place.fact + last - place.batch


def newest(connection: Connection) -> tuple[int, int]:
    """The last fact's number, and the last batch's."""
    facts, last = (
        int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one())
        for table in (feed, batches)
    )
    return facts, last


def why_void(connection: Connection, place: Place) -> Code | None:
    """Why that place is none of this store as it is now; None if it is one."""
    facts, last = newest(connection)
    if incarnation(connection) != place.incarnation or place.fact > facts or place.batch > last:
        return Code.FEED_RESET
    if max(place.fact, place.began) < mark(connection).left:
        return Code.FEED_PRUNED
    return None


def mark(connection: Connection) -> Mark:
    """What has left the feed."""
    return mark_of(connection.execute(sa.select(feed.c.payload).where(feed.c.id == MARK_ID)).scalar())


def beginning(connection: Connection) -> Place:
    """Before everything that is there."""
    return Place(incarnation(connection), began=mark(connection).left)


def reset(connection: Connection, why: Code) -> Line:
    """The line that says that everything comes anew."""
    place = beginning(connection)
    return Line(
        id=f"{place.incarnation}-reset-{place.began}", kind="reset", place=place, body={"code": str(why)}
    )


def incarnation(connection: Connection) -> str:
    """The name of this life of the store."""
    return str(connection.execute(sa.select(store_identity.c.incarnation)).scalar_one())


def facts_behind(connection: Connection, place: Place) -> list[Line]:
    """A page of facts."""
    query = sa.select(feed).where(feed.c.id > place.fact).order_by(feed.c.id).limit(PAGE_FACTS)
    lines = []
    for row in connection.execute(query).all():
        body = json.loads(row.payload)
        if row.kind in STATES:
            view, key, type_ = STATES[row.kind]
            found = view_rows(connection, view, {key: type_(row.key)})
            if row.kind == "agent" and is_kept_for_its_number(connection, row.key):
                found = []
            # A gap has no row any more when what was missing came before anybody gave it up; a simulated agent may be removed.
            body = found[0] if found else {key: type_(row.key), "state": "gone"}
        elif row.kind == "usage":
            report = {name: body[name] for name in ("agent_uid", "epoch", "sequence")}
            report["branch"] = body.setdefault("branch", 0)  # a version before 5 knew none
            body["observations"] = view_rows(connection, "rm_usage", report)
        at = attrs.evolve(place, fact=row.id)
        lines.append(Line(id=f"{place.incarnation}-{row.id}", kind=row.kind, place=at, body=body))
    return lines


def batches_behind(connection: Connection, place: Place) -> tuple[list[Line], Place]:
    """A page of batches."""
    query = (
        sa.select(batches, agents.c.uid.label("agent_uid"), agents.c.why)
        .join(agents, agents.c.id == batches.c.agent_id)
        .where(batches.c.id >= place.batch)
        .order_by(batches.c.id)
        .limit(PAGE_BATCHES)
    )
    page = cut(list(connection.execute(query).all()))
    if not page:
        return [], place
    events = events_of(connection, page[0].id, page[-1].id)
    stale = stood_in_for(connection, page)
    last_said = {
        (batch.agent_uid, what): batch.id
        for batch in page
        if batch.id not in stale
        for what in subjects(batch, events.get(batch.id, ()))
    }
    lines: list[Line] = []
    for batch in page:
        skipped = place.line if batch.id == place.batch else 0
        lines += [
            Line(
                id=f"{batch.agent_id}-{batch.batch_id.hex()}-{n}",
                kind=kind,
                place=attrs.evolve(place, batch=batch.id, line=n),
                body=body,
            )
            for n, kind, body in lines_of(connection, batch, events.get(batch.id, ()), last_said)
            if n > skipped
        ]
    end = attrs.evolve(place, batch=page[-1].id, line=place.line if page[-1].id == place.batch else 0)
    return lines, lines[-1].place if lines and lines[-1].place.batch == page[-1].id else end


def cut(page: Sequence[sa.Row[Any]]) -> Sequence[sa.Row[Any]]:
    """The page up to as many inventories as fit into memory side by side."""
    found = 0
    for n, batch in enumerate(page, 1):
        found += batch.tag == Inventory.tag
        if found == PAGE_INVENTORIES:
            return page[:n]
    return page


def is_kept_for_its_number(connection: Connection, agent_uid: str) -> bool:
    """Whether that agent was removed but for its row."""
    why = connection.execute(sa.select(agents.c.why).where(agents.c.uid == agent_uid)).scalar()
    return bool(why == KEPT_WHY)


def events_of(connection: Connection, first: int, last: int) -> dict[int, list[StoredEvent]]:
    """The events of those batches."""
    query = (
        EVENT.add_columns(batches.c.id.label("of_batch"))
        .join(
            batches,
            sa.and_(
                batches.c.stream_id == job_events.c.stream_id,
                job_events.c.sequence >= batches.c.first_sequence,
                job_events.c.sequence < batches.c.next_sequence,
            ),
        )
        .where(batches.c.id.between(first, last), batches.c.tag == EventBatch.tag)
        .order_by(batches.c.id, job_events.c.sequence)
    )
    found: dict[int, list[StoredEvent]] = {}
    for row in connection.execute(query).mappings():
        event = StoredEvent(**{name: value for name, value in row.items() if name != "of_batch"})
        found.setdefault(row["of_batch"], []).append(event)
    return found


def subjects(batch: sa.Row[Any], events: Sequence[StoredEvent]) -> Sequence[str | None]:
    """What of the agent a batch gives another state: sessions, or (None) its inventory."""
    if batch.why == KEPT_WHY:  # its agent was removed, and is told to have gone
        return []
    if batch.tag == Inventory.tag:
        return [None]
    return sorted({event.session_uid for event in events if event.kind in JOB_KINDS and event.session_uid})


def stood_in_for(connection: Connection, page: Sequence[sa.Row[Any]]) -> set[int]:
    """Those of the page whose inventory is not the newest: a large one comes in tens of parts, and each line is a whole estate.

    `updated_ms` is when the newest that counts was received, so that one is never among them, whichever way a clock was set.
    """
    received = {batch.id: (batch.agent_id, batch.received_ms) for batch in page if batch.tag == Inventory.tag}
    of = {agent_id for agent_id, _ in received.values()}
    query = sa.select(inventories.c.agent_id, inventories.c.updated_ms).where(inventories.c.agent_id.in_(of))
    newest_ms: dict[int, int] = {row.agent_id: row.updated_ms for row in connection.execute(query)}
    return {id_ for id_, (agent_id, at_ms) in received.items() if at_ms < newest_ms.get(agent_id, 0)}


def lines_of(
    connection: Connection,
    batch: sa.Row[Any],
    events: Sequence[StoredEvent],
    last_said: Mapping[tuple[str, str | None], int],
) -> list[tuple[int, str, Row]]:
    """The lines of a batch: number, kind, body. What a later batch says again is left out."""
    found: list[tuple[int, str, Row]] = [
        (event.sequence - batch.first_sequence + 1, "job-event", event_body(event)) for event in events
    ]
    for n, subject in enumerate(subjects(batch, events), batch.next_sequence - batch.first_sequence + 1):
        if last_said.get((batch.agent_uid, subject)) != batch.id:
            continue
        if subject is None:
            found.append((n, "inventory", inventory_body(connection, batch)))
            continue
        which = {"agent_uid": batch.agent_uid, "session_uid": subject}
        found += [(n, "job-session", row) for row in view_rows(connection, "rm_job_sessions", which)]
    return found


def event_body(event: StoredEvent) -> Row:
    """A job event, with words for its enumerations."""
    body = attrs.asdict(event, filter=lambda field, _: field.name != "stream_id")
    body["kind"] = EventKind(event.kind).name.lower()
    body["status"] = JobStatus(event.status).name.lower()
    return body


def inventory_body(connection: Connection, batch: sa.Row[Any]) -> Row:
    """All that is known of what an agent's estate consists of."""
    query = sa.select(inventories.c.revision, inventories.c.complete_ms).where(
        inventories.c.agent_id == batch.agent_id
    )
    known = connection.execute(query).first()
    body: Row = {
        "agent_uid": batch.agent_uid,
        "revision": known and known.revision,
        "complete_ms": known and known.complete_ms,
    }
    return body | {
        name: view_rows(connection, view, {"agent_uid": batch.agent_uid}) for name, view in ITEMS.items()
    }


def view_rows(connection: Connection, view: str, where: Mapping[str, Any]) -> list[Row]:
    """Rows of the read model, ordered by their key; the same on both databases."""
    declared = READ_MODEL[view]
    table = sa.table(view, *(sa.column(column.name) for column in declared.columns))
    query = sa.select(table).where(*(table.c[name] == value for name, value in where.items()))
    query = query.order_by(*(table.c[name] for name in declared.key))
    flags = [column.name for column in declared.columns if column.type == BOOLEAN]
    rows = [dict(row) for row in connection.execute(query).mappings()]
    for row in rows:
        row.update({name: bool(row[name]) for name in flags})
    return rows
