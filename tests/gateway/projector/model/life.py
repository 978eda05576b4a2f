"""Everyday life: what agents, edges, the projector and the operator do, and where everything is."""

import contextlib
import itertools
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import structlog
from pysqlite3 import dbapi2 as sqlite

from agent.marks import Ruling, covers, may_skip
from agent.outbox import Outbox
from agent.spool import Spool
from agent.stored import Stored
from gateway.edge.directory import Directory, place_mark
from gateway.journal import START, Cursor, JournalReader, JournalWriter, Record, RecordFlags
from gateway.projector import Clock, Metrics, Projector, holes, rows
from gateway.store import AgentEntry, Body, GapState, Overrun, ReleasedMark, ResyncWanted, Store, open_store
from protocol import EventBatch, Mark, ResyncScope, Row, decode, encode
from tests.gateway.projector.model.actors import (
    EDGES,
    SEGMENT_BYTES,
    AgentSim,
    EdgeSim,
    Killed,
    Promise,
    explosive,
    journaled,
    newer_version,
    store_template,
    texts_of,
)
from tests.gateway.projector.rig import START_MS, row
from tests.helpers.lossy_files import LossyFiles


class Life:
    """Agents, edges and a projector, and the wires between them."""

    def __init__(self, *, open_gaps: int = holes.MAX_OPEN_GAPS) -> None:
        self.open_gaps = open_gaps
        memory = Path("/dev/shm")  # nothing here needs a disk that is slower than it has to be
        self.folder = Path(tempfile.mkdtemp(prefix="delivery-", dir=memory if memory.is_dir() else None))
        self._bug = mock.patch.dict(rows.PROJECTIONS, {EventBatch: explosive})
        self._bug.start()
        self._quiet = contextlib.ExitStack()
        self._quiet.enter_context(mock.patch.object(holes, "MAX_OPEN_GAPS", open_gaps))
        # Rendering tracebacks takes longer than all else.
        self._quiet.enter_context(structlog.testing.capture_logs())
        self.at_s = 0.0
        self.promises: dict[str, Promise] = {}
        self.copies_destroyed = False
        shutil.copy(store_template(), self.folder / "store.sqlite")
        self.store = self._open_store()
        *entries, self.astray = sorted(self.store.directory().agents, key=lambda entry: entry.agent_id)
        self.agents = [self._new_agent(entry) for entry in entries]
        self._strange = itertools.count(1)
        self.edges = [self._new_edge(f"edge{n}") for n in range(EDGES)]
        self._checks = sqlite.connect(self.folder / "store.sqlite")
        self.store_copy: Path | None = None
        self.start_projector()

    # -- making things ------------------------------------------------------------------------------------------------

    def _open_store(self) -> Store:
        return open_store(f"sqlite:///{self.folder}/store.sqlite")

    def _new_agent(self, entry: AgentEntry) -> AgentSim:
        path = self.folder / f"outbox{entry.agent_id}.sqlite"
        spool = Spool.open(path)
        return AgentSim(entry=entry, path=path, spool=spool, outbox=Outbox(spool, "agent"))

    def _new_edge(self, name: str) -> EdgeSim:
        edge = EdgeSim(
            name=name, folder=self.folder / "journals" / name, files=LossyFiles(), directory=Directory()
        )
        self.start_edge(edge)
        return edge

    def start_projector(self) -> None:
        """A projector's process begins."""
        clock = Clock(now_ms=self.now_ms, monotonic=lambda: self.at_s)
        self.projector = Projector(
            self.store,
            self.folder / "journals",
            bell=lambda: None,
            clock=clock,
            metrics=Metrics(clock.monotonic),
        )
        self.projector._read_bytes = (
            1  # one record a step, from each journal in turn: every order in which to read them
        )
        self.projector.start()

    def now_ms(self) -> int:
        """The time."""
        return START_MS + int(self.at_s * 1000)

    def close(self) -> None:
        """Tidy up."""
        self._bug.stop()
        self._quiet.close()
        self._checks.close()
        self.store.close()
        for agent in self.agents:
            agent.kill()
        for edge in self.edges:
            if edge.writer is not None:
                edge.files.kill()
        shutil.rmtree(self.folder)

    # -- what agents do -----------------------------------------------------------------------------------------------

    def record(self, agent: AgentSim, count: int, *, kind: str = "") -> None:
        """Something happens on the backup server.

        Args:
            kind: "boom" for events that set off a bug in the projector, "newer" for a row that is not valid here.
        """
        new: list[Row] = []
        for _ in range(count):
            agent.recorded += 1
            text = f"{kind or 'event'} {agent.entry.agent_id}.{agent.recorded}"
            self.promises[text] = Promise(text, agent)
            new.append(row(text))
        with (
            mock.patch("agent.outbox.encode", newer_version) if kind == "newer" else contextlib.nullcontext()
        ):
            agent.outbox.cut_events(new)

    def connect(self, agent: AgentSim, edge: EdgeSim) -> None:
        """A session begins: Welcome, with what the edge knows; the agent goes on from its oldest batch."""
        if edge.writer is None:
            self.start_edge(edge)
        entry = edge.directory.agents[agent.entry.agent_uid]
        agent.edge, agent.sent = edge, 0
        agent.skip = tuple(
            mark
            for mark in entry.durable.values()
            if may_skip(mark, agent.outbox.own_id(mark), cutting_epoch=agent.outbox.epoch)
        )
        for mark in entry.marks():
            self._release(agent, mark)
        for resync in list(entry.resyncs.values()):
            self._resync(agent, resync)

    def send(self, agent: AgentSim, *, refused: bool = False) -> bool:
        """The next batch goes to the edge, which journals it; or cannot read it, and says so, and the agent leaves."""
        edge, batch = agent.edge, self._next(agent)
        if edge is None or edge.writer is None or batch is None:
            return False
        agent.sent = batch.position
        if refused:
            agent.outbox.set_aside(batch.epoch, batch.first_sequence)
            agent.edge = None
            self.excuse()  # what it has put aside leads nowhere, if no edge understood it before
            return True
        record = Record(
            agent_uid=agent.key,
            received_ms=self.now_ms(),
            tag=batch.tag,
            flags=RecordFlags.NONE,
            payload=batch.payload,
        )
        edge.writer.append(record.encode())
        message = decode(batch.tag, batch.payload)
        assert isinstance(message, EventBatch)
        run = edge.directory.agents[agent.entry.agent_uid].note_journaled(
            batch.epoch, batch.first_sequence, batch.next_sequence, message.previous, batch.batch_id
        )
        edge.due.append((agent, run, texts_of(batch.payload)))
        return True

    def _next(self, agent: AgentSim) -> Stored | None:
        while (batch := agent.outbox.next_batch(agent.sent)) is not None:
            where = {
                "epoch": batch.epoch,
                "first_sequence": batch.first_sequence,
                "next_sequence": batch.next_sequence,
            }
            if not any(covers(mark, **where) for mark in agent.skip):
                return batch
            agent.sent = batch.position
        return None

    def _release(self, agent: AgentSim, mark: Mark) -> None:
        before, epoch = agent.held(), agent.outbox.epoch
        if agent.outbox.release(mark) is Ruling.REVERTED:
            self._send_again(agent, epoch, 1)
        for text in before - agent.held():
            promise = self.promises[text]
            promise.told = promise.released = True

    def _resync(self, agent: AgentSim, resync: ResyncWanted) -> None:
        if resync.pending and resync.scope == ResyncScope.RANGE:
            self._send_again(agent, resync.epoch, resync.from_sequence)

    def _send_again(self, agent: AgentSim, epoch: int, from_sequence: int) -> None:
        agent.skip = ()
        start = agent.outbox.before(epoch, from_sequence)
        if start is not None:
            agent.sent = min(agent.sent, start)

    def flood(self, edge: EdgeSim) -> None:
        """An agent has gone astray: it cuts batch after batch behind batches that never were, each in an epoch of its own."""
        if edge.writer is None:
            return
        for number in itertools.islice(self._strange, 5):
            batch = EventBatch(
                epoch=number, first_sequence=2, count=1, previous=number.to_bytes(16), rows=(row(f"astray {number}"),)
            )  # fmt: skip
            record = Record(
                agent_uid=UUID(self.astray.agent_uid).bytes, received_ms=self.now_ms(), tag=EventBatch.tag,
                flags=RecordFlags.NONE, payload=encode(batch),
            )  # fmt: skip
            edge.writer.append(record.encode())

    # -- what edges do ------------------------------------------------------------------------------------------------

    def start_edge(self, edge: EdgeSim) -> None:
        """An edge's process begins: a new segment, a new directory."""
        edge.writer = JournalWriter(edge.folder, segment_bytes=SEGMENT_BYTES, files=edge.files)
        edge.directory = Directory()
        snapshot = self.store.directory()
        known: list[Body] = [*snapshot.agents, *snapshot.marks, *snapshot.resyncs]
        for body in known:
            edge.directory.apply(body)
        edge.heard = snapshot.last_change_id

    def sync(self, edge: EdgeSim) -> None:
        """Group commit: to disk, and then the acknowledgements, to whoever is still there to hear them."""
        if edge.writer is None:
            return
        edge.writer.sync()
        due, edge.due = edge.due, []
        for agent, mark, texts in due:
            entry = edge.directory.agents[agent.entry.agent_uid]
            entry.durable = place_mark(entry.durable, mark)
            if agent.edge is edge:
                for text in texts:
                    self.promises[text].told = True
                    self.promises[text].durable.add(edge)

    def hear(self, edge: EdgeSim) -> None:
        """The doorbell: the edge reads the changes, and tells those that are connected."""
        if edge.writer is None:
            return
        for change in self.store.changes.after(edge.heard):
            edge.heard = change.id
            edge.directory.apply(change.body)
            agent = self._connected(getattr(change.body, "agent_uid", ""), edge)
            if agent is None:
                continue
            if isinstance(change.body, ReleasedMark):
                known = edge.directory.agents[agent.entry.agent_uid].released
                self._release(agent, known[change.body.stream_id, change.body.echo])
            elif isinstance(change.body, ResyncWanted):
                self._resync(agent, change.body)
            elif isinstance(change.body, Overrun):
                agent.edge = None  # it is sent away, and comes back later

    def _connected(self, agent_uid: str, edge: EdgeSim) -> AgentSim | None:
        for agent in self.agents:
            if agent.entry.agent_uid == agent_uid and agent.edge is edge:
                return agent
        return None

    # -- what the projector and the operator do -----------------------------------------------------------------------

    def project(self, steps: int = 1, seconds: float = 0.2) -> bool:
        """Some steps of the projector; whether the last one had anything to do."""
        busy = False
        for _ in range(steps):
            self.at_s += seconds
            busy = self.projector.step()
        return busy

    def kill_projector(self, *, committed: bool) -> None:
        """The projector's process ends in the middle of a transaction, or just after it, before it has told anybody."""
        inner = self.store.projection

        @contextlib.contextmanager
        def deadly() -> Iterator[Any]:
            with inner() as p:
                yield p
                if not committed:
                    raise Killed
            raise Killed

        with contextlib.suppress(Killed), mock.patch.object(self.store, "projection", deadly):
            self.project(seconds=2)
        self.start_projector()

    def declare_lost(self) -> bool:
        """An operator loses patience with the oldest open gap."""
        gaps = self.store.gaps.list([GapState.OPEN])
        if gaps:
            self.store.gaps.declare_lost(gaps[0].gap.gap_id)
        return bool(gaps)

    # -- where things are ---------------------------------------------------------------------------------------------

    def stored(self) -> Counter[str]:
        """The texts in the store, in rows or in quarantine, and how often."""
        found: Counter[str] = Counter(
            text for (text,) in self._checks.execute("SELECT message FROM job_events")
        )
        for sequence, payload in self._checks.execute("SELECT sequence, payload FROM quarantine"):
            found.update(texts_of(payload) if sequence == 0 else [json.loads(payload)[-1]])
        return found

    def parked(self) -> set[str]:
        """The texts that are parked."""
        return {
            text
            for (payload,) in self._checks.execute("SELECT payload FROM parked")
            for text in texts_of(payload)
        }

    def unread(self) -> set[str]:
        """The texts in journals that the projector will come to."""
        cursors = {
            uid: Cursor(segment=segment, incarnation=incarnation, offset=position)
            for uid, segment, incarnation, position in self._checks.execute(
                "SELECT journal_uid, segment, incarnation, position FROM cursors"
            )
        }
        return {
            text
            for edge in self.edges
            for text in journaled(
                edge.folder, cursors.get(JournalReader(edge.folder).journal_uid or "", START)
            )
        }

    def somewhere(self) -> set[str]:
        """The texts that are in some place that leads to the store."""
        found = set(self.stored()) | self.parked() | self.unread()
        for agent in self.agents:
            found |= agent.held()
        return found

    def excuse(self) -> None:
        """Fate has destroyed copies: whose last copy was among them is excused."""
        somewhere = self.somewhere()
        for promise in self.promises.values():
            if promise.text not in somewhere:
                promise.excused = True
