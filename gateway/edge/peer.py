"""Who is at the other end of an accepted connection, and what it holds of the edge's budget until it has said who."""

import attrs

from gateway.config import Listener
from gateway.edge.sight import Sight
from gateway.edge.ticket import Ticket

__all__ = ["Peer"]


@attrs.define(eq=False, kw_only=True)
class Peer:
    """What a connection's handler is told beside its stream.

    Attributes:
        address: the true source address: the balancer's word for it, if it came through a configured balancer (and the
            balancer's own, until that has come).
        port: the same end's port.
        listener: where it was accepted.
        ticket: its place before authentication; the handler calls `ticket.authenticated()` once a Hello was accepted.
        sight: what is noted of the connection until its session opens; None where no evidence is kept.
    """

    address: str
    port: int
    listener: Listener
    ticket: Ticket
    sight: Sight | None = None
