"""Path reports of people who mean harm: boxes that replay, agents that lie, and holders of what is no good any more."""

import secrets
import socket
import time
from typing import Any

import attrs
import pytest
import trio

from certs import PathCode
from certs.inspection import (
    AgentSide,
    Join,
    code_signer,
    token_signer,
)
from gateway.edge.reports import Said
from gateway.projector import Clock, Metrics, Projector
from protocol import Code, PathVerdict
from tests.e2e.test_path_reports_wire import carrier_from, inspection_of
from tests.helpers.agent import TestAgent, enrolled
from tests.helpers.edges import DAY_MS, Provider, RunningEdge, running_edge, wall_ms
from tests.helpers.reporting import Sealed, dial, look, recorded, report_key, say, seal, signer_of
from transport import TLSStream, client_context

SIDE = AgentSide(at_ms=1_700_000_000_000, dialed="gateway.example:6180")


async def dial_from(address: str, port: int) -> TLSStream:
    """A fresh connection of a stranger's, from a loopback address of its own."""
    sock = socket.create_connection(("127.0.0.1", port), source_address=(address, 0))
    stream = TLSStream(sock, client_context(), server_side=False)
    await stream.do_handshake()
    return stream


async def told(report: Sealed, stream: TLSStream) -> tuple[int, Any]:
    """Code of the answer, and what of the gateway's half is in it."""
    verdict = await say(stream, report.sealed)
    assert isinstance(verdict, PathVerdict), verdict
    answer = report.open(verdict)
    return answer.code, answer.gateway


def projected(provider: Provider) -> list[int]:
    """The counters of the reports that the projector has counted."""
    clock = Clock(now_ms=wall_ms, monotonic=time.monotonic)
    projector = Projector(
        provider.store,
        provider.data / "journals",
        bell=lambda: None,
        clock=clock,
        metrics=Metrics(time.monotonic),
    )
    projector.start()
    while projector.step():
        pass
    return sorted(report.counter for report in provider.store.paths.reports())


# -- replays ---------------------------------------------------------------------------------------------------------------


async def test_a_replay_counts_once_wherever_and_whenever(provider: Provider) -> None:
    """At another edge, and at one that has forgotten everything: they say yes, and the projector counts one."""
    report: Sealed | None = None
    said = []
    async with running_edge(provider, "north") as edge:
        agent = await enrolled(edge)
        report = seal(provider, signer_of(agent), SIDE, counter=7)
        said += [(await told(report, await dial(edge.remote_port)))[0] for _ in range(2)]
    for name in ("north", "south"):
        async with running_edge(provider, name) as edge:
            said += [(await told(report, await dial(edge.remote_port)))[0] for _ in range(2)]

    assert said == [0, Code.REPORT_REPLAYED] * 3
    assert projected(provider) == [7]


async def test_a_report_that_ran_out_of_time_may_come_again(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not written, so it is not remembered: otherwise its agent would hear that it counts."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        desk = inspection_of(edge).reports
        sealed = seal(provider, signer_of(agent), SIDE).sealed
        with monkeypatch.context() as patch:

            async def never(self: object, reporter: object) -> None:
                await trio.sleep_forever()

            patch.setattr(type(desk), "_product", never)
            with trio.move_on_after(0.1) as scope:
                await desk.take(sealed, carrier_from("192.0.2.1", edge))
        assert scope.cancelled_caught
        answer = await desk.take(sealed, carrier_from("192.0.2.1", edge))

    assert isinstance(answer, Said)
    assert answer.code == 0
    assert len(recorded(provider)) == 1


async def test_a_code_at_two_edges_at_once_is_used_once(provider: Provider) -> None:
    """With two different reports: one is answered, the other is told."""
    code = PathCode.create(
        seed=secrets.token_bytes(32), pins=provider.authority.pins_current(), gateways=("127.0.0.1:6180",), names=("127.0.0.1",),
        report_key=report_key(provider).raw,
    )  # fmt: skip
    provider.store.codes.add(
        code.id, code.public_key(), organization_uid=provider.company.uid, location_uid=None, who="operator", why="test",
        expires_ms=wall_ms() + 60_000, now_ms=wall_ms(),
    )  # fmt: skip
    said: list[int] = []
    async with running_edge(provider, "north") as north, running_edge(provider, "south") as south:

        async def bring(edge: RunningEdge, counter: int) -> None:
            report = seal(provider, code_signer(code), SIDE, counter=counter)
            said.append((await told(report, await dial(edge.remote_port)))[0])

        async with trio.open_nursery() as nursery:
            for n in range(6):
                nursery.start_soon(bring, (north, south)[n % 2], n + 1)

    assert sorted(said) == [0] + [Code.CODE_USED] * 5
    assert len(projected(provider)) == 1


# -- whose word it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "code"), [("used up", 0), ("expired", 0), ("revoked", Code.REPORT_SIGNER_UNKNOWN)]
)
async def test_a_tokens_word_counts_until_it_is_revoked(provider: Provider, end: str, code: int) -> None:
    """Whom a box kept from enrolling in time has something to say; it is kept, and opens no incident."""
    async with running_edge(provider) as edge:
        token = provider.token(max_uses=1, expires_in_ms=DAY_MS)
        if end == "used up":
            await TestAgent().enroll(edge.remote_port, token)
        elif end == "revoked":
            provider.store.tokens.revoke(token.id, now_ms=wall_ms())
        else:
            provider.clock.ahead_ms = 2 * DAY_MS
        said, _ = await told(seal(provider, token_signer(token, "i"), SIDE), await dial(edge.remote_port))

    assert said == code
    assert len(recorded(provider)) == (code == 0)


async def test_a_rejected_agents_word_counts_for_nothing(provider: Provider) -> None:
    """Somebody has said that it is none of ours; its certificate is not on any list."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        provider.store.agents.reject(agent.uid, code=Code.AGENT_REJECTED)
        provider.ring()
        await edge.until(lambda: edge.agent(agent.uid).entry.standing.value == "rejected")
        said, _ = await told(seal(provider, signer_of(agent), SIDE), await dial(edge.remote_port))

    assert said == Code.REPORT_SIGNER_UNKNOWN
    assert recorded(provider) == []


async def test_who_saw_a_hello_pass_sees_nothing_of_its_connection(provider: Provider) -> None:
    """A hello's random bytes are no secret: named from another address they find the half, and show none of it."""
    async with running_edge(provider) as edge:
        victim, liar = await enrolled(edge), await enrolled(edge)
        seen = await look(victim, provider, edge.remote_port)
        assert seen.stream is not None
        await seen.stream.aclose()
        inspection = inspection_of(edge)
        await edge.until(lambda: len(inspection.halves))
        overheard = attrs.evolve(SIDE, client_random=seen.side.client_random)
        answers = [
            await told(
                seal(provider, signer_of(liar), side, counter=n + 1),
                await dial_from(address, edge.remote_port),
            )
            for n, (side, address) in enumerate(
                [(overheard, "127.0.0.2"), (seen.side, "127.0.0.2"), (overheard, "127.0.0.1")]
            )
        ]
        evidence = [record.evidence.gateway for record in recorded(provider)]

    assert [code for code, _ in answers] == [0, 0, 0]
    assert [half is not None for _, half in answers] == [False, True, True], (
        "the exporter is a secret of its two ends, and an address is its own"
    )
    for half in evidence:
        assert half is not None
        assert half.join is Join.CARRYING
