"""Path reports over real TLS: through a box that opens it, direct, beside it, forged, replayed, and what their sender hears."""

import ipaddress
import secrets
import socket
from datetime import UTC, datetime

import attrs
import pytest
import trio

from certs import Authority, PathCode
from certs.inspection import (
    AgentSide,
    Delivery,
    Join,
    LastIo,
    NearbyKind,
    RecordKind,
    SignerKind,
    Verdict,
    code_signer,
    document_to_json,
    to_document,
    token_signer,
)
from gateway.config import Config, Listener
from protocol import Code, PathVerdict, Rejected
from tests.gateway.edge.test_proxy_protocol import proxied
from tests.helpers.agent import TestAgent, enrolled
from tests.helpers.edges import DAY_MS, Provider, RunningEdge, running_edge, wall_ms
from tests.helpers.reporting import Sealed, box, dial, look, post, recorded, say, seal, signer_of
from transport import TLSStream, client_context


async def told(provider: Provider, report: Sealed, stream: TLSStream) -> tuple[int, Verdict | None]:
    """Code and verdict of the answer."""
    verdict = await say(stream, report.sealed)
    assert isinstance(verdict, PathVerdict), verdict
    answer = report.open(verdict)
    return answer.code, answer.finding.verdict if answer.finding is not None else None


async def report_of(edge: RunningEdge, agent: TestAgent, **changes: object) -> Sealed:
    """What *agent* has to say of a direct look at *edge*."""
    seen = await look(agent, edge.provider, edge.remote_port, **changes)
    assert seen.stream is not None
    await trio.aclose_forcefully(seen.stream)
    return seal(edge.provider, signer_of(agent), seen.side)


# -- what it is about -----------------------------------------------------------------------------------------------------


async def test_a_report_through_a_box_names_the_box(provider: Provider) -> None:
    """The box carries the report, and both halves prove that it ended the agent's TLS."""
    async with running_edge(provider) as edge, box(edge.remote_port) as port:
        agent = await enrolled(edge)
        seen = await look(agent, provider, port, carried=True)
        assert seen.stream is not None
        report = seal(provider, signer_of(agent), seen.side)
        verdict = await say(seen.stream, report.sealed)

        assert isinstance(verdict, PathVerdict)
        answer = report.open(verdict)
        (record,) = recorded(provider)
    assert answer.code == 0
    assert answer.finding is not None
    assert answer.finding.verdict is Verdict.INSPECTED_UNTRUSTED
    assert answer.finding.vendor == "fortinet"
    assert answer.finding.confidence > 0.99
    assert record.finding.verdict is Verdict.INSPECTED_UNTRUSTED
    assert (record.kind, record.signer_kind, record.signer_uid) == (
        RecordKind.REPORT,
        SignerKind.AGENT,
        agent.uid,
    )
    assert record.organization_uid == provider.company.uid
    assert record.delivered_by is Delivery.CONNECTION
    assert record.evidence.agent == seen.side
    half = record.evidence.gateway
    assert half is not None
    assert half.join is Join.CARRYING
    assert half.hello is not None
    assert half.syn is not None
    assert half.served is not None
    assert half.exporter != seen.side.exporter
    assert half.client_certificate is False


async def test_a_report_over_a_direct_path_is_known_by_what_both_ends_derived(provider: Provider) -> None:
    """Nobody has to say that it is carried: the exporter does."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        seen = await look(agent, provider, edge.remote_port)
        assert seen.stream is not None
        report = seal(provider, signer_of(agent), seen.side)
        code, verdict = await told(provider, report, seen.stream)
        (record,) = recorded(provider)

    assert (code, verdict) == (0, Verdict.DIRECT)
    assert record.evidence.gateway is not None
    assert record.evidence.gateway.join is Join.CARRYING
    assert record.evidence.gateway.hello == seen.side.hello


async def test_a_report_brought_elsewhere_is_joined_by_time_and_address(provider: Provider) -> None:
    """It came over a good path and is about a bad one: what the two connections have not in common accuses nobody."""
    async with running_edge(provider) as edge, box(edge.remote_port) as port:
        agent = await enrolled(edge)
        seen = await look(agent, provider, port)
        assert seen.stream is not None
        await seen.stream.aclose()
        inspection = edge.services.inspection
        assert inspection is not None
        await edge.until(lambda: len(inspection.halves))
        report = seal(provider, signer_of(agent), seen.side)
        verdict = await say(await dial(edge.remote_port), report.sealed)
        assert isinstance(verdict, PathVerdict)
        answer = report.open(verdict)
        (record,) = recorded(provider)

    assert record.delivered_by is Delivery.OTHER_ADDRESS
    assert record.evidence.gateway is not None
    assert record.evidence.gateway.join is Join.TIME_AND_ADDRESS
    assert record.evidence.gateway.client_certificate is False
    assert record.finding.verdict is Verdict.INSPECTED_UNTRUSTED
    assert answer.gateway is None, "the likeliest connection of its address may be a neighbour's"


async def test_an_attempt_that_ended_is_found_by_its_random_bytes(provider: Provider) -> None:
    """The agent hung up on a direct path and tells of it later: the gateway knows that very connection."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        report = await report_of(edge, agent)
        inspection = edge.services.inspection
        assert inspection is not None
        await edge.until(lambda: len(inspection.halves))
        await told(provider, report, await dial(edge.remote_port))
        (record,) = recorded(provider)

    assert record.evidence.gateway is not None
    assert record.evidence.gateway.join is Join.CARRYING
    assert record.finding.verdict is Verdict.DIRECT


async def test_a_carried_report_brought_in_clear_is_about_another_connection(provider: Provider) -> None:
    """Whoever heard it in clear can bring it by any connection: what has no TLS carries nothing that could differ."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        report = await report_of(edge, agent, carried=True, client_random=b"r" * 32, exporter=None)
        plain = await trio.open_tcp_stream("127.0.0.1", edge.remote_port)
        response = await post(plain, report.sealed)
        (record,) = recorded(provider)

    assert response.startswith(b"HTTP/1.1 200 ")
    assert record.evidence.gateway is None or record.evidence.gateway.join is not Join.CARRYING
    assert record.finding.family.value != "inspection"


async def test_the_gateways_own_restart_is_told_first(provider: Provider) -> None:
    """Refused while the edge was away: nobody's firewall did it."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        report_before = await report_of(edge, agent)
    at_ms = wall_ms()
    side = AgentSide(
        at_ms=at_ms, dialed="127.0.0.1:6180", enrolled=True, tcp_error="ECONNREFUSED", last_io=LastIo.REFUSED
    )
    await trio.sleep(0.05)
    async with running_edge(provider) as edge:
        assert (await told(provider, report_before, await dial(edge.remote_port)))[0] == 0
        report = seal(provider, signer_of(agent), side)
        _, verdict = await told(provider, report, await dial(edge.remote_port))
        half = recorded(provider)[-1].evidence.gateway

    assert verdict is Verdict.GATEWAY_RESTART
    assert half is not None
    assert not half.is_seen
    assert half.source is None, "what brought the report came from there, not what was refused"


# -- whose word it is -----------------------------------------------------------------------------------------------------


async def test_a_tokens_holder_may_report(provider: Provider) -> None:
    """Who has not enrolled yet is known by the token, until that is revoked."""
    async with running_edge(provider) as edge, box(edge.remote_port) as port:
        token, other = provider.token(), provider.token()
        provider.store.tokens.revoke(other.id, now_ms=wall_ms())
        seen = await look(TestAgent(), provider, port, carried=True)
        assert seen.stream is not None
        report = seal(provider, token_signer(token, "installation"), seen.side)
        assert await told(provider, report, seen.stream) == (0, Verdict.INSPECTED_UNTRUSTED)

        revoked = seal(provider, token_signer(other, "installation"), seen.side)
        code, _ = await told(provider, revoked, await dial(edge.remote_port))
        (record,) = recorded(provider)

    assert code == Code.REPORT_SIGNER_UNKNOWN
    assert record.signer_kind is SignerKind.TOKEN
    assert record.organization_uid == provider.company.uid


async def test_a_code_is_good_for_one_report_within_minutes(provider: Provider) -> None:
    """A second report by the same code, or one by a code that has expired, counts for nothing."""
    async with running_edge(provider) as edge:
        codes = [made_code(provider, expires_in_ms) for expires_in_ms in (60_000, -1)]
        side = AgentSide(at_ms=wall_ms(), dialed="127.0.0.1:6180")
        said = []
        for code, counter in ((codes[0], 1), (codes[0], 2), (codes[1], 1)):
            report = seal(provider, code_signer(code), side, counter=counter)
            said.append((await told(provider, report, await dial(edge.remote_port)))[0])
        records = recorded(provider)

    assert said == [0, Code.CODE_USED, Code.CODE_USED]
    assert [(each.signer_kind, each.signer_uid) for each in records] == [(SignerKind.CODE, codes[0].id)]


def made_code(provider: Provider, expires_in_ms: int) -> PathCode:
    code = PathCode.create(
        seed=secrets.token_bytes(32),
        pins=provider.authority.pins_current(),
        gateways=("127.0.0.1:6180",),
        names=("127.0.0.1",),
        report_key=provider.authority.report_keys()[0].public.raw,
    )
    provider.store.codes.add(
        code.id, code.public_key(), organization_uid=provider.company.uid, location_uid=None, who="operator",
        why="test", expires_ms=wall_ms() + expires_in_ms, now_ms=wall_ms(),
    )  # fmt: skip
    return code


async def test_nobody_reports_for_another_agent(provider: Provider) -> None:
    """Neither with another's uid and one's own key, nor with another's certificate."""
    async with running_edge(provider) as edge:
        honest, thief = await enrolled(edge), await enrolled(edge)
        side = AgentSide(at_ms=wall_ms(), dialed="127.0.0.1:6180")
        mine = signer_of(thief)
        for signer in (
            attrs.evolve(mine, uid=honest.uid),
            attrs.evolve(mine, uid=honest.uid, chain_der=honest.chain),
        ):
            report = seal(provider, signer, side)
            code, verdict = await told(provider, report, await dial(edge.remote_port))
            assert (code, verdict) == (Code.REPORT_SIGNER_UNKNOWN, None)

    assert recorded(provider) == []


@pytest.mark.parametrize(("days", "code"), [(60, 0), (300, Code.REPORT_SIGNER_UNKNOWN)])
async def test_an_expired_certificate_reports_as_long_as_it_may_renew(
    provider: Provider, days: int, code: int
) -> None:
    """Who was kept from renewing by a box is just who has something to report."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        side = AgentSide(at_ms=wall_ms(), dialed="127.0.0.1:6180")
        provider.clock.ahead_ms = days * DAY_MS
        report = seal(provider, signer_of(agent), side)
        said, _ = await told(provider, report, await dial(edge.remote_port))

    assert said == code


async def test_a_revoked_agent_reports_nothing(provider: Provider) -> None:
    """Its certificate proves nothing any more."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        provider.store.agents.revoke(agent.uid, why="test", code=Code.AGENT_REJECTED, now_ms=wall_ms())
        provider.ring()
        await edge.until(lambda: edge.services.directory.revoked)
        report = seal(provider, signer_of(agent), AgentSide(at_ms=wall_ms(), dialed="127.0.0.1:6180"))
        said, _ = await told(provider, report, await dial(edge.remote_port))

    assert said == Code.REPORT_SIGNER_UNKNOWN
    assert recorded(provider) == []


# -- what a box may do to it -----------------------------------------------------------------------------------------------


async def test_a_box_that_rewrites_a_report_changes_nothing(provider: Provider) -> None:
    """A single bit, wherever it is: no record, and a refusal that the box itself could have said."""

    def flip(data: bytes) -> bytes:
        return data[:2000] + bytes([data[2000] ^ 1]) + data[2001:] if len(data) > 2000 else data

    async with running_edge(provider) as edge, box(edge.remote_port, tamper=flip) as port:
        agent = await enrolled(edge)
        seen = await look(agent, provider, port, carried=True)
        assert seen.stream is not None
        report = seal(provider, signer_of(agent), seen.side)
        answer = await say(seen.stream, report.sealed)

    assert isinstance(answer, Rejected)
    assert answer.code == Code.REPORT_UNREADABLE
    assert recorded(provider) == []


async def test_a_box_that_drops_a_report_leaves_a_sighting(provider: Provider) -> None:
    """Nothing comes, nothing is answered; what the gateway saw by itself accuses nobody."""
    async with running_edge(provider) as edge, box(edge.remote_port, tamper=lambda data: b"") as port:
        agent = await enrolled(edge)
        seen = await look(agent, provider, port, carried=True)
        assert seen.stream is not None
        report = seal(provider, signer_of(agent), seen.side)
        with trio.move_on_after(0.3):
            await say(seen.stream, report.sealed)
        inspection = edge.services.inspection
        assert inspection is not None
        await edge.until(lambda: len(inspection.halves))
        await inspection.sightings.flush()
        edge.services.committer.journal.sync()
        (record,) = recorded(provider)

    assert record.kind is RecordKind.SIGHTING
    assert record.finding.family.value != "inspection"


async def test_a_box_that_replays_a_report_learns_nothing(provider: Provider) -> None:
    """Brought again, over whatever it likes, it is the same report: one record, one verdict."""
    async with running_edge(provider) as edge, box(edge.remote_port) as port:
        agent = await enrolled(edge)
        seen = await look(agent, provider, port, carried=True)
        assert seen.stream is not None
        report = seal(provider, signer_of(agent), seen.side)
        first = await told(provider, report, seen.stream)
        again = [await told(provider, report, await dial(edge.remote_port)) for _ in range(3)]
        records = recorded(provider)

    assert first == (0, Verdict.INSPECTED_UNTRUSTED)
    assert again == [(Code.REPORT_REPLAYED, None)] * 3
    assert [each.finding.verdict for each in records] == [Verdict.INSPECTED_UNTRUSTED]


async def test_the_same_report_twice_at_once_counts_once(provider: Provider) -> None:
    """Both are verified before either is written."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        report = await report_of(edge, agent)
        said: list[int] = []

        async def bring() -> None:
            said.append((await told(provider, report, await dial(edge.remote_port)))[0])

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(bring)

    assert sorted(said) == [0, *[Code.REPORT_REPLAYED] * 7]
    assert len(recorded(provider)) == 1


async def test_the_order_in_which_reports_arrive_changes_nothing(provider: Provider) -> None:
    """A later counter first: both count, each with its own finding."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        now = wall_ms()
        sides = [
            AgentSide(at_ms=now, dialed="127.0.0.1:6180", last_io=LastIo.REFUSED, tcp_error="ECONNREFUSED"),
            AgentSide(at_ms=now, dialed="127.0.0.1:6180", last_io=LastIo.NOT_TLS, first_bytes=b"SSH-2.0-OpenSSH_9\r\n"),
        ]  # fmt: skip
        made = [seal(provider, signer_of(agent), side, counter=n + 1) for n, side in enumerate(sides)]
        for report in reversed(made):
            assert (await told(provider, report, await dial(edge.remote_port)))[0] == 0
        verdicts = {each.counter: each.finding.verdict for each in recorded(provider)}

    assert verdicts == {1: Verdict.WRONG_ADDRESS, 2: Verdict.WRONG_SERVICE}


async def test_a_reporter_learns_no_address_of_the_providers(provider: Provider) -> None:
    """Behind a balancer, the answer has the reporter's own address and neither the balancer's nor the listener's."""

    def behind_a_balancer(config: Config) -> Config:
        return attrs.evolve(
            config,
            listeners=(Listener(host="127.0.0.1", port=0, proxy_from=("127.0.0.0/8",)), config.listeners[1]),
        )

    async with running_edge(provider, change=behind_a_balancer) as edge:
        sock = socket.create_connection(("127.0.0.1", edge.remote_port))
        sock.sendall(proxied(ipaddress.IPv4Address("198.51.100.7"), 51514))
        stream = TLSStream(sock, client_context(), server_side=False)
        await stream.do_handshake()
        side = AgentSide(
            at_ms=wall_ms(), dialed="gateway.example:6180", local="10.1.2.3:50000", handshake_complete=True, carried=True,
            client_random=stream.client_random(), last_io=LastIo.COMPLETE,
        )  # fmt: skip
        report = seal(provider, token_signer(provider.token(), "installation"), side)
        verdict = await say(stream, report.sealed)
        assert isinstance(verdict, PathVerdict)
        answer = report.open(verdict)
        (record,) = recorded(provider)

    assert record.evidence.gateway is not None
    assert record.evidence.gateway.through_own_proxy
    assert record.evidence.gateway.syn is None, "that SYN is the balancer's"
    assert record.evidence.gateway.listener.startswith("127.0.0.1:")
    assert answer.gateway is not None
    assert answer.gateway.source == "198.51.100.7:51514"
    assert b"127.0.0." not in document_to_json(to_document(answer))


async def test_a_new_certificate_is_evidence_and_so_is_the_old_one(provider: Provider) -> None:
    """Around a rotation both leaves are the gateway's, and it says that it rotated."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        inspection = edge.services.inspection
        assert inspection is not None
        before = inspection.expectations.now().leaf_keys
        now = datetime.now(UTC)
        Authority.load(provider.data / "ca").rotate_gateway(now).save(provider.data / "ca")
        edge.services.on_trust_changed()
        await edge.until(lambda: len(inspection.expectations.now().leaf_keys) == 2)
        report = await report_of(edge, agent)
        await told(provider, report, await dial(edge.remote_port))
        (record,) = recorded(provider)

    expected = record.evidence.expected
    assert before < expected.leaf_keys
    assert record.evidence.gateway is not None
    assert [each.kind for each in record.evidence.gateway.nearby] == [NearbyKind.ROTATION]
