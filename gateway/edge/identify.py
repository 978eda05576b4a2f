"""Who is this, and what may it do? One pure decision, from facts that are all in memory.

The certificate says who, the judgement of its chain says whether to believe it, the directory says what was decided about that
agent. The order of the questions is the order in which an answer makes sense: nothing is told about an agent to somebody
who has not shown that it is that agent, and a revoked certificate is revoked whatever its dates are.

The agent's own clock plays no part. A skewed one is told the time in Welcome; only the certificate's dates against the gateway's
clock matter, and there, expired is not the end: within the grace it may renew, and nothing else.
"""

from datetime import datetime, timedelta

import attrs

from certs import ChainVerdict, TimeVerdict, TrustResult
from gateway.store import AgentEntry
from gateway.store import Standing as Decided
from protocol import Action, Code, Standing

__all__ = ["Admitted", "Identity", "Refused", "identify"]

# A certificate may be younger than this edge's knowledge of its agent, when another edge enrolled it: the change feed
# takes at most the 2 s of the slow poll. An hour of backdating is in not_before, too.
HEARSAY = timedelta(hours=1, minutes=10)

# Long enough that a gateway with a wrong clock is not hammered, short enough that setting it right shows soon.
CLOCK_RETRY_MS = 60_000
UNKNOWN_RETRY_MS = 5_000


@attrs.frozen(kw_only=True)
class Identity:
    """What a certificate claims, and what its chain is worth."""

    agent_uid: str | None
    serial: int
    trust: TrustResult


@attrs.frozen(kw_only=True)
class Admitted:
    """It is the agent that it says, and may have a session."""

    standing: Standing
    code: int = 0
    """Why it is not verified; 0 when it is."""


@attrs.frozen(kw_only=True)
class Refused:
    """No session: why, and what the agent is to do about it."""

    code: Code
    message: str
    action: Action
    retry_after_ms: int = 0

    @classmethod
    def for_now(cls, code: Code, message: str, after_ms: int) -> "Refused":
        """What may pass by itself: come again in *after_ms*."""
        return cls(code=code, message=message, action=Action.RETRY, retry_after_ms=after_ms)


def identify(
    identity: Identity | None,
    claimed_uid: str,
    entry: AgentEntry | None,
    *,
    revoked: bool,
    co_located: bool,
    at: datetime,
) -> Admitted | Refused:
    """Decide about a Hello.

    Args:
        identity: of the certificate presented in the handshake; None if there was none that can be read.
        claimed_uid: the agent's uid as Hello says it.
        entry: what the directory knows of the agent that the certificate names.
        revoked: whether the certificate's serial is on the list.
        co_located: whether this is a listener for the provider's own servers.
        at: the gateway's clock.
    """
    if identity is None:
        return _refused(Code.CLIENT_CERT_MISSING, "no client certificate was presented", Action.REENROLL)
    trust = identity.trust
    if trust.chain is not ChainVerdict.OK or identity.agent_uid is None:
        wrong_usage = trust.chain is ChainVerdict.WRONG_USAGE
        code = Code.CLIENT_CERT_WRONG_USAGE if wrong_usage else Code.CLIENT_CERT_UNTRUSTED
        return _refused(code, trust.detail or "the certificate names no agent", Action.REENROLL)
    if revoked:
        return _refused(Code.CLIENT_CERT_REVOKED, "the certificate was revoked", Action.STOP)
    if identity.agent_uid != claimed_uid:
        message = f"the certificate is for {identity.agent_uid}, the hello for {claimed_uid}"
        return _refused(Code.CLIENT_CERT_WRONG_AGENT, message, Action.STOP)
    if trust.time is TimeVerdict.NOT_YET_VALID:
        return Refused.for_now(Code.CLOCK_SKEW, f"the certificate is {trust.detail}", CLOCK_RETRY_MS)
    if not trust.may_renew(at):
        return _refused(Code.CLIENT_CERT_BEYOND_GRACE, f"the certificate was {trust.detail}", Action.REENROLL)
    if entry is None:
        return _unknown(trust, at)
    return _decided(entry, expired=trust.time is TimeVerdict.EXPIRED, co_located=co_located)


def _unknown(trust: TrustResult, at: datetime) -> Refused:
    """The certificate is ours and no edge was told of its agent."""
    if trust.not_before is not None and at - trust.not_before < HEARSAY:
        return Refused.for_now(Code.AGENT_UNKNOWN, "the agent is too new to be known here", UNKNOWN_RETRY_MS)
    return _refused(Code.AGENT_UNKNOWN, "the store does not know this agent", Action.REENROLL)


def _decided(entry: AgentEntry, *, expired: bool, co_located: bool) -> Admitted | Refused:
    """What was decided about an agent that is who it says."""
    if entry.standing is Decided.REVOKED:
        return _refused(Code.CLIENT_CERT_REVOKED, "the agent was revoked", Action.STOP)
    if entry.standing is Decided.REJECTED:
        return _refused(Code.AGENT_REJECTED, "an operator rejected this agent", Action.STOP)
    if co_located and entry.organization_kind != "provider":
        message = "this listener is for the provider's own servers"
        return _refused(Code.WRONG_LISTENER, message, Action.STOP)
    if expired:
        return Admitted(standing=Standing.RENEW_ONLY, code=Code.CLIENT_CERT_EXPIRED)
    if entry.standing is Decided.UNVERIFIED:
        return Admitted(standing=Standing.UNVERIFIED, code=entry.code or Code.AWAITING_ACCEPTANCE)
    return Admitted(standing=Standing.VERIFIED)


def _refused(code: Code, message: str, action: Action) -> Refused:
    return Refused(code=code, message=message, action=action)
