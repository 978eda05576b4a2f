"""Holding the end of a connection against its address, and telling once when that makes a ban."""

from typing import TYPE_CHECKING

import structlog

from certs.inspection import NearbyKind
from gateway.edge.addresses import address_key
from gateway.edge.closes import Closes
from gateway.edge.metrics import Metrics
from gateway.edge.peer import Peer
from protocol import Code

if TYPE_CHECKING:
    from gateway.edge.inspection import Inspection

__all__ = ["blame", "turn_away"]

log = structlog.get_logger()


def blame(peer: Peer, code: Code, metrics: Metrics) -> None:
    """*peer*'s connection ended with *code*, unauthenticated; most codes are nobody's fault (`bans`)."""
    banned_s = peer.ticket.fault(code)
    if not banned_s:
        return
    metrics.bans.inc()
    log.warning(
        "address banned", code=str(Code.SOURCE_BANNED), peer=peer.ticket.key, for_s=round(banned_s), last=str(code)
    )  # fmt: skip


def turn_away(address: str, closes: Closes, inspection: "Inspection | None") -> None:
    """A connection from a banned *address* is closed: counted, without a line, for the ban has one; no network's fault either."""
    closes.count(Code.SOURCE_BANNED)
    if inspection is not None:
        inspection.surroundings.turned_away(address_key(address), "banned for flooding", NearbyKind.BAN)
