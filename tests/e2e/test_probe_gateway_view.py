"""`--gateway-view`: one code, one report, on the very connection or by another way, and what both ends make of it."""

import ipaddress
import json
import secrets
import socket
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from agent.probe import examine as module
from agent.probe.asker import pasted_asker
from agent.probe.examine import Examined, examine
from agent.probe.outcome import exit_code_of, meta_of
from agent.proxies import DIRECT
from certs import PathCode
from certs.inspection import Delivery, Join, SignerKind, Verdict
from gateway.config import Config
from tests.agent.inspection.peers import carry, listening, resetting, tls
from tests.e2e.stage import Said, Stage, stage_in, uid_of
from tests.gateway.edge.test_proxy_protocol import proxied
from tests.helpers.edges import Provider, running_edge, wall_ms
from tests.helpers.reporting import box, forged, recorded
from tests.helpers.schemas import faults
from transport import TLSStream, server_context


def made_code(provider: Provider, *gateways: str, minutes: int = 1) -> PathCode:
    """As `fieldgate inspection code` makes one."""
    code = PathCode.create(
        seed=secrets.token_bytes(32),
        pins=provider.authority.pins_current(),
        gateways=gateways or ("127.0.0.1:6180",),
        report_key=provider.authority.report_keys()[0].public.raw,
    )
    provider.store.codes.add(
        code.id, code.public_key(), organization_uid=provider.company.uid, location_uid=None, who="operator",
        why="test", expires_ms=wall_ms() + minutes * 60_000, now_ms=wall_ms(),
    )  # fmt: skip
    return code


def with_listener(config: Config, **changes: Any) -> Config:
    """The first listener with something else."""
    first, *others = config.listeners
    return attrs.evolve(config, listeners=(attrs.evolve(first, **changes), *others))


async def look(address: str, code: PathCode) -> Examined:
    return await examine(address, pasted_asker(code), DIRECT, code=code)


async def test_a_direct_path_is_seen_from_both_ends(provider: Provider) -> None:
    """Both halves of one connection, and the gateway's signature under the verdict."""
    async with running_edge(provider) as edge:
        code = made_code(provider)
        examined = await look(f"127.0.0.1:{edge.remote_port}", code)
        (record,) = recorded(provider)
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.DIRECT, 0)
    assert examined.finding.confidence > 0.99
    assert examined.signed
    assert meta_of(examined, pasted_asker(code)).signed_by_gateway is True
    agent, gateway = examined.evidence.agent, examined.evidence.gateway
    assert agent is not None
    assert gateway is not None
    assert gateway.join is Join.CARRYING
    assert gateway.exporter == agent.exporter
    assert (record.signer_kind, record.signer_uid, record.delivered_by) == (
        SignerKind.CODE, code.id, Delivery.CONNECTION,
    )  # fmt: skip
    assert record.organization_uid == provider.company.uid


async def test_a_box_is_convicted_by_both_ends(provider: Provider) -> None:
    async with running_edge(provider) as edge, box(edge.remote_port) as middle:
        examined = await look(f"127.0.0.1:{middle}", made_code(provider))
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.INSPECTED_UNTRUSTED, 10)
    assert examined.finding.confidence > 0.99
    assert examined.signed
    assert examined.evidence.gateway is not None
    assert examined.evidence.gateway.exporter is not None
    assert examined.evidence.agent is not None
    assert examined.evidence.gateway.exporter != examined.evidence.agent.exporter


async def test_a_code_is_good_for_one_probe(provider: Provider) -> None:
    """The second look says why there is no gateway's view, and judges alone."""
    async with running_edge(provider) as edge:
        code = made_code(provider)
        first = await look(f"127.0.0.1:{edge.remote_port}", code)
        second = await look(f"127.0.0.1:{edge.remote_port}", code)
        records = recorded(provider)
    assert len(records) == 1
    assert (first.signed, first.note) == (True, "")
    assert (second.signed, second.evidence.gateway) == (False, None)
    assert "FG-3105" in second.note
    assert second.finding.verdict is Verdict.DIRECT


async def test_a_code_that_is_over_shows_nothing(provider: Provider) -> None:
    """It lives for minutes; after them the probe judges alone, and says why."""
    async with running_edge(provider) as edge:
        examined = await look(f"127.0.0.1:{edge.remote_port}", made_code(provider, minutes=-1))
        records = recorded(provider)
    assert records == []
    assert (examined.signed, examined.evidence.gateway) == (False, None)
    assert "FG-3105" in examined.note
    assert examined.finding.verdict is Verdict.DIRECT


async def test_a_connection_that_is_cut_is_reported_by_another_way(provider: Provider) -> None:
    """No byte got through: the report goes to another address that the code knows."""
    async with (
        listening(resetting) as cut,
        running_edge(provider, change=partial(with_listener, advertise=(cut,))) as edge,
    ):
        code = made_code(provider, f"127.0.0.1:{edge.remote_port}")
        examined = await look(cut, code)
        (record,) = recorded(provider)
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.NOT_REACHED, 14)
    assert examined.signed
    assert record.delivered_by is Delivery.OTHER_ADDRESS
    assert record.evidence.agent is not None
    assert record.evidence.agent.carried is not True
    assert {probe.name for probe in record.evidence.agent.probes} >= {"small-hello", "other-port"}


async def test_a_connection_that_ends_without_an_answer_is_reported_by_another_way(
    provider: Provider,
) -> None:
    """A box that forwards what it has opened, in clear: the gateway takes no report so, and hangs up."""

    async def hang_up(stream: TLSStream) -> None:
        await stream.receive_some()
        await stream.aclose()

    async with (
        running_edge(provider) as edge,
        listening(tls(server_context([forged()], request_client_cert=False), hang_up)) as middle,
    ):
        examined = await look(middle, made_code(provider, f"127.0.0.1:{edge.remote_port}"))
        (record,) = recorded(provider)
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.INSPECTED_UNTRUSTED, 10)
    assert (examined.signed, examined.note) == (True, "")
    assert record.delivered_by is Delivery.OTHER_ADDRESS
    assert record.evidence.agent is not None
    assert record.evidence.agent.carried is False


async def test_whoever_dials_an_address_that_is_not_listed_is_told_so(provider: Provider) -> None:
    """The gateway is well, and its certificate is for what it publishes."""
    async with running_edge(provider, change=partial(with_listener, host="127.0.0.2")) as edge:
        examined = await look(f"127.0.0.2:{edge.remote_port}", made_code(provider))
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.WRONG_ADDRESS, 13)
    assert examined.signed


async def test_a_listener_that_wants_a_header_accuses_nobody_of_its_absence(provider: Provider) -> None:
    """The agent's network is configured as a balancer's: the gateway cuts the connection itself, and says so."""
    change = partial(with_listener, proxy_from=("127.0.0.0/8",))
    async with running_edge(provider, change=change) as edge:
        code = made_code(provider, f"127.0.0.1:{edge.co_located_port}")
        examined = await look(f"127.0.0.1:{edge.remote_port}", code)
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.PROVIDER_FAULT, 12)
    assert "PROXY protocol" in examined.finding.blame
    assert examined.signed


async def test_a_header_where_none_is_wanted_accuses_nobody(provider: Provider) -> None:
    """A balancer that announces to a listener that knows of no balancer. It has another address than the agent."""

    async def announce(sock: socket.socket) -> None:
        host, port = sock.getpeername()
        far = await trio.open_tcp_stream("127.0.0.1", edge.remote_port, local_address="127.0.0.3")
        await far.send_all(proxied(ipaddress.IPv4Address(host), port))
        await carry(sock, far)

    async with running_edge(provider) as edge, listening(announce) as balancer:
        examined = await look(balancer, made_code(provider, f"127.0.0.1:{edge.remote_port}"))
        (record,) = recorded(provider)
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.PROVIDER_FAULT, 12)
    assert "PROXY protocol" in examined.finding.blame
    assert record.evidence.gateway is not None
    assert "127.0.0.3" in str(record.evidence.gateway.nearby), "the operator is told who announced"
    assert "127.0.0.3" not in str(examined.finding)


async def test_a_verdict_has_its_reasons_where_addresses_may_not_be_told(provider: Provider) -> None:
    """What relays the connection is the provider's own: its address is nobody's business, and that there is one is told."""

    async def forward(sock: socket.socket) -> None:
        await carry(
            sock, await trio.open_tcp_stream("127.0.0.1", edge.remote_port, local_address="127.0.0.3")
        )

    def known(config: Config) -> Config:
        return attrs.evolve(config, own_proxies=("127.0.0.3/32",))

    async with running_edge(provider, change=known) as edge, listening(forward) as balancer:
        examined = await look(balancer, made_code(provider))
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.PROXIED_INTACT, 0)
    assert any("relays the connection" in each for each in examined.finding.evidence)
    assert "127.0.0.3" not in str(examined.finding)


async def test_what_was_said_on_a_connection_is_not_said_again_elsewhere(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A box that swallows the report may have passed it on: the code is spent, and the probe says so."""
    monkeypatch.setattr(module, "ANSWER_S", 0.5)
    monkeypatch.setattr(module, "CONTROL_S", 1.0)
    heard: list[bytes] = []

    async def swallow(stream: TLSStream) -> None:
        while data := await stream.receive_some():
            heard.append(data)

    async with (
        running_edge(provider) as edge,
        listening(tls(server_context([forged()], request_client_cert=False), swallow)) as middle,
    ):
        examined = await look(middle, made_code(provider, f"127.0.0.1:{edge.remote_port}"))
        records = recorded(provider)
    assert heard
    assert records == []
    assert "may be used up" in examined.note
    assert (examined.finding.verdict, examined.signed) == (Verdict.INSPECTED_UNTRUSTED, False)


# -- as two people type it, and with processes of their own --------------------------------------------------------------


async def probed(stage: Stage, port: int, code: str, *words: str) -> Said:
    """`fieldgate-agent probe`; the loop goes on meanwhile, for what stands in the path."""
    return await trio.to_thread.run_sync(
        partial(stage.agent, "probe", f"127.0.0.1:{port}", "--proxy", "none", "--gateway-view", code, *words)
    )


async def test_an_operator_makes_a_code_and_a_person_uses_it_once(tmp_path: Path) -> None:
    """A box in the path: both columns, the gateway's signature; nothing of anybody else; and no second time."""
    with stage_in(tmp_path) as stage:
        stage.edge()
        another = stage.enrolled()
        stage.run_agent(another)
        code: str = stage.fieldgate("inspection", "code", "--for", "Northwind", "--json").json["code"]
        async with box(stage.provider.remote_port) as middle:
            first = await probed(stage, middle, code, "--json")
            second = await probed(stage, middle, code)
    report: dict[str, Any] = first.json
    assert first.code == report["meta"]["exit_code"] == 10
    assert faults(report, "inspection-report.json") == []
    assert report["finding"]["verdict"] == "inspected-untrusted"
    assert report["meta"]["signed_by_gateway"] is True
    agent, gateway = report["evidence"]["agent"], report["evidence"]["gateway"]
    assert gateway["join"] == "carrying connection"
    assert None not in (agent["exporter"], gateway["exporter"])
    assert agent["exporter"] != gateway["exporter"]
    shown = json.dumps(gateway)
    for secret in (code, uid_of(another), "Northwind", str(tmp_path), f":{stage.provider.remote_port}"):
        assert secret not in shown, secret
    assert second.code == 10
    assert "rests on what the agent saw alone" in second.text
    assert "the gateway did not add its view: FG-3105" in second.text
