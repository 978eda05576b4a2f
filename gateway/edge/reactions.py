"""What a change in the store means for sessions that are open.

The directory has taken the change already; here the one session that it is about hears of it, or, for trust and addresses,
every session. Everything is said at once, and nothing waits.
"""

import trio

from gateway.edge.directory import Agent
from gateway.edge.releases import due_notice
from gateway.edge.services import Services
from gateway.edge.session import Session
from gateway.store import (
    AgentEntry,
    Body,
    ClaimEntry,
    CommandPending,
    CursorMoved,
    GatewaysChanged,
    Overrun,
    ReleasedMark,
    ResyncWanted,
    Revocation,
    TrustChanged,
)
from gateway.store import Standing as Decided
from protocol import (
    Ack,
    Action,
    Code,
    Durability,
    GatewayList,
    Mark,
    Message,
    Resync,
    ResyncScope,
    Standing,
    State,
)

__all__ = ["OVERRUN", "may_work", "news_for", "react"]

OVERRUN = "too many gaps are open: batches were left out, and are to be sent again later"

MAX_GATEWAYS = 32  # what a GatewayList holds

# A session begins at the oldest batch that the agent holds, so one of them would do; the others come when the projector asks again.
MAX_ASKS = 16


def react(services: Services, body: Body, agent: Agent | None) -> None:
    """Tell whom it concerns."""
    session = agent.session if agent is not None else None
    match body:
        case ReleasedMark() if session is not None:
            session.say(Ack(durability=Durability.DISK, released=(mark_of(body),)))
        case AgentEntry() if session is not None:
            _decided(services, session, body)
        case Revocation() if session is not None and session.serial == body.serial:
            session.send_off(Code.CLIENT_CERT_REVOKED, "the certificate was revoked", Action.STOP)
        case ClaimEntry() if session is not None:
            services.link.contested(session, body)
        case ResyncWanted() if session is not None:
            if body.pending and may_work(session):
                session.say(resync_of(body))
        case CommandPending() if session is not None:
            services.commanding.offer(session)
        case Overrun() if agent is not None:
            _overran(services, agent, body)
        case CursorMoved():
            services.on_projected(body)
        case TrustChanged():
            services.on_trust_changed()
        case GatewaysChanged():
            _announce(services, body)


def news_for(
    services: Services, session: Session, *, trust_revision: int, gateway_list_revision: int
) -> list[Message]:
    """What an agent must hear right after its Welcome, by what its Hello says that it knows."""
    news: list[Message] = []
    if not may_work(session):
        return news
    trust = services.credentials.trust_update
    if trust.revision != trust_revision:
        news.append(trust)
    gateways = services.directory.gateways
    if gateways is not None and gateways.revision != gateway_list_revision and not session.co_located:
        news.append(gateway_list(gateways))
    if (due := due_notice(services, session)) is not None:
        news.append(due)
    wanted = sorted(session.agent.resyncs.values(), key=lambda body: body.scope == ResyncScope.RANGE)
    news.extend(resync_of(body) for body in wanted[:MAX_ASKS])
    return news


def may_work(session: Session) -> bool:
    """Whether the agent may be asked for something: it is verified, and not being sent away."""
    return session.standing is Standing.VERIFIED and session.connection.state is State.OPEN


def gateway_list(body: GatewaysChanged) -> GatewayList:
    """Where else remote agents may connect."""
    return GatewayList(revision=body.revision, gateways=body.gateways[:MAX_GATEWAYS])


def mark_of(body: ReleasedMark) -> Mark:
    """The store's mark as the agent reads it."""
    return Mark(
        epoch=body.epoch,
        next_sequence=body.next_sequence,
        batch_id=body.batch_id,
        first_sequence=body.first_sequence,
    )


def resync_of(body: ResyncWanted) -> Resync:
    """The store's wish as the agent reads it."""
    if body.scope != ResyncScope.RANGE:
        return Resync(scope=ResyncScope(body.scope))
    return Resync(scope=ResyncScope.RANGE, epoch=body.epoch, from_sequence=body.from_sequence)


def _announce(services: Services, body: GatewaysChanged) -> None:
    """Agents may connect elsewhere from now on."""
    for each in services.open_sessions:
        if may_work(each) and not each.co_located:
            each.say(gateway_list(body))


def _overran(services: Services, agent: Agent, body: Overrun) -> None:
    """Batches of the agent were left out: it is to come back later, with all that it holds."""
    at = trio.current_time()
    absence = agent.absence.after(body.received_ms, at=at, now_ms=services.now())
    if absence is agent.absence:
        return  # from before it was sent away
    agent.absence = absence
    if agent.session is not None:
        after_ms = round(absence.left_s(at) * 1000)
        agent.session.send_off(Code.PARKED_OVERFLOW, OVERRUN, Action.RETRY, after_ms)


def _decided(services: Services, session: Session, entry: AgentEntry) -> None:
    """An operator spoke while the agent was here."""
    if entry.standing is Decided.REVOKED:
        session.send_off(Code.CLIENT_CERT_REVOKED, "the agent was revoked", Action.STOP)
    elif entry.standing is Decided.REJECTED:
        session.send_off(Code.AGENT_REJECTED, "an operator rejected this agent", Action.STOP)
    elif session.co_located and entry.organization_kind != "provider":
        session.send_off(Code.WRONG_LISTENER, "this listener is for the provider's own servers", Action.STOP)
    elif entry.standing is Decided.UNVERIFIED and session.standing is Standing.VERIFIED:
        # It comes back to a session without credit.
        session.send_off(Code.AWAITING_ACCEPTANCE, "this agent has to be accepted anew", Action.RETRY)
    elif entry.standing is Decided.VERIFIED and session.standing is Standing.UNVERIFIED:
        # Credit is what it was waiting for. That it may send is all that an agent has to know.
        session.standing = Standing.VERIFIED
        session.pay()
        if may_work(session):
            session.say(*news_for(services, session, trust_revision=0, gateway_list_revision=0))
            services.commanding.offer(session)
