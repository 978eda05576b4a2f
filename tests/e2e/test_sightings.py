"""What an edge makes of strangers that nobody reports: counted by network and kind, and never called interception."""

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Awaitable, Callable

import attrs
import pytest
import trio
from OpenSSL import SSL

from agent.inspection.probes import Prober
from certs.inspection import (
    Family,
    GatewaySide,
    LastIo,
    NearbyKind,
    PathRecord,
    RecordKind,
    Verdict,
)
from gateway.config import Config, Listener
from gateway.edge import sightings
from gateway.edge.inspection import Inspection
from tests.gateway.edge.test_proxy_protocol import header, proxied
from tests.helpers.agent import enrolled
from tests.helpers.edges import Provider, RunningEdge, running_edge, wall_ms
from tests.helpers.reporting import box, look, recorded
from transport import client_context, dry_run

Visit = Callable[[int], Awaitable[None]]


def inspection_of(edge: RunningEdge) -> Inspection:
    assert edge.services.inspection is not None
    return edge.services.inspection


async def seen_of(edge: RunningEdge, *visits: Visit) -> list[PathRecord]:
    """The records that these visitors leave behind."""
    inspection, ended = inspection_of(edge), edge.services.closes.counts
    before = ended.total()
    for visit in visits:
        await visit(edge.remote_port)
    await edge.until(lambda: ended.total() >= before + len(visits))
    await inspection.sightings.flush()
    edge.services.committer.journal.sync()
    return recorded(edge.provider)


# -- visitors ------------------------------------------------------------------------------------------------------------


async def port_scan(port: int) -> None:
    """TCP, and gone."""
    socket.create_connection(("127.0.0.1", port)).close()


async def ssh(port: int) -> None:
    """A banner of another protocol."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as sock:
        sock.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


async def browser(port: int) -> None:
    """Plain HTTP."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    await stream.send_all(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")
    assert await stream.receive_some()
    await stream.aclose()


async def tls_scan(port: int) -> None:
    """A whole handshake by somebody else's TLS, and no word."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_alpn_protos([b"h2", b"http/1.1"])

    def blocking() -> None:
        with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as sock:
            conn = SSL.Connection(context, sock)
            conn.set_connect_state()
            conn.do_handshake()
            with contextlib.suppress(SSL.Error):
                conn.shutdown()

    await trio.to_thread.run_sync(blocking)


async def reset_after_hello(port: int) -> None:
    """A hello, and a TCP reset: what a firewall does that sees too late what it lets through."""

    sock = socket.create_connection(("127.0.0.1", port))
    sock.sendall(dry_run(client_context(), "gateway.example"))
    await trio.to_thread.run_sync(sock.recv, 100)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


async def refusing_agent(port: int) -> None:
    """Our hello, and the alert that says that it doesn't know our CA."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_PEER)
    context.set_alpn_protos([b"fieldgate/1"])

    def blocking() -> None:
        with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as sock:
            conn = SSL.Connection(context, sock)
            conn.set_connect_state()
            with pytest.raises(SSL.Error):
                conn.do_handshake()

    await trio.to_thread.run_sync(blocking)


# -- what they leave behind ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("visit", [ssh, browser, tls_scan, reset_after_hello, refusing_agent])
async def test_a_stranger_is_seen_and_not_called_interception(provider: Provider, visit: Visit) -> None:
    """One record of what came, judged by the gateway's half alone."""
    async with running_edge(provider) as edge:
        (record,) = await seen_of(edge, visit)
        metric = inspection_of(edge).metrics.sightings[record.finding.verdict]
        assert metric._value.get() == 1  # prometheus_client has no public way to ask

    assert record.kind is RecordKind.SIGHTING
    assert record.signer_kind is None
    assert record.finding.family is not Family.INSPECTION
    assert record.evidence.agent is None
    half = record.evidence.gateway
    assert half is not None
    assert half.connections == 1
    assert half.source is not None
    assert half.source.startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("visit", "verdict"),
    [(ssh, Verdict.NOT_AN_AGENT), (browser, Verdict.NOT_AN_AGENT), (tls_scan, Verdict.HELLO_FOREIGN)],
)
async def test_a_strangers_verdict(provider: Provider, visit: Visit, verdict: Verdict) -> None:
    """Scanners are nobody's agents; whole handshakes without a word are worth a look."""
    async with running_edge(provider) as edge:
        (record,) = await seen_of(edge, visit)

    assert record.finding.verdict is verdict


async def test_the_alert_that_came_is_told(provider: Provider) -> None:
    """unknown_ca, by whoever sent it."""
    async with running_edge(provider) as edge:
        (record,) = await seen_of(edge, refusing_agent)

    assert record.evidence.gateway is not None
    assert [alert.name for alert in record.evidence.gateway.alerts or ()] == ["unknown CA"]
    assert record.evidence.gateway.last_io is LastIo.ALERT
    assert record.evidence.gateway.hello is not None
    assert record.evidence.gateway.hello.alpn == ("fieldgate/1",)


async def test_a_port_scan_leaves_nothing(provider: Provider) -> None:
    """Remembered for a report that may tell of it, and not written down."""
    async with running_edge(provider) as edge:
        assert await seen_of(edge, port_scan) == []


async def test_an_agents_control_experiment_leaves_nothing(provider: Provider) -> None:
    """It asks in clear whether anything passes: no scanner, and not the attempt that it wants to explain."""

    async def ask(port: int) -> None:
        probe = await Prober(address=f"127.0.0.1:{port}").probe("plain-payload")
        assert probe.passed, probe

    async with running_edge(provider) as edge:
        assert await seen_of(edge, ask) == []
        assert len(inspection_of(edge).halves) == 0


async def test_an_agent_leaves_nothing(provider: Provider) -> None:
    """Neither enrolling nor a session is a sighting, and nothing is kept of it."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        async with agent.session(edge.remote_port):
            session = edge.agent(agent.uid).session
            assert session is not None
            assert session.peer.sight is None
        assert await seen_of(edge) == []
        assert len(inspection_of(edge).halves) == 0


async def test_a_box_whose_agent_hangs_up_is_seen(provider: Provider) -> None:
    """Its agent refuses the forged certificate and goes: the gateway sees a handshake without a word."""
    async with running_edge(provider) as edge, box(edge.remote_port) as port:
        agent = await enrolled(edge)

        async def refuse(_: int) -> None:
            seen = await look(agent, provider, port)
            assert seen.stream is not None
            await seen.stream.aclose()

        (record,) = await seen_of(edge, refuse)

    assert record.finding.verdict is Verdict.HELLO_FOREIGN
    assert record.evidence.gateway is not None
    assert record.evidence.gateway.client_certificate is False
    assert record.evidence.gateway.application_bytes == 0


async def test_a_thousand_of_a_kind_are_one_record(provider: Provider) -> None:
    """Those that are not even looked at are counted with the ones before."""
    async with running_edge(provider, per_address=2000) as edge:
        inspection = inspection_of(edge)
        for _ in range(40):
            async with trio.open_nursery() as nursery:
                for _ in range(25):
                    nursery.start_soon(ssh, edge.remote_port)
        await edge.until(lambda: edge.services.closes.counts.total() >= 1000)
        await inspection.sightings.flush()
        edge.services.committer.journal.sync()
        (record,) = recorded(provider)
        assert len(inspection.halves) <= 64

    assert record.evidence.gateway is not None
    assert record.evidence.gateway.connections == 1000


@pytest.mark.parametrize(
    ("networks", "kinds"), [(1, sightings.KINDS_OF_ONE), (4, sightings.KINDS_OF_ONE), (10, 4)]
)
async def test_kinds_are_bounded(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, networks: int, kinds: int
) -> None:
    """A scanner that changes what it says with every connection fills no journal, and loses no count."""
    monkeypatch.setattr(sightings, "KINDS", 40)
    async with running_edge(provider) as edge:
        counted = inspection_of(edge).sightings
        for n in range(50):
            for network in range(networks):
                half = GatewaySide(
                    at_ms=wall_ms(), source=f"192.0.{network}.1:5", first_bytes=bytes([65 + n] * 4)
                )
                counted.saw(f"192.0.{network}.0/24", half)
        await counted.flush()
        await counted.flush()
        edge.services.committer.journal.sync()
        seen = [record.evidence.gateway for record in recorded(provider)]

    connections: dict[str, list[int]] = {}
    for each in seen:
        assert each is not None
        connections.setdefault(each.source or "", []).append(each.connections)
    assert [(len(each), sum(each)) for each in connections.values()] == [(kinds, 50)] * networks


async def test_our_own_doing_is_no_sighting(provider: Provider) -> None:
    """What breaks while the edge restarts says nothing of anybody."""
    async with running_edge(provider) as edge:
        inspection_of(edge).surroundings.note(NearbyKind.RESTART)
        assert await seen_of(edge, ssh) == []


@pytest.mark.parametrize("check", [port_scan, ssh, tls_scan])
async def test_a_balancers_health_check_is_no_sighting(provider: Provider, check: Visit) -> None:
    """Whatever it says: from a network that is configured as ours."""

    def ours(config: Config) -> Config:
        return attrs.evolve(config, own_proxies=("127.0.0.0/8",))

    async with running_edge(provider, change=ours) as edge:
        assert await seen_of(edge, check) == []
        assert len(inspection_of(edge).halves) == (check is tls_scan), (
            "an agent may be behind it, unannounced"
        )


async def test_a_balancer_that_speaks_for_itself_is_no_sighting(provider: Provider) -> None:
    """PROXY, command LOCAL: it looks whether the edge lives."""
    async with running_edge(provider, change=_announced) as edge:

        async def local(port: int) -> None:
            with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as sock:
                sock.sendall(header(0, 0, b"") + b"SSH-2.0-x\r\n")

        assert await seen_of(edge, local) == []
        assert len(inspection_of(edge).halves) == 0


def _announced(config: Config) -> Config:
    first = Listener(host="127.0.0.1", port=0, proxy_from=("127.0.0.0/8",))
    return attrs.evolve(config, listeners=(first, config.listeners[1]))


async def test_a_stranger_behind_our_balancer_has_its_own_network(provider: Provider) -> None:
    """The balancer's word counts, not its address."""
    async with running_edge(provider, change=_announced) as edge:

        async def announced(port: int) -> None:
            with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as sock:
                sock.sendall(proxied(ipaddress.IPv4Address("198.51.100.7"), 51514) + b"SSH-2.0-x\r\n")

        (record,) = await seen_of(edge, announced)

    assert record.evidence.gateway is not None
    assert record.evidence.gateway.source == "198.51.100.7:51514"
    assert record.evidence.gateway.through_own_proxy
    assert record.evidence.gateway.syn is None


async def test_a_hello_in_two_segments_is_read_whole(provider: Provider) -> None:
    """The second one is waited for, and OpenSSL gets both."""

    hello = dry_run(client_context(), "gateway.example")

    async def slowly(port: int) -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(hello[:700])
        await trio.sleep(0.1)
        await stream.send_all(hello[700:])
        assert await stream.receive_some(100)
        await stream.aclose()

    async with running_edge(provider) as edge:
        (record,) = await seen_of(edge, slowly)

    assert record.evidence.gateway is not None
    assert record.evidence.gateway.hello is not None
    assert record.evidence.gateway.hello.size == len(hello) - 5
    assert record.evidence.gateway.hello.random == record.evidence.gateway.client_random
