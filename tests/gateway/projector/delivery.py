"""The world of the delivery model: agents, edges and a projector made of the real parts, and what can happen to them.

Real are the agent's outbox on its SQLite file, the journals on a file layer that forgets what was not synced, the edge's
directory, the projector and its store. Played are the wires between them, the clock, and fate.

Every record is a job event with a text of its own. For each the world keeps what was promised about it, and after every
step looks where it really is:

- *released*: it is in the store, once;
- *durable*: it is on the disk of the edge that said so, as long as nobody has put a hand on that disk;
- *told either*: it is somewhere that leads to the store: in it, parked, unread in a journal, or in its agent's outbox.

Fate may destroy copies. A record whose last copy goes that way is *excused*; nothing else excuses one.
"""

import contextlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import attrs
import msgpack
import structlog
from pysqlite3 import dbapi2 as sqlite

from agent.marks import covers, may_skip
from agent.outbox import Outbox, Stored
from agent.spool import Spool
from gateway.edge.directory import Directory, place_mark
from gateway.journal import START, Cursor, JournalReader, JournalWriter, Record, RecordFlags
from gateway.journal.frames import HEADER_BYTES
from gateway.projector import Clock, Metrics, Projector, rows
from gateway.store import AgentEntry, Body, GapState, ReleasedMark, ResyncWanted, Store, open_store
from protocol import EventBatch, Mark, ResyncScope, Row, decode, encode
from tests.gateway.projector.rig import START_MS, row
from tests.helpers.lossy_files import LossyFiles
from tests.helpers.stores import enroll, make_world

AGENTS = 2
EDGES = 2

# A handful of batches, so that segments are closed, numbers come again after a restore, and damage does not take all.
SEGMENT_BYTES = 400


# Raised in the middle of a transaction, past every `except Exception`.
class Killed(BaseException):
    """The projector's process ends here."""


@attrs.define(eq=False)
class Promise:
    """What was said about one record."""

    text: str
    agent: "AgentSim"
    durable: set["EdgeSim"] = attrs.field(factory=set)
    told: bool = False
    released: bool = False
    excused: bool = False


@attrs.define(eq=False)
class AgentSim:
    """An agent's machine, with its disk."""

    entry: AgentEntry
    path: Path
    spool: Spool
    outbox: Outbox
    edge: "EdgeSim | None" = None
    sent: int = 0
    skip: tuple[Mark, ...] = ()
    recorded: int = 0
    reverted: bool = False
    snapshot: Path | None = None

    @property
    def key(self) -> bytes:
        """The uid's bytes."""
        return UUID(self.entry.agent_uid).bytes

    def open(self) -> None:
        """Start the agent on what is on its disk."""
        self.spool = Spool.open(self.path)
        self.outbox = Outbox(self.spool, "agent")
        self.edge, self.sent, self.skip = None, 0, ()

    def kill(self) -> None:
        """The process ends; what was not committed is gone."""
        self.spool._connection.rollback()
        self.spool._connection.close()

    def disk(self) -> list[Path]:
        """The files of the outbox."""
        return [self.path, self.path.with_name(self.path.name + "-wal")]

    def held(self) -> set[str]:
        """The texts in the outbox."""
        return {
            text
            for (payload,) in self.spool.read("SELECT payload FROM batches")
            for text in texts_of(payload)
        }


@attrs.define(eq=False)
class EdgeSim:
    """An edge's process and its journal."""

    name: str
    folder: Path
    files: LossyFiles
    directory: Directory
    writer: JournalWriter | None = None
    heard: int = 0
    due: list[tuple[AgentSim, Mark, list[str]]] = attrs.field(factory=list)
    copy: Path | None = None


def texts_of(payload: bytes) -> list[str]:
    """The texts of a batch."""
    message = decode(EventBatch.tag, payload)
    assert isinstance(message, EventBatch)
    return [str(cells[-1]) for cells in message.rows]


def newer_version(message: EventBatch) -> bytes:
    """The batch as an agent of a newer minor version would cut it: with a kind of event that we do not know."""
    fields = list(msgpack.unpackb(encode(message)))
    fields[-1][0][1] = 99
    return bytes(msgpack.packb(fields))


def explosive(place: Any, message: EventBatch) -> int:
    """A projection with a bug, which certain events set off."""
    if any(cells[-1].startswith("boom") for cells in message.rows):
        raise ZeroDivisionError("this event sets off a bug")
    return rows._events(place, message)


class World:
    """Everything, and what can happen."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")  # nothing here needs a disk that is slower than it has to be
        self.folder = Path(tempfile.mkdtemp(prefix="delivery-", dir=memory if memory.is_dir() else None))
        self._bug = mock.patch.dict(rows.PROJECTIONS, {EventBatch: explosive})
        self._bug.start()
        self._quiet = contextlib.ExitStack()
        self._quiet.enter_context(
            structlog.testing.capture_logs()
        )  # rendering tracebacks takes longer than all else
        self.at_s = 0.0
        self.promises: dict[str, Promise] = {}
        self.copies_destroyed = False
        shutil.copy(store_template(), self.folder / "store.sqlite")
        self.store = self._open_store()
        entries = list(self.store.directory().agents)
        self.agents = [self._new_agent(entry) for entry in sorted(entries, key=lambda e: e.agent_id)]
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
            mark for mark in entry.durable.values() if may_skip(mark, agent.outbox.own_id(mark))
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
            self._excuse()  # what it has put aside leads nowhere, if no edge understood it before
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
        before = agent.held()
        agent.outbox.release(mark)
        for text in before - agent.held():
            promise = self.promises[text]
            promise.told = promise.released = True

    def _resync(self, agent: AgentSim, resync: ResyncWanted) -> None:
        if resync.pending and resync.scope == ResyncScope.RANGE:
            start = agent.outbox.before(resync.epoch, resync.from_sequence)
            if start is not None and start < agent.sent:
                agent.sent, agent.skip = start, ()

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

    # -- what fate does -----------------------------------------------------------------------------------------------

    def kill_agent(self, agent: AgentSim) -> None:
        """The agent's process dies and is started again."""
        agent.kill()
        agent.open()

    def take_snapshot(self, agent: AgentSim) -> None:
        """Somebody takes a snapshot of the agent's machine."""
        agent.snapshot = Path(tempfile.mkdtemp(dir=self.folder))
        for path in agent.disk():
            if path.exists():
                shutil.copy(path, agent.snapshot)

    def revert(self, agent: AgentSim) -> None:
        """Somebody reverts the machine to the snapshot."""
        if agent.snapshot is None:
            return
        agent.kill()
        for path in agent.disk():
            path.unlink(missing_ok=True)
        for path in agent.snapshot.iterdir():
            shutil.copy(path, agent.path.parent)
        agent.open()
        agent.reverted = True
        self._excuse()

    def kill_edge(self, edge: EdgeSim, *, power: float | None) -> None:
        """The edge's process dies (power None), or its machine, when *power* is how much of what was not synced survives."""
        if edge.writer is None:
            return
        if power is None:
            edge.files.kill()
        else:
            edge.files.power_cut(surviving=lambda unsynced: int(unsynced * power))
        edge.writer, edge.due = None, []
        for agent in self.agents:
            if agent.edge is edge:
                agent.edge = None

    def copy_journal(self, edge: EdgeSim) -> None:
        """A backup of the edge's disk."""
        edge.copy = Path(tempfile.mkdtemp(dir=self.folder))
        shutil.copytree(edge.folder, edge.copy / "journal")

    def restore_journal(self, edge: EdgeSim) -> None:
        """The edge's disk dies, and is replaced by the backup."""
        if edge.copy is not None:
            self._replace_journal(edge, edge.copy / "journal")

    def lose_journal(self, edge: EdgeSim) -> None:
        """The edge's disk dies, and is replaced by an empty one."""
        self._replace_journal(edge, None)

    def _replace_journal(self, edge: EdgeSim, by: Path | None) -> None:
        self.kill_edge(edge, power=None)
        shutil.rmtree(edge.folder)
        if by is not None:
            shutil.copytree(by, edge.folder)
        edge.files = LossyFiles()
        self.start_edge(edge)
        self._journal_touched(edge)

    def rot(self, edge: EdgeSim, where: float) -> None:
        """A bit flips in a closed segment, *where* in it; what stands behind it in that segment cannot be read either."""
        *closed, _ = sorted(edge.folder.glob("*.fgj"))
        closed = [path for path in closed if path.stat().st_size > HEADER_BYTES]
        if not closed or edge.due:  # what is not yet promised, no promise is broken about
            return
        with closed[int(where * len(closed))].open("r+b") as file:
            data = file.read()
            at = HEADER_BYTES + int(where * (len(data) - HEADER_BYTES))
            file.seek(at)
            file.write(bytes([data[at] ^ 1]))
        self._journal_touched(edge)

    def weekend(self, agent: AgentSim, edge: EdgeSim) -> None:
        """What an agent said last lies in a journal that rots; it is switched off, and the operator has no patience."""
        self.connect(agent, edge)
        for _ in range(5):
            self.record(agent, 1)
        while self.send(agent):
            pass
        self.sync(edge)
        agent.edge = None
        self.rot(edge, 0.9)
        self.project(40)
        self.declare_lost()
        self.project(3, seconds=2)

    def relive(self, agent: AgentSim, edge: EdgeSim) -> None:
        """A machine says more than its snapshot knows, hears that all of it is in, and is reverted."""
        self.record(agent, 1)
        self.take_snapshot(agent)
        self.record(agent, 1)
        self.connect(agent, edge)
        while self.send(agent):
            pass
        self.sync(edge)
        self.project(20)
        self.hear(edge)
        self.revert(agent)

    def _journal_touched(self, edge: EdgeSim) -> None:
        for promise in self.promises.values():
            promise.durable.discard(edge)
        self.copies_destroyed = True
        self._excuse()

    def copy_store(self) -> None:
        """`fieldgate backup`."""
        self.store_copy = Path(tempfile.mkdtemp(dir=self.folder)) / "store.sqlite"
        with contextlib.closing(sqlite.connect(self.store_copy)) as target:
            self._checks.backup(target)

    def restore_store(self) -> None:
        """`fieldgate restore`, with everything stopped."""
        if self.store_copy is None:
            return
        for edge in self.edges:
            self.kill_edge(edge, power=None)
        self._checks.close()
        self.store.close()
        for suffix in ("", "-wal", "-shm"):
            (self.folder / f"store.sqlite{suffix}").unlink(missing_ok=True)
        shutil.copy(self.store_copy, self.folder / "store.sqlite")
        self.store = self._open_store()
        self._checks = sqlite.connect(self.folder / "store.sqlite")
        for edge in self.edges:
            self.start_edge(edge)
        self.start_projector()
        stored = self.stored()
        for promise in self.promises.values():
            promise.released = promise.released and promise.text in stored
        self.copies_destroyed = True
        self._excuse()

    def _excuse(self) -> None:
        """Fate has destroyed copies: whose last copy was among them is excused."""
        somewhere = self.somewhere()
        for promise in self.promises.values():
            if promise.text not in somewhere:
                promise.excused = True

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

    # -- what must hold -----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Every promise, against where things are."""
        stored = self.stored()
        twice = [text for text, count in stored.items() if count > 1]
        assert not twice, f"counted twice: {twice}"
        somewhere = self.somewhere()
        on_disk = {edge: set(journaled(edge.folder, START)) for edge in self.edges}
        for promise in self.promises.values():
            text = promise.text
            if promise.excused:
                continue
            assert not promise.released or text in stored, f"released, and not in the store: {text}"
            assert not promise.told or text in somewhere, f"acknowledged, and nowhere: {text}"
            for edge in promise.durable:
                assert text in on_disk[edge], f"durable, and not on the disk of {edge.name}: {text}"

    def settle(self) -> None:
        """Fate rests, everything is up: in the end everything is in the store, and nobody waits for anything."""
        for edge in self.edges:
            self.kill_edge(edge, power=None)
            self.start_edge(edge)
        for n, agent in enumerate(self.agents):
            self.connect(agent, self.edges[n % EDGES])
        for _ in range(12 + 3 * len(self.promises)):
            before = self._progress()
            self._flow()
            if self._is_settled():
                break
            if self._progress() != before:
                continue
            # Nothing moves by itself: agents are asked for what is missing, come back, and at last it is declared lost.
            self._flow(seconds=700)
            for n, agent in enumerate(self.agents):
                self.connect(agent, self.edges[n % EDGES])
            self._flow()
            if self._progress() == before and not self._is_settled():
                assert self.declare_lost(), f"stuck: {self._progress()}"
                assert self.copies_destroyed, "a gap that nothing explains"
        self.check()
        assert self._is_settled(), f"never settled: {self._progress()}"
        stored = self.stored()
        for promise in self.promises.values():
            gone_with_its_disk = promise.agent.reverted and not promise.told
            if promise.text not in stored:
                assert promise.excused or gone_with_its_disk, f"not in the store: {promise.text}"
        self._check_streams()

    def _check_streams(self) -> None:
        """An agent whose machine was never touched has one stream, and one more for every hole."""
        counted = dict(self._checks.execute("SELECT agent_id, count(*) FROM streams GROUP BY agent_id"))
        holes = dict(
            self._checks.execute(
                "SELECT agent_id, count(*) FROM gaps WHERE state IN ('lost', 'filled') GROUP BY agent_id"
            )
        )
        for agent in self.agents:
            number = agent.entry.agent_id
            if not agent.reverted:
                assert counted.get(number, 0) <= 1 + holes.get(number, 0), "a stream too many"

    def _flow(self, seconds: float = 0.2) -> None:
        for agent in self.agents:
            while self.send(agent):
                pass
        for edge in self.edges:
            self.sync(edge)
        self.project(seconds=seconds)
        for _ in range(1_000):  # a journal that is at its end is idle while the other may have more
            if not self.project(EDGES):
                break
        self.project()
        for edge in self.edges:
            self.hear(edge)

    def _progress(self) -> tuple[Any, ...]:
        return (
            [sorted(agent.held()) for agent in self.agents],
            sorted(self.stored()),
            sorted(self.parked()),
            sorted(self.unread()),
            [view.gap.state for view in self.store.gaps.list()],
        )

    def _is_settled(self) -> bool:
        waiting = self.store.gaps.list([GapState.OPEN, GapState.DECLARED])
        held = any(agent.held() or agent.outbox.records for agent in self.agents)
        return not waiting and not held and not self.parked() and not self.unread()


def journaled(folder: Path, cursor: Cursor) -> Iterable[str]:
    """The texts in a journal from *cursor* on."""
    chunk = JournalReader(folder).read(cursor, 1 << 20)
    while chunk.records:
        for body in chunk.records:
            yield from texts_of(Record.decode(body).payload)
        chunk = JournalReader(folder).read(chunk.cursor, 1 << 20)


_templates: dict[str, Path] = {}


def store_template() -> Path:
    """A store with a provider and its agents; made once in a process."""
    if "store" not in _templates:
        folder = Path(tempfile.mkdtemp(prefix="delivery-template-"))
        store = open_store(f"sqlite:///{folder}/store.sqlite", create=True)
        make_world(store)
        for key in range(AGENTS):
            enroll(store, key=key)
        store.close()
        _templates["store"] = folder / "store.sqlite"
    return _templates["store"]
