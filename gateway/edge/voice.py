"""What is said to an agent in a session, and how a session is ended: the half that others call.

The committer acknowledges, the sweeper and the change feed have their say, a newcomer asks for a sign of life. All of them speak here,
at once and without waiting; `Outgoing` sees to it that one writes at a time.

A session ends once, for the first reason that is given to `end`; whatever goes wrong later is a consequence of that.
"""

from typing import TYPE_CHECKING

import attrs
import structlog
import trio

from gateway.edge.ending import BREAKS, Ending, hang_up, lost, send_off
from gateway.edge.flow import Share
from gateway.edge.outgoing import Outgoing
from protocol import (
    Ack,
    Action,
    Code,
    Connection,
    Credit,
    Durability,
    LocalProtocolError,
    Mark,
    Message,
    Notice,
    Standing,
)
from transport import BrokenStreamError, TLSStream

if TYPE_CHECKING:
    from gateway.edge.services import Services

__all__ = ["Voice"]

log = structlog.get_logger()

# What was said before the end (an Ack, most likely) has this long to go out.
LAST_SENDS_S = 2.0


@attrs.define(eq=False, kw_only=True)
class Voice:
    """The gateway's side of a session.

    Attributes:
        share: what its agent has in the journal that the projector has not read.
        owed: bytes of batches that were committed (or, after Welcome, withheld) and not yet given back as credit.
        answered: set by the next sign of life, while somebody has asked for one.
        ending: why the session ends, once it does.
    """

    services: "Services"
    connection: Connection
    stream: TLSStream
    standing: Standing
    share: Share
    out: Outgoing = attrs.field(init=False)
    owed: int = 0
    answered: trio.Event | None = None
    ending: Ending | None = None

    def __attrs_post_init__(self) -> None:
        """Make the writer."""
        services = self.services
        self.out = Outgoing(self.stream, self, services.spawn, services.config.limits.send_s)

    def say(self, *messages: Message) -> None:
        """Say something, if the session still lives."""
        if self.ending is not None:
            return
        try:
            data = b"".join(map(self.connection.send, messages))
        except LocalProtocolError as error:
            # A setting or a row that does not fit the protocol: not this agent's fault, and no reason to end anything.
            log.error("can't be said to agents", error=str(error))
            return
        self.out.put(data)

    def committed(self, mark: Mark, n_bytes: int) -> None:
        """What it sent up to *mark* is on disk."""
        self.owed += n_bytes
        ack = Ack(durability=Durability.DISK, durable=(mark,))
        if self.owed >= self.services.valve.worth_paying and self.may_be_paid:
            self.say(ack, self._payment())
        else:
            self.say(ack)

    def pay(self) -> None:
        """Give back all credit that is owed, if any may be given."""
        if self.owed and self.may_be_paid:
            self.say(self._payment())

    @property
    def may_be_paid(self) -> bool:
        """Whether it is given credit now."""
        services = self.services
        may_send = self.standing is Standing.VERIFIED and services.valve.open
        return may_send and not self.share.is_used_up(services.config.limits.lag_bytes)

    def _payment(self) -> Credit:
        credit, self.owed = Credit(bytes=self.owed), 0
        return credit

    def probe(self) -> trio.Event:
        """Ask for a sign of life: an Ack without marks, which an agent answers with a heartbeat."""
        if self.answered is None:
            self.answered = trio.Event()
            self.say(Ack(durability=Durability.DISK))
        return self.answered

    def notice(self, code: Code, message: str) -> None:
        """Tell the person at the agent something."""
        self.say(Notice(code=code, message=message[:1024]))

    # -- the end -----------------------------------------------------------------------------------------------

    def end(self, ending: Ending) -> None:
        """End the session for this reason, if it has none yet."""
        if self.ending is None:
            self.ending = ending
            self.out.finish(LAST_SENDS_S if ending.last_words is not None else 0.0)
            if self.answered is not None:
                self.answered.set()

    def send_off(self, code: Code, message: str, action: Action, retry_after_ms: int = 0) -> None:
        """End it, and tell the agent what to do."""
        self.end(send_off(code, message, action, now_ms=self.services.now(), retry_after_ms=retry_after_ms))

    def hang_up(self, code: Code, message: str, *, epoch: int = 0, first_sequence: int = 0) -> None:
        """End it; the agent may come back as it sees fit."""
        self.end(hang_up(code, message, epoch=epoch, first_sequence=first_sequence))

    def on_slow(self) -> None:
        """The agent does not read."""
        self.end(lost(Code.SLOW_CONSUMER, "did not read what was sent to it"))

    def on_broken(self, error: BrokenStreamError) -> None:
        """The connection is gone."""
        self.end(lost(BREAKS.get(error.reason, Code.CONNECTION_LOST), error.detail))
