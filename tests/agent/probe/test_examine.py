"""One look: who has to act, by real TLS through what stands in the path; how many connections that takes, and how long."""

import socket
from typing import Any

import attrs
import pytest
import trio

from agent.inspection import probes
from agent.inspection.deliver import Report, Route
from agent.inspection.gather import Observation
from agent.inspection.probes import Prober
from agent.inspection.replies import Reply
from agent.probe import examine as module
from agent.probe.asker import STRANGER
from agent.probe.examine import LONGEST_S
from agent.probe.outcome import EXIT_CODES, exit_code_of, meta_of
from agent.proxies import Proxies, Way
from certs import PathCode
from certs.inspection import WITHOUT_PROXY, AgentSide, Family, LastIo, Probe, Verdict
from tests.agent.inspection.peers import (
    Serve,
    gateway_context,
    listening,
    proxy,
    relay,
    resetting,
    saying,
    silent,
    tls,
)
from tests.agent.probe.scene import ASKER, answering, look
from tests.helpers.reporting import forged
from transport import Proxy, TLSStream, server_context


def seen_by(examined: module.Examined) -> AgentSide:
    assert examined.evidence.agent is not None
    return examined.evidence.agent


async def silently_closing(stream: TLSStream) -> None:
    """Hears what is said, and says nothing but goodbye."""
    await stream.receive_some()
    await stream.aclose()


# -- whose turn it is --------------------------------------------------------------------------------------------------


def test_every_family_has_a_code_of_its_own() -> None:
    assert set(EXIT_CODES) == set(Family)
    assert len(set(EXIT_CODES.values())) == len(Family)
    assert not {1, 2, 3, 4, 130, 141} & set(EXIT_CODES.values()), "they mean something else"


@pytest.mark.parametrize(
    ("serve", "verdict", "exit_code"),
    [
        (tls(gateway_context(), answering), Verdict.DIRECT, 0),
        (
            tls(server_context([forged()], request_client_cert=False), answering),
            Verdict.INSPECTED_UNTRUSTED,
            10,
        ),
        (saying(b"HTTP/1.1 403 Forbidden\r\n\r\n"), Verdict.HTTP_ANSWER, 11),
        (resetting, Verdict.NOT_REACHED, 14),
        (tls(gateway_context(), silently_closing), Verdict.UNEXPLAINED, 14),
    ],
    ids=["clean", "inspection", "network", "cut", "unknown"],
)
async def test_what_answers_decides_the_exit_code(serve: Serve, verdict: Verdict, exit_code: int) -> None:
    async with listening(serve) as address:
        examined = await look(address)
    assert (examined.finding.verdict, exit_code_of(examined)) == (verdict, exit_code)
    assert meta_of(examined, ASKER).exit_code == exit_code
    assert meta_of(examined, ASKER).signed_by_gateway is False


async def test_a_certificate_for_another_name_is_the_providers_fault() -> None:
    async with listening(tls(gateway_context(), answering)) as address:
        examined = await look(f"localhost:{address.rpartition(':')[2]}")
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.WRONG_SAN, 12)


async def test_an_agent_whose_certificate_is_over_is_this_servers_fault() -> None:
    asker = attrs.evolve(ASKER, certificate_not_after_ms=1)
    async with listening(tls(gateway_context(), answering)) as address:
        examined = await look(address, asker)
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.AGENT_CERT_EXPIRED, 13)


async def test_a_stranger_is_told_less_and_nothing_else() -> None:
    """Without pins nobody is sure, and the steps say what would help."""
    async with listening(tls(gateway_context(), answering)) as address:
        examined = await look(address, STRANGER)
    assert examined.finding.verdict is Verdict.DIRECT
    assert examined.finding.confidence <= 0.5
    (chain,) = (step for step in examined.steps if step.name == "chain")
    assert "--token" in chain.detail


# -- the way -----------------------------------------------------------------------------------------------------------


async def test_a_proxy_that_is_only_a_hint_is_given_up() -> None:
    """As the agent does: where it opens no tunnel, the way without it is what counts."""
    async with (
        listening(proxy(b"HTTP/1.1 403 Forbidden\r\n\r\n")) as middle,
        listening(tls(gateway_context(), answering)) as address,
    ):
        # Loopback is never reached through a proxy of the environment's.
        examined = await look(address, proxies=_Hinting(environment=Proxy.from_url(f"http://{middle}")))
    assert examined.finding.verdict is Verdict.DIRECT
    assert seen_by(examined).proxy == WITHOUT_PROXY


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback takes milliseconds."""
    monkeypatch.setattr(module, "ATTEMPT_S", 1.0)
    monkeypatch.setattr(module, "CONTROL_S", 1.0)


@attrs.frozen(kw_only=True)
class _Hinting(Proxies):
    """A hint for loopback, too."""

    def ways(self, host: str, port: int) -> tuple[Way, ...]:
        return Way(self.environment, "environment"), Way()


async def test_a_proxy_that_was_ordered_is_what_is_judged() -> None:
    async with listening(proxy(b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic\r\n\r\n")) as middle:
        examined = await look(
            "gateway.example:6180", proxies=Proxies(configured=Proxy.from_url(f"http://u:pw@{middle}"))
        )
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.PROXY_AUTH, 11)
    assert [(step.name, step.mark.value) for step in examined.steps] == [
        ("proxy", "!!"),
        ("port 443", "--"),
    ]
    assert not any("pw" in step.detail for step in examined.steps)


# -- what it takes -----------------------------------------------------------------------------------------------------


async def test_a_healthy_path_takes_two_connections_to_the_gateway() -> None:
    """The attempt, which is the large hello and asks inside the TLS; and a small hello. Port 443 is another port."""
    connections = []

    async def serve(sock: socket.socket) -> None:
        connections.append(sock)
        await tls(gateway_context(), answering)(sock)

    async with listening(serve) as address:
        examined = await look(address)
    assert len(connections) == 2
    assert {probe.name for probe in seen_by(examined).probes} == {"small-hello", "other-port"}
    assert [step.name for step in examined.steps] == [
        "TCP", "TLS", "name", "chain", "client cert", "payload", "TLS, small hello", "port 443",
    ]  # fmt: skip


@pytest.mark.usefixtures("impatient")
async def test_a_box_that_drops_large_hellos_is_measured() -> None:
    async with listening(tls(gateway_context(), answering)) as gateway:

        async def box(sock: socket.socket) -> None:
            await relay(sock, gateway, hello_limit=1440)

        async with listening(box) as address:
            examined = await look(address)
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.HELLO_TOO_LARGE, 11)
    marks = {step.name: step.mark.value for step in examined.steps}
    assert marks["TLS, 1400 bytes"] == "ok"
    assert marks["TLS, 1600 bytes"] == "!!"


async def test_each_step_is_told_when_it_is_known() -> None:
    told: list[tuple[str, int]] = []
    async with listening(tls(gateway_context(), answering)) as address:
        await look(address, progress=lambda now, steps: told.append((now.split()[0], len(steps))))
    assert told == [("connecting", 0), ("asking", 5), ("control", 6)]


CODE = PathCode.create(
    seed=bytes(32), pins=(bytes(32),), gateways=("gateway.example:6180",), report_key=b""
)  # fmt: skip


class Slowest:
    """A network where everything takes as long as it may; what it takes is counted on trio's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **seen: Any) -> None:
        self.side = seen

        async def observe(address: str, *, patience_s: float, **_: Any) -> Observation:
            await trio.sleep(patience_s)
            return Observation(AgentSide(at_ms=0, dialed=address, **self.side), self.stream)

        async def speak(seen: Observation, _words: bytes, *, within_s: float) -> tuple[Observation, bytes]:
            await trio.sleep(within_s)
            return Observation(attrs.evolve(seen.side, answered=False, last_io=LastIo.ANSWER_TIMEOUT)), b""

        async def carry(seen: Observation, _report: object, *, within_s: float) -> tuple[Observation, Reply]:
            return (await speak(seen, b"", within_s=within_s))[0], Reply(detail="no answer")

        async def deliver(_report: object, _routes: tuple[Route, ...], *, within_s: float) -> Reply:
            await trio.sleep(within_s)
            return Reply(detail="nobody answered")

        async def probe(prober: Prober, name: str) -> Probe:
            await trio.sleep(prober.patience_s)
            return Probe(name=name, passed=name == "small-hello")

        for name, fake in (("observe", observe), ("speak", speak), ("carry", carry), ("deliver", deliver)):
            monkeypatch.setattr(module, name, fake)
        monkeypatch.setattr(Report, "seal", lambda *_: None)
        monkeypatch.setattr(Prober, "probe", probe)
        self.stream: Any = trio.testing.memory_stream_pair()[0] if seen.get("handshake_complete") else None


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize(
    "seen",
    [
        {"last_io": LastIo.NOT_RESOLVED},
        {"last_io": LastIo.CONNECT_TIMEOUT, "tcp_error": "ETIMEDOUT"},
        {"last_io": LastIo.HANDSHAKE_TIMEOUT, "handshake_complete": False},
        {"last_io": LastIo.COMPLETE, "handshake_complete": True},
    ],
    ids=["dns", "tcp", "tls", "payload"],
)
async def test_the_slowest_broken_path_ends_in_half_a_minute(
    seen: dict[str, Any], coded: bool, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    """Every step at its limit, a hinted proxy that swallows everything before it."""
    Slowest(monkeypatch, **seen)
    proxies = Proxies(environment=Proxy.from_url("http://proxy.example:3128"))
    code = attrs.evolve(CODE, report_key=bytes(64)) if coded else None
    monkeypatch.setattr(PathCode, "report_public", bytes(64))
    began = trio.current_time()
    examined = await look("gateway.example:6180", ASKER, proxies, code=code)
    assert trio.current_time() - began <= LONGEST_S < 30
    assert exit_code_of(examined) != 0
    assert bool(examined.note) is coded


async def test_a_healthy_path_waits_for_nothing_but_port_443(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    """Five round trips of two thirds of a second, by satellite, and the rest of 5 s for a port that swallows."""
    slow = Slowest(monkeypatch, last_io=LastIo.COMPLETE, handshake_complete=True)

    async def observe(address: str, **_: Any) -> Observation:
        await trio.sleep(3 * 0.66)
        return Observation(AgentSide(at_ms=0, dialed=address, **slow.side), slow.stream)

    async def speak(seen: Observation, _words: bytes, *, within_s: float) -> tuple[Observation, bytes]:
        await trio.sleep(0.66)
        return attrs.evolve(seen, side=attrs.evolve(seen.side, answered=True)), b"HTTP/1.1 400"

    monkeypatch.setattr(module, "observe", observe)
    monkeypatch.setattr(module, "speak", speak)
    began = trio.current_time()
    await look("gateway.example:6180")
    assert trio.current_time() - began < 5


@pytest.mark.usefixtures("impatient")
async def test_silence_is_nobodys_fault_before_the_gateway_shows_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gateway that hangs is as silent as a box that swallows; on another port it shows which it is."""
    async with listening(silent) as address, listening(tls(gateway_context())) as other:
        alone = await look(address)
        monkeypatch.setattr(probes, "OTHER_PORT", int(other.rpartition(":")[2]))
        shown = await look(address)
    assert (alone.finding.verdict, exit_code_of(alone)) == (Verdict.NOT_REACHED, 14)
    assert alone.finding.advice[0].startswith("Provider: ")
    assert (shown.finding.verdict, exit_code_of(shown)) == (Verdict.TCP_BLOCKED, 11)
