"""What the parts of one agent share: passed from hand to hand instead of a god object."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from agent.bell import Bell
from agent.collector import Collector
from agent.identity import Keeper
from agent.observer import Observer
from agent.outbox import Outbox
from agent.proxies import DIRECT, Proxies
from agent.reporter import Reporter
from protocol import CancelCommand, Code, Command, Outcome

if TYPE_CHECKING:
    from agent.collectors.desk import Desk

# Commands whose answers are remembered, so that one that is delivered twice is answered once.
_ANSWERED: Final = 256


@attrs.define(kw_only=True, eq=False)
class Facilities:
    """What every session of one agent works with."""

    keeper: Keeper
    outbox: Outbox
    collector: Collector
    now: Callable[[], int]
    """Milliseconds since the epoch."""
    observer: Observer = attrs.field(factory=Observer)
    bell: Bell = attrs.field(factory=Bell)
    """Rung when there is something to send."""
    reporter: Reporter | None = None
    """Who looks into paths that fail; None: nobody."""
    proxies: Proxies = DIRECT
    source: str | None = None
    """The address of this machine to dial from; None: whichever the system chooses."""
    desk: "Desk | None" = None
    """Who asks the collectors; None in a fleet, where each agent has one estate."""
    usage_agreed: bool = True
    """Whether the last gateway takes reports of usage; until one has spoken we think so."""
    renew_now: bool = False
    """A gateway told us to renew, whatever the dates say."""
    _answered: OrderedDict[tuple[str, int], None] = attrs.field(factory=OrderedDict)

    def decline(self, said: Command | CancelCommand) -> None:
        """No kind of command is known yet, and so none begins: say so, durably, and once in this process."""
        answered = (said.command_uid, said.fence)
        if answered in self._answered:
            return
        outcome, code, message = Outcome.CANCELLED, Code.COMMAND_CANCELLED, "cancelled before it began"
        if isinstance(said, Command):
            outcome, code = Outcome.UNSUPPORTED, Code.COMMAND_UNSUPPORTED
            message = f"this agent does not know the command {said.kind!r}"
        self.outbox.cut_result(*answered, outcome=outcome, code=code, message=message, finished_ms=self.now())
        self._answered[answered] = None
        if len(self._answered) > _ANSWERED:
            self._answered.popitem(last=False)
        self.bell.ring()
