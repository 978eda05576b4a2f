"""One agent and one gateway, over real TLS: who says what, when, and what is remembered of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from agent.hello import CAPABILITIES
from agent.marks import Ruling
from agent.observer import Ending
from agent.outbox import BATCH_ROWS
from agent.session import Session
from protocol import (
    NEEDS,
    TRANSITIONS,
    Ack,
    Action,
    CancelCommand,
    Code,
    Command,
    CommandResult,
    Credit,
    Drain,
    Durability,
    EventBatch,
    GatewayList,
    Goodbye,
    Heartbeat,
    Hello,
    Inventory,
    InventoryMode,
    Mark,
    Message,
    Notice,
    Outcome,
    Rejected,
    Resync,
    ResyncScope,
    Role,
    Sequenced,
    Standing,
    State,
    TrustUpdate,
    batch_id,
)
from tests.agent.rig import Rig, event
from tests.helpers.gateway import NOW_MS, Gateway, Peer, mark_of


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway.make().listening() as gateway:
        yield gateway


@pytest.fixture
async def rig(gateway: Gateway, tmp_path: Path) -> Rig:
    return Rig.make(gateway, tmp_path)


def released(*batches: Sequenced) -> Ack:
    return Ack(durability=Durability.DISK, released=tuple(mark_of(batch) for batch in batches))


async def test_an_agent_says_who_it_is_and_reports(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """Hello, then what waits in the outbox, then a full inventory; its certificate is its own."""
    rig.report(*(event(n) for n in range(3)))
    async with rig.running():
        batch, inventory = await gateway.heard(2)
        peer = await gateway.peer()
        assert gateway.certified_uid(peer) == rig.keeper.identity.agent_uid

    assert peer.hello is not None
    assert (peer.hello.agent_uid, peer.hello.epoch) == (rig.keeper.identity.agent_uid, rig.outbox.epoch)
    assert isinstance(batch, EventBatch)
    assert batch.rows == tuple(event(n) for n in range(3))
    assert isinstance(inventory, Inventory)
    assert (inventory.mode, inventory.final) == (InventoryMode.FULL, True)
    assert inventory.previous == batch_id(batch)


async def test_released_is_deleted_and_durable_is_not(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """Only the store's mark frees the outbox."""
    rig.report(event(1))
    async with rig.running():
        batch, inventory = await gateway.heard(2)
        await rig.recorder.until("durable", 2)
        assert rig.outbox.records == 2

        peer = await gateway.peer()
        assert isinstance(batch, Sequenced)
        assert isinstance(inventory, Sequenced)
        await peer.say(released(batch))
        await rig.recorder.until("released")
        assert rig.outbox.records == 1
        await peer.say(released(inventory))
        await rig.recorder.until("released", 2)
        assert rig.outbox.records == 0


async def test_a_new_session_sends_what_is_not_released(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """Sending begins with the oldest batch held, whatever an earlier session acknowledged as durable."""
    for n in range(3):
        rig.report(event(n))
    async with rig.running():
        first = await gateway.heard(4)
        peer = await gateway.peer()
        assert isinstance(first[0], Sequenced)
        await peer.say(released(first[0]))
        await rig.recorder.until("released")
        await peer.hang_up(Goodbye(code=Code.GATEWAY_STOPPED))
        again = await gateway.heard(7)

    assert again[4:] == first[1:]


async def test_what_a_gateway_has_on_disk_is_skipped(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """Welcome's durable marks save sending, if they name our own batch; a stranger's do not."""
    for n in range(3):
        rig.report(event(n))
    async with rig.running():
        first = await gateway.heard(4)
        second, third = first[1], first[2]
        assert isinstance(second, Sequenced)
        assert isinstance(third, Sequenced)
        gateway.durable = (mark_of(second), attrs.evolve(mark_of(third), batch_id=b"x" * 16))
        await (await gateway.peer()).hang_up(Goodbye(code=Code.GATEWAY_STOPPED))
        again = await gateway.heard(6)

    assert again[4:] == first[2:]


async def test_nothing_is_sent_beyond_the_credit(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """Batches wait for credit and go out in order as it comes; without any, no inventory is even made."""
    gateway.credit = 0
    for n in range(3):
        rig.report(event(n))
    sizes = []
    after = 0
    while batch := rig.outbox.next_batch(after):
        sizes.append(len(batch.payload))
        after = batch.position
    async with rig.running():
        peer = await gateway.peer()
        await gateway.heard(2, Heartbeat)
        assert peer.batches == []
        assert rig.outbox.records == 3

        await peer.say_bytes(peer.connection.send(Credit(bytes=sizes[0] + sizes[1] + 1)))
        await gateway.heard(2)
        await gateway.heard(4, Heartbeat)
        assert len(peer.batches) == 2
        await peer.say_bytes(peer.connection.send(Credit(bytes=10_000)))
        found = await gateway.heard(4)

    assert isinstance(found[3], Inventory)


async def test_heartbeats_come_at_the_gateways_interval(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """Its health and what waits are in them; an Ack without marks is a question that is answered at once."""
    gateway.heartbeat_s = 7
    rig.report(event(1))
    async with rig.running():
        peer = await gateway.peer()
        start = trio.current_time()
        beats = await gateway.heard(3, Heartbeat)
        assert trio.current_time() - start == pytest.approx(21, abs=1)
        assert isinstance(beats[0], Heartbeat)
        assert beats[0].outbox_records == 2

        asked = trio.current_time()
        await peer.say(Ack(durability=Durability.DISK))
        await gateway.heard(4, Heartbeat)
        assert trio.current_time() - asked < 1


async def test_nonces_of_the_last_two_welcomes_return(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """Current first, then the one before it."""
    async with rig.running():
        for number in range(3):
            peer = await gateway.peer(number)
            await gateway.heard(number + 1)
            await peer.hang_up(Goodbye(code=Code.GATEWAY_STOPPED))
        last = await gateway.peer(3)

    assert last.hello is not None
    assert len(last.hello.nonces) == 2
    assert last.hello.nonces[0] != last.hello.nonces[1]


async def test_an_unknown_command_is_answered_durably_and_once(
    clock: MockClock, gateway: Gateway, rig: Rig
) -> None:
    """The answer is in the outbox before it is sent, and carries the fence."""
    async with rig.running():
        peer = await gateway.peer()
        command = Command(command_uid="c1", kind="restore", fence=7, ttl_ms=1000)
        await peer.say(command, command)
        results = await gateway.heard(1, CommandResult)
        await gateway.heard(1, Heartbeat)

    assert len(peer.all(CommandResult)) == 1
    assert isinstance(results[0], CommandResult)
    assert (results[0].command_uid, results[0].fence, results[0].outcome) == ("c1", 7, Outcome.UNSUPPORTED)
    assert results[0].code == Code.COMMAND_UNSUPPORTED
    assert "restore" in results[0].message
    assert rig.outbox.records == 2


async def test_a_command_that_is_taken_back_is_answered_for(
    clock: MockClock, gateway: Gateway, rig: Rig
) -> None:
    """Whether or not it ever came: under the cancel's own fence, once."""
    async with rig.running():
        peer = await gateway.peer()
        cancel = CancelCommand(command_uid="c1", fence=8)
        await peer.say(cancel, cancel)
        results = await gateway.heard(1, CommandResult)
        await gateway.heard(1, Heartbeat)

    assert len(peer.all(CommandResult)) == 1
    assert isinstance(results[0], CommandResult)
    assert (results[0].command_uid, results[0].fence, results[0].outcome) == ("c1", 8, Outcome.CANCELLED)


async def test_resync_full_and_range(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """FULL brings a new inventory; RANGE brings again what the outbox holds from there, the same bytes."""
    for n in range(3):
        rig.report(event(n))
    async with rig.running():
        peer = await gateway.peer()
        first = await gateway.heard(4)
        await peer.say(Resync(scope=ResyncScope.FULL))
        inventory = (await gateway.heard(5))[4]
        await peer.say(Resync(scope=ResyncScope.RANGE, epoch=rig.outbox.epoch, from_sequence=2))
        again = await gateway.heard(9)
        await peer.say(Resync(scope=ResyncScope.RANGE, epoch=rig.outbox.epoch + 1, from_sequence=1))
        await gateway.heard(2, Heartbeat)

    assert isinstance(inventory, Inventory)
    assert isinstance(first[3], Inventory)
    assert inventory.revision > first[3].revision
    assert again[5:] == [*first[1:], inventory]
    assert len(peer.batches) == 9


async def test_a_reverted_machine_opens_a_new_epoch(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """A mark of a batch that this outbox has yet to cut: what waits goes out as it is, what comes after in a new epoch."""
    rig.report(event(1))
    epoch = rig.outbox.epoch
    stranger = Mark(epoch=epoch, next_sequence=50, batch_id=b"s" * 16)
    gateway.released = (stranger,)
    async with rig.running():
        found = await gateway.heard(2)
        assert rig.recorder.of("released") == [Ruling.REVERTED]

    assert isinstance(found[0], EventBatch)
    assert isinstance(found[1], Inventory)
    assert (found[0].epoch, found[0].first_sequence) == (epoch, 1)
    assert found[1].epoch != epoch
    assert (found[1].first_sequence, found[1].previous) == (1, batch_id(found[0]))


async def test_an_undecodable_batch_is_replaced_by_a_tombstone(
    clock: MockClock, gateway: Gateway, rig: Rig
) -> None:
    """The gateway names the batch; the next session sends a tombstone in its place, and the chain holds."""
    for n in range(3):
        rig.report(event(n))
    refused = 0

    async def refuse(peer: Peer, message: Message) -> None:
        nonlocal refused
        if isinstance(message, EventBatch) and message.first_sequence == 2 and not message.replaces:
            refused += 1
            await peer.hang_up(
                Goodbye(
                    code=Code.BATCH_UNDECODABLE, message="what is this", epoch=message.epoch, first_sequence=2
                )
            )
        else:
            await gateway.acknowledge(peer, message)

    gateway.on_message = refuse
    async with rig.running():
        await gateway.peer(1)
        await rig.recorder.until("trouble")
        await gateway.heard(6)
        sent = (await gateway.peer(1)).batches

    assert refused == 1
    tombstone = sent[1]
    original = next(b for b in (await gateway.peer(0)).batches if b.first_sequence == 2)
    assert isinstance(tombstone, EventBatch)
    assert (tombstone.replaces, tombstone.count, tombstone.rows) == (batch_id(original), 1, ())
    assert tombstone.previous == batch_id(sent[0])
    assert sent[2].previous == tombstone.replaces


async def test_trust_and_gateways_are_remembered(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """A TrustUpdate and a GatewayList change the identity, and the next Hello says so."""
    own, next_pin = gateway.authority.pins_current(), b"n" * 32
    async with rig.running():
        peer = await gateway.peer()
        await peer.say(
            TrustUpdate(revision=5, pins_current=own, pins_next=(next_pin,), report_keys=(b"r" * 64,)),
            TrustUpdate(revision=5, pins_current=own, pins_next=(next_pin,)),
            GatewayList(revision=9, gateways=(gateway.address, "127.0.0.1:1")),
        )
        await peer.hang_up(Goodbye(code=Code.GATEWAY_STOPPED))
        second = await gateway.peer(1)

    assert second.hello is not None
    assert (second.hello.trust_revision, second.hello.gateway_list_revision) == (5, 9)
    assert rig.keeper.identity.pins_next == (next_pin,)
    assert rig.keeper.identity.report_keys == (b"r" * 64,)  # an older gateway tells none, and takes none away
    assert rig.keeper.identity.gateways == (gateway.address, "127.0.0.1:1")


async def test_nothing_that_is_told_cuts_an_agent_off(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """An empty list of gateways, or of pins, would be the last thing that it was ever told."""
    before = rig.keeper.identity
    async with rig.running():
        peer = await gateway.peer()
        await peer.say(TrustUpdate(revision=5, pins_current=()), GatewayList(revision=9, gateways=()))
        await peer.hang_up(Goodbye(code=Code.GATEWAY_STOPPED))
        await gateway.peer(1)
    assert rig.keeper.identity == before


async def test_an_unverified_agent_stays_and_waits(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """It has no credit, so it only gives signs of life; credit is what it waited for."""
    gateway.welcome = lambda hello: gateway.greet(
        hello, standing=Standing.UNVERIFIED, code=Code.AWAITING_ACCEPTANCE, credit=0
    )
    rig.report(event(1))
    async with rig.running():
        peer = await gateway.peer()
        await gateway.heard(3, Heartbeat)
        assert peer.batches == []
        await peer.say_bytes(peer.connection.send(Credit(bytes=100_000)))
        await gateway.heard(2)


async def test_drain_waits_for_what_is_in_flight_and_keeps_its_slot(
    clock: MockClock, gateway: Gateway, rig: Rig
) -> None:
    """The last batch is acknowledged before the agent leaves; it comes back in its slot, not before and not by chance."""
    held: list[Message] = []

    async def hold(peer: Peer, message: Message) -> None:
        held.append(message)

    gateway.on_message = hold
    rig.report(event(1))
    async with rig.running():
        await gateway.heard(2)
        peer = await gateway.peer()
        start = trio.current_time()
        await peer.say(Drain(reconnect_in_ms=17_000, window_ms=20_000))
        await trio.sleep(1)
        assert not peer.closed.is_set()
        last = held[-1]
        assert isinstance(last, Sequenced)
        await peer.say(Ack(durability=Durability.DISK, durable=(mark_of(last),)))
        await peer.closed.wait()
        assert trio.current_time() - start < 2
        await gateway.peer(1)
        assert trio.current_time() - start == pytest.approx(18, abs=1)

    assert peer.all(Goodbye)
    ending = rig.recorder.of("ended")[0]
    assert isinstance(ending, Ending)
    assert (ending.code, ending.slot_s) == (Code.GATEWAY_DRAINING, 17)


@pytest.mark.parametrize(
    ("action", "after_s"),
    [(Action.RETRY, 120), (Action.RENEW, 0), (Action.STOP, None), (Action.REENROLL, None)],
)
async def test_a_rejection_is_obeyed(
    clock: MockClock, gateway: Gateway, rig: Rig, action: Action, after_s: float | None
) -> None:
    """RETRY comes back after the time given, RENEW at once to renew; STOP and REENROLL end the agent."""
    said = 0

    def reject(hello: Hello) -> Message:
        nonlocal said
        said += 1
        if said > 1:
            return gateway.greet(hello)
        return Rejected(
            code=Code.CLIENT_CERT_EXPIRED, message="no", gateway_time_ms=NOW_MS, action=action,
            retry_after_ms=int((after_s or 0) * 1000),
        )  # fmt: skip

    gateway.welcome = reject
    start = trio.current_time()
    async with rig.running():
        if after_s is None:
            with trio.fail_after(100):
                await rig.finished.wait()
            assert rig.farewell is not None
            assert rig.farewell.why.name == {Action.STOP: "REJECTED", Action.REENROLL: "REENROLL"}[action]
            return
        await gateway.peer(1)
        assert trio.current_time() - start >= after_s
        if action is Action.RENEW:
            await gateway.peer(2)
            await rig.recorder.until("welcomed", 2)
            assert rig.keeper.pending is None


async def test_a_full_outbox_pauses_collection_and_says_so(
    clock: MockClock, gateway: Gateway, tmp_path: Path
) -> None:
    """The source keeps what does not fit; heartbeats carry the warning; when there is room everything arrives once."""
    rig = Rig.make(gateway, tmp_path, limit_bytes=40_000)
    gateway.credit = 0
    expected = [event(n) for n in range(12 * BATCH_ROWS)]
    rig.source.rows += expected
    collector = rig.facilities.collector
    while not collector.paused:
        collector.collect(NOW_MS)
        collector.stored()
    async with rig.running():
        peer = await gateway.peer()
        beats = await gateway.heard(1, Heartbeat)
        assert isinstance(beats[0], Heartbeat)
        assert beats[0].health.name == "WARNING"
        await peer.say_bytes(peer.connection.send(Credit(bytes=10_000_000)))
        seen = 0
        with trio.fail_after(200):
            while sum(len(b.rows) for b in peer.all(EventBatch) if isinstance(b, EventBatch)) < len(expected):
                await gateway.heard(seen + 1)
                seen = len(peer.batches)
                rulings = len(rig.recorder.of("released"))
                await peer.say(released(peer.batches[-1]))
                await rig.recorder.until("released", rulings + 1)
                collector.collect(NOW_MS)
                collector.stored()
                rig.facilities.bell.ring()

    rows = [row for b in peer.batches if isinstance(b, EventBatch) for row in b.rows]
    assert rows == expected


async def test_a_gateway_that_says_nothing_is_left(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """After half a minute without a Welcome."""
    gateway.mute = True
    async with rig.running():
        ending = await rig.recorder.until("ended")
    assert isinstance(ending, Ending)
    assert ending.code is Code.HELLO_TIMEOUT


async def test_a_notice_reaches_the_people_at_the_agent(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """The session goes on as before."""
    async with rig.running():
        peer = await gateway.peer()
        await peer.say(Notice(code=Code.CLONE_HELD, message="another machine uses this identity"))
        assert await rig.recorder.until("trouble") == (Code.CLONE_HELD, "another machine uses this identity")
        await gateway.heard(1, Heartbeat)
        assert rig.recorder.of("ended") == []


def test_every_message_of_a_gateway_is_answered_for() -> None:
    """Whatever the protocol lets a gateway say, a session knows what to do with; a session never asks for a verdict."""
    says = {
        kind
        for (role, state), kinds in TRANSITIONS.items()
        if role is Role.GATEWAY and state is not State.AWAIT_VERDICT
        for kind in kinds
    }
    assert set(Session._HANDLERS) == {kind for kind in says if NEEDS.get(kind, CAPABILITIES) in CAPABILITIES}


async def test_an_agent_that_is_stopped_says_goodbye(clock: MockClock, gateway: Gateway, rig: Rig) -> None:
    """The gateway learns that it was on purpose."""
    async with rig.running():
        peer = await gateway.peer()
        await gateway.heard(1)
        rig.client.stop()
        await peer.closed.wait()
    assert [g.code for g in peer.all(Goodbye) if isinstance(g, Goodbye)] == [Code.GOODBYE]
