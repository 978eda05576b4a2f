"""The delivery rules under fate: docs/delivery.md's promises hold whatever happens, in whatever order.

One rule, `day`, and not one for each thing that can happen: Hypothesis switches rules off at random within a run, and a run
without traffic proves nothing. A day is some of an agent's batches going some of their way, and then perhaps a blow.

Which blows may fall is the machine's *fate*. All of them together find what nobody thought of; two or three that belong
together go deeper, because the stories in which a rule matters are long.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from gateway.projector.holes import MAX_OPEN_GAPS
from tests.gateway.projector.model import AGENTS, EDGES, AgentSim, EdgeSim, World

Blow = Callable[[World, AgentSim, EdgeSim], object]

BLOWS: Mapping[str, Blow] = MappingProxyType(
    {
        "the agent is killed": lambda world, agent, edge: world.kill_agent(agent),
        "the edge is killed": lambda world, agent, edge: world.kill_edge(edge, power=None),
        "power fails, and nothing unsynced survives": lambda world, agent, edge: world.kill_edge(
            edge, power=0.0
        ),
        "power fails, and half of it survives": lambda world, agent, edge: world.kill_edge(edge, power=0.5),
        "the projector is killed in a transaction": lambda world, agent, edge: world.kill_projector(
            committed=False
        ),
        "the projector is killed after it": lambda world, agent, edge: world.kill_projector(committed=True),
        "an edge cannot read the batch": lambda world, agent, edge: world.send(agent, refused=True),
        "a snapshot is taken": lambda world, agent, edge: world.take_snapshot(agent),
        "the snapshot is reverted to": lambda world, agent, edge: world.revert(agent),
        "more is said than the snapshot knows, and it is reverted to": lambda world, agent, edge: (
            world.relive(agent, edge)
        ),
        "the journal is backed up": lambda world, agent, edge: world.copy_journal(edge),
        "the journal is restored": lambda world, agent, edge: world.restore_journal(edge),
        "the journal is lost": lambda world, agent, edge: world.lose_journal(edge),
        "the journal rots, early": lambda world, agent, edge: world.rot(edge, 0.1),
        "the journal rots, late": lambda world, agent, edge: world.rot(edge, 0.8),
        "it rots, its agent is off, and the gap is given up": lambda world, agent, edge: world.weekend(
            agent, edge
        ),
        "it rots in two places, its agent is off, and one gap is given up": lambda world, agent, edge: (
            world.weekend(agent, edge, batches=12, rotten=(0.5, 0.9))
        ),
        "the store is backed up": lambda world, agent, edge: world.copy_store(),
        "the store is restored": lambda world, agent, edge: world.restore_store(),
        "an operator declares a gap lost": lambda world, agent, edge: world.declare_lost(),
        "another agent goes astray": lambda world, agent, edge: world.flood(edge),
        "the other edge syncs": lambda world, agent, edge: world.sync(edge),
        "the other edge hears": lambda world, agent, edge: world.hear(edge),
    }
)


FATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "everything": tuple(BLOWS),
        "snapshots": (
            "a snapshot is taken",
            "the snapshot is reverted to",
            "more is said than the snapshot knows, and it is reverted to",
        ),
        "refusals": ("an edge cannot read the batch",),
        "lost disks": ("the journal is lost", "the journal rots, early", "the journal rots, late"),
        "restored disks": ("the journal is backed up", "the journal is restored"),
        "holes": ("it rots, its agent is off, and the gap is given up", "an operator declares a gap lost"),
        "few gaps": (
            "another agent goes astray",
            "it rots in two places, its agent is off, and one gap is given up",
            "the journal rots, early",
            "the journal rots, late",
            "the snapshot is reverted to",
            "a snapshot is taken",
            "the other edge hears",
        ),
        "crashes": (
            "the edge is killed",
            "power fails, and nothing unsynced survives",
            "power fails, and half of it survives",
            "the projector is killed in a transaction",
            "the projector is killed after it",
        ),
    }
)


class Delivery(RuleBasedStateMachine):
    """Agents, edges, a projector, an operator; fate comes with the subclasses."""

    open_gaps = MAX_OPEN_GAPS

    def __init__(self) -> None:
        super().__init__()
        self.world = World(open_gaps=self.open_gaps)

    def teardown(self) -> None:
        try:
            self.world.settle()
        finally:
            self.world.close()

    @invariant()
    def promises_hold(self) -> None:
        self.world.check()

    def live(
        self,
        speaker: AgentSim,
        edge: int | None,
        events: tuple[int | str, ...],
        batches: int,
        sync: bool,
        project: tuple[int, float],
        hear: bool,
    ) -> None:
        """Some of an agent's batches go some of their way."""
        world = self.world
        for each in events:
            if isinstance(each, int):
                world.record(speaker, each)
            else:
                world.record(speaker, 1, kind=each)
        if edge is not None:
            world.connect(speaker, world.edges[edge])
        for _ in range(batches):
            world.send(speaker)
        if sync and speaker.edge is not None:
            world.sync(speaker.edge)
        world.project(*project)
        if hear and speaker.edge is not None:
            world.hear(speaker.edge)


def machine(fate: str) -> type[Delivery]:
    """The machine with that fate."""
    agents = st.integers(0, AGENTS - 1) if fate == "everything" else st.just(0)
    edges = st.integers(0, EDGES - 1)
    blows = FATES[fate]

    class Machine(Delivery):
        # So that agents which did nothing wrong have more gaps than they may.
        open_gaps = 1 if fate == "few gaps" else MAX_OPEN_GAPS

        @rule(
            agent=agents,
            edge=st.sampled_from([None, 0, 1, 0, 1]),
            events=st.sampled_from([(), (1,) * 6, (1,), (2,), (1, 1), (1, "boom"), ("newer", 1)]),
            batches=st.sampled_from([0, 1, 2, 9]),
            sync=st.booleans(),
            project=st.sampled_from([*[(0, 0.0)] * 4, (1, 0.2), (3, 0.2), (20, 0.2), (2, 20.0)]),
            hear=st.booleans(),
            blow=st.sampled_from([*[""] * len(blows), *blows]),
            struck=st.tuples(agents, edges),
        )
        def day(self, agent: int, blow: str, struck: tuple[int, int], **everyday: Any) -> None:
            self.live(self.world.agents[agent], **everyday)
            if blow:
                BLOWS[blow](self.world, self.world.agents[struck[0]], self.world.edges[struck[1]])

    return Machine


@pytest.mark.parametrize("fate", FATES)
def test_promises_hold(fate: str) -> None:
    """Released: in the store, once. Durable: on that disk. Either: somewhere. In the end: in the store, and no gap open."""
    settings = hypothesis.settings(
        max_examples=40 if fate == "everything" else 10,
        stateful_step_count=30,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    run_state_machine_as_test(machine(fate), settings=settings)
