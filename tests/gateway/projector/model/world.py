"""The world of the delivery model: agents, edges and a projector made of the real parts, and what can happen to them.

Real are the agent's outbox on its SQLite file, the journals on a file layer that forgets what was not synced, the edge's
directory, the projector and its store. Played are the wires between them, the clock, and fate.

Every record is a job event with a text of its own. For each the world keeps what was promised about it, and after every
step looks where it really is:

- *released*: it is in the store, once;
- *durable*: it is on the disk of the edge that said so, as long as nobody has put a hand on that disk;
- *told either*: it is somewhere that leads to the store: in it, parked, unread in a journal, or in its agent's outbox.

Of an agent that has gone astray nothing is promised but that it takes no more than its share.

Fate may destroy copies. A record whose last copy goes that way is *excused*; nothing else excuses one.
"""

from typing import Any

from gateway.journal import START
from gateway.store import GapState
from protocol import Code
from tests.gateway.projector.model.actors import (
    EDGES,
    journaled,
)
from tests.gateway.projector.model.fate import Fate


class World(Fate):
    """Everything, and what must hold of it."""

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
        for table in ("gaps WHERE state = 'open' AND", "resyncs WHERE scope = 3 AND"):
            [(rows,)] = self._checks.execute(
                f"SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM {table} true GROUP BY agent_id)"  # noqa: S608  # names of ours
            )
            assert rows <= self.open_gaps, f"more than an agent's share: {rows} of {table}"

    def settle(self) -> None:
        """Fate rests, everything is up: in the end everything is in the store, and nobody waits for anything."""
        for edge in self.edges:
            if edge.writer is None:
                self.start_edge(edge)
        self.store.agents.revoke(
            self.astray.agent_uid,
            why="it has gone astray",
            code=Code.CLIENT_CERT_REVOKED,
            now_ms=self.now_ms(),
        )
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
