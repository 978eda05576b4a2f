"""What fate does: processes die, machines are reverted, disks are lost, restored, or rot."""

import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pysqlite3 import dbapi2 as sqlite

from gateway.journal.frames import HEADER_BYTES
from tests.gateway.projector.model.actors import (
    AgentSim,
    EdgeSim,
)
from tests.gateway.projector.model.life import Life
from tests.helpers.lossy_files import LossyFiles


class Fate(Life):
    """Life, and what can happen to it."""

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
        self.excuse()

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

    def weekend(
        self, agent: AgentSim, edge: EdgeSim, *, batches: int = 5, rotten: Sequence[float] = (0.9,)
    ) -> None:
        """What an agent said last lies in a journal that rots; it is switched off, and the operator has no patience."""
        self.connect(agent, edge)
        for _ in range(batches):
            self.record(agent, 1)
        while self.send(agent):
            pass
        self.sync(edge)
        agent.edge = None
        for where in rotten:
            self.rot(edge, where)
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
        self.excuse()

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
        self.excuse()
