"""Each control experiment differs from the attempt in one thing, and only that thing decides it."""

import socket

import pytest
import trio

from agent.inspection import probes
from agent.inspection.probes import Prober, with_probes, worth_running
from certs.inspection import PROBES, AgentSide, LastIo, Probe
from tests.agent.inspection.peers import (
    closing,
    gateway_context,
    heard,
    listening,
    proxy,
    relay,
    resetting,
    saying,
    silent,
    tls,
)
from tests.agent.inspection.test_gather import look, through
from tests.certs.pki import authority
from tests.helpers.reporting import forged
from tests.transport.pki import chain
from transport import TLSStream, server_context


def prober(address: str, *, patience_s: float = 10, **more: object) -> Prober:
    certificate, key = chain("agent")
    more = {"anchors": authority().trust_bundle().anchors()} | more
    return Prober(address=address, chain_pem=certificate, key_pem=key, patience_s=patience_s, **more)  # type: ignore[arg-type]  # the fields are Prober's own


async def answering(stream: TLSStream) -> None:
    """A gateway that knows HTTP."""
    assert (await stream.receive_some()).startswith(b"POST /fieldgate/path-report HTTP/1.1\r\n")
    await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize("name", ["small-hello", "large-hello", "hello-1200", "hello-1400", "hello-1600"])
async def test_a_gateway_answers_every_hello(name: str) -> None:
    async with listening(tls(gateway_context())) as address:
        probe = await prober(address).probe(name)
    assert (probe.name, probe.passed) == (name, True)
    size = int(probe.detail.split()[3])
    low, high = {"small": (200, 600), "large": (1461, 2000)}.get(name.split("-")[0], (0, 0))
    if not high:
        low, high = int(name[6:]) - 20, int(name[6:]) + 20
    assert low <= size <= high


async def test_an_alert_is_an_answer_too() -> None:
    async with listening(saying(b"\x15\x03\x03\x00\x02\x02\x28")) as address:
        probe = await prober(address).probe("small-hello")
    assert probe.passed
    assert probe.detail.endswith("was answered: handshake failure")


@pytest.mark.parametrize(
    ("serve", "says"),
    [(resetting, "reset by peer"), (closing, "without a tls close"), (saying(b"SSH-2.0-x\r\n"), "no tls")],
)
async def test_what_is_no_tls_is_no_answer(serve: object, says: str) -> None:
    async with listening(serve) as address:  # type: ignore[arg-type]  # peers.Serve
        probe = await prober(address).probe("large-hello")
    assert not probe.passed
    assert says in probe.detail


async def test_the_sizes_say_where_large_hellos_end() -> None:
    """A box that swallows what does not fit a packet of 1,500 bytes less a tunnel's 60."""
    async with listening(tls(gateway_context())) as gateway:

        async def box(sock: socket.socket) -> None:
            await relay(sock, gateway, hello_limit=1440)

        async with listening(box) as address:
            observation = await look(address, patience_s=0.5)
            side = await with_probes(observation.side, prober(address, patience_s=1))
    assert side.last_io is LastIo.HANDSHAKE_TIMEOUT
    passed = {probe.name: probe.passed for probe in side.probes}
    del passed["other-port"], passed["plain-payload"]
    assert passed == {
        "small-hello": True, "large-hello": False,
        "hello-1200": True, "hello-1400": True, "hello-1600": False,
    }  # fmt: skip


async def test_http_passes_where_nothing_else_does() -> None:
    """A box that opens TLS and lets only HTTP through."""
    async with listening(tls(gateway_context(), answering)) as address:
        assert (await prober(address).probe("http")).passed
    async with listening(tls(gateway_context())) as address:
        probe = await prober(address, patience_s=0.5).probe("http")
    assert probe == Probe(name="http", passed=False, detail="no answer")


async def test_http_without_tls_beneath_it() -> None:
    async with listening(resetting) as address:
        probe = await prober(address).probe("http")
    assert not probe.passed
    assert "reset" in probe.detail


async def test_a_plain_payload_gets_an_answer_or_not() -> None:
    async with listening(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as address:
        assert (await prober(address).probe("plain-payload")).passed
    outcomes = []
    for serve in (resetting, closing, silent):
        async with listening(serve) as address:
            probe = await prober(address, patience_s=0.5).probe("plain-payload")
            outcomes.append((probe.passed, probe.detail))
    assert [passed for passed, _ in outcomes] == [False] * 3
    assert "reset" in outcomes[0][1]
    assert outcomes[1:] == [(False, "closed without an answer"), (False, "no answer")]


async def test_another_port_of_the_same_host(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(resetting) as address, listening(tls(gateway_context())) as other:
        port = int(other.rpartition(":")[2])
        monkeypatch.setattr(probes, "OTHER_PORT", port)
        assert await prober(address).probe("other-port") == Probe(
            name="other-port", passed=True, detail=f"port {port}: the gateway's tls came up"
        )
    probe = await prober(address).probe("other-port")
    assert (probe.passed, probe.detail) == (False, f"port {port}: connection refused")


async def test_whoever_dials_443_tries_the_gateways_own_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same port once more would be no experiment."""
    async with listening(resetting) as address, listening(tls(gateway_context())) as other:
        port = int(other.rpartition(":")[2])
        monkeypatch.setattr(probes, "OTHER_PORT", int(address.rpartition(":")[2]))
        monkeypatch.setattr(probes, "GATEWAY_PORT", port)
        probe = await prober(address).probe("other-port")
    assert (probe.passed, probe.detail) == (True, f"port {port}: the gateway's tls came up")


async def test_anybodys_web_server_is_no_sign_of_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the provider's certificate shows that the gateway is up, and only to who knows the provider's CA."""
    anothers = server_context([forged()], request_client_cert=False)
    async with listening(tls(anothers)) as other, listening(tls(gateway_context())) as own:
        monkeypatch.setattr(probes, "OTHER_PORT", int(other.rpartition(":")[2]))
        probe = await prober("127.0.0.1:1").probe("other-port")
        assert not probe.passed
        assert "another server's tls came up" in probe.detail
        monkeypatch.setattr(probes, "OTHER_PORT", int(own.rpartition(":")[2]))
        probe = await prober("127.0.0.1:1", anchors=None).probe("other-port")
        assert not probe.passed
        assert "nobody said which CA" in probe.detail


async def test_experiments_take_the_same_way() -> None:
    """Through the proxy, each of them."""
    asked: list[bytes] = []

    async def serve(sock: socket.socket) -> None:
        if (await heard(sock)).startswith(b"POST"):
            sock.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await silent(sock)

    async with listening(serve) as address, listening(proxy(asked=asked)) as middle:
        ran = await prober(address, patience_s=0.5, proxy=through(middle)).all_of(
            ["small-hello", "plain-payload", "http", "other-port"]
        )
    assert [probe.passed for probe in ran] == [False, True, False, False]
    assert "502" in ran[3].detail
    assert len(asked) == 4
    assert all(b"Proxy-Authorization: Basic " in request for request in asked)


def test_every_experiment_that_a_rule_knows_can_be_run() -> None:
    assert sorted(probes._EXPERIMENTS) == sorted(PROBES)


def test_only_what_would_tell_more_is_run() -> None:
    side = AgentSide(at_ms=0, dialed="gateway.example:6180", last_io=LastIo.NOT_RESOLVED)
    assert worth_running(side) == []
    refused = AgentSide(at_ms=0, dialed="gateway.example:6180", last_io=LastIo.REFUSED)
    assert worth_running(refused) == ["other-port"]
    mute = AgentSide(at_ms=0, dialed="gateway.example:6180", handshake_complete=True, answered=False)
    assert worth_running(mute) == ["http", "other-port"]
    fine = AgentSide(at_ms=0, dialed="gateway.example:6180", handshake_complete=True, answered=True)
    assert worth_running(fine) == []


async def test_a_cancelled_experiment_leaves_no_socket() -> None:
    """pytest turns an unclosed socket's ResourceWarning into a failure."""
    async with listening(silent) as address:
        for name in ("small-hello", "plain-payload", "http"):
            with trio.move_on_after(0.1) as scope:
                await prober(address).probe(name)
            assert scope.cancelled_caught
