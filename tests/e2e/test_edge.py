"""The edge over real TLS: what an agent says is on disk before it is told so."""

import attrs
import trio

from gateway.journal import RecordFlags
from gateway.store import CursorMoved, ReleasedMark, ResyncWanted
from protocol import (
    Ack,
    Action,
    Code,
    CommandResult,
    Credit,
    Durability,
    EventBatch,
    Goodbye,
    Mark,
    Outcome,
    Rejected,
    Resync,
    ResyncScope,
    batch_id,
    encode,
)
from protocol.connection import HEADER
from tests.helpers.agent import TestAgent, enrolled, job_event
from tests.helpers.edges import Provider, running_edge


async def test_what_was_acknowledged_is_in_the_journal(provider: Provider) -> None:
    """As the very bytes that were sent, with the agent and the gateway's time."""
    before = provider.clock()
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            payload = agent.cut()
            await agent.send(line, payload)
            ack = await agent.acknowledged(line)
            (record,) = provider.journaled()
            seen = edge.agent(agent.uid)
    assert ack.durability is Durability.DISK
    assert [mark.batch_id for mark in ack.durable] == [batch_id(payload)]
    assert (record.payload, record.tag, record.flags) == (payload, EventBatch.tag, RecordFlags.NONE)
    assert record.agent_uid == seen.key
    assert before <= record.received_ms <= provider.clock()


async def test_many_batches_are_acknowledged_together(provider: Provider) -> None:
    """An ack speaks of everything up to its mark; there is no ack per batch."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            for _ in range(100):
                await agent.send(line, agent.cut())
            ack = await agent.acknowledged(line)
    assert ack.durable[0].first_sequence == 1
    assert len([message for message in line.heard if isinstance(message, Ack)]) < 100
    assert len(provider.journaled()) == 100


async def test_invalid_rows_are_journaled_with_a_flag_and_acknowledged(provider: Provider) -> None:
    """One bad row stalls nobody; the projector puts it aside."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            good = encode(_batch(agent, [job_event(1).to_row()]))
            bad = good.replace(b"finished", b"fini\0hed")
            agent.previous = batch_id(bad)
            agent.next_sequence += 1
            await agent.send(line, bad)
            await agent.acknowledged(line)
    (record,) = provider.journaled()
    assert record.payload == bad
    assert record.flags is RecordFlags.QUARANTINED


def _batch(agent: TestAgent, rows: list[tuple[object, ...]]) -> EventBatch:
    return EventBatch(
        epoch=agent.epoch,
        first_sequence=agent.next_sequence,
        count=len(rows),
        previous=agent.previous,
        rows=rows,
    )


async def test_a_command_result_is_journaled(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            result = CommandResult(
                epoch=agent.epoch, first_sequence=1, count=1, previous=agent.previous, command_uid="c-1",
                fence=1, outcome=Outcome.SUCCEEDED,
            )  # fmt: skip
            await line.say(result)
            await line.expect(Ack, lambda ack: ack.durable)
    (record,) = provider.journaled()
    assert record.tag == CommandResult.tag


async def test_an_undecodable_batch_is_named(provider: Provider) -> None:
    """The agent hears which one, so that it can set it aside; what came before it is safe."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            await agent.send(line, agent.cut())
            broken = encode(_batch(agent, [job_event(1).to_row()]))[:-3]
            await line.stream.send_all(HEADER.pack(len(broken), EventBatch.tag) + broken)
            heard = await line.hear_the_end()
    goodbye = heard[-1]
    assert isinstance(goodbye, Goodbye)
    assert (goodbye.code, goodbye.epoch, goodbye.first_sequence) == (Code.BATCH_UNDECODABLE, agent.epoch, 2)
    assert len(provider.journaled()) == 1


async def test_garbage_is_answered_with_a_code_and_a_pause(provider: Provider) -> None:
    """After a good handshake and a good Hello."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            await line.stream.send_all(b"\x00\x00\x00\x05\x63garbage garbage")
            heard = await line.hear_the_end()
    rejected = heard[-1]
    assert isinstance(rejected, Rejected)
    assert rejected.code == Code.UNKNOWN_MESSAGE_TYPE
    assert (rejected.action, rejected.retry_after_ms) == (Action.RETRY, 60_000)


async def test_one_bad_session_harms_no_other(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        good, bad = await enrolled(edge), await enrolled(edge)
        async with good.session(edge.remote_port) as line:
            async with bad.session(edge.remote_port) as broken:
                await broken.stream.send_all(b"\xff" * 100)
                await broken.hear_the_end()
            await good.send(line, good.cut())
            await good.acknowledged(line)


# -- marks -----------------------------------------------------------------------------------------------------------


async def test_coming_back_tells_what_this_edge_holds(provider: Provider) -> None:
    """The agent may skip what lies here already."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            await agent.send(line, agent.cut())
            await agent.send(line, agent.cut())
            await agent.acknowledged(line)
        async with agent.session(edge.remote_port):
            assert agent.welcome is not None
            assert agent.welcome.durable == (
                Mark(epoch=agent.epoch, next_sequence=3, batch_id=agent.previous, first_sequence=1),
            )


async def test_released_marks_reach_the_live_session_and_the_next(provider: Provider) -> None:
    """From the change feed, by the doorbell; and in Welcome."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        other = await enrolled(edge)
        async with agent.session(edge.remote_port) as line, other.session(edge.remote_port) as elsewhere:
            mark = Mark(epoch=agent.epoch, next_sequence=2, batch_id=b"m" * 16)
            provider.store.changes.announce([_released(agent, mark)])
            provider.ring()
            ack = await line.expect(Ack, lambda ack: ack.released)
            assert ack.released == (mark,)
            await elsewhere.heartbeat()
            assert not [message for message in elsewhere.heard if isinstance(message, Ack)]
        async with agent.session(edge.remote_port):
            assert agent.welcome is not None
            assert agent.welcome.released == (mark,)


def _released(agent: TestAgent, mark: Mark) -> ReleasedMark:
    return ReleasedMark(
        agent_uid=agent.uid,
        stream_id=1,
        epoch=mark.epoch,
        first_sequence=mark.first_sequence,
        next_sequence=mark.next_sequence,
        batch_id=mark.batch_id,
    )


async def test_a_resync_is_asked_of_the_live_session_and_the_next(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        wanted = ResyncWanted(
            agent_uid=agent.uid, scope=ResyncScope.RANGE, epoch=9, from_sequence=4, pending=True
        )
        async with agent.session(edge.remote_port) as line:
            provider.store.changes.announce([wanted])
            provider.ring()
            resync = await line.expect(Resync)
        assert (resync.scope, resync.epoch, resync.from_sequence) == (ResyncScope.RANGE, 9, 4)
        async with agent.session(edge.remote_port) as line:
            assert await line.expect(Resync) == resync
        provider.store.changes.announce([attrs.evolve(wanted, pending=False)])
        provider.ring()
        await edge.until(lambda: not edge.agent(agent.uid).resyncs)


async def test_only_a_resync_of_a_range_has_a_place(provider: Provider) -> None:
    """Whatever the store keeps beside a wish for a full inventory, it means nothing to agents."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        wanted = ResyncWanted(
            agent_uid=agent.uid, scope=ResyncScope.FULL, epoch=0, from_sequence=1, pending=True
        )
        provider.store.changes.announce([wanted])
        provider.ring()
        await edge.until(lambda: edge.agent(agent.uid).resyncs)
        async with agent.session(edge.remote_port) as line:
            assert await line.expect(Resync) == Resync(scope=ResyncScope.FULL)


# -- credit ----------------------------------------------------------------------------------------------------------


async def test_credit_comes_back_as_batches_are_committed(provider: Provider) -> None:
    """In quarters of the window, so that it never runs dry."""
    async with running_edge(provider, session_credit=2 * 1024 * 1024) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            rows = [job_event(n, message="x" * 1000).to_row() for n in range(100)]
            sent = 0
            while sent < 3 * 1024 * 1024:
                payload = agent.cut_rows(rows)
                while line.connection.credit < len(payload):
                    await line.hear()
                await agent.send(line, payload)
                sent += len(payload)
            await agent.acknowledged(line)
    paid = [message.bytes for message in line.heard if isinstance(message, Credit)]
    assert min(paid) >= 512 * 1024


async def test_who_exceeds_its_credit_is_refused(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            too_much = b"\x00" * (1024 * 1024)
            for _ in range(3):
                with trio.move_on_after(2):
                    await line.stream.send_all(HEADER.pack(len(too_much), EventBatch.tag) + too_much)
            heard = await line.hear_the_end()
    assert isinstance(heard[-1], Goodbye | Rejected)
    assert heard[-1].code in (Code.CREDIT_EXCEEDED, Code.BATCH_UNDECODABLE)


async def test_a_lagging_projector_withholds_credit_and_nothing_else(provider: Provider) -> None:
    """No new credit while it lags; all debts are paid when it has caught up. Sessions and heartbeats go on."""
    async with running_edge(provider, lag_s=0.3) as edge:
        agent, late = await enrolled(edge), await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            await agent.send(line, agent.cut())
            await agent.acknowledged(line)
            await edge.until(lambda: not edge.services.valve.open)
            async with late.session(edge.remote_port) as waiting:
                assert late.welcome is not None
                assert late.welcome.credit == 0
                await agent.send(line, agent.cut())
                await agent.acknowledged(line)
                journal = edge.services.committer.journal
                end = journal.end
                moved = CursorMoved(
                    journal_uid=journal.journal_uid, segment=end.segment, incarnation=end.incarnation,
                    offset=end.offset, time_ms=0,
                )  # fmt: skip
                provider.store.changes.announce([moved])
                provider.ring()
                credit = await waiting.expect(Credit)
                assert credit.bytes == edge.edge.config.limits.session_credit
                await late.send(waiting, late.cut())
                await late.acknowledged(waiting)
