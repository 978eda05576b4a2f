"""What the parts of one agent share: passed from hand to hand instead of a god object."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs
import trio

from agent.bell import Bell
from agent.collector import Collector
from agent.identity import Keeper
from agent.observer import Observer
from agent.outbox import Outbox
from agent.proxies import DIRECT, Proxies
from agent.reporter import Reporter
from protocol import CancelCommand, Capability, Code, Command, Outcome, commands

if TYPE_CHECKING:
    from agent.bulk import Bulk
    from agent.collectors.desk import Desk
    from agent.execution import Executor

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
    usage_agreed: Capability = Capability.USAGE | Capability.METERING
    """What of usage the last gateway takes; until one has spoken, we think all of it."""
    renew_now: bool = False
    """A gateway told us to renew, whatever the dates say."""
    executor: "Executor | None" = None
    """Who runs commands; None in a fleet, which declines them."""
    bulk: "Bulk | None" = None
    """Who sends files; None in a fleet, which has none."""
    opened: trio.Event = attrs.field(factory=trio.Event)
    """Set, and replaced, when a session opens: a new certificate that was shown for it is good."""
    _answered: OrderedDict[tuple[str, int], None] = attrs.field(factory=OrderedDict)

    def session_opened(self, agreed: Capability) -> None:
        """Wake who waits for a session; both sides can what is *agreed*."""
        self.usage_agreed = agreed & (Capability.USAGE | Capability.METERING)
        if self.bulk is not None:
            self.bulk.opened(agreed=Capability.BULK in agreed)
        opened, self.opened = self.opened, trio.Event()
        opened.set()

    def session_ended(self) -> None:
        """There is none any more."""
        if self.bulk is not None:
            self.bulk.closed()

    def commanded(self, said: Command | CancelCommand) -> None:
        """The gateway asks for something, or takes it back.

        Raises:
            OutboxFullError: no room for what is to be answered; the gateway asks again.
            OutboxError: the outbox cannot be used.
        """
        kind = commands.KINDS.get(said.kind) if isinstance(said, Command) else None
        if self.bulk is not None and kind is not None and kind.has_file:
            self.bulk.told(said.command_uid)
        if self.executor is None:
            self._decline(said)
        elif isinstance(said, Command):
            self.executor.command(said)
        else:
            self.executor.cancel(said)

    def _decline(self, said: Command | CancelCommand) -> None:
        """No command begins here: say so, durably, and once in this process."""
        answered = (said.command_uid, said.fence)
        if answered in self._answered:
            return
        outcome, code, message = Outcome.CANCELLED, Code.COMMAND_CANCELLED, "cancelled before it began"
        if isinstance(said, Command):
            outcome, code = Outcome.UNSUPPORTED, Code.COMMAND_UNSUPPORTED
            message = f"this agent does not run commands, and so not {said.kind!r}"
        self.outbox.cut_result(*answered, outcome=outcome, code=code, message=message, finished_ms=self.now())
        self._answered[answered] = None
        if len(self._answered) > _ANSWERED:
            self._answered.popitem(last=False)
        self.bell.ring()
