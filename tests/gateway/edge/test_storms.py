"""Everybody comes at once: turns, pace and memory in the hall; full and nearly full, over real TLS."""

import contextlib
import ipaddress
import itertools
import socket
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from gateway.config import Limits
from gateway.edge.addresses import STRANGERS
from gateway.edge.admission import HANDSHAKE_BYTES, Admission
from protocol import Action, Code, Rejected
from tests.gateway.edge.test_admission import at_the_handshake, enter, kept_moving
from tests.gateway.edge.test_listener import client_hello, drained, serving
from tests.gateway.edge.test_proxy_protocol import proxied
from tests.helpers.agent import enrolled
from tests.helpers.edges import make_provider, running_edge

ROOMY = Limits(connections=10_000, pre_auth_connections=10_000, per_address=10_000, connects_per_s=100)


# -- turns and pace, in the hall ---------------------------------------------------------------------------------------


async def test_a_small_tenant_is_through_while_a_large_one_comes_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Two thousand of one organization are queued, at a hundred a second; then five of another come, and a stranger: they are
    through in less than a quarter of a second, and the large one's agents go on."""
    admission = Admission(ROOMY)
    for n in range(200):
        admission.remember(f"10.0.0.{n}", "large")
    admission.remember("192.0.2.1", "small")
    through: list[tuple[float, str]] = []

    async def come(address: str) -> None:
        ticket = await at_the_handshake(admission, address)
        through.append((trio.current_time(), ticket.party))
        await trio.sleep(0.05)
        ticket.authenticated(ticket.party)
        ticket.close()

    async with kept_moving(admission) as nursery:
        async with trio.open_nursery() as herd:
            for n in range(2000):
                herd.start_soon(come, f"10.0.0.{n % 200}")
            await trio.sleep(1)
            came_at, before = trio.current_time(), len(through)
            for _ in range(5):
                herd.start_soon(come, "192.0.2.1")
            herd.start_soon(come, "203.0.113.9")
        nursery.cancel_scope.cancel()
    assert before == pytest.approx(100, abs=10)
    others = {party: [at for at, each in through if each == party] for party in ("small", STRANGERS)}
    assert [len(times) for times in others.values()] == [5, 1]
    assert max(itertools.chain(*others.values())) - came_at <= 0.25
    assert max(at for at, _ in through) == pytest.approx(20, abs=1), "at a hundred a second, to the last"


async def test_strangers_leave_room_for_those_who_are_known(autojump_clock: trio.testing.MockClock) -> None:
    """And no organization takes the last places from the strangers."""
    for party in (STRANGERS, "large"):
        limits = attrs.evolve(ROOMY, connects_per_s=1e6, pre_auth_bytes=32 * HANDSHAKE_BYTES)
        admission = Admission(limits)
        for n in range(100):
            if party != STRANGERS:
                admission.remember(f"10.0.0.{n}", party)
        admission.remember("192.0.2.1", "small")
        async with trio.open_nursery() as nursery:
            for n in range(100):
                nursery.start_soon(at_the_handshake, admission, f"10.0.0.{n}")
            await trio.testing.wait_all_tasks_blocked()
            assert (admission.handshaking, admission.queued) == (24, 76)
            for other in ("192.0.2.1", "203.0.113.9")[: 1 if party == STRANGERS else 2]:
                with trio.fail_after(1):
                    await at_the_handshake(admission, other)
            nursery.cancel_scope.cancel()


async def test_a_slow_machine_lets_in_what_it_gets_done_in_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Handshakes that take 25 ms of CPU make ten connects a second: few places, a small hall; and of a herd of thousands, nobody who is
    let in meets the deadline."""
    admission = Admission(Limits(), 0.0242)
    assert admission.pace.per_s == pytest.approx(10, rel=0.01)
    assert (admission.places, admission.room) == (37, 74)
    cut, waited = 0, 0.0

    async def come(number: int) -> None:
        nonlocal cut, waited
        await admission.wait_for_room()
        ticket = enter(admission, f"10.{number // 250}.0.{number % 250}")
        began = trio.current_time()
        with ticket.scope:
            ticket.spoke()
            await ticket.charge()
            await trio.sleep(0.1)
            ticket.authenticated("northwind")
            waited = max(waited, trio.current_time() - began)
        cut += ticket.scope.cancelled_caught
        ticket.close()

    async with kept_moving(admission) as nursery:
        async with trio.open_nursery() as herd:
            for number in range(1000):
                herd.start_soon(come, number)
        nursery.cancel_scope.cancel()
    assert cut == 0
    assert waited < Limits().hello_s * 0.75
    assert trio.current_time() == pytest.approx(1000 / admission.pace.per_s, rel=0.3)


async def test_the_deadline_stands_still_in_the_queue_and_not_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Two seconds used, fourteen waited for a place: there are thirteen left for the handshake. Who finds none goes after thirty."""
    admission = Admission(Limits(pre_auth_bytes=HANDSHAKE_BYTES, hello_s=15))
    holder = await at_the_handshake(admission, "192.0.2.1")
    ticket, late = enter(admission, "192.0.2.2"), enter(admission, "192.0.2.3")

    async def give_way() -> None:
        await trio.sleep(16)
        holder.close()

    async def wait_in_vain() -> None:
        with late.scope:
            await late.charge()
        assert late.scope.cancelled_caught
        assert late.stage == "queued for tls"
        assert trio.current_time() == pytest.approx(30)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_way)
        with ticket.scope:
            await trio.sleep(2)
            nursery.start_soon(wait_in_vain)
            await ticket.charge()
            assert trio.current_time() == pytest.approx(16)
            await trio.sleep_forever()
        assert trio.current_time() == pytest.approx(29)
    for each in (ticket, late):
        each.close()


async def test_the_rate_is_taken_from_the_settings_when_they_are_read_again() -> None:
    """And measured anew with another certificate."""
    admission = Admission(Limits(), 0.0005)
    derived = admission.pace.per_s
    admission.relimit(Limits(connects_per_s=50))
    assert (admission.pace.per_s, admission.slots_per_s) == (50, 25)
    admission.relimit(Limits())
    assert admission.pace.per_s == derived
    admission.measured(0.001)
    assert admission.pace.per_s == pytest.approx(derived / 2)


# -- silence -----------------------------------------------------------------------------------------------------------


async def test_a_thousand_silent_connections_take_no_place_and_next_to_no_memory() -> None:
    """No TLS object and no place; less than 12 kB of ours each, task and ticket included. Who speaks is served beside them."""
    limits = Limits(pre_auth_connections=1500, per_address=1500)
    async with serving(limits=limits) as edge:
        tracemalloc.start()
        silent = [socket.socket() for _ in range(1000)]
        before = tracemalloc.get_traced_memory()[0]
        for sock in silent:
            sock.connect(("127.0.0.1", edge.port))
            await trio.lowlevel.checkpoint()
        await until(lambda: edge.admission.in_hall == 1000)
        each = (tracemalloc.get_traced_memory()[0] - before) / 1000
        tracemalloc.stop()
        assert edge.contexts_used == []
        assert (edge.admission.handshaking, edge.admission.queued) == (0, 0)
        assert each < 12_000
        with trio.fail_after(5):
            stream = await edge.connect()
        await stream.aclose()
        for sock in silent:
            sock.close()


async def until(condition: Callable[[], object]) -> None:
    with trio.fail_after(30):
        while not condition():  # noqa: ASYNC110  # the books of a hall have no event
            await trio.sleep(0.005)


async def test_no_tls_is_spent_on_who_has_left_the_queue() -> None:
    """An agent that gave up in the queue lies there with its hello: a herd's first wave would keep the second from being served."""
    async with serving(limits=Limits(pre_auth_bytes=HANDSHAKE_BYTES, per_address=1000)) as edge:
        with edge.dial() as holder:
            holder.sendall(client_hello())
            await until(lambda: edge.admission.handshaking == 1)
            for number in range(1, 6):
                with edge.dial() as sock:
                    sock.sendall(client_hello())
                    await until(lambda: edge.admission.queued == number)  # noqa: B023  # called at once
            assert (edge.admission.handshaking, edge.admission.queued) == (1, 5)
        await until(lambda: edge.admission.in_hall == 0)
    assert edge.closes.counts[Code.CONNECTION_LOST] == 5
    assert len(edge.contexts_used) == 1, "the holder's alone"


# -- floods ------------------------------------------------------------------------------------------------------------


async def flood(port: int, source: str, count: int) -> bytes:
    """Connections from *source* that say what is no TLS; what the last one is told."""
    heard = b""
    for number in range(count):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(proxied(ipaddress.IPv4Address(source), 1000 + number) + b"\0" * 64)
            with contextlib.suppress(ConnectionResetError):
                heard = await drained(sock)
    return heard


async def test_an_address_that_floods_is_refused_before_tls_and_others_are_not() -> None:
    """One line in the log for the ban, none for what it refuses; the balancer that they come by is not banned for it."""
    limits = Limits(faults_per_s=0.02)
    with capture_logs() as logs:
        async with serving(proxy_from=("127.0.0.0/8",), limits=limits) as edge:
            await flood(edge.port, "198.51.100.7", 8)
            assert edge.admission.banned("198.51.100.7")
            assert not edge.admission.banned("127.0.0.1")
            counts = dict(edge.closes.counts)
            await flood(edge.port, "203.0.113.9", 1)
            assert edge.closes.counts[Code.NOT_TLS] == counts[Code.NOT_TLS] + 1
            assert edge.contexts_used == []
            metrics = edge.metrics.render()
    assert counts == {Code.NOT_TLS: 4, Code.SOURCE_BANNED: 4}
    (line,) = [each for each in logs if each["event"] == "address banned"]
    assert (line["code"], line["peer"], line["for_s"]) == ("FG-2128", "198.51.100.7", 60)
    assert b"fieldgate_bans_total 1.0" in metrics
    assert b"fieldgate_addresses_banned 1.0" in metrics


def stranger(port: int) -> socket.socket:
    """A connection from an address at which no agent ever was."""
    return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=("127.0.0.66", 0))


# -- full, and nearly full ---------------------------------------------------------------------------------------------


async def test_nearly_full_a_newcomer_is_told_its_own_moment_and_full_it_is_not_heard(tmp_path: Path) -> None:
    """Beyond the soft limit: TLS, and Rejected with a slot of its own; at the hard one: closed without a byte. The sessions stay."""
    provider = make_provider(tmp_path)
    async with running_edge(provider, connections=8, connections_soft=0.25) as edge:
        agents = [await enrolled(edge) for _ in range(3)]
        async with contextlib.AsyncExitStack() as stack:
            lines = [await stack.enter_async_context(each.session(edge.remote_port)) for each in agents[:2]]
            refused: list[Rejected] = []

            async def come() -> None:
                refused.append(await agents[2].refused(edge.remote_port))

            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(come)
            assert {(each.code, each.action) for each in refused} == {(Code.GATEWAY_CROWDED, Action.RETRY)}
            assert all(60_000 <= each.retry_after_ms <= 62_000 for each in refused)
            moments = sorted(each.gateway_time_ms + each.retry_after_ms for each in refused)
            apart_ms = 1000 / edge.services.admission.slots_per_s
            assert all(later - earlier >= apart_ms - 2 for earlier, later in itertools.pairwise(moments))
            await edge.until(lambda: edge.services.admission.connections == 2)
            silent = [stranger(edge.remote_port) for _ in range(6)]
            await edge.until(lambda: edge.services.admission.connections == 8)
            speaking = [stranger(edge.remote_port) for _ in range(6)]
            for sock in speaking:
                sock.sendall(client_hello())
            await edge.until(lambda: edge.services.admission.handshaking == 6)
            with stranger(edge.remote_port) as sock:
                assert await drained(sock) == b""
            assert edge.services.closes.counts[Code.TOO_MANY_CONNECTIONS] == 1
            # Nobody's agent is refused for strangers: this one is still told a moment.
            assert (await agents[2].refused(edge.remote_port)).code == Code.GATEWAY_CROWDED
            for sock in silent + speaking:
                sock.close()
            for line in lines:
                await line.heartbeat()
        assert b'fieldgate_slots_given_total{why="crowded"} 4.0' in edge.services.metrics.render()


async def test_a_restarted_edge_knows_whose_address_is_whose(tmp_path: Path) -> None:
    """From the store: the herd that a restart makes takes turns, too. And it has measured what a handshake costs here."""
    provider = make_provider(tmp_path)
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port):
            await edge.until(lambda: provider.store.directory().claims)
    async with running_edge(provider) as edge:
        hall = edge.services.admission
        assert hall.known.party("127.0.0.1") == provider.company.uid
        assert 1 < hall.pace.per_s < 100_000
