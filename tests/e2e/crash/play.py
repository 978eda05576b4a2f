"""What is done to them: the acts, in an order and at moments drawn from a seed.

Everybody runs under load all the time; who was killed is started again a moment later. Most kills wait, for a second
at most, until a batch of an agent that they concern is between sent and acknowledged: a kill that hits nobody at work
proves little. The others fall where they fall.

Two acts destroy state. They must not overlap: a revert in the time between an acknowledgement and the loss of the journal
that it spoke of destroys both copies, and is no fault that the product promises to survive (docs/delivery.md, "journal
lost").
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import attrs

from tests.e2e.crash.cast import EDGES, Actor, AgentActor, Cast
from tests.e2e.crash.ledger import InFlight, read_ledger
from tests.helpers.provider import wait_for_port

AnyActor = TypeVar("AnyActor", bound=Actor)

# How often each is done: 52 kills, and 4 more in the acts that destroy state.
ACTS: Final = {"agent": 19, "edge": 16, "projector": 8, "both edges": 4, "everybody": 5}

AIMED: Final = 0.95
AIM_S: Final = 1.0
BEFORE_S: Final = (0.0, 0.3)
DOWN_S: Final = (0.0, 0.3)

# A gateway's process needs a second or two to start, more when the machine is busy with other tests.
READY_S: Final = 10.0
START_S: Final = 60.0
DRAIN_S: Final = 90.0
PLAY_S: Final = 240.0

# The restored journal lacks at least so many acknowledged batches that nobody else had read.
UNREAD_BATCHES: Final = 30

# How often all ledgers are looked into; a batch is in flight for some milliseconds.
LOOK_S: Final = 0.01
AIM_LOOK_S: Final = 0.0005


@attrs.frozen(kw_only=True)
class Kill:
    """One moment at which processes were killed."""

    at: int
    """On the ledgers' clock."""
    victims: tuple[str, ...]


@attrs.define(eq=False, kw_only=True)
class Play:
    """One run."""

    cast: Cast
    rng: random.Random
    copies: Path
    kills: list[Kill] = attrs.field(factory=list)
    lost_unread: int = 0
    """Batches that were acknowledged, not projected, and lost with the journal."""
    _began_at: float = attrs.field(factory=time.monotonic)
    _reverted: AgentActor | None = None
    _snapshot_at: tuple[int, int] = (0, 0)
    _restored: str = ""

    def run(self) -> None:
        """All of it, to the orderly end."""
        self.open()
        for act in self.script():
            getattr(self, act.replace(" ", "_"))()
        self.close()

    def script(self) -> list[str]:
        """The acts in order."""
        acts = [act for act, times in ACTS.items() for _ in range(times)]
        self.rng.shuffle(acts)
        pairs = [("snapshot", "revert"), ("copy journal", "restore journal")]
        self.rng.shuffle(pairs)
        early, late = pairs
        third = len(acts) // 3
        for at, act in (
            (2 * third + 8, late[1]),
            (2 * third, late[0]),
            (third + 4, early[1]),
            (third - 4, early[0]),
        ):
            acts.insert(at + self.rng.randrange(4), act)
        return acts

    # -- beginning and end -------------------------------------------------------------------------------------

    def open(self) -> None:
        """Everybody runs, and every agent has had something released."""
        for actor in self.cast.gateways:
            actor.start()
        for name, port in self.cast.ports.items():
            wait_for_port(port, self.cast.edges[name].running)
        for agent in self.cast.agents.values():
            agent.start()
        started = self.wait(lambda: all(state.released_at for state in self.cast.look().values()), START_S)
        self.cast.check()
        assert started, f"no agent was released anything within {START_S} s"

    def close(self) -> None:
        """Nothing more is cut, everything is delivered, everybody ends in order."""
        self.cast.quiet.touch()
        self.wait(lambda: all(state.emptied for state in self.cast.look().values()), DRAIN_S)
        self.cast.check()
        for actor in [*self.cast.agents.values(), *self.cast.gateways]:
            actor.stop()

    # -- acts --------------------------------------------------------------------------------------------------

    def agent(self) -> None:
        """One agent."""
        self.strike(self.one_of(list(self.cast.agents.values())))

    def edge(self) -> None:
        """One edge: its agents go to the other one."""
        self.strike(self.one_of(list(self.cast.edges.values())))

    def projector(self) -> None:
        """The projector."""
        self.strike(self.one_of([self.cast.projector]))

    def both_edges(self) -> None:
        """All edges at once: agents wait with their outboxes."""
        self.one_of(list(self.cast.edges.values()))
        self.strike(*self.cast.edges.values())

    def everybody(self) -> None:
        """The power goes, everywhere."""
        self.one_of(list(self.cast.edges.values()))
        self.strike(*self.cast.everybody())

    def snapshot(self) -> None:
        """Somebody takes a snapshot of an agent's machine while it runs."""
        agent = self._reverted = self.one_of(list(self.cast.agents.values()))
        with agent.frozen():
            shutil.copytree(agent.folder, self.copies / "agent")
            agent.note("snapshot")
        self._snapshot_at = agent.look().cut_to

    def revert(self) -> None:
        """The agent's machine is reverted to it, after it has been released more than the snapshot knew of."""
        agent = self._reverted
        assert agent is not None
        state = agent.look()
        self.wait(lambda: agent.look() and state.released_to > self._snapshot_at, START_S)
        self.strike(agent, again=False)
        agent.note("reverted")
        agent.put_back(self.copies / "agent")
        agent.start()

    def copy_journal(self) -> None:
        """Somebody copies an edge's journal while it is written."""
        self._restored = self.rng.choice(EDGES)
        self.cast.edges[self._restored].copy_to(self.copies / "journal")

    def restore_journal(self) -> None:
        """The copy comes back, and what it lacks was acknowledged and read by nobody."""
        edge = self.cast.edges[self._restored]
        (other,) = (each for each in self.cast.edges.values() if each is not edge)
        self.strike(self.cast.projector, again=False)
        self.strike(other, again=False)
        before = self.acknowledged()
        self.wait(lambda: self.acknowledged() >= before + UNREAD_BATCHES, START_S)
        self.strike(edge, again=False)
        self.lost_unread = self.acknowledged() - before
        edge.put_back(self.copies / "journal")
        for actor in (edge, other, self.cast.projector):
            actor.start()

    # -- how ---------------------------------------------------------------------------------------------------

    def strike(self, *victims: Actor, again: bool = True) -> None:
        """kill -9, all at once; after a moment they live again."""
        names = tuple(victim.name for victim in victims)
        time.sleep(self.rng.uniform(*BEFORE_S))
        self.cast.check()
        pids = [victim.running.popen.pid for victim in victims]
        if self.rng.random() < AIMED:
            self.wait(lambda: self.at_stake(names), AIM_S, look_s=AIM_LOOK_S)
        self.kills.append(Kill(at=time.monotonic_ns(), victims=names))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        print(
            len(self.kills),
            round((self.kills[-1].at - self.kills[0].at) / 1e9, 1),
            self.kills[-1].victims,
            flush=True,
        )
        for victim in victims:
            victim.bury()
        if again:
            time.sleep(self.rng.uniform(*DOWN_S))
            for victim in victims:
                victim.start()

    def at_stake(self, victims: Sequence[str]) -> bool:
        """Whether a batch of an agent that their end concerns is in flight."""
        return any(
            state.batches and self.cast.concerns(victims, name, state.address)
            for name, state in self.cast.look().items()
        )

    def one_of(self, candidates: Sequence[AnyActor]) -> AnyActor:
        """One that is at work, if that is so within a while."""
        self.wait(lambda: any(map(self.at_work, candidates)), READY_S)
        return self.rng.choice([each for each in candidates if self.at_work(each)] or candidates)

    def at_work(self, actor: Actor) -> bool:
        """Whether something has come of its present life."""
        states = self.cast.look()
        if actor is self.cast.projector:
            return any(state.released_at > actor.started_at for state in states.values())
        return any(
            state.opened_at > actor.started_at and self.cast.concerns([actor.name], name, state.address)
            for name, state in states.items()
        )

    def acknowledged(self) -> int:
        """Batches that became durable so far, all agents together."""
        return sum(state.acknowledged for state in self.cast.look().values())

    def wait(self, until: Callable[[], object], limit_s: float, *, look_s: float = LOOK_S) -> bool:
        """Whether it came true in time; there is none left when the play has taken too long."""
        deadline = min(time.monotonic() + limit_s, self._began_at + PLAY_S)
        while not until():
            if time.monotonic() > deadline:
                return False
            time.sleep(look_s)
        return True

    def in_flight(self) -> list[int]:
        """For each kill: how many batches of the agents that it concerned were sent and not acknowledged at that moment."""
        counts = [0] * len(self.kills)
        for name, agent in self.cast.agents.items():
            state, entries = InFlight(), iter(read_ledger(agent.ledger))
            entry = next(entries, None)
            for n, kill in enumerate(self.kills):
                while entry is not None and entry["at"] <= kill.at:
                    state.follow(entry)
                    entry = next(entries, None)
                if self.cast.concerns(kill.victims, name, state.address):
                    counts[n] += len(state.batches)
        return counts
