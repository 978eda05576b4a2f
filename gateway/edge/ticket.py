"""One connection's place in the hall, as the connection itself sees it."""

from typing import TYPE_CHECKING

import attrs
import trio

from protocol import Code

if TYPE_CHECKING:
    from gateway.edge.admission import Admission

__all__ = ["Ticket"]


@attrs.define(eq=False, kw_only=True)
class Ticket:
    """One connection's place in the hall. `close` it whatever happens; a second time does nothing.

    Attributes:
        scope: cancelled at the deadline, or when the connection has to give way; then `cut` says why.
        address, key, party: where it comes from, once that is known (`addresses`).
        stage: what it is doing, for the reason that a deadline gives.
        is_heard: whether its first message is here, and it waits for us.
    """

    admission: "Admission"
    opened_at: float
    scope: trio.CancelScope
    address: str = ""
    key: str = ""
    party: str = ""
    stage: str = "silent"
    cut: str = ""
    is_heard: bool = False
    in_hall: bool = True
    is_open: bool = True

    @property
    def crowded(self) -> bool:
        """Whether the edge is so full that a newcomer should be told to come back later."""
        limits = self.admission.limits
        return self.admission.sessions + 1 > limits.connections_soft * limits.connections

    @property
    def is_known(self) -> bool:
        """Whether an agent was authenticated from its address within a day."""
        return self.admission.knows(self.key)

    def identify(self, address: str) -> bool:
        """Say where it comes from; False if that address has too many in the hall already."""
        return self.admission.identify(self, address)

    def spoke(self) -> None:
        """Its first byte has come: it is not among those who go first any more."""
        self.admission.spoke(self)

    async def charge(self) -> None:
        """Wait for a place at the handshake."""
        await self.admission.charge(self)

    def heard(self) -> None:
        """Its first message is here. It does not stand still any more: what it waits for is our answer."""
        self.is_heard = True

    def authenticated(self, organization_uid: str) -> None:
        """Its Hello was accepted: no deadline any more, its place is free, its address is known as that organization's."""
        self.admission.authenticated(self, organization_uid)

    def fault(self, code: Code) -> float:
        """It ended with *code*; returns for how many seconds that bans its address, mostly 0."""
        return self.admission.fault(self, code)

    def slot_ms(self, first_s: float) -> int:
        """A moment for it to come back at, nobody else's: milliseconds from now, *first_s* at least."""
        return self.admission.slot_ms(first_s)

    def close(self) -> None:
        """The connection is gone."""
        self.admission.close(self)
