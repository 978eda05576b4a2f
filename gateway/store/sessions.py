"""Who is here: edges with leases, claims with fences, presence in batches.

*Lease.* An edge registers once per life and renews its lease while it lives. Each life has its own uid, so that an edge
that was killed and started again does not make its former sessions look alive.

*Claim.* At most one session speaks for an agent, whichever edge it is on. The claim is a row with a fence; taking it
is a compare-and-set: "I know fence 7, make it 8, mine". Of two edges that know 7 one wins; the other is told who did.
An edge learns of foreign claims by the change feed, so what it expects is usually right. The compare is one statement
per agent, a hundred agents to a transaction, in the order of their uids (which keeps two edges from deadlocking).

*Presence.* Heartbeats are not worth a transaction each: edges flush them together, ten thousand agents in one go. A
row is written only by the session that holds the claim, so a late flush of a lost session changes nothing.
"""

import json
from collections.abc import Iterable, Sequence
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.bodies import ClaimEntry
from gateway.store.changes import publish
from gateway.store.engine import Database
from gateway.store.schema import agents, claims, edges
from gateway.store.standing import Standing


@attrs.frozen(kw_only=True)
class Edge:
    """One life of an edge process."""

    uid: str
    name: str
    addresses: tuple[str, ...]
    started_ms: int
    lease_until_ms: int


@attrs.frozen(kw_only=True)
class Claim:
    """A session that wants to speak for its agent."""

    agent_uid: str
    edge_uid: str
    session_uid: str
    address: str
    """The agent's, as the edge sees it."""
    nonce: bytes
    """The one that this session's Welcome will carry."""
    previous_nonce: bytes
    """The one that its Hello returned, or the claim's that it takes over; 16 zero bytes if there was none."""
    expected_fence: int
    """The fence of the claim that it knows, 0 for none."""
    agent_version: str
    host_name: str
    heartbeat_ms: int
    claimed_ms: int
    clock_offset_ms: int


@attrs.frozen(kw_only=True)
class ClaimOutcome:
    """What became of a claim."""

    won: bool
    holder: ClaimEntry | None
    """Who holds it now: the winner's own claim, or the one to give way to. None when the agent may not have any
    (it was rejected or revoked meanwhile)."""


@attrs.frozen(kw_only=True)
class Presence:
    """What an edge knows of a session's liveness."""

    agent_uid: str
    session_uid: str
    last_heartbeat_ms: int
    health: int
    """A protocol.Health, 0 before the first heartbeat."""
    clock_offset_ms: int
    ended_ms: int | None = None
    ended_code: int | None = None


@attrs.frozen
class Sessions:
    """The verbs: `store.sessions`."""

    _db: Database

    def register_edge(self, name: str, addresses: Sequence[str], *, lease_ms: int, now_ms: int) -> Edge:
        """Begin an edge's life; a former one of that name ends, and its sessions with it."""
        edge = Edge(
            uid=str(uuid4()), name=name, addresses=tuple(addresses), started_ms=now_ms,
            lease_until_ms=now_ms + lease_ms,
        )  # fmt: skip
        row = {**attrs.asdict(edge), "addresses": json.dumps(edge.addresses)}
        with self._db.write() as connection:
            upsert = self._db.insert(edges).values(row)
            connection.execute(upsert.on_conflict_do_update(index_elements=["name"], set_=row))
        return edge

    def renew_lease(self, edge_uid: str, *, lease_ms: int, now_ms: int) -> bool:
        """Live on until *now_ms* + *lease_ms*; false when another life has taken the name over."""
        renew = sa.update(edges).where(edges.c.uid == edge_uid).values(lease_until_ms=now_ms + lease_ms)
        with self._db.write() as connection:
            return connection.execute(renew).rowcount == 1

    def end_lease(self, edge_uid: str, *, now_ms: int) -> None:
        """Say that this life is over, so that nobody waits for the lease to run out."""
        self.renew_lease(edge_uid, lease_ms=0, now_ms=now_ms)

    def list_edges(self) -> list[Edge]:
        """Every edge, by name; one whose lease is past is dead or cut off."""
        with self._db.read() as connection:
            return [
                edge_of(row) for row in connection.execute(sa.select(edges).order_by(edges.c.name)).mappings()
            ]

    def claim(self, wanted: Sequence[Claim]) -> list[ClaimOutcome]:
        """Try to take every claim of the batch; outcomes come in the order of *wanted*."""
        outcomes: dict[int, ClaimOutcome] = {}
        with self._db.write() as connection:
            for n in sorted(range(len(wanted)), key=lambda n: wanted[n].agent_uid):
                outcomes[n] = take(connection, self._db, wanted[n])
            publish(
                connection, self._db, [o.holder for o in outcomes.values() if o.won and o.holder is not None]
            )
        return [outcomes[n] for n in range(len(wanted))]

    def flush_presence(self, seen: Iterable[Presence]) -> None:
        """Write what is known of many sessions at once; sessions that lost their claim are passed over."""
        rows = [
            {f"p_{name}": value for name, value in attrs.asdict(presence).items()}
            for presence in sorted(seen, key=lambda p: p.agent_uid)
        ]
        if not rows:
            return
        names = ("last_heartbeat_ms", "health", "clock_offset_ms", "ended_ms", "ended_code")
        update = (
            sa.update(claims)
            .where(
                claims.c.agent_uid == sa.bindparam("p_agent_uid"),
                claims.c.session_uid == sa.bindparam("p_session_uid"),
            )
            .values({name: sa.bindparam(f"p_{name}") for name in names})
        )
        with self._db.write() as connection:
            connection.execute(update, rows)


def edge_of(row: sa.RowMapping) -> Edge:
    """A row of the table."""
    return Edge(**{**row, "addresses": tuple(json.loads(row["addresses"]))})


def claim_entry(row: sa.RowMapping) -> ClaimEntry:
    """A row of claims as what every edge must know of it."""
    return ClaimEntry(**{a.name: row[a.name] for a in attrs.fields(ClaimEntry)})


def take(connection: Connection, db: Database, wanted: Claim) -> ClaimOutcome:
    """The compare-and-set of one claim.

    A claim that is not there is taken with the fence that the edge expects to follow: a store that was restored from
    an older copy must not hand out fences that were used before.
    """
    row = {
        **attrs.asdict(wanted), "fence": wanted.expected_fence + 1, "last_heartbeat_ms": wanted.claimed_ms,
        "health": 0, "ended_ms": None, "ended_code": None,
    }  # fmt: skip
    del row["expected_fence"]
    seen = {"host_name": row.pop("host_name"), "agent_version": row.pop("agent_version")}
    welcome = sa.and_(
        agents.c.uid == wanted.agent_uid, agents.c.standing.in_([Standing.VERIFIED, Standing.UNVERIFIED])
    )
    known = (
        connection.execute(sa.select(agents.c.host_name, agents.c.agent_version).where(welcome))
        .mappings()
        .first()
    )
    if known is None:
        return ClaimOutcome(won=False, holder=None)
    upsert = db.insert(claims).values(row)
    new = upsert.excluded
    won = (
        connection.execute(
            upsert.on_conflict_do_update(
                index_elements=["agent_uid"],
                set_={name: new[name] for name in row if name != "agent_uid"},
                where=claims.c.fence == wanted.expected_fence,
            ).returning(claims)
        )
        .mappings()
        .first()
    )
    if won is not None:
        if dict(known) != seen:
            connection.execute(sa.update(agents).where(agents.c.uid == wanted.agent_uid).values(seen))
        return ClaimOutcome(won=True, holder=claim_entry(won))
    held = (
        connection.execute(sa.select(claims).where(claims.c.agent_uid == wanted.agent_uid)).mappings().one()
    )
    return ClaimOutcome(won=False, holder=claim_entry(held))
