"""Enrollment tokens: what the gateway keeps of one is its public key and what it may be used for."""

import json
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.onboarding.companies import require_active
from gateway.store.onboarding.consents import ConsentGiven, record_consent
from gateway.store.organizations import PROVIDER, require_location, require_organization
from gateway.store.schema import tokens


@attrs.frozen(kw_only=True)
class StoredToken:
    """A token as the gateway knows it; the seed that signs was shown once and is not here."""

    id: str
    public_key: bytes
    kind: str
    """client or site: which type of agent it enrolls."""
    organization_uid: str
    location_uid: str | None
    created_ms: int
    expires_ms: int
    max_uses: int
    uses: int
    reset_ms: int | None
    """Since when it leads to an unverified agent only."""
    revoked_ms: int | None
    """Since when it leads nowhere."""
    synthetic: bool
    """Its agents are simulated, and carry that flag for good."""


@attrs.frozen
class Tokens:
    """The verbs: `store.tokens`."""

    _db: Database

    def add(
        self,
        token_id: str,
        public_key: bytes,
        *,
        kind: str,
        organization_uid: str,
        location_uid: str | None,
        expires_ms: int,
        max_uses: int,
        synthetic: bool,
        now_ms: int,
        by: str | None = None,
        consent: ConsentGiven | None = None,
    ) -> StoredToken:
        """Keep a new token; *by* whom it was made is written into the audit, with the *consent* that goes with it.

        Raises:
            Conflict: the id is taken, or a site's token is made for a company.
            NotFound: no such organization, or the location is not the organization's.
            OrganizationDisabled: the company is disabled.
            WrongKind: the organization is a reseller.
        """
        token = StoredToken(
            id=token_id, public_key=public_key, kind=kind, organization_uid=organization_uid, location_uid=location_uid,
            created_ms=now_ms, expires_ms=expires_ms, max_uses=max_uses, uses=0, reset_ms=None, revoked_ms=None,
            synthetic=synthetic,
        )  # fmt: skip
        with self._db.write() as connection:
            organization = require_organization(connection, organization_uid)
            if kind == "site" and organization.kind != PROVIDER:
                raise Conflict("a site is the provider's: its token cannot be made for a company")
            if organization.kind != PROVIDER:
                require_active(connection, organization_uid)
            if location_uid is not None:
                require_location(connection, location_uid, organization_uid=organization_uid)
            if not self._db.insert_new(connection, tokens, attrs.asdict(token)):
                raise Conflict(f"there is a token {token_id!r} already")
            if by is not None:
                entry = AuditEntry(
                    at_ms=now_ms, who=by, action="token created", about=f"token {token_id}",
                    organization_uid=organization_uid,
                    after=json.dumps({"kind": kind, "location_uid": location_uid, "expires_ms": expires_ms, "max_uses": max_uses}),
                )  # fmt: skip
                note(connection, entry)
                if consent is not None:
                    record_consent(
                        connection, self._db, token_id, organization_uid, consent, by=by, now_ms=now_ms
                    )
        return token

    def get(self, token_id: str) -> StoredToken | None:
        """The token of that id; the caller verifies the agent's signature against it before `enroll`."""
        with self._db.read() as connection:
            return find_token(connection, token_id)

    def usable(self, organization_uid: str, location_uid: str | None, *, now_ms: int) -> bool:
        """Whether an organization, or one location of its, has a token that lets a client's agent in right now."""
        query = sa.select(sa.literal(1)).where(
            tokens.c.organization_uid == organization_uid,
            tokens.c.location_uid.is_not_distinct_from(location_uid),
            tokens.c.kind == "client",
            tokens.c.revoked_ms.is_(None),
            tokens.c.reset_ms.is_(None),
            tokens.c.expires_ms > now_ms,
            tokens.c.uses < tokens.c.max_uses,
            ~tokens.c.synthetic,
        )
        with self._db.read() as connection:
            return connection.execute(query).first() is not None

    def list(self) -> list[StoredToken]:
        """Every token, newest first."""
        with self._db.read() as connection:
            query = sa.select(tokens).order_by(tokens.c.created_ms.desc(), tokens.c.id)
            return [token_of(row) for row in connection.execute(query).mappings()]

    def revoke(self, token_id: str, *, now_ms: int) -> None:
        """From now on it enrolls nobody. Agents that it enrolled are not touched.

        Raises:
            NotFound: there is no such token.
        """
        self._stamp(token_id, tokens.c.revoked_ms, now_ms)

    def reset(self, token_id: str, *, now_ms: int) -> None:
        """From now on it leads to unverified agents, which an operator accepts or rejects. Live agents stay.

        Raises:
            NotFound: there is no such token.
        """
        self._stamp(token_id, tokens.c.reset_ms, now_ms)

    def _stamp(self, token_id: str, column: sa.Column[Any], now_ms: int) -> None:
        """Write the time of a first event; a later one of the same kind changes nothing."""
        stamp = (
            sa.update(tokens)
            .where(tokens.c.id == token_id)
            .values({column: sa.func.coalesce(column, now_ms)})
        )
        with self._db.write() as connection:
            if connection.execute(stamp).rowcount == 0:
                raise NotFound(f"there is no token {token_id!r}")


def token_of(row: sa.RowMapping) -> StoredToken:
    """A row of the table."""
    return StoredToken(**row)


def find_token(connection: Connection, token_id: str, *, lock: bool = False) -> StoredToken | None:
    """The token of that id; *lock* keeps every other enrollment by it waiting until this transaction ends."""
    query = sa.select(tokens).where(tokens.c.id == token_id)
    if lock:
        # SQLite ignores it: there, the transaction has the only write lock already.
        query = query.with_for_update()
    row = connection.execute(query).mappings().first()
    return None if row is None else token_of(row)
