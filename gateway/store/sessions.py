"""Who is here: edges with leases, claims with fences, presence in batches.

*Lease.* An edge registers once per life and renews its lease while it lives. Each life has its own uid, so that an edge
that was killed and started again does not make its former sessions look alive.

*Claim.* At most one session speaks for an agent, whichever edge it is on. The claim is a row with a fence; taking it
is a compare-and-set: "I know fence 7, make it 8, mine". Of two edges that know 7 one wins; the other is told who did.
An edge learns of foreign claims by the change feed, so what it expects is usually right. A whole batch is one statement
(presence.py), in the order of the agents' uids, which keeps two edges from deadlocking.

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
from gateway.store.hot import Hot
from gateway.store.presence import note_host_facts, set_presence, take_claims
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
        """Try to take every claim of the batch; outcomes come in the order of *wanted*.

        Of several for one agent, the first is tried.
        """
        first: dict[str, Claim] = {}
        for claim in wanted:
            first.setdefault(claim.agent_uid, claim)
        with self._db.write() as connection:
            hot = Hot(connection)
            taken = take_claims(hot, [claim_row(claim) for claim in first.values()])
            note_host_facts(hot, [host_row(claim) for uid, claim in first.items() if uid in taken])
            won = {uid: entry_of_claim(claim) for uid, claim in first.items() if uid in taken}
            holders = won | holders_of(
                connection,
                [
                    claim.agent_uid
                    for claim in wanted
                    if claim is not first[claim.agent_uid] or claim.agent_uid not in taken
                ],
            )
            publish(connection, self._db, won.values())
        return [
            ClaimOutcome(
                won=claim.agent_uid in won and claim is first[claim.agent_uid],
                holder=holders.get(claim.agent_uid),
            )
            for claim in wanted
        ]

    def flush_presence(self, seen: Iterable[Presence]) -> None:
        """Write what is known of many sessions at once; sessions that lost their claim are passed over."""
        rows = [attrs.asdict(presence) for presence in sorted(seen, key=lambda p: p.agent_uid)]
        if rows:
            with self._db.write() as connection:
                set_presence(Hot(connection), rows)


def edge_of(row: sa.RowMapping) -> Edge:
    """A row of the table."""
    return Edge(**{**row, "addresses": tuple(json.loads(row["addresses"]))})


def claim_entry(row: sa.RowMapping) -> ClaimEntry:
    """A row of claims as what every edge must know of it."""
    return ClaimEntry(**{a.name: row[a.name] for a in attrs.fields(ClaimEntry)})


def entry_of_claim(claim: Claim) -> ClaimEntry:
    """A claim that was taken, as what every edge must know of it."""
    return ClaimEntry(
        agent_uid=claim.agent_uid,
        edge_uid=claim.edge_uid,
        session_uid=claim.session_uid,
        nonce=claim.nonce,
        previous_nonce=claim.previous_nonce,
        fence=claim.expected_fence + 1,
    )


def claim_row(claim: Claim) -> dict[str, str | int | None]:
    """A claim as `take_claims` wants it."""
    return {
        "agent_uid": claim.agent_uid, "edge_uid": claim.edge_uid, "session_uid": claim.session_uid,
        "address": claim.address, "nonce": claim.nonce.hex(), "previous_nonce": claim.previous_nonce.hex(),
        "fence": claim.expected_fence + 1, "heartbeat_ms": claim.heartbeat_ms, "claimed_ms": claim.claimed_ms,
        "clock_offset_ms": claim.clock_offset_ms,
    }  # fmt: skip


def host_row(claim: Claim) -> dict[str, str | int | None]:
    """What a claim says of its agent's machine."""
    return {"agent_uid": claim.agent_uid, "host_name": claim.host_name, "agent_version": claim.agent_version}


def holders_of(connection: Connection, agent_uids: Sequence[str]) -> dict[str, ClaimEntry]:
    """Who holds the claims of those agents, as far as they may have one."""
    if not agent_uids:
        return {}
    query = (
        sa.select(claims)
        .join(agents, agents.c.uid == claims.c.agent_uid)
        .where(
            claims.c.agent_uid.in_(agent_uids),
            agents.c.standing.in_([Standing.VERIFIED, Standing.UNVERIFIED]),
        )
    )
    return {row["agent_uid"]: claim_entry(row) for row in connection.execute(query).mappings()}
