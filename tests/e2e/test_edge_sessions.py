"""Whose session it is, how long it lives, and how it ends: always for one reason that somebody hears."""

import contextlib
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import attrs
import pytest
import trio
from OpenSSL import SSL

from certs import from_ms, make_csr
from gateway.config import ConfigError, Listener
from gateway.edge import clones, process, server, session
from gateway.edge.session import Session
from gateway.edge.storelink import StoreLink
from gateway.store import Body, ClaimEntry, ConnectionStatus, GatewaysChanged, StoreLocked, TrustChanged
from gateway.store.sessions import Sessions
from protocol import (
    Ack,
    Action,
    Code,
    Connection,
    Drain,
    GatewayList,
    Goodbye,
    Health,
    Heartbeat,
    Message,
    Notice,
    Rejected,
    Role,
    TrustUpdate,
    Welcome,
)
from tests.helpers.agent import Line, TestAgent, enrolled
from tests.helpers.edges import Provider, RunningEdge, make_provider, running_edge
from transport import client_context, connect


def ends(log: list[dict[str, object]]) -> list[dict[str, object]]:
    return [line for line in log if line["event"] == "session ended"]


@contextlib.asynccontextmanager
async def answering(line: Line) -> AsyncIterator[list[Message]]:
    """An agent that lives: it reads all the time, and answers a probe with a heartbeat."""

    async def live() -> None:
        while (message := await line.hear()) is not None:
            if isinstance(message, Ack) and not message.durable and not message.released:
                await line.heartbeat()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(live)
        yield line.heard
        nursery.cancel_scope.cancel()


# -- who ---------------------------------------------------------------------------------------------------------------


async def test_who_shows_no_certificate_is_nobody(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        line = await agent.dial(edge.remote_port, certificate=False)
        await line.say(agent.hello())
        heard = await line.hear_the_end()
        await line.stream.aclose()
    assert isinstance(heard[-1], Rejected)
    assert (heard[-1].code, heard[-1].action) == (Code.CLIENT_CERT_MISSING, Action.REENROLL)


async def test_another_authoritys_certificate_is_worth_nothing(
    provider: Provider, tmp_path: Path, log: list[dict[str, object]]
) -> None:
    """Not even a line in the log: anybody can make one."""
    other = make_provider(tmp_path / "other")
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        agent.chain = other.authority.rotate_issuers(from_ms(provider.clock())).issue_agent(
            make_csr(agent.key, "x"), agent.uid, from_ms(provider.clock())
        )
        refusal = await agent.refused(edge.remote_port)
        closes = edge.services.closes.recent()
    assert (refusal.code, refusal.action) == (Code.CLIENT_CERT_UNTRUSTED, Action.REENROLL)
    assert [close.agent_uid for close in closes if close.code is Code.CLIENT_CERT_UNTRUSTED] == [""]
    assert not [line for line in log if line["event"] == "session refused"]


async def test_a_certificate_speaks_for_its_own_agent_only(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        agent, other = await enrolled(edge), await enrolled(edge)
        refusal = await agent.refused(edge.remote_port, agent_uid=other.uid)
    assert (refusal.code, refusal.action) == (Code.CLIENT_CERT_WRONG_AGENT, Action.STOP)


async def test_a_companys_agent_has_no_business_on_the_co_located_listener(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        assert (await agent.refused(edge.co_located_port)).code == Code.WRONG_LISTENER
        own = await TestAgent().enroll(edge.remote_port, provider.token(provider=True))
        async with own.session(edge.co_located_port):
            pass


async def test_an_agent_whose_clock_is_wrong_connects_and_is_told_the_time(provider: Provider) -> None:
    """And the offset is known to who looks at it."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        agent.clock_ms = lambda: provider.clock() - 3 * 365 * 86_400_000
        async with agent.session(edge.remote_port):
            assert agent.welcome is not None
            assert abs(agent.welcome.gateway_time_ms - provider.clock()) < 5_000
            offset = edge.agent(agent.uid).session
            assert offset is not None
            assert abs(offset.offset_ms + 3 * 365 * 86_400_000) < 5_000


async def test_less_than_tls_1_3_or_no_alpn_is_refused_in_words(provider: Provider) -> None:
    """Whatever took it away on the way, somebody can read that it did."""
    old = client_context()
    old.set_max_proto_version(SSL.TLS1_2_VERSION)
    async with running_edge(provider) as edge:
        for context, code in ((old, Code.TLS_VERSION), (no_alpn(), Code.ALPN_MISSING)):
            stream = await connect(
                "127.0.0.1", edge.remote_port, context, "127.0.0.1", trio.current_time() + 30
            )
            line = Line(stream, Connection(Role.AGENT))
            (rejected,) = await line.hear_the_end()
            await stream.aclose()
            assert isinstance(rejected, Rejected)
            assert (rejected.code, rejected.action) == (code, Action.RETRY)
            assert rejected.retry_after_ms >= 60_000


def no_alpn() -> SSL.Context:
    context = client_context()
    context.set_alpn_protos([b"h2"])
    return context


async def test_a_crowded_edge_says_when_to_come_back(provider: Provider) -> None:
    async with running_edge(provider, connections=1) as edge:
        line = await TestAgent().dial(edge.remote_port)
        (rejected,) = await line.hear_the_end()
        await line.stream.aclose()
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.action) == (Code.GATEWAY_CROWDED, Action.RETRY)
    assert 60_000 <= rejected.retry_after_ms <= 120_000


# -- what an agent is told ---------------------------------------------------------------------------------------------


async def test_an_agent_hears_of_trust_that_it_does_not_know(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            update = await line.expect(TrustUpdate)
        assert update.pins_current == provider.authority.pins_current()
        async with agent.session(edge.remote_port, trust_revision=update.revision) as line:
            await agent.send(line, agent.cut())
            await agent.acknowledged(line)
            assert not [message for message in line.heard if isinstance(message, TrustUpdate)]


async def test_a_rotation_reaches_every_live_session(provider: Provider) -> None:
    """The next pins are known long before they are needed; the next connection sees the new chain."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            known = await line.expect(TrustUpdate)
            rotated = provider.authority.rotate_ca(from_ms(provider.clock())).save(provider.data / "ca")
            provider.store.changes.announce([TrustChanged(revision=rotated.trust_bundle().revision)])
            provider.ring()
            update = await line.expect(TrustUpdate, lambda message: message.revision != known.revision)
            assert update.pins_next == rotated.pins_next()
        async with agent.session(edge.remote_port) as line:
            assert len(line.stream.peer_chain_der()) > 3


async def test_a_new_gateway_list_reaches_agents(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            provider.store.changes.announce([GatewaysChanged(revision=7, gateways=("gw2.example.net:6180",))])
            provider.ring()
            told = await line.expect(GatewayList)
        assert (told.revision, told.gateways) == (7, ("gw2.example.net:6180",))
        async with agent.session(edge.remote_port, gateway_list_revision=6) as line:
            assert await line.expect(GatewayList) == told


# -- liveness ----------------------------------------------------------------------------------------------------------


async def test_three_missed_heartbeats_end_a_session(
    provider: Provider, log: list[dict[str, object]]
) -> None:
    """Who can still hear it is told why; and the agent is Inaccessible from then on."""
    async with running_edge(provider, heartbeat_s=0.1) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            *_, last = await line.hear_the_end()
        assert isinstance(last, Goodbye)
        assert last.code == Code.HEARTBEATS_MISSED
        (end,) = ends(log)
        assert end["code"] == "FG-2003"
        assert float(str(end["duration_s"])) >= 0.3
        await edge.until(lambda: _status(provider, agent) is ConnectionStatus.INACCESSIBLE)


async def test_heartbeats_keep_a_session(provider: Provider, log: list[dict[str, object]]) -> None:
    """Bytes alone do not: half a message is no sign of life, and no three of them are."""
    async with running_edge(provider, heartbeat_s=0.1) as edge:
        agent, babbler = await enrolled(edge), await enrolled(edge)
        async with agent.session(edge.remote_port) as line, babbler.session(edge.remote_port):
            with trio.move_on_after(1.0):
                while True:
                    await line.heartbeat()
                    await trio.sleep(0.05)
            assert edge.agent(agent.uid).session is not None
            assert [end["agent"] for end in ends(log)] == [babbler.uid]


async def test_presence_reaches_the_store(provider: Provider) -> None:
    """Online while the session lives, with what the heartbeat said; and why it ended."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            await edge.until(lambda: _status(provider, agent) is ConnectionStatus.ONLINE)
            await line.heartbeat(health=Health.WARNING)
            await line.say(Goodbye(code=Code.GOODBYE, message="done"))
            await line.hear_the_end()
        await edge.until(lambda: _status(provider, agent) is ConnectionStatus.INACCESSIBLE)
        stored = provider.store.agents.get(agent.uid, now_ms=provider.clock())
        assert (stored.ended_code, stored.health) == (Code.GOODBYE, Health.WARNING)
        assert stored.edge_name == "edge"


async def test_who_says_goodbye_is_not_answered_with_a_reset(provider: Provider) -> None:
    """The gateway waits for the agent's side to close, as it does for its own last words."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            await line.say(Goodbye(code=Code.GOODBYE, message="done"))
            await line.hear_the_end()
            assert await line.stream.send_last(b"", within_s=2.0)


def _status(provider: Provider, agent: TestAgent) -> ConnectionStatus:
    return provider.store.agents.get(agent.uid, now_ms=provider.clock()).status


# -- clones --------------------------------------------------------------------------------------------------------------


async def test_a_returning_agent_takes_over_at_once(provider: Provider, log: list[dict[str, object]]) -> None:
    """From a connection that nobody has noticed to be dead."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port):
            started = trio.current_time()
            async with agent.session(edge.remote_port) as line:
                assert trio.current_time() - started < 2
                await agent.send(line, agent.cut())
                await agent.acknowledged(line)
                await edge.until(lambda: ends(log))
                assert [end["code"] for end in ends(log)] == ["FG-2105"]


async def test_a_welcome_that_got_lost_is_no_clone(provider: Provider) -> None:
    """The agent returns the nonce before, and has not spoken since."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port):
            known = agent.nonces
            lost, answer = await agent.greet(edge.remote_port)
            assert isinstance(answer, Welcome)
            agent.nonces = known
            started = trio.current_time()
            async with agent.session(edge.remote_port):
                assert trio.current_time() - started < 2
            lost.stream.close()


async def test_a_clone_is_held_and_the_living_session_goes_on(
    provider: Provider, log: list[dict[str, object]]
) -> None:
    """Two machines with one identity: the one that works works on, both are told, and an alarm is raised."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        clone = agent.copy()
        async with agent.session(edge.remote_port) as line, answering(line) as heard:
            refusal = await clone.refused(edge.remote_port)
            assert (refusal.code, refusal.action) == (Code.CLONE_HELD, Action.RETRY)
            assert refusal.retry_after_ms >= 60_000
            await agent.send(line, agent.cut())
            await edge.until(lambda: provider.journaled())
            await edge.until(lambda: any(isinstance(message, Notice) for message in heard))
        (notice,) = [message for message in heard if isinstance(message, Notice)]
        assert notice.code == Code.CLONE_HELD
        alarm = next(line for line in log if line["event"] == "clone held")
        assert (alarm["code"], alarm["agent"], alarm["log_level"]) == ("FG-2106", agent.uid, "warning")


async def test_a_copy_with_the_nonce_before_is_held_though_the_agent_spoke_late(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This edge's own claim has come back to it from the store by then, and still has that nonce."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port):
            pass
        clone = agent.copy()
        told: list[Body] = []
        apply = edge.services.directory.apply

        def listen(body: Body) -> object:
            told.append(body)
            return apply(body)

        monkeypatch.setattr(edge.services.directory, "apply", listen)
        line, _ = await agent.greet(edge.remote_port)
        nonce = agent.nonces[0]
        await edge.until(lambda: any(isinstance(body, ClaimEntry) and body.nonce == nonce for body in told))
        await line.heartbeat()
        async with answering(line):
            (mine,) = edge.services.open_sessions
            await edge.until(lambda: mine.confirmed)
            assert (await clone.refused(edge.remote_port)).code == Code.CLONE_HELD
        line.stream.close()


async def test_a_session_that_gives_no_sign_of_life_makes_way(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, log: list[dict[str, object]]
) -> None:
    monkeypatch.setattr(clones, "PROBE_S", 0.2)
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        reverted = agent.copy()
        async with agent.session(edge.remote_port) as silent, reverted.session(edge.remote_port) as line:
            await reverted.send(line, reverted.cut())
            await reverted.acknowledged(line)
            *_, last = await silent.hear_the_end()
            assert isinstance(last, Goodbye)
            assert last.code == Code.HEARTBEATS_MISSED
            assert [end["code"] for end in ends(log)] == ["FG-2003"]


async def test_moving_to_another_edge_ends_the_session_here(
    provider: Provider, log: list[dict[str, object]]
) -> None:
    """The claim holds across edges; the nonce shows that it is the agent itself."""
    async with running_edge(provider, "north") as north, running_edge(provider, "south") as south:
        agent = await enrolled(north)
        await south.until(lambda: south.services.directory.find(agent.uid))
        async with agent.session(north.remote_port):
            await south.until(lambda: south.agent(agent.uid).claim)
            async with agent.session(south.remote_port) as line:
                await north.until(lambda: ends(log))
                assert [end["code"] for end in ends(log)] == ["FG-2122"]
                await agent.send(line, agent.cut())
                await agent.acknowledged(line)
        await south.until(lambda: len(ends(log)) == 2)


async def test_a_clone_on_another_edge_is_held(provider: Provider, log: list[dict[str, object]]) -> None:
    """No probe reaches there; the store knows when that edge last heard from the agent."""
    async with running_edge(provider, "north") as north, running_edge(provider, "south") as south:
        agent = await enrolled(north)
        clone = agent.copy()
        await south.until(lambda: south.services.directory.find(agent.uid))
        async with agent.session(north.remote_port):
            await south.until(lambda: south.agent(agent.uid).claim)
            assert (await clone.refused(south.remote_port)).code == Code.CLONE_HELD
        await north.until(lambda: _status(provider, agent) is ConnectionStatus.INACCESSIBLE)
        async with clone.session(south.remote_port):
            pass


async def test_who_came_later_wins_even_if_its_edge_hears_of_it_last(provider: Provider) -> None:
    """Both edges claim before they have heard of each other; the returned nonce tells who is right."""
    async with running_edge(provider, "north") as north, running_edge(provider, "south") as south:
        agent = await enrolled(north)
        await south.until(lambda: south.services.directory.find(agent.uid))
        line, answer = await agent.greet(north.remote_port)
        assert isinstance(answer, Welcome)
        await line.stream.aclose()
        async with agent.session(south.remote_port) as line:
            await south.until(lambda: _holder(south, agent) == "south" == _holder(north, agent))
            await agent.send(line, agent.cut())
            await agent.acknowledged(line)


def _holder(edge: RunningEdge, agent: TestAgent) -> str | None:
    stored = edge.provider.store.agents.get(agent.uid, now_ms=edge.provider.clock())
    return stored.edge_name if stored.ended_code is None else None


# -- ends ----------------------------------------------------------------------------------------------------------------


async def test_every_end_is_one_line(provider: Provider, log: list[dict[str, object]]) -> None:
    """With who, from where, how long, how much and why."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            payload = agent.cut()
            await agent.send(line, payload)
            await agent.acknowledged(line)
            await line.say(Goodbye(code=Code.GOODBYE, message="bye"))
            await line.hear_the_end()
        await edge.until(lambda: ends(log))
        (end,) = ends(log)
        (close,) = [
            close for close in edge.services.closes.recent() if close.agent_uid and close.detail != "enrolled"
        ]
    wanted = {
        "code": "FG-2001", "reason": "goodbye", "agent": agent.uid, "organization": provider.company.uid,
        "host_name": "backup-1", "listener": "remote", "records": 1, "bytes": len(payload), "synthetic": False,
        "standing": "verified",
    }  # fmt: skip
    assert end.items() >= wanted.items()
    assert str(end["peer"]).startswith("127.0.0.1:")
    assert (close.code, close.agent_uid, close.address) == (Code.GOODBYE, agent.uid, "127.0.0.1")


async def test_a_peer_that_does_not_read_is_cut_off(provider: Provider, log: list[dict[str, object]]) -> None:
    """In bounded time, and the others notice nothing."""
    async with running_edge(provider, send_s=0.3) as edge:
        agent, other = await enrolled(edge), await enrolled(edge)
        async with agent.session(edge.remote_port), other.session(edge.remote_port) as line:
            victim = edge.agent(agent.uid).session
            assert victim is not None
            while victim.out.idle:
                victim.out.put(b"\x00" * 500_000)
            await other.send(line, other.cut())
            await other.acknowledged(line)
            await edge.until(lambda: ends(log))
            assert [(end["agent"], end["code"]) for end in ends(log)] == [(agent.uid, "FG-2104")]


async def test_a_peer_that_falls_too_far_behind_is_cut_off_at_once(
    provider: Provider, log: list[dict[str, object]]
) -> None:
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port):
            victim = edge.agent(agent.uid).session
            assert victim is not None
            for _ in range(40):
                victim.out.put(b"\x00" * 500_000)
            await edge.until(lambda: ends(log))
            assert [end["code"] for end in ends(log)] == ["FG-2104"]


async def test_a_bug_in_one_session_is_that_sessions_end(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, log: list[dict[str, object]]
) -> None:
    def crash(self: Session, heartbeat: object) -> None:
        raise RuntimeError("a bug")

    async with running_edge(provider) as edge:
        agent, other = await enrolled(edge), await enrolled(edge)
        async with other.session(edge.remote_port) as line:
            await other.send(line, other.cut())
            await other.acknowledged(line)
            with monkeypatch.context() as patch:
                patch.setitem(session.HANDLERS, Heartbeat, crash)
                async with agent.session(edge.remote_port) as broken:
                    await edge.until(lambda: ends(log))
                    with contextlib.suppress(trio.BrokenResourceError):
                        await broken.hear_the_end()
            await other.send(line, other.cut())
            await other.acknowledged(line)
        first = ends(log)[0]
        assert (first["agent"], first["code"]) == (agent.uid, "FG-2120")
        assert edge.services.closes.counts[Code.INTERNAL_ERROR] == 1


async def test_a_store_that_fails_disturbs_no_session(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, log: list[dict[str, object]]
) -> None:
    """Claims and presence wait in memory, and are written when it answers again."""

    def locked(self: Sessions, *_: object, **__: object) -> None:
        raise StoreLocked("database is locked")

    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        with monkeypatch.context() as patch:
            patch.setattr(Sessions, "claim", locked)
            patch.setattr(Sessions, "flush_presence", locked)
            async with agent.session(edge.remote_port) as line:
                await edge.until(lambda: edge.services.link.failing)
                await agent.send(line, agent.cut())
                await agent.acknowledged(line)
            await edge.until(lambda: ends(log))
        await edge.until(lambda: not edge.services.link.failing)
        stored = provider.store.agents.get(agent.uid, now_ms=provider.clock())
        assert stored.edge_name == "edge"
        assert stored.ended_code is not None


# -- drain -----------------------------------------------------------------------------------------------------------------


async def test_draining_gives_everybody_a_slot_of_its_own(provider: Provider) -> None:
    """Nobody new is let in, what is in flight is acknowledged, and the edge ends when all have left."""
    async with contextlib.AsyncExitStack() as stack:
        edge = await stack.enter_async_context(running_edge(provider, drain_s=10.0))
        agents = [await enrolled(edge) for _ in range(3)]
        lines = [await stack.enter_async_context(agent.session(edge.remote_port)) for agent in agents]
        edge.edge.stop()
        drains = [await line.expect(Drain) for line in lines]
        assert len({drain.reconnect_in_ms for drain in drains}) == 3
        assert {drain.window_ms for drain in drains} == {10_000}
        await agents[0].send(lines[0], agents[0].cut())
        await agents[0].acknowledged(lines[0])
        with pytest.raises(Exception, match="unreachable"):
            await agents[1].dial(edge.remote_port)
        for line in lines:
            await line.say(Goodbye(code=Code.GATEWAY_DRAINING))
        started = trio.current_time()
        await edge.until(lambda: not edge.services.open_sessions)
        assert trio.current_time() - started < 5


async def test_who_does_not_leave_is_sent_away(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.edge.drain.LEAVE_S", 0.2)
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port) as line:
            edge.edge.stop()
            heard = await line.hear_the_end()
    assert isinstance(heard[-1], Goodbye)
    assert heard[-1].code == Code.GATEWAY_STOPPED


async def test_sigterm_drains(provider: Provider) -> None:
    """The exit code is that of a process that did what it was asked; and the collector passed over what it began with."""
    codes: list[int] = []
    edges: list[server.Edge] = []

    class Watched(server.Edge):
        async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
            edges.append(self)
            await super().run(task_status=task_status)

    async def serve() -> None:
        codes.append(await process.serve_edge(provider.config(), now=provider.clock))

    gc.unfreeze()
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setattr(process, "Edge", Watched)
        stack.callback(gc.unfreeze)
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve)
                while not (edges and edges[0].addresses):  # noqa: ASYNC110  # it sets no event
                    await trio.sleep(0.005)
                agent = await TestAgent().enroll(edges[0].addresses[0].port, provider.token())
                async with agent.session(edges[0].addresses[0].port) as line:
                    assert gc.get_freeze_count() > 0
                    os.kill(os.getpid(), signal.SIGTERM)
                    await line.expect(Drain)
                    await line.say(Goodbye(code=Code.GATEWAY_DRAINING))
    assert codes == [0]


async def test_a_port_that_is_taken_is_named(provider: Provider) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        listener = Listener(host="127.0.0.1", port=port)
        config = attrs.evolve(provider.config(), listeners=(listener,))
        with pytest.raises(ConfigError, match=str(port)) as refusal:
            await process.serve_edge(config)
    assert refusal.value.code is Code.PORT_IN_USE


async def test_nothing_is_read_from_the_store_when_an_agent_connects(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three SELECTs per connect would halve the connect rate."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        reads: list[object] = []

        async def call(self: StoreLink, verb: Callable[[], object]) -> None:
            reads.append(verb)

        monkeypatch.setattr(StoreLink, "call", call)
        for _ in range(3):
            async with agent.session(edge.remote_port) as line:
                await agent.send(line, agent.cut())
                await agent.acknowledged(line)
    assert not reads
