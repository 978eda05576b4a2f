"""What an edge knows in memory: the newest state of each thing, bounded."""

import uuid

import attrs

from gateway.edge.clones import confirmed
from gateway.edge.directory import MAX_EPOCHS, MAX_RESYNCS, MAX_STREAMS, Agent, Directory
from gateway.store import (
    AgentEntry,
    ClaimEntry,
    CommandPending,
    CursorMoved,
    GatewaysChanged,
    Overrun,
    ReleasedMark,
    ResyncWanted,
    Revocation,
    Standing,
)
from protocol import NO_BATCH, ResyncScope

UID = str(uuid.UUID(int=5))
ENTRY = AgentEntry(
    agent_uid=UID,
    agent_id=1,
    agent_kind="client",
    standing=Standing.VERIFIED,
    code=0,
    organization_uid="o",
    organization_kind="company",
    location_uid=None,
    host_name="h",
    synthetic=False,
)


def released(stream: int, following: int, *, echo: bool = False) -> ReleasedMark:
    return ReleasedMark(
        agent_uid=UID,
        stream_id=stream,
        epoch=stream + 100,
        first_sequence=1,
        next_sequence=following,
        batch_id=bytes([stream % 256]) * 16,
        echo=echo,
    )


def known() -> tuple[Directory, Agent]:
    directory = Directory()
    agent = directory.apply(ENTRY)
    assert agent is not None
    return directory, agent


def test_an_entry_replaces_the_one_before_and_keeps_what_else_is_known() -> None:
    directory, agent = known()
    directory.apply(released(1, 5))
    assert directory.apply(attrs.evolve(ENTRY, standing=Standing.REJECTED)) is agent
    assert agent.entry.standing is Standing.REJECTED
    assert agent.key == uuid.UUID(UID).bytes
    assert [mark.next_sequence for mark in agent.marks()] == [5]


def test_what_is_said_of_an_unknown_agent_is_passed_over() -> None:
    directory = Directory()
    assert directory.apply(released(1, 5)) is None
    assert directory.find(UID) is None


def test_echoes_come_before_ends() -> None:
    """A reverted agent can use the echo, and would take the end alone for a sign that it was reverted."""
    directory, agent = known()
    directory.apply(released(1, 9))
    directory.apply(released(1, 5, echo=True))
    directory.apply(released(2, 7))
    assert [mark.next_sequence for mark in agent.marks()] == [5, 9, 7]


def test_the_oldest_streams_are_forgotten() -> None:
    directory, agent = known()
    for n in range(MAX_STREAMS + 10):
        directory.apply(released(n, 5))
    epochs = [mark.epoch for mark in agent.marks()]
    assert epochs == list(range(110, MAX_STREAMS + 110))


def test_an_older_claim_does_not_replace_a_newer() -> None:
    """The feed may still tell of a claim that this edge has replaced already."""
    directory, agent = known()

    def claim(fence: int) -> ClaimEntry:
        return ClaimEntry(
            agent_uid=UID,
            edge_uid="e",
            session_uid=f"s{fence}",
            nonce=b"n" * 16,
            previous_nonce=b"",
            fence=fence,
        )

    directory.apply(claim(3))
    directory.apply(claim(2))
    assert agent.claim == claim(3)


def test_a_claim_that_comes_back_by_the_feed_does_not_undo_its_confirmation() -> None:
    """The store keeps the nonce before; the edge knows already that only a copy of the agent can return it."""
    directory, agent = known()
    claim = ClaimEntry(
        agent_uid=UID, edge_uid="e", session_uid="s", nonce=b"n" * 16, previous_nonce=b"b" * 16, fence=3
    )
    agent.claim = confirmed(claim)
    directory.apply(claim)
    assert agent.claim == confirmed(claim)
    elsewhere = attrs.evolve(claim, session_uid="another")
    directory.apply(elsewhere)
    assert agent.claim == elsewhere


def test_a_resync_is_pending_until_it_is_taken_back() -> None:
    directory, agent = known()
    wanted = ResyncWanted(agent_uid=UID, scope=3, epoch=9, from_sequence=1, pending=True)
    directory.apply(wanted)
    assert list(agent.resyncs.values()) == [wanted]
    directory.apply(attrs.evolve(wanted, pending=False))
    assert not agent.resyncs


def test_resyncs_are_bounded() -> None:
    """The oldest is forgotten, and is asked for again; an inventory is not, whatever else is wanted."""
    directory, agent = known()
    full = ResyncWanted(agent_uid=UID, scope=ResyncScope.FULL, epoch=0, from_sequence=1, pending=True)
    directory.apply(full)
    for epoch in range(1, 200):
        directory.apply(attrs.evolve(full, scope=ResyncScope.RANGE, epoch=epoch))
    kept = [body.epoch for body in agent.resyncs.values()]
    assert len(kept) == MAX_RESYNCS
    assert kept == [0, *range(201 - MAX_RESYNCS, 200)]


def test_a_resync_of_tomorrow_is_passed_over() -> None:
    """A newer projector may want something that this edge has no words for: nobody is asked, and nobody stops over it."""
    directory, agent = known()
    wanted = ResyncWanted(agent_uid=UID, scope=99, epoch=0, from_sequence=0, pending=True)
    assert directory.apply(wanted) is None
    assert not agent.resyncs


def test_the_rest_of_the_world() -> None:
    directory, agent = known()
    assert directory.apply(Revocation(serial=77, agent_uid=UID, why="", revoked_ms=0)) is agent
    assert 77 in directory.revoked
    moved = CursorMoved(journal_uid="j", segment=1, incarnation=bytes(16), offset=5, time_ms=0)
    directory.apply(moved)
    assert directory.cursors == {"j": moved}
    gateways = GatewaysChanged(revision=3, gateways=("a:1",))
    directory.apply(gateways)
    assert directory.gateways == gateways


# -- what this edge journaled ----------------------------------------------------------------------------------------


def test_a_run_of_batches_is_one_mark() -> None:
    _, agent = known()
    agent.note_journaled(1, 11, 21, NO_BATCH, b"a" * 16)
    mark = agent.note_journaled(1, 21, 31, b"a" * 16, b"b" * 16)
    assert (mark.first_sequence, mark.next_sequence, mark.batch_id) == (11, 31, b"b" * 16)


def test_what_does_not_follow_begins_a_new_run() -> None:
    """Neither a hole nor another branch may be told as "everything up to here"."""
    _, agent = known()
    agent.note_journaled(1, 1, 11, NO_BATCH, b"a" * 16)
    assert agent.note_journaled(1, 21, 31, b"x" * 16, b"c" * 16).first_sequence == 21
    assert agent.note_journaled(1, 31, 41, b"y" * 16, b"d" * 16).first_sequence == 31
    assert agent.note_journaled(1, 11, 21, b"a" * 16, b"e" * 16).first_sequence == 11


def test_after_an_overrun_nothing_counts_as_journaled_here() -> None:
    """Some of it was left out; an agent that was told that it is here would not send it again."""
    directory, agent = known()
    agent.durable = {1: agent.note_journaled(1, 1, 11, NO_BATCH, b"a" * 16)}
    assert directory.apply(Overrun(agent_uid=UID, received_ms=5)) is agent
    assert not agent.durable
    assert agent.note_journaled(1, 11, 21, b"a" * 16, b"b" * 16).first_sequence == 11
    assert Directory().apply(Overrun(agent_uid=UID, received_ms=5)) is None


def test_epochs_are_bounded() -> None:
    _, agent = known()
    for epoch in range(1, 100):
        agent.note_journaled(epoch, 1, 2, NO_BATCH, bytes([epoch]) * 16)
    assert list(agent.journaled) == list(range(100 - MAX_EPOCHS, 100))


def test_agents_do_not_share_what_they_journaled() -> None:
    directory, agent = known()
    other = directory.apply(attrs.evolve(ENTRY, agent_uid=str(uuid.UUID(int=6))))
    assert other is not None
    agent.note_journaled(1, 1, 2, NO_BATCH, b"a" * 16)
    assert not other.journaled


def asked(uid: str, fence: int, state: str = "delivered") -> CommandPending:
    return CommandPending(
        agent_uid=UID, command_uid=uid, command_kind="stop-job", payload=b"{}", fence=fence, not_after_ms=9, state=state,
        cancelling=False,
    )  # fmt: skip


def test_commands_are_held_in_their_order_until_they_end() -> None:
    """The newest fence counts, whichever way it came; what a newer version calls its states is nothing to deliver."""
    directory, agent = known()
    for body in (asked("a", 0, "queued"), asked("b", 0, "queued"), asked("a", 2), asked("a", 1)):
        assert directory.apply(body) is agent
    assert list(agent.commands.values()) == [asked("a", 2), asked("b", 0, "queued")]

    for state in ("succeeded", "of tomorrow"):
        directory.apply(asked("a", 3, state))
        assert list(agent.commands) == ["b"]
    directory.apply(asked("b", 1, "expired"))
    assert agent.commands == {}


def test_agents_without_commands_share_the_emptiness() -> None:
    """Ten thousand empty dictionaries would be ten thousand too many; and what one is asked no other hears of."""
    directory, agent = known()
    other = directory.apply(attrs.evolve(ENTRY, agent_uid=str(uuid.UUID(int=6))))
    assert other is not None
    assert agent.commands is other.commands
    directory.apply(asked("a", 1))
    assert other.commands == {}
    assert directory.apply(attrs.evolve(asked("a", 1), agent_uid="nobody")) is None
