"""A real agent and a real edge, with a box, a proxy, or nothing but trouble between them."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from agent.backoff import Backoff
from agent.cli import main
from agent.client import Client
from agent.collector import Collector
from agent.enrollment import Applicant, enroll
from agent.facilities import Facilities
from agent.host import Host
from agent.inspection.keep import Keep, Opinion
from agent.outbox import Outbox
from agent.proxies import DIRECT, Proxies, Way
from agent.reporter import Reporter
from agent.spool import Spool
from agent.state import StateFolder, enrollment_key
from certs import ReportPublic, Token
from certs.inspection import (
    Delivery,
    Join,
    RecordKind,
    SignedAnswer,
    SignerKind,
    Verdict,
    open_report,
    unarmour,
)
from protocol import AgentType
from tests.agent.inspection.peers import listening, proxy, silent
from tests.agent.rig import Recorder
from tests.helpers.edges import Provider, RunningEdge, running_edge, wall_ms
from tests.helpers.reporting import box, recorded, report_key
from transport import Proxy

LIMIT_S = 60.0


@attrs.define(eq=False, kw_only=True)
class Walker:
    """An agent in a state folder of its own."""

    folder: Path
    keeper: StateFolder
    recorder: Recorder = attrs.field(factory=Recorder)
    proxies: Proxies = DIRECT
    now: Callable[[], int] = wall_ms

    @classmethod
    async def enrolled(cls, edge: RunningEdge, folder: Path) -> "Walker":
        """As `fieldgate-agent enroll` does it."""
        made = edge.provider.token()
        token = attrs.evolve(made, gateways=(f"127.0.0.1:{edge.remote_port}",))
        applicant = Applicant(
            installation_uid=secrets.token_hex(8), host_name="BKP-01", agent_type=AgentType.CLIENT, synthetic=False,
            key_pem=enrollment_key(folder),
        )  # fmt: skip
        done = await enroll(token, applicant, now=wall_ms)
        walker = cls(folder=folder, keeper=StateFolder.create(folder, done.identity, done.credential))
        walker.go_by(edge.remote_port)
        return walker

    def go_by(self, *ports: int) -> None:
        """Its gateways from now on."""
        gateways = tuple(f"127.0.0.1:{port}" for port in ports)
        self.keeper.change(attrs.evolve(self.keeper.identity, gateways=gateways))

    @property
    def keep(self) -> Keep:
        return Keep(self.folder)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Reporter]:
        """The client, with a short back-off, and the reporter."""
        with Spool.open(self.folder / "outbox.sqlite") as spool:
            outbox = Outbox(spool, self.keeper.identity.agent_uid)
            facilities = Facilities(
                keeper=self.keeper, outbox=outbox, now=self.now, observer=self.recorder, proxies=self.proxies,
                collector=Collector(source=Host("s"), outbox=outbox),
            )  # fmt: skip
            reporter = facilities.reporter = Reporter(
                self.keeper, Keep(self.folder), now=self.now, observer=self.recorder, draw=lambda: 0.1,
                proxies=self.proxies,
            )  # fmt: skip
            client = Client(facilities, draw=lambda: 0.1, backoff=Backoff(base_s=1, ceiling_s=2))
            with trio.fail_after(LIMIT_S):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(reporter.run)
                    nursery.start_soon(client.run)
                    yield reporter
                    nursery.cancel_scope.cancel()

    async def opinion(self, reporter: Reporter, *, by_gateway: bool) -> Opinion:
        """Wait for one that is that."""
        while reporter.opinion is None or reporter.opinion.by_gateway is not by_gateway:  # noqa: ASYNC110  # whoever tells it
            await trio.sleep(0.02)
        return reporter.opinion


class Hinted(Proxies):
    """As if this machine were another one, which the environment's proxy is used for."""

    def ways(self, host: str, port: int) -> tuple[Way, ...]:
        return super().ways("elsewhere.example", port)


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


async def test_a_box_is_named_by_both_ends(provider: Provider, tmp_path: Path) -> None:
    """The agent is refused, says so on that connection, and shows the gateway's signed word; when the box is gone, the session opens."""
    async with running_edge(provider) as edge, box(edge.remote_port) as inspected:
        walker = await Walker.enrolled(edge, tmp_path)
        assert walker.keeper.identity.report_keys == (report_key(provider).raw,)
        walker.go_by(inspected)
        async with walker.running() as reporter:
            opinion = await walker.opinion(reporter, by_gateway=True)
            await walker.recorder.until("ended", 4)
            walker.go_by(edge.remote_port)
            await walker.recorder.until("welcomed")
            assert reporter.opinion is not None
            assert reporter.opinion.over_ms is not None
        (record,) = recorded(provider)

    assert opinion.verdict == Verdict.INSPECTED_UNTRUSTED.value
    assert opinion.confidence > 0.99
    assert "Fortinet" in opinion.blame
    answer = SignedAnswer.from_bytes(opinion.signed).verify(ReportPublic(opinion.public))
    assert answer.gateway is not None
    assert answer.gateway.client_certificate is False
    assert (record.kind, record.signer_kind) == (RecordKind.REPORT, SignerKind.AGENT)
    assert record.signer_uid == walker.keeper.identity.agent_uid
    assert record.delivered_by is Delivery.CONNECTION
    assert record.evidence.gateway is not None
    assert record.evidence.gateway.join is Join.CARRYING
    assert record.finding.verdict is Verdict.INSPECTED_UNTRUSTED
    assert walker.keep.waiting == 0


async def test_a_box_with_the_gateways_own_key_stops_no_agent(provider: Provider, tmp_path: Path) -> None:
    """It asks for the agent's certificate and can't pass it on; the gateway says "enroll again" to the box, not to the agent."""
    ((chain, key),) = provider.authority.gateway_chains()
    async with (
        running_edge(provider) as edge,
        box(edge.remote_port, shows=(chain, key), asks=True) as inspected,
    ):
        walker = await Walker.enrolled(edge, tmp_path)
        walker.go_by(inspected)
        async with walker.running() as reporter:
            opinion = await walker.opinion(reporter, by_gateway=True)
            await walker.recorder.until("ended", 3)
            walker.go_by(edge.remote_port)
            await walker.recorder.until("welcomed")
            assert reporter.opinion is not None
            assert reporter.opinion.over_ms is not None
        records = recorded(provider)

    assert opinion.verdict == Verdict.INSPECTED_WITH_OUR_KEY.value
    assert [record.delivered_by for record in records] == [Delivery.CONNECTION]


async def test_a_box_that_drops_reports_is_told_of_elsewhere(provider: Provider, tmp_path: Path) -> None:
    """Its own connection swallows what is said; the other gateway takes it, and a session opens there at the same time."""
    async with running_edge(provider) as edge, box(edge.remote_port, tamper=lambda _: b"") as inspected:
        walker = await Walker.enrolled(edge, tmp_path)
        walker.go_by(inspected, edge.remote_port)
        async with walker.running() as reporter:
            assert await walker.recorder.until("welcomed") == f"127.0.0.1:{edge.remote_port}"
            await walker.opinion(reporter, by_gateway=True)
        (record,) = recorded(provider)
    assert record.delivered_by is Delivery.OTHER_ADDRESS
    assert record.evidence.agent is not None
    assert record.evidence.agent.dialed == f"127.0.0.1:{inspected}"
    assert record.evidence.agent.answered is False
    assert record.finding.verdict is Verdict.INSPECTED_UNTRUSTED


@pytest.mark.parametrize("change", ["rewritten", "replayed"])
async def test_a_box_that_tampers_learns_and_changes_nothing(
    provider: Provider, tmp_path: Path, change: str
) -> None:
    """Rewritten reports are refused in the clear, replayed ones change nothing: the honest one comes by another way."""
    seen: list[bytes] = []

    def tamper(data: bytes) -> bytes:
        seen.append(data)
        if change == "replayed":
            return seen[0]
        return data[:-1] + bytes([data[-1] ^ 1])

    async with running_edge(provider) as edge, box(edge.remote_port, tamper=tamper) as inspected:
        walker = await Walker.enrolled(edge, tmp_path)
        walker.go_by(inspected, edge.remote_port)
        async with walker.running() as reporter:
            opinion = await walker.opinion(reporter, by_gateway=True)
        records = recorded(provider)
    assert opinion.verdict == Verdict.INSPECTED_UNTRUSTED.value
    assert len(records) == 1
    assert all(b"127.0.0.1" not in data and b"BKP-01" not in data for data in seen)


async def test_what_found_no_way_comes_later_or_by_mail(
    provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A black hole: kept, ready to be mailed, and said by itself when the path is good again."""
    async with running_edge(provider) as edge, listening(silent, LIMIT_S * 2) as hole:
        walker = await Walker.enrolled(edge, tmp_path)
        walker.go_by(port_of(hole))
        monkeypatch.setattr("agent.path.DIAL_S", 0.5)
        async with walker.running():
            while not walker.keep.waiting:  # noqa: ASYNC110  # a file
                await trio.sleep(0.05)
            assert main(["report", "--state", str(tmp_path)]) == 0
            mailed = open_report(unarmour(capsys.readouterr().out), provider.authority.report_keys())
        walker.go_by(edge.remote_port)
        async with walker.running():
            assert await walker.recorder.until("reported") == (1, (), 0)
        (record,) = recorded(provider)
    assert mailed.side == record.evidence.agent
    assert record.counter == mailed.counter
    assert record.evidence.agent.dialed == hole
    assert walker.keep.waiting == 0


async def test_a_session_through_a_proxy_is_direct(provider: Provider, tmp_path: Path) -> None:
    """CONNECT with a login: the session opens, and nothing is said of the path to anybody."""
    asked: list[bytes] = []
    async with running_edge(provider) as edge, listening(proxy(asked=asked)) as middle:
        walker = await Walker.enrolled(edge, tmp_path)
        walker.proxies = Proxies.settle(f"http://u:p%40ss@{middle}", tmp_path, {})
        async with walker.running() as reporter:
            await walker.recorder.until("welcomed")
            assert reporter.opinion is None
        assert recorded(provider) == []
    assert asked[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % edge.remote_port)
    assert b"Proxy-Authorization: Basic dTpwQHNz" in asked[0]


async def test_a_proxy_that_refuses_is_a_verdict(provider: Provider, tmp_path: Path) -> None:
    """407: found at once; the environment's proxy is only a hint, and the session opens without it."""
    denial = b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    async with running_edge(provider) as edge, listening(proxy(denial)) as middle:
        walker = await Walker.enrolled(edge, tmp_path)
        walker.proxies = Proxies(configured=Proxy.from_url(middle))
        async with walker.running() as reporter:
            opinion = await walker.opinion(reporter, by_gateway=False)
        walker.proxies = Hinted(environment=Proxy.from_url(middle))
        walker.go_by(edge.remote_port)
        async with walker.running():
            await walker.recorder.until("welcomed")
    assert opinion.verdict == Verdict.PROXY_AUTH.value
    assert opinion.code == 3014


async def test_enrolling_through_a_box_says_what_is_in_the_way(
    provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token's seed signs the report; the person reads whom to call, and the provider has it in its journal."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with running_edge(provider) as edge, box(edge.remote_port) as inspected:
        made = provider.token()
        token = attrs.evolve(
            made, gateways=(f"127.0.0.1:{inspected}",), report_key=report_key(provider).raw
        ).encode()
        words = ["enroll", "--state", str(tmp_path / "new"), "--token", token]
        assert await trio.to_thread.run_sync(main, words) == 1
        (record,) = recorded(provider)
    said = capsys.readouterr().err
    assert "FG-3009" in said
    assert "Fortinet" in said
    assert "the provider's gateway says so, and signed it" in said
    assert (record.signer_kind, record.signer_uid) == (SignerKind.TOKEN, made.id)
    assert isinstance(made, Token)
    assert record.organization_uid == provider.company.uid


async def test_enrolling_where_nothing_carries_a_report(
    provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict is the agent's own, and the person is told how to send the report."""
    token = attrs.evolve(
        provider.token(), gateways=("127.0.0.1:1",), report_key=report_key(provider).raw
    ).encode()
    words = ["enroll", "--state", str(tmp_path / "new"), "--token", token, "--proxy", "none"]
    assert await trio.to_thread.run_sync(main, words) == 1
    said = capsys.readouterr().err
    assert "as seen from here alone" in said
    assert f"fieldgate-agent report --state {tmp_path / 'new'}" in said
    assert len(Keep(tmp_path / "new").kept()) == 1
