"""One session: from Hello to the last word, over one connection.

Two tasks. One reads and decides; it never writes. The other is the only writer: it says what `Sender.due` gives, and sleeps
until the bell rings or something falls due. A session ends once, with one `Ending`, for the first reason that is given;
whatever goes wrong later is a consequence of that.

What the agent remembers of a session is written down before it counts: a nonce, new trust, a new certificate, and the
answer to a command before it is sent. `released` marks go to the outbox, which alone decides what they mean.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Final

import attrs
import trio

from agent.enrollment import EnrollmentError
from agent.facilities import Facilities
from agent.hello import hello
from agent.marks import Ruling
from agent.observer import Ending, known
from agent.path import Path, Unanswered
from agent.sender import Sender
from agent.spool import OutboxError, OutboxFullError
from agent.state import StateError
from protocol import (
    NEED_DATA,
    PEER_CLOSED,
    Ack,
    Action,
    BulkCredit,
    CancelCommand,
    Code,
    Command,
    Connection,
    Credit,
    Drain,
    Enrolled,
    GatewayList,
    Goodbye,
    InventoryMode,
    Mark,
    Message,
    Notice,
    Rejected,
    RemoteProtocolError,
    Resync,
    ResyncScope,
    Role,
    State,
    TrustUpdate,
    Welcome,
)
from transport import Break, BrokenStreamError

# From Hello to Welcome; a gateway's own limit for the way here is shorter.
WELCOME_S: Final = 30.0

# What is in flight when a gateway drains gets so long to be acknowledged; otherwise it is sent again elsewhere.
DRAIN_GRACE_S: Final = 2.0

# For our last word, and for the gateway to close its side.
LAST_WORD_S: Final = 2.0

_CODE_LIMIT: Final = 9999


class Session:
    """Use once: `ending = await Session(facilities, path).run()`."""

    def __init__(self, facilities: Facilities, path: Path) -> None:
        self._with = facilities
        self._stream = path.stream
        self._address = path.address
        self._connection = Connection(Role.AGENT)
        self._ending: Ending | None = None
        self._failure: OutboxError | None = None
        self._sender: Sender | None = None
        self._slot_s: float | None = None
        self._opened_at = 0.0
        self._last_io_at = 0.0
        self.unanswered: Unanswered | None = None
        """Set when the connection ended before anybody answered our Hello."""
        self._scope = trio.CancelScope()

    async def run(self) -> Ending:
        """Talk until it ends.

        Raises:
            OutboxError: the outbox can no longer be read or written; the agent cannot go on.
        """
        try:
            await self._greet()
            if self._sender is not None and self._ending is None:
                async with trio.open_nursery() as nursery:
                    self._scope = nursery.cancel_scope
                    nursery.start_soon(self._write, self._sender)
                    await self._read(self._sender)
            await self._last_word()
        finally:
            await trio.aclose_forcefully(self._stream)
        if self._failure is not None:
            raise self._failure
        assert self._ending is not None  # noqa: S101  # _greet and _read return only with one
        return attrs.evolve(
            self._ending, lasted_s=trio.current_time() - self._opened_at if self._sender else 0.0
        )

    def leave(self) -> None:
        """End it in order, because the agent stops."""
        self._end(Code.GOODBYE, "the agent is stopping", action=Action.STOP)

    def _end(self, code: Code | int, message: str, **more: Any) -> None:
        if self._ending is None:
            self._ending = Ending(code=code, message=message, **more)
            self._scope.cancel()

    # -- reading -----------------------------------------------------------------------------------------------

    async def _greet(self) -> None:
        """Say Hello and wait for the answer."""
        greeting = hello(self._with.keeper, self._with.outbox, now_ms=self._with.now())
        with trio.move_on_after(WELCOME_S) as self._scope:
            try:
                await self._stream.send_all(self._connection.send(greeting))
            except BrokenStreamError as error:
                self._broken(error)
            while self._ending is None and self._sender is None:
                await self._receive()
        if self._ending is None and self._sender is None:
            self._lost(None)
            self._end(Code.HELLO_TIMEOUT, f"no answer to our Hello within {WELCOME_S:.0f} s")

    async def _read(self, sender: Sender) -> None:
        while self._ending is None and self._slot_s is None:
            await self._receive()
        if self._slot_s is not None:
            with trio.move_on_after(DRAIN_GRACE_S):
                while self._ending is None and sender.in_flight is not None:
                    await self._receive()
            self._end(Code.GATEWAY_DRAINING, "the gateway is stopping", slot_s=self._slot_s)

    async def _receive(self) -> None:
        """Wait for bytes, and act on the messages in them."""
        try:
            self._connection.receive_data(await self._stream.receive_some())
            self._last_io_at = trio.current_time()
            while (event := self._connection.next_event()) is not NEED_DATA:
                if event is PEER_CLOSED:
                    more = self._lost(None, closed=True)
                    self._end(Code.CONNECTION_LOST, "the gateway closed without a word", **more)
                    return
                self._act(event)
        except BrokenStreamError as error:
            self._broken(error)
        except RemoteProtocolError as error:
            self._end(error.code, f"the gateway broke the protocol: {error.message}")

    def _act(self, message: Message) -> None:
        try:
            self._HANDLERS[type(message)](self, message)
        except OutboxFullError as error:
            self._with.observer.trouble(error.code, str(error))
        except OutboxError as error:
            self._fail(error)

    def _fail(self, error: OutboxError) -> None:
        self._failure = error
        self._end(error.code, str(error))

    def _broken(self, error: BrokenStreamError) -> None:
        code = Code.CONNECTION_RESET if error.reason is Break.RESET else Code.CONNECTION_LOST
        self._end(code, error.detail, **self._lost(error.reason))

    def _lost(self, end: Break | None, *, closed: bool = False) -> dict[str, Any]:
        """The connection ended under us: note what is to be seen of it before it is gone, once; and say it of an open session."""
        if self._ending is not None or self._slot_s is not None:
            return {}
        if self._sender is not None:
            return {"idle_s": max(0.0, trio.current_time() - self._last_io_at), "closed": closed}
        from certs.inspection import EXPORTER_BYTES, EXPORTER_LABEL  # no business of a session that opens

        stream = self._stream
        exporter = stream.exporter(EXPORTER_LABEL, EXPORTER_BYTES) if stream.exporter_binds else None
        self.unanswered = Unanswered(seen=stream.seen(), exporter=exporter, end=end, closed=closed)
        return {}

    # -- writing -----------------------------------------------------------------------------------------------

    async def _write(self, sender: Sender) -> None:
        try:
            while True:
                if data := sender.due():
                    await self._stream.send_all(data)
                    self._last_io_at = trio.current_time()
                else:
                    with trio.move_on_at(sender.wake_at):
                        await self._with.bell.wait()
        except BrokenStreamError:
            pass  # what the gateway said before it hung up is still to be read, and says why
        except OutboxError as error:
            self._fail(error)

    async def _last_word(self) -> None:
        """A Goodbye, where the gateway has not had the last word itself."""
        if self._ending is not None and self._connection.state is not State.CLOSED:
            code = self._ending.code if 0 <= self._ending.code <= _CODE_LIMIT else 0
            goodbye = Goodbye(code=code, message=self._ending.message[:1024])
            await self._stream.send_last(self._connection.send(goodbye), within_s=LAST_WORD_S)

    # -- what the gateway says ---------------------------------------------------------------------------------

    def _keep(self, write: Callable[[], None]) -> None:
        """A state file that cannot be written is trouble, and no reason to stop sending what fills the disk."""
        try:
            write()
        except StateError as error:
            self._with.observer.trouble(Code.AGENT_STATE_UNUSABLE, str(error))

    def _welcomed(self, welcome: Welcome) -> None:
        keeper = self._with.keeper
        self._opened_at = trio.current_time()
        self._keep(keeper.proven)
        self._keep(lambda: keeper.remember(welcome.nonce))
        if self._with.reporter is not None:
            self._with.reporter.welcomed(welcome, self._address)
        self._with.observer.welcomed(welcome, self._address)
        self._sender = Sender(self._with, self._connection, welcome)
        self._with.session_opened(self._connection.capabilities)
        self._release(welcome.released)

    def _release(self, marks: tuple[Mark, ...]) -> None:
        for mark in marks:
            closed = self._with.outbox.epoch
            ruling = self._with.outbox.release(mark)
            self._with.observer.released(mark, ruling)
            if ruling is Ruling.REVERTED:
                # The marks of its last batches may have come and gone: sent again, they are answered.
                self._open_sender().send_again(closed, 1)

    def _acknowledged(self, ack: Ack) -> None:
        sender = self._open_sender()
        if not ack.durable and not ack.released:
            sender.answer_probe()
            self._with.bell.ring()
        for mark in ack.durable:
            sender.acknowledged(mark)
            self._with.observer.durable(mark)
        self._release(ack.released)

    def _credited(self, _credit: Credit) -> None:
        self._with.bell.ring()

    def _file_credited(self, credit: BulkCredit) -> None:
        if self._with.bulk is not None:
            self._with.bulk.credited(credit)

    def _commanded(self, said: Command | CancelCommand) -> None:
        self._with.commanded(said)

    def _resync(self, resync: Resync) -> None:
        match resync.scope:
            case ResyncScope.FULL:
                self._with.collector.want(InventoryMode.FULL)
            case ResyncScope.QUICK:
                self._with.collector.want(InventoryMode.DELTA)
            case ResyncScope.RANGE:
                self._open_sender().send_again(resync.epoch, resync.from_sequence)
        self._with.bell.ring()

    def _told_gateways(self, told: GatewayList) -> None:
        if not told.gateways:
            return  # nobody could ever tell us a better list again
        keeper = self._with.keeper
        identity = attrs.evolve(keeper.identity, gateways=told.gateways, gateway_list_revision=told.revision)
        self._keep(lambda: keeper.change(identity))

    def _told_trust(self, told: TrustUpdate) -> None:
        if not told.pins_current:
            return  # likewise
        keeper = self._with.keeper
        identity = attrs.evolve(
            keeper.identity, pins_current=told.pins_current, pins_next=told.pins_next, names=told.names,
            report_keys=told.report_keys or keeper.identity.report_keys, trust_revision=told.revision,
        )  # fmt: skip
        self._keep(lambda: keeper.change(identity))

    def _renewed(self, enrolled: Enrolled) -> None:
        applicant = self._open_sender().renewal
        if applicant is None:
            self._end(Code.UNEXPECTED_MESSAGE, "the gateway sent a certificate that we did not ask for")
            return
        try:
            self._with.keeper.await_proof(applicant.accept(enrolled))
        except EnrollmentError as error:
            self._with.observer.trouble(error.code, str(error))
        except StateError as error:
            self._with.observer.trouble(Code.AGENT_STATE_UNUSABLE, str(error))
        else:
            self._with.renew_now = False
            self._end(Code.GOODBYE, "to use the renewed certificate", renewed=True)

    def _noticed(self, notice: Notice) -> None:
        self._with.observer.trouble(known(notice.code), notice.message)

    def _drained(self, drain: Drain) -> None:
        self._slot_s = drain.reconnect_in_ms / 1000

    def _rejected(self, rejected: Rejected) -> None:
        self._set_aside(rejected)
        after_s = rejected.retry_after_ms / 1000
        self._end(known(rejected.code), rejected.message, action=rejected.action, retry_after_s=after_s)

    def _goodbye(self, goodbye: Goodbye) -> None:
        self._set_aside(goodbye)
        self._end(known(goodbye.code), goodbye.message)

    def _set_aside(self, last: Rejected | Goodbye) -> None:
        if last.code == Code.BATCH_UNDECODABLE and self._with.outbox.set_aside(
            last.epoch, last.first_sequence
        ):
            message = (
                f"the gateway cannot read record {last.first_sequence} of epoch {last.epoch}: {last.message}"
            )
            self._with.observer.trouble(Code.BATCH_UNDECODABLE, message)

    def _open_sender(self) -> Sender:
        assert self._sender is not None  # noqa: S101  # the connection admits these messages after Welcome only
        return self._sender

    _HANDLERS: ClassVar[dict[type[Message], Callable[["Session", Any], None]]] = {
        Ack: _acknowledged,
        BulkCredit: _file_credited,
        CancelCommand: _commanded,
        Command: _commanded,
        Credit: _credited,
        Drain: _drained,
        Enrolled: _renewed,
        GatewayList: _told_gateways,
        Goodbye: _goodbye,
        Notice: _noticed,
        Rejected: _rejected,
        Resync: _resync,
        TrustUpdate: _told_trust,
        Welcome: _welcomed,
    }
