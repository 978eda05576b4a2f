"""A tenant's consent to be managed: who of them agreed to what, for which enrollment token, and whether that was taken back.

Withdrawing it revokes the token in the same transaction. Agents that it let in go on until somebody revokes them, too: whoever
withdraws is shown which those are.
"""

import json

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.audit import AuditEntry, note
from gateway.store.engine import Database
from gateway.store.errors import Conflict, NotFound
from gateway.store.onboarding.schema import consents
from gateway.store.schema import agents, tokens
from gateway.store.standing import Standing


@attrs.frozen(kw_only=True)
class Consent:
    """Somebody's consent that a token's agents manage their servers."""

    token_id: str
    organization_uid: str
    given_by: str
    """A person of the organization's, in their own words: a name, an address."""
    words: str
    """What that person agreed to, or where it is written down."""
    given_ms: int
    recorded_ms: int
    recorded_by: str
    withdrawn_ms: int | None = None
    withdrawn_by: str | None = None
    withdrawn_why: str | None = None


@attrs.frozen(kw_only=True)
class ConsentGiven:
    """What somebody at the tenant agreed to, and when."""

    given_by: str
    words: str
    given_ms: int


@attrs.frozen
class Consents:
    """The verbs: `store.consents`."""

    _db: Database

    def record(self, token_id: str, given: ConsentGiven, *, by: str, now_ms: int) -> Consent:
        """Record the consent that goes with a token.

        Raises:
            Conflict: one is recorded already, or the token is revoked.
            NotFound: there is no such token.
        """
        with self._db.write() as connection:
            query = sa.select(tokens.c.organization_uid, tokens.c.revoked_ms).where(tokens.c.id == token_id)
            token = connection.execute(query).first()
            if token is None:
                raise NotFound(f"there is no token {token_id!r}")
            if token.revoked_ms is not None:
                raise Conflict(f"the token {token_id} is revoked: make another one for this consent")
            return record_consent(
                connection, self._db, token_id, token.organization_uid, given, by=by, now_ms=now_ms
            )

    def withdraw(self, token_id: str, *, why: str, by: str, now_ms: int) -> Consent:
        """Take a consent back, and revoke its token; one that is taken back already stays so, with its first words.

        Callers take this decision by gateway.decisions, which keeps it beyond a restore.

        Raises:
            NotFound: no consent is recorded for that token.
        """
        with self._db.write() as connection:
            consent = require_consent(connection, token_id, lock=True)
            if consent.withdrawn_ms is not None:
                return consent
            withdrawn = attrs.evolve(consent, withdrawn_ms=now_ms, withdrawn_by=by, withdrawn_why=why)
            taken = {
                name: getattr(withdrawn, name) for name in ("withdrawn_ms", "withdrawn_by", "withdrawn_why")
            }
            connection.execute(sa.update(consents).where(consents.c.token_id == token_id).values(taken))
            stamp = sa.func.coalesce(tokens.c.revoked_ms, now_ms)
            connection.execute(sa.update(tokens).where(tokens.c.id == token_id).values(revoked_ms=stamp))
            entry = AuditEntry(
                at_ms=now_ms, who=by, action="consent withdrawn", about=f"token {token_id}", why=why,
                organization_uid=consent.organization_uid,
            )  # fmt: skip
            note(connection, entry)
        return withdrawn

    def get(self, token_id: str) -> Consent:
        """The consent that goes with a token.

        Raises:
            NotFound: none is recorded.
        """
        with self._db.read() as connection:
            return require_consent(connection, token_id)

    def of_company(self, organization_uid: str) -> list[Consent]:
        """The consents of one organization, the newest first."""
        query = sa.select(consents).where(consents.c.organization_uid == organization_uid)
        with self._db.read() as connection:
            newest = query.order_by(consents.c.recorded_ms.desc(), consents.c.token_id)
            return [Consent(**row) for row in connection.execute(newest).mappings()]

    def agents_of(self, token_id: str) -> list[str]:
        """The uids of the agents that a token let in and that nobody has revoked, in the order in which they came."""
        query = sa.select(agents.c.uid).where(
            agents.c.token_id == token_id, agents.c.standing != Standing.REVOKED
        )
        with self._db.read() as connection:
            return list(connection.execute(query.order_by(agents.c.id)).scalars())


def record_consent(
    connection: Connection,
    db: Database,
    token_id: str,
    organization_uid: str,
    given: ConsentGiven,
    *,
    by: str,
    now_ms: int,
) -> Consent:
    """Record the consent that goes with a token within the caller's transaction.

    Raises:
        Conflict: one is recorded already.
    """
    consent = Consent(
        token_id=token_id, organization_uid=organization_uid, recorded_ms=now_ms, recorded_by=by, **attrs.asdict(given)
    )  # fmt: skip
    if not db.insert_new(connection, consents, attrs.asdict(consent)):
        raise Conflict(f"a consent is recorded for the token {token_id} already")
    entry = AuditEntry(
        at_ms=now_ms, who=by, action="consent recorded", about=f"token {token_id}", after=json.dumps(attrs.asdict(given)),
        organization_uid=organization_uid,
    )  # fmt: skip
    note(connection, entry)
    return consent


def require_consent(connection: Connection, token_id: str, *, lock: bool = False) -> Consent:
    """The consent that goes with a token; *lock* keeps others from taking it back until this transaction ends.

    Raises:
        NotFound: none is recorded.
    """
    query = sa.select(consents).where(consents.c.token_id == token_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise NotFound(f"no consent is recorded for the token {token_id!r}")
    return Consent(**row)
