"""What must happen when a session is over: it is noted everywhere, and the agent hears its last words."""

from typing import TYPE_CHECKING

import structlog
import trio

from gateway.edge.ending import Ending, lost
from gateway.edge.peer import Peer
from protocol import Code, LocalProtocolError

if TYPE_CHECKING:
    from gateway.edge.services import Services
    from gateway.edge.session import Session

__all__ = ["LAST_WORDS_S", "STRANGERS_BYTES", "leave", "note", "part"]

log = structlog.get_logger()

# A refused peer has its own word of at most 4 KiB under way; a session's peer may have a window of batches (the default).
LAST_WORDS_S = 2.0
STRANGERS_BYTES = 64 * 1024


def leave(session: "Session") -> Ending:
    """Note everywhere that *session* is over, and return why; nothing of it waits."""
    services, agent, peer = session.services, session.agent, session.peer
    ending = session.ending or lost(Code.GATEWAY_STOPPED)
    session.end(ending)
    if agent.session is session:
        agent.session = None
    for incoming in session.incoming:
        incoming.scope.cancel()
    services.leave(session)
    services.link.ended(session, ending.code)
    if ending.code is not Code.INTERNAL_ERROR:  # which the acceptor notes
        note(services, peer, ending.code, ending.detail, agent_uid=agent.uid, since=session.started_at)
    log.info(
        "session ended", code=str(ending.code), reason=ending.code.name.lower().replace("_", " "),
        detail=ending.detail, agent=agent.uid, organization=agent.entry.organization_uid,
        host_name=session.host_name, peer=f"{peer.address}:{peer.port}", listener=peer.listener.kind,
        session=session.uid, standing=session.standing.name.lower(),
        duration_s=round(trio.current_time() - session.started_at, 3), records=session.records,
        bytes=session.n_bytes, clock_offset_ms=session.offset_ms, synthetic=agent.entry.synthetic,
    )  # fmt: skip
    return ending


async def part(session: "Session", ending: Ending) -> None:
    """Say the last words, if there are any and somebody may hear them."""
    if ending.code is Code.SLOW_CONSUMER:
        session.stream.abort()
    elif ending.last_words is not None:
        try:
            data = session.connection.send(ending.last_words)
        except LocalProtocolError:
            return  # it said goodbye itself in the same moment
        await session.stream.send_last(data, within_s=LAST_WORDS_S)
    elif ending.code is Code.GOODBYE:
        # Its close_notify is still to come: closed before that is read, the socket would answer with a reset.
        await session.stream.send_last(b"", within_s=LAST_WORDS_S, drain_bytes=STRANGERS_BYTES)


def note(services: "Services", peer: Peer, code: Code, detail: str, *, agent_uid: str, since: float) -> None:
    """Keep the end of a connection that began at *since*, on trio's clock, in the closes."""
    services.closes.record(
        code,
        address=peer.address,
        port=peer.port,
        listener=peer.listener.kind,
        agent_uid=agent_uid,
        lasted_s=trio.current_time() - since,
        detail=detail,
    )
