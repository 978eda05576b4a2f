"""Enrolling: a token and a key become an agent, once.

The agent proved, before this is called, that it holds the token's seed (its signature) and the key (its CSR). What is
left is bookkeeping under the token's row lock, so that two enrollments by one token are one after the other:

1. The same token with the same key again is the same agent: an answer that got lost on its way makes no ghost and
   counts no second use. It gets the standing that the agent has *now*.
2. A token that nobody knows, or that was revoked, enrolls nobody.
3. A token past its time, reset or used up still leads to an agent, but an unverified one that an operator must
   accept: a customer who finds the mail a month late is not a mystery to anybody. There are at most 100 of those, so
   that a leaked token fills no table. The same goes for a company that was disabled: it gets nobody without a word.
"""

from uuid import uuid4

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.agents import entry_of
from gateway.store.bodies import AgentEntry
from gateway.store.changes import publish
from gateway.store.engine import Database
from gateway.store.feed import note_changed
from gateway.store.onboarding.companies import OrganizationStatus
from gateway.store.onboarding.schema import organization_details
from gateway.store.organizations import PROVIDER
from gateway.store.schema import agents, change_counter, organizations, sites, tokens
from gateway.store.standing import Standing
from gateway.store.tokens import StoredToken, find_token
from protocol import Code

MAX_UNVERIFIED = 100
"""An operator looks through a page of them, not through a flood."""

MAX_UNVERIFIED_OF_TOKEN = 25
"""Whoever holds one used-up token fills his own share of the page and no more; as many as a token is usually good for."""


@attrs.frozen(kw_only=True)
class Applicant:
    """What an Enroll said, and where it arrived."""

    token_id: str
    token_key: bytes
    """SHA-256 of the CSR's public key (SubjectPublicKeyInfo)."""
    agent_kind: str
    """client or site."""
    listener_kind: str
    """remote or co-located."""
    installation_uid: str
    host_name: str
    agent_version: str
    platform: str
    synthetic: bool


@attrs.frozen(kw_only=True)
class Admitted:
    """The applicant is *agent*; give it a certificate."""

    agent: AgentEntry
    is_new: bool


@attrs.frozen(kw_only=True)
class Refused:
    """The applicant gets no certificate, and is told the code."""

    code: Code
    message: str


EnrollOutcome = Admitted | Refused


@attrs.frozen
class Enrollment:
    """The verb: `store.enrollment`."""

    _db: Database

    def enroll(self, applicant: Applicant, *, now_ms: int) -> EnrollOutcome:
        """Make the applicant an agent, or recognize it as one. The caller has verified its signature and its CSR."""
        with self._db.write() as connection:
            token = find_token(connection, applicant.token_id, lock=True)
            if token is None:
                return Refused(
                    code=Code.TOKEN_UNKNOWN, message="this provider has no such token: ask for a new one"
                )
            known = entry_of(
                connection, sa.and_(agents.c.token_id == token.id, agents.c.token_key == applicant.token_key)
            )
            if known is not None:
                return recognize(known)
            if refusal := misfit(connection, token, applicant):
                return refusal
            code = weakness(token, now_ms) or reserve(connection, token)
            if code and (refusal := crowd(connection, token)):
                return refusal
            entry = admit(connection, token, applicant, code=code, now_ms=now_ms)
            note_changed(connection, "agent", entry.agent_uid)
            publish(connection, self._db, [entry])
            return Admitted(agent=entry, is_new=True)


def recognize(known: AgentEntry) -> EnrollOutcome:
    """The answer to a token and key that made an agent before."""
    if known.standing is Standing.REJECTED:
        return Refused(code=Code.AGENT_REJECTED, message="an operator rejected this agent")
    if known.standing is Standing.REVOKED:
        return Refused(
            code=Code.CLIENT_CERT_REVOKED, message="this agent was revoked: it needs a new token and key"
        )
    return Admitted(agent=known, is_new=False)


def misfit(connection: Connection, token: StoredToken, applicant: Applicant) -> Refused | None:
    """Why this token is not for this applicant, whatever its age."""
    if token.revoked_ms is not None:
        return Refused(
            code=Code.TOKEN_REVOKED, message="the token was revoked: ask the provider for a new one"
        )
    if token.kind != applicant.agent_kind:
        message = f"the token is for a {token.kind}, the agent is a {applicant.agent_kind}"
        return Refused(code=Code.TOKEN_WRONG_KIND, message=message)
    if token.synthetic != applicant.synthetic:
        only = "simulated" if token.synthetic else "real"
        return Refused(code=Code.TOKEN_WRONG_KIND, message=f"the token is for {only} agents only")
    kind = connection.execute(
        sa.select(organizations.c.kind).where(organizations.c.uid == token.organization_uid)
    ).scalar_one()
    if applicant.listener_kind == "co-located" and kind != PROVIDER:
        return Refused(code=Code.WRONG_LISTENER, message="a company's agent connects to a remote listener")
    if applicant.listener_kind != "co-located" and token.kind == "site":
        return Refused(code=Code.WRONG_LISTENER, message="a site's agent connects to a co-located listener")
    return None


def weakness(token: StoredToken, now_ms: int) -> int:
    """Why the token no longer vouches for anybody: a code, or 0 when it does."""
    if token.reset_ms is not None or now_ms >= token.expires_ms:
        return Code.TOKEN_EXPIRED
    if token.uses >= token.max_uses:
        return Code.TOKEN_USED_UP
    return 0


def reserve(connection: Connection, token: StoredToken) -> int:
    """Why nobody new is let in for whom the token is, without an operator's word: a code, or 0 when there is no such reason."""
    disabled = sa.select(sa.literal(1)).where(
        organization_details.c.uid == token.organization_uid,
        organization_details.c.status == OrganizationStatus.DISABLED,
    )
    return Code.AWAITING_ACCEPTANCE if connection.execute(disabled).first() is not None else 0


def crowd(connection: Connection, token: StoredToken) -> Refused | None:
    """Whether too many await acceptance. Takes the change counter's lock, so that two transactions cannot both be the last."""
    connection.execute(sa.select(change_counter.c.last_id).with_for_update())
    of_token = sa.func.count().filter(agents.c.token_id == token.id)
    query = sa.select(sa.func.count(), of_token).where(agents.c.standing == Standing.UNVERIFIED)
    waiting, by_token = connection.execute(query).one()
    if by_token >= MAX_UNVERIFIED_OF_TOKEN:
        message = f"{MAX_UNVERIFIED_OF_TOKEN} agents of this token await acceptance already"
    elif waiting >= MAX_UNVERIFIED:
        message = f"{MAX_UNVERIFIED} agents await acceptance already"
    else:
        return None
    return Refused(code=Code.UNVERIFIED_LIMIT, message=message)


def admit(
    connection: Connection, token: StoredToken, applicant: Applicant, *, code: int, now_ms: int
) -> AgentEntry:
    """Insert the agent, count the use, and make a site of a site's agent."""
    uid = str(uuid4())
    facts = attrs.asdict(applicant)
    kind = facts.pop("agent_kind")
    del facts["listener_kind"]
    standing = Standing.UNVERIFIED if code else Standing.VERIFIED
    agent_id = connection.execute(
        sa.insert(agents)
        .values(
            uid=uid, kind=kind, standing=standing.value, code=code, organization_uid=token.organization_uid,
            location_uid=token.location_uid, enrolled_ms=now_ms, **facts,
        )
        .returning(agents.c.id)
    ).scalar_one()  # fmt: skip
    if not code:
        connection.execute(sa.update(tokens).where(tokens.c.id == token.id).values(uses=tokens.c.uses + 1))
    if kind == "site":
        connection.execute(
            sa.insert(sites).values(
                uid=str(uuid4()), agent_id=agent_id, name=applicant.host_name, created_ms=now_ms
            )
        )
    entry = entry_of(connection, agents.c.id == agent_id)
    assert entry is not None  # noqa: S101  # it was inserted a moment ago
    return entry
