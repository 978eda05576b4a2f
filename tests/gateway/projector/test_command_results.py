"""Results of commands in the journals: each ends its own agent's command, once; whatever else comes stalls nobody."""

import attrs

from gateway.store import CommandPending, CommandState, Delivery, StoredCommand
from protocol import Code, CommandResult, EventBatch, Outcome, batch_id, commands, encode
from tests.gateway.projector.rig import START_MS, Chain, Rig


def ask(rig: Rig, agent_uid: str, *, ttl_ms: int = 60_000) -> StoredCommand:
    """A command that an edge has delivered."""
    command = rig.store.commands.enqueue(
        agent_uid, commands.StopJob(job_uid="j"), who="ada", ttl_ms=ttl_ms, now_ms=START_MS
    )
    wanted = Delivery(command_uid=command.uid, agent_uid=agent_uid, fence=0)
    rig.store.commands.claim([wanted], edge_uid="e1", now_ms=START_MS)
    return command


def result(chain: Chain, uid: str, outcome: Outcome = Outcome.SUCCEEDED, *, fence: int = 1) -> bytes:
    """The next batch of a chain."""
    payload = encode(
        CommandResult(
            epoch=chain.epoch, first_sequence=chain.next_sequence, count=1, previous=chain.tip, command_uid=uid,
            fence=fence, outcome=outcome, code=3, message="done", finished_ms=1,
        )
    )  # fmt: skip
    chain.next_sequence += 1
    chain.tip = batch_id(payload)
    return payload


def state(rig: Rig, command: StoredCommand) -> CommandState:
    return rig.store.commands.get(command.uid).command.state


def test_a_result_ends_its_command_and_is_told(rig: Rig) -> None:
    """With the time of the gateway, whatever the agent's clock says; edges drop it from what is pending."""
    agent, chain = rig.agent(), Chain()
    command = ask(rig, agent.agent_uid)
    rig.told()
    rig.journal(agent, result(chain, command.uid), tag=CommandResult.tag)
    rig.drain()

    ended = rig.store.commands.get(command.uid).command
    assert (ended.state, ended.code, ended.message) == (CommandState.SUCCEEDED, 3, "done")
    assert ended.finished_ms == START_MS
    [told] = [body for body in rig.told() if isinstance(body, CommandPending)]
    assert told == ended.pending
    assert rig.store.events.quarantined() == []


def test_the_first_result_counts(rig: Rig) -> None:
    """An agent that was asked again answers again, under the new fence; another journal may bring either first."""
    agent, chain = rig.agent(), Chain()
    command = ask(rig, agent.agent_uid)
    first, second = result(chain, command.uid), result(chain, command.uid, Outcome.FAILED, fence=2)
    rig.journal(agent, first, second, tag=CommandResult.tag)
    rig.journal(agent, first, second, tag=CommandResult.tag, edge="south")
    rig.journal(agent, chain.cut("a"))
    rig.drain()

    assert state(rig, command) is CommandState.SUCCEEDED
    assert rig.texts(agent) == ["a"]
    assert rig.store.events.quarantined() == []


def test_an_agent_cannot_end_anothers_command(rig: Rig) -> None:
    """Its word is kept apart with FG-5007, and what it says next is taken."""
    agent, other, chain = rig.agent(), rig.agent(), Chain()
    command = ask(rig, agent.agent_uid)
    rig.journal(other, result(chain, command.uid), result(chain, "never given"), tag=CommandResult.tag)
    rig.journal(other, chain.cut("a"))
    rig.drain()

    assert state(rig, command) is CommandState.DELIVERED
    kept = rig.store.events.quarantined(other.agent_uid)
    assert [each.sequence for each in kept] == [1, 2]
    assert all(str(Code.COMMAND_NOT_GIVEN) in each.reason for each in kept)
    assert rig.texts(other) == ["a"]


def test_commands_expire_while_nobody_says_anything(rig: Rig) -> None:
    """The projector looks after it every second, and rings the edges."""
    agent = rig.agent()
    command = rig.store.commands.enqueue(
        agent.agent_uid, commands.RenewCertificate(), who="ada", ttl_ms=5_000, now_ms=START_MS
    )
    rig.drain(4.5)
    rang = rig.rings
    assert state(rig, command) is CommandState.QUEUED
    rig.drain(2)
    assert state(rig, command) is CommandState.EXPIRED
    assert rig.rings > rang


def test_a_result_that_waits_behind_a_gap_is_not_lost(rig: Rig) -> None:
    """It comes from another journal than what was before it."""
    agent, chain = rig.agent(), Chain()
    command = ask(rig, agent.agent_uid)
    first = chain.cut("a")
    rig.journal(agent, result(chain, command.uid, Outcome.INTERRUPTED), tag=CommandResult.tag)
    rig.drain()
    assert state(rig, command) is CommandState.DELIVERED
    rig.journal(agent, first, edge="south")
    rig.drain()
    assert state(rig, command) is CommandState.INTERRUPTED


def test_a_tombstone_for_a_result_ends_nothing(rig: Rig) -> None:
    """The original still may, when it comes."""
    agent, chain = rig.agent(), Chain()
    command = ask(rig, agent.agent_uid)
    before = attrs.evolve(chain)
    original = result(chain, command.uid)
    stone = encode(
        EventBatch(
            epoch=before.epoch, first_sequence=before.next_sequence, count=1, previous=before.tip,
            replaces=batch_id(original), rows=(),
        )
    )  # fmt: skip
    rig.journal(agent, stone)
    rig.drain()
    assert state(rig, command) is CommandState.DELIVERED
    rig.journal(agent, original, tag=CommandResult.tag)
    rig.drain()
    assert state(rig, command) is CommandState.SUCCEEDED
