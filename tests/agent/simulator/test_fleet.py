"""A small fleet against a scripted gateway: everything it says is in its ledger, and it stops in order."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from agent.simulator.berths import Berths
from agent.simulator.fleet import Fleet
from agent.simulator.members import FleetError, FleetOptions, Part, Phase
from agent.simulator.tally import OPENING, Tally
from agent.simulator.verification import CELLS, compare
from agent.spool import Spool
from certs import Token
from protocol import Ack, AgentType, CommandResult, Durability, EventBatch, Goodbye, Inventory, Message
from tests.helpers.gateway import Gateway, Peer, mark_of

SECONDS = 8


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway.make(now=datetime.now(UTC)).listening() as gateway:
        gateway.now_ms = lambda: time.time_ns() // 1_000_000

        async def store(peer: Peer, message: Message) -> None:
            if isinstance(message, EventBatch | Inventory | CommandResult):
                mark = mark_of(message)
                await peer.say(Ack(durability=Durability.DISK, durable=(mark,), released=(mark,)))

        gateway.on_message = store
        yield gateway


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool.open(tmp_path / "outbox.sqlite")


async def test_a_fleet_says_what_its_ledger_says(clock: MockClock, gateway: Gateway, spool: Spool) -> None:
    """Clients and sites enroll, report at the rate asked for, and say goodbye; the gateway holds exactly the ledger."""
    token = gateway.token()
    fleet = Fleet(spool, FleetOptions(rate=4, duration_s=SECONDS), Tally(count=6))
    await fleet.enroll([Part(token=token, count=2, agent_type=AgentType.SITE), Part(token=token, count=4)])

    async def conduct() -> None:
        await fleet.up.wait()
        fleet.phase = Phase.PRODUCING
        await trio.sleep(SECONDS)
        fleet.phase = Phase.DELIVERING
        await trio.sleep(SECONDS)
        assert fleet.waiting_records == 0
        fleet.stop()

    with trio.fail_after(300):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(conduct)
            await fleet.run()

    sessions = [peer for peer in gateway.peers if peer.hello is not None]
    rows = [
        {"agent_uid": peer.hello.agent_uid, "epoch": batch.epoch, "sequence": batch.first_sequence + n}
        | dict(zip(CELLS, row, strict=True))
        for peer in sessions
        for batch in peer.batches
        if isinstance(batch, EventBatch) and peer.hello is not None
        for n, row in enumerate(batch.rows)
    ]
    result = compare(fleet.ledger, rows)
    assert result.ok, result.examples
    assert result.said == result.released == result.stored == len(rows)
    assert len(rows) == pytest.approx(6 * 4 * SECONDS, rel=0.4)
    assert len(sessions) == fleet.tally.counts.connects == fleet.tally.enrolled == 6
    assert {enroll.agent_type for enroll in gateway.enrolls} == {AgentType.CLIENT, AgentType.SITE}
    assert all(enroll.synthetic for enroll in gateway.enrolls)
    assert all(any(isinstance(m, Goodbye) for m in peer.heard) for peer in sessions)
    assert fleet.tally.connected == 6  # nobody was lost on the way


async def test_the_same_seed_gives_the_same_estates(
    clock: MockClock, gateway: Gateway, tmp_path: Path
) -> None:
    """And another seed others."""
    names = []
    for number, seed in enumerate((1, 1, 2)):
        with Spool.open(tmp_path / f"{number}.sqlite") as spool:
            fleet = Fleet(spool, FleetOptions(seed=seed), Tally(count=5))
            await fleet.enroll([Part(token=gateway.token(), count=5)])
            names.append(sorted(m.facilities.keeper.identity.host_name for m in fleet.members))
    assert names[0] == names[1] != names[2]


async def test_a_fleet_can_be_stopped_while_it_comes_up(
    clock: MockClock, gateway: Gateway, spool: Spool
) -> None:
    """Against a gateway that says nothing, with more agents than may try at once: it ends, and nobody is left behind."""
    fleet = Fleet(spool, FleetOptions(), Tally(count=OPENING + 10))
    await fleet.enroll([Part(token=gateway.token(), count=OPENING + 10)])
    gateway.mute = True
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fleet.run)
            await gateway.peer(OPENING - 1)
            await trio.sleep(1)
            assert not fleet.up.is_set()
            fleet.stop()
    assert fleet.tally.counts.connects == 0


async def test_a_refused_fleet_says_why(clock: MockClock, gateway: Gateway, spool: Spool) -> None:
    """One refusal ends it: with a wrong token nobody will be let in."""
    token = Token.create(seed=bytes(32), pins=gateway.authority.pins_current(), gateways=(gateway.address,))
    fleet = Fleet(spool, FleetOptions(), Tally(count=50))
    with pytest.raises(FleetError, match="FG-2201"):
        await fleet.enroll([Part(token=token, count=50)])


async def test_a_fleet_without_a_gateway_asks_whether_it_runs(
    clock: MockClock, gateway: Gateway, spool: Spool
) -> None:
    """After several tries, because it may just be starting."""
    fleet = Fleet(spool, FleetOptions(), Tally(count=1))
    start = trio.current_time()
    with pytest.raises(FleetError, match="fieldgate serve"):
        await fleet.enroll([Part(token=gateway.token("127.0.0.1:1"), count=1)])
    assert trio.current_time() - start > 10


async def run_for(fleet: Fleet, seconds: float) -> None:
    """Report for so long, then end with whatever is still in the outbox, as a fleet that is killed does."""
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fleet.run)
            await fleet.up.wait()
            fleet.phase = Phase.PRODUCING


async def test_a_fleet_that_is_kept_comes_back(clock: MockClock, gateway: Gateway, tmp_path: Path) -> None:
    """The same agents, sites and clients, go on with the sequence numbers that they had; who is missing enrolls."""
    parts = [
        Part(token=gateway.token(), count=1, agent_type=AgentType.SITE),
        Part(token=gateway.token(), count=2),
    ]
    fleets: list[Fleet] = []
    for count, enrolling in ((3, parts), (4, [Part(token=gateway.token(), count=1)]), (2, [])):
        with Spool.open(tmp_path / "outbox.sqlite") as spool:
            fleet = Fleet(spool, FleetOptions(rate=4), Tally(count=count), Berths(tmp_path))
            fleet.come_back()
            await fleet.enroll(enrolling)
            await run_for(fleet, SECONDS)
        fleets.append(fleet)

    first, second, third = (
        [m.facilities.keeper.identity.agent_uid for m in fleet.members] for fleet in fleets
    )
    assert len(set(first)) == 3
    assert set(second[:3]) == set(first)
    assert len(set(second)) == 4
    assert third == second[:2]  # as many as are wanted
    assert len(gateway.enrolls) == 4
    for uid in first:
        said = [
            (batch.epoch, batch.first_sequence + n, tuple(row))
            for peer in gateway.peers
            if peer.hello is not None and peer.hello.agent_uid == uid
            for batch in peer.batches
            if isinstance(batch, EventBatch)
            for n, row in enumerate(batch.rows)
        ]
        numbers = {(epoch, sequence) for epoch, sequence, _ in said}
        assert len({epoch for epoch, _ in numbers}) == 1
        assert len({row for _, _, row in said}) == len(numbers)  # no event was said under two numbers


async def measured(fleet: Fleet, seconds: float) -> None:
    """Produce for so long, all of it timed, then deliver and leave."""

    async def conduct() -> None:
        await fleet.up.wait()
        fleet.tally.measured_from = trio.current_time()
        fleet.phase = Phase.PRODUCING
        await trio.sleep(seconds)
        fleet.tally.measured_until = trio.current_time()
        fleet.phase = Phase.DELIVERING
        while fleet.waiting_records:  # noqa: ASYNC110  # outboxes set no event
            await trio.sleep(0.1)
        fleet.stop()

    with trio.fail_after(300):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(conduct)
            await fleet.run()


async def test_what_is_due_while_a_gateway_stalls_is_in_the_figures(
    clock: MockClock, gateway: Gateway, spool: Spool
) -> None:
    """A gateway that acknowledges nothing for five seconds is asked nothing less: every cut that was due meanwhile has waited."""
    stalled_s = 5.0
    answer = gateway.on_message
    assert answer is not None
    opened = trio.Event()
    until = 0.0

    async def stall(peer: Peer, message: Message) -> None:
        nonlocal until
        if isinstance(message, EventBatch) and not opened.is_set():
            opened.set()
            until = trio.current_time() + stalled_s
        await trio.sleep_until(until)
        await answer(peer, message)

    fleet = Fleet(spool, FleetOptions(rate=4, duration_s=SECONDS), Tally(count=3))
    await fleet.enroll([Part(token=gateway.token(), count=3)])
    gateway.on_message = stall
    await measured(fleet, SECONDS)

    ack = fleet.tally.counts.ack
    assert ack.count == pytest.approx(
        3 * SECONDS, abs=3
    )  # each collects once a second, whatever becomes of it
    assert ack.max_us / 1e6 == pytest.approx(stalled_s, abs=0.5)
    assert ack.quantile_us(0.5) > 1_000_000
    assert fleet.tally.counts.acked == fleet.tally.counts.events == fleet.tally.counts.released


async def test_in_a_closed_loop_a_batch_follows_the_acknowledgement(
    clock: MockClock, gateway: Gateway, spool: Spool
) -> None:
    """Each holds what was asked for, and one is under way at a time: with a tenth of a second each, ten a second."""
    answer = gateway.on_message
    assert answer is not None

    async def slowly(peer: Peer, message: Message) -> None:
        await trio.sleep(0.1)
        await answer(peer, message)

    fleet = Fleet(spool, FleetOptions(batch_events=20), Tally(count=2))
    await fleet.enroll([Part(token=gateway.token(), count=2)])
    gateway.on_message = slowly
    await measured(fleet, SECONDS)

    batches = [batch for peer in gateway.peers for batch in peer.batches if isinstance(batch, EventBatch)]
    assert {batch.count for batch in batches} == {20}
    assert len(batches) == fleet.tally.counts.ack.count
    assert 2 * SECONDS * 5 < len(batches) <= 2 * SECONDS * 10 + 2
    assert fleet.tally.counts.ack.min_us > 90_000


async def test_agents_dial_from_the_addresses_that_are_named(
    clock: MockClock, gateway: Gateway, spool: Spool
) -> None:
    """By turns, also while they enroll; and where they are told to dial, whatever the token says."""
    options = FleetOptions(sources=("127.0.0.2", "127.0.0.3"), address=gateway.address)
    fleet = Fleet(spool, options, Tally(count=4))
    await fleet.enroll([Part(token=gateway.token("127.0.0.1:1"), count=4)])
    assert {member.facilities.source for member in fleet.members} == {"127.0.0.2", "127.0.0.3"}
    assert {member.facilities.keeper.identity.gateways for member in fleet.members} == {(gateway.address,)}
    assert fleet.tally.counts.enroll.count == 4
