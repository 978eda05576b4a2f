"""What the sessions of one edge share. Made once by `server`, handed to every session, no logic of its own to speak of.

Here the one circle of this package closes: a session has its services, and they hold the sessions (as its agent's entry in the
directory does). Modules below import `Services` and `Session` under TYPE_CHECKING, for their names alone.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import attrs
import trio

from gateway.config import Config
from gateway.edge.admission import Admission
from gateway.edge.bulk import Bulk
from gateway.edge.closes import Closes
from gateway.edge.commanding import Commanding
from gateway.edge.committer import Committer
from gateway.edge.credentials import Credentials
from gateway.edge.directory import Directory
from gateway.edge.flow import FrameBudget, Valve
from gateway.edge.inspection import Inspection
from gateway.edge.metrics import Metrics
from gateway.edge.session import Session
from gateway.edge.storelink import StoreLink
from gateway.edge.traffic import Traffic
from gateway.journal import JournalFull
from gateway.store import CursorMoved

__all__ = ["Services", "Spawn"]


class Spawn(Protocol):
    """A nursery's `start_soon`."""

    def __call__(self, function: Callable[..., Awaitable[Any]], /, *args: Any) -> None:
        """Start a task."""


def _ignore(*_: object) -> None:
    """Until `server` has wired the one who cares."""


@attrs.define(eq=False, kw_only=True)
class Services:
    """One edge, as its sessions see it.

    Attributes:
        now: milliseconds since the epoch.
        spawn: starts a task that lives no longer than the edge.
        on_full, on_projected, on_trust_changed: what `upkeep` wants to hear.
        inspection: what becomes of paths that carry no session; None where `inspection = false`.
        read_back: the turn of those who read back what is stored of them.
        left: wakes those who wait for the last session to be gone.
        draining: whether the edge is stopping and admits nobody.
    """

    config: Config
    now: Callable[[], int]
    spawn: Spawn
    credentials: Credentials
    directory: Directory
    link: StoreLink
    commanding: Commanding
    bulk: Bulk
    committer: Committer
    valve: Valve
    budget: FrameBudget
    closes: Closes
    metrics: Metrics
    traffic: Traffic
    admission: Admission
    on_full: Callable[[JournalFull], None] = _ignore
    on_projected: Callable[[CursorMoved], None] = _ignore
    on_trust_changed: Callable[[], None] = _ignore
    inspection: Inspection | None = None
    draining: bool = False
    read_back: trio.Lock = attrs.field(factory=trio.Lock)
    open_sessions: dict[Session, None] = attrs.field(factory=dict)
    left: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)

    def leave(self, session: Session) -> None:
        """*session* is open no more."""
        self.open_sessions.pop(session, None)
        if not self.open_sessions:
            self.left.unpark_all()
