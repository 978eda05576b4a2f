"""The first thing that is said on a connection: read within bounds, and refused where nobody may say anything.

A session needs TLS 1.3 and our ALPN. On less, a path report may be said, which has a moment to come before the rest is refused in
words: a box that changes the one or the other is just what a report would be about.
"""

from typing import TYPE_CHECKING

import trio

from gateway.edge.identify import Refused
from gateway.edge.pathhttp import HttpRequest, is_http
from gateway.edge.peer import Peer
from protocol import NEED_DATA, PEER_CLOSED, Code, Connection, Message, PathReport, RemoteProtocolError
from transport import TLSStream

if TYPE_CHECKING:
    from gateway.edge.reports import Reports
    from gateway.edge.services import Services

__all__ = ["PATH_RETRY_MS", "first_word"]

BROKEN_RETRY_MS = 60_000
# A gateway that is restarted listens again after a second or two.
DRAINING_S = 2.0
# Room comes when agents leave, or somebody adds an edge: not sooner.
CROWDED_S = 60.0
PATH_RETRY_MS = 600_000

# Who has no TLS for a session, and something to report, says it a round trip after the handshake (0.7 s by satellite). Everybody
# else can wait so long for a refusal, which must come well before the deadline for the whole greeting cuts them off.
REPORT_S = 2.0
REPORT_SHARE = 0.25

# No first message but a path report has more.
SMALL_MESSAGE = 4 * 1024

Word = Message | HttpRequest


async def first_word(
    services: "Services", stream: TLSStream, peer: Peer, connection: Connection
) -> Word | Refused | None:
    """What is said first, or what refuses everybody, whoever it is; None for a peer that leaves without a word.

    Raises:
        BrokenStreamError: the connection broke.
    """
    if (refusal := _at_the_door(services, peer)) is not None:
        return refusal
    reports = services.inspection.reports if services.inspection is not None else None
    if stream.carries_sessions:
        try:
            return await _hear(stream, peer, connection, reports)
        except RemoteProtocolError as error:
            return Refused.for_now(error.code, error.message, BROKEN_RETRY_MS)
    refusal = _no_session(stream)
    if reports is not None:
        with trio.move_on_after(min(REPORT_S, services.config.limits.hello_s * REPORT_SHARE)):
            try:
                first = await _hear(stream, peer, connection, reports)
            except RemoteProtocolError:
                return refusal
            if isinstance(first, PathReport | HttpRequest | Refused):
                return first
    return refusal


def _at_the_door(services: "Services", peer: Peer) -> Refused | None:
    if services.draining:
        services.metrics.slots["draining"].inc()
        return Refused.for_now(
            Code.GATEWAY_DRAINING, "this gateway is stopping", peer.ticket.slot_ms(DRAINING_S)
        )
    if peer.ticket.crowded:
        services.metrics.slots["crowded"].inc()
        return Refused.for_now(Code.GATEWAY_CROWDED, "this gateway is full", peer.ticket.slot_ms(CROWDED_S))
    return None


def _no_session(stream: TLSStream) -> Refused:
    """Why this TLS is less than a session needs."""
    if stream.version != "TLSv1.3":
        return Refused.for_now(Code.TLS_VERSION, f"{stream.version}, a session needs TLSv1.3", PATH_RETRY_MS)
    return Refused.for_now(Code.ALPN_MISSING, "the ALPN protocol fieldgate/1 was not offered", PATH_RETRY_MS)


async def _hear(
    stream: TLSStream, peer: Peer, connection: Connection, reports: "Reports | None"
) -> Word | Refused | None:
    """Read a message, or the beginning of an HTTP request. A large one takes its memory from the reports' room."""
    data = await stream.receive_some()
    if reports is not None and is_http(data):
        return HttpRequest(data)
    held = 0
    try:
        while True:
            connection.receive_data(data)
            if peer.sight is not None:
                peer.sight.said += len(data)
            if (event := connection.next_event()) is not NEED_DATA:
                break
            if reports is not None and not held and (missing := connection.missing) > SMALL_MESSAGE:
                if not reports.room.take(peer, missing):
                    return reports.no_room()
                held = missing
            data = await stream.receive_some()
    finally:
        if held and reports is not None:
            reports.room.give_back(peer, held)
    if isinstance(event, PathReport) and peer.sight is not None:
        peer.sight.said = 0
    return None if event is PEER_CLOSED else event
