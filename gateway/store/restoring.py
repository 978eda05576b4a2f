"""Decisions that must outlive the store, and what becomes of a store that was an older copy.

A copy of the store does not know what was decided after it was made. What shut somebody out (an agent revoked or rejected, a token revoked or
reset) is therefore written down elsewhere, too, with as much of the agent as it takes to make its row again: a store that has
forgotten a revoked agent would enroll the same key by the same token as somebody new.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.agents import add_revocations
from gateway.store.bodies import Revocation
from gateway.store.command_rows import CommandState
from gateway.store.engine import Database
from gateway.store.errors import NotFound
from gateway.store.onboarding.schema import consents
from gateway.store.schema import agents, certificates, edges, locations, organizations, tokens
from gateway.store.schema_operations import commands, store_identity
from gateway.store.standing import Standing
from protocol import Code

Decision = Mapping[str, Any]
"""What was decided, as JSON can say it: `what`, `at_ms`, and the fields that its kind has."""

AGENT_REVOKED = "agent revoked"
AGENT_REJECTED = "agent rejected"
AGENT_ACCEPTED = "agent accepted"
TOKEN_REVOKED = "token revoked"  # noqa: S105  # a kind of decision
TOKEN_RESET = "token reset"  # noqa: S105  # an action's name, no password

FACTS = (
    "uid", "kind", "organization_uid", "location_uid", "token_id", "token_key", "installation_uid", "host_name",
    "agent_version", "platform", "synthetic", "enrolled_ms",
)  # fmt: skip
"""Of an agent; with `serials`, its certificates'."""


@attrs.frozen
class Restoring:
    """The verbs: `store.restoring`."""

    _db: Database

    def facts(self, agent_uid: str) -> dict[str, Any]:
        """What has to be known of an agent to shut it out of a store that has forgotten it.

        Raises:
            NotFound: there is no such agent.
        """
        with self._db.read() as connection:
            row = connection.execute(sa.select(agents).where(agents.c.uid == agent_uid)).mappings().first()
            if row is None:
                raise NotFound(f"no agent has the uid {agent_uid!r}")
            return facts_of(connection, row)

    def decisions(self) -> list[dict[str, Any]]:
        """Everything that shuts somebody out now, as decisions of the moment 0: no store says when each was taken."""
        shut_out = (Standing.REVOKED.value, Standing.REJECTED.value)
        found: list[dict[str, Any]] = []
        with self._db.read() as connection:
            query = sa.select(agents).where(agents.c.standing.in_(shut_out)).order_by(agents.c.id)
            for row in connection.execute(query).mappings():
                what = AGENT_REVOKED if row["standing"] == Standing.REVOKED else AGENT_REJECTED
                found.append(
                    {
                        "what": what,
                        "at_ms": 0,
                        "agent": facts_of(connection, row),
                        "code": row["code"],
                        "why": row["why"],
                    }
                )
            for row in connection.execute(sa.select(tokens).order_by(tokens.c.id)).mappings():
                for what, column in ((TOKEN_RESET, "reset_ms"), (TOKEN_REVOKED, "revoked_ms")):
                    if row[column] is not None:
                        found.append({"what": what, "at_ms": row[column], "token_id": row["id"]})
        return found

    def apply(self, decisions: Iterable[Decision]) -> Counter[str]:
        """Take those decisions again, in their order; returns how many of each kind changed something.

        A kind that this version does not know is passed over: only a newer one wrote it, and no store of ours holds what it is about.
        """
        done: Counter[str] = Counter()
        with self._db.write() as connection:
            for decision in decisions:
                if decision["what"] in (AGENT_REVOKED, AGENT_REJECTED):
                    done[decision["what"]] += self._shut_out(connection, decision)
                elif decision["what"] == AGENT_ACCEPTED:
                    done[AGENT_ACCEPTED] += accept(connection, decision)
                elif decision["what"] in (TOKEN_REVOKED, TOKEN_RESET):
                    column = tokens.c.revoked_ms if decision["what"] == TOKEN_REVOKED else tokens.c.reset_ms
                    stamp = sa.update(tokens).where(tokens.c.id == decision["token_id"], column.is_(None))
                    done[decision["what"]] += connection.execute(
                        stamp.values({column: decision["at_ms"]})
                    ).rowcount
                    withdraw(connection, decision)
        return done

    def _shut_out(self, connection: Connection, decision: Decision) -> int:
        agent, code = decision["agent"], decision["code"]
        standing = Standing.REVOKED if decision["what"] == AGENT_REVOKED else Standing.REJECTED
        now = connection.execute(
            sa.select(agents.c.standing).where(agents.c.uid == agent["uid"])
        ).scalar_one_or_none()
        if standing is Standing.REVOKED:
            known = connection.execute(
                sa.select(certificates.c.serial).where(certificates.c.agent_uid == agent["uid"])
            )
            serials = {*agent["serials"], *known.scalars()}
            why = decision["why"] or ""
            revoked = [
                Revocation(
                    serial=int(each, 16), agent_uid=agent["uid"], why=why, revoked_ms=decision["at_ms"]
                )
                for each in sorted(serials)
            ]
            add_revocations(connection, self._db, revoked)
        if now is None:
            return insert(connection, agent, standing=standing.value, code=code, why=decision.get("why"))
        if now in (standing.value, Standing.REVOKED.value):
            return 0
        decided = {"standing": standing.value, "code": code, "why": decision.get("why")}
        return connection.execute(
            sa.update(agents).where(agents.c.uid == agent["uid"]).values(decided)
        ).rowcount

    def hold(self, *, now_ms: int) -> tuple[int, int]:
        """Let nobody in without an operator's word: verified agents are unverified, tokens lead to unverified agents only.

        Returns how many agents and tokens that changed.
        """
        held = sa.update(agents).where(agents.c.standing == Standing.VERIFIED.value)
        reset = sa.update(tokens).where(tokens.c.reset_ms.is_(None), tokens.c.revoked_ms.is_(None))
        decided = {"standing": Standing.UNVERIFIED.value, "code": int(Code.AWAITING_ACCEPTANCE)}
        with self._db.write() as connection:
            return (
                connection.execute(held.values(decided)).rowcount,
                connection.execute(reset.values(reset_ms=now_ms)).rowcount,
            )

    def settle(self, *, now_ms: int) -> None:
        """Let go of what was true of the copy's moment alone. Who follows the store's feed is told to begin anew.

        Its edges do not live: their leases end, and no agent's session is with one of them. A command that waited for its agent then may
        have been cancelled since: it is now. (One that had been delivered is the agent's, who says what became of it.)
        """
        withdrawn = {
            "state": CommandState.CANCELLED.value, "finished_ms": now_ms, "code": int(Code.COMMAND_CANCELLED),
            "message": "the gateway was restored from a backup of before it was delivered: give it again if it is still wanted",
        }  # fmt: skip
        with self._db.write() as connection:
            connection.execute(sa.update(store_identity).values(incarnation=uuid4().hex))
            connection.execute(sa.update(edges).values(lease_until_ms=0))
            waits = sa.update(commands).where(commands.c.state == CommandState.QUEUED.value)
            connection.execute(waits.values(withdrawn))


def facts_of(connection: Connection, row: sa.RowMapping) -> dict[str, Any]:
    """An agent's row as a decision carries it."""
    facts = {name: row[name] for name in FACTS} | {"token_key": row["token_key"].hex()}
    serials = sa.select(certificates.c.serial).where(certificates.c.agent_uid == row["uid"])
    return facts | {"serials": sorted(connection.execute(serials).scalars())}


def insert(connection: Connection, agent: Mapping[str, Any], **decided: Any) -> int:
    """Make the row of an agent that the store has never heard of; 0 where its token or organization is unknown as well.

    Then nobody can enroll as it, and a certificate of its is of nobody.
    """
    has = {
        table: connection.execute(sa.select(sa.literal(1)).where(column == agent[name])).first() is not None
        for table, column, name in (
            ("token", tokens.c.id, "token_id"),
            ("organization", organizations.c.uid, "organization_uid"),
            ("location", locations.c.uid, "location_uid"),
        )
    }
    if not has["token"] or not has["organization"]:
        return 0
    row = {name: agent[name] for name in FACTS} | {"token_key": bytes.fromhex(agent["token_key"])}
    if not has["location"]:
        row["location_uid"] = None
    connection.execute(sa.insert(agents).values(row | decided))
    return 1


def withdraw(connection: Connection, decision: Decision) -> None:
    """Take back the consent that went with a revoked token, if that was why."""
    if "withdrawn_why" in decision:
        stamp = sa.update(consents).where(
            consents.c.token_id == decision["token_id"], consents.c.withdrawn_ms.is_(None)
        )
        taken = {
            "withdrawn_ms": decision["at_ms"], "withdrawn_by": decision["by"], "withdrawn_why": decision["withdrawn_why"],
        }  # fmt: skip
        connection.execute(stamp.values(taken))


def accept(connection: Connection, decision: Decision) -> int:
    """Verify an agent that the copy holds as unverified or rejected, where it was accepted for if that is known."""
    place = {"organization_uid": decision["organization_uid"], "location_uid": decision["location_uid"]}
    known = sa.select(sa.literal(1)).where(organizations.c.uid == place["organization_uid"])
    where = sa.select(sa.literal(1)).where(locations.c.uid == place["location_uid"])
    if connection.execute(known).first() is None:
        place = {}
    elif connection.execute(where).first() is None:
        place["location_uid"] = None
    waiting = (Standing.UNVERIFIED.value, Standing.REJECTED.value)
    verify = sa.update(agents).where(agents.c.uid == decision["agent_uid"], agents.c.standing.in_(waiting))
    return connection.execute(verify.values(standing=Standing.VERIFIED.value, code=0, **place)).rowcount
