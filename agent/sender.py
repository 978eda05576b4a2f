"""What a session has to say next: one question, asked whenever the writer is free.

Nothing is queued for the writer. Whoever wants something said leaves a wish (`answer_probe`, `send_again`) and rings
the bell; `due` looks at all wishes, the clock, the outbox and the credit, and gives the bytes of the most urgent message.
Its methods do no I/O but on the outbox and on a file that is being sent, so they can be called from a test without a network.
"""

from typing import Final

import trio

from agent.enrollment import Applicant
from agent.facilities import Facilities
from agent.marks import covers, may_skip
from agent.spool import OutboxFullError
from agent.stored import Stored
from certs import from_ms
from protocol import Capability, Code, Connection, Heartbeat, Mark, Standing, State, UsageReport, Welcome

RENEWAL_CHECK_S: Final = 3600.0


class Sender:
    """Decides what is sent next on an open session.

    Args:
        facilities: the agent's.
        connection: open since *welcome*.
        welcome: what the gateway said first.
    """

    def __init__(self, facilities: Facilities, connection: Connection, welcome: Welcome) -> None:
        self._with = facilities
        self._connection = connection
        self._heartbeat_s = welcome.heartbeat_s
        self.wake_at = trio.current_time() + welcome.heartbeat_s
        """When something is due even if nobody rings; trio's clock."""
        self._sent = 0
        """Position of the last batch that was sent or skipped."""
        self._next: Stored | None = None
        outbox = facilities.outbox
        self._skip = tuple(
            mark
            for mark in welcome.durable
            if may_skip(mark, outbox.own_id(mark), cutting_epoch=outbox.epoch)
        )
        self.in_flight: bytes | None = None
        """Id of the last batch sent, until the gateway has it on disk."""
        self._file_is_next = False
        """A batch was said last: batches and a file's chunks take turns, so that neither waits behind more than one of the other."""
        self.renewal: Applicant | None = None
        """What we asked a new certificate for."""
        self._renew = welcome.standing is Standing.RENEW_ONLY
        self._offset_ms = welcome.gateway_time_ms - facilities.now()
        self._renewal_check_at = trio.current_time()

    def answer_probe(self) -> None:
        """The gateway asks whether we are alive."""
        self.wake_at = trio.current_time()

    def acknowledged(self, mark: Mark) -> None:
        """The gateway has everything up to *mark* on its disk."""
        if mark.batch_id == self.in_flight:
            self.in_flight = None

    def send_again(self, epoch: int, from_sequence: int) -> None:
        """Go back to the oldest batch of *epoch* with a record at or above *from_sequence*, if that was sent already."""
        start = self._with.outbox.before(epoch, from_sequence)
        self._skip = ()
        if start is not None and start < self._sent:
            self._sent, self._next = start, None

    def due(self) -> bytes:
        """What is to be said now, most urgent first; b"" if nothing is before `wake_at` or the bell.

        Raises:
            OutboxError: the outbox cannot be used.
        """
        if self._connection.state is not State.OPEN:
            return b""
        now = trio.current_time()
        if now >= self.wake_at:
            self.wake_at = now + self._heartbeat_s
            return self._connection.send(self._heartbeat())
        wanted = self._with.renew_now
        if self.renewal is None and (wanted or now >= self._renewal_check_at):
            self._renewal_check_at = now + RENEWAL_CHECK_S
            if wanted or self._renew or self._renewal_due():
                self.renewal = Applicant.renewing(self._with.keeper.identity)
                return self._connection.send(self.renewal.request(self._with.now()))
        executor = self._with.executor
        if executor is not None and (progress := executor.take_progress()) is not None:
            return self._connection.send(progress)
        if self._file_is_next:
            return self._file() or self._batch()
        data = self._batch()
        self._file_is_next = bool(data)
        return data or self._file()

    def _file(self) -> bytes:
        """The next chunk of a file, if there is one and the gateway takes it."""
        self._file_is_next = False
        bulk = self._with.bulk
        said = None if bulk is None else bulk.due()
        return b"" if said is None else self._connection.send(said)

    def _heartbeat(self) -> Heartbeat:
        outbox = self._with.outbox
        return Heartbeat(
            agent_time_ms=self._with.now(), health=self._with.collector.health, outbox_records=outbox.records,
            outbox_bytes=outbox.waiting_bytes,
        )  # fmt: skip

    def _renewal_due(self) -> bool:
        keeper = self._with.keeper
        return keeper.credential.due(from_ms(self._with.now() + self._offset_ms), keeper.identity.place)

    def _batch(self) -> bytes:
        """The next batch, if there is one and the credit covers it."""
        while True:
            if self._next is None:
                try:
                    self._next = self._fetch()
                except OutboxFullError as error:
                    self._with.observer.trouble(error.code, str(error))
                    return b""
            batch = self._next
            if batch is None:
                if self._connection.credit:
                    self._with.collector.occasion()
                return b""
            if self._is_held_there(batch):
                self._sent, self._next = batch.position, None
            elif len(batch.payload) > self._connection.credit:
                return b""
            else:
                self._sent, self._next, self.in_flight = batch.position, None, batch.batch_id
                self._with.observer.sent(batch)
                return self._connection.send_batch(batch.tag, batch.payload)

    def _fetch(self) -> Stored | None:
        """The next batch, as it was cut; one that the disk has changed since is mended first, and never sent as it is."""
        outbox = self._with.outbox
        batch = outbox.next_batch(self._sent)
        if batch is None or self._is_held_there(batch):
            return batch
        if batch.tag == UsageReport.tag and Capability.USAGE not in self._connection.capabilities:
            # Cut for a gateway that takes them; this one, an older one, would take nothing that comes behind it.
            outbox.set_aside(batch.epoch, batch.first_sequence)
            return outbox.next_batch(self._sent)
        if batch.is_whole:
            return batch
        mended = outbox.mend(batch)
        what = "set aside, a tombstone takes its place" if mended.is_tombstone else "its id is put right"
        message = f"this disk has changed record {batch.first_sequence} of epoch {batch.epoch}: {what}"
        self._with.observer.trouble(Code.BATCH_UNDECODABLE, message)
        return mended

    def _is_held_there(self, batch: Stored) -> bool:
        return any(
            covers(
                mark,
                epoch=batch.epoch,
                first_sequence=batch.first_sequence,
                next_sequence=batch.next_sequence,
            )
            for mark in self._skip
        )
