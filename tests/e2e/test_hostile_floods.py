"""Path reports that are many, slow, large or insane: refused or bounded, and never at the cost of an agent's session."""

import gc
import hashlib
import ipaddress
import secrets
import socket
import struct
import tracemalloc
from typing import Any

import attrs
import pytest
import structlog
import trio

from certs import generate_key, key_to_pem
from certs.inspection import (
    AgentSide,
    ClientHello,
    GatewaySide,
    LastIo,
    agent_signer,
    document_to_json,
    to_document,
)
from certs.inspection.envelope import pack
from certs.inspection.sealing import INFO, SUITE
from gateway.config import Config, Listener
from gateway.edge import inspection, reportroom, sight
from gateway.edge.halves import HALVES, Halves
from gateway.edge.sight import hello_of
from protocol import Code, Rejected
from tests.e2e.test_hostile_reports import SIDE, projected, told
from tests.e2e.test_path_reports_wire import carrier_from, inspection_of
from tests.gateway.edge.test_proxy_protocol import proxied
from tests.helpers.agent import enrolled
from tests.helpers.edges import Provider, running_edge
from tests.helpers.reporting import dial, recorded, report_key, say, seal, signer_of


def hostile_json(provider: Provider, body: bytes) -> bytes:
    """What anybody can seal who knows the public key."""
    public = report_key(provider)
    envelope = pack(b"s" * 64, body, 31 * 1024 - 56)
    return public.key_id + SUITE.encrypt(envelope, public.exchange, INFO)


def slow_to_open(provider: Provider) -> bytes:
    """128 KiB of empty objects, in 31 KiB: the most that a stranger can make of our time."""
    return hostile_json(provider, b'{"version":1,"x":[' + b"{}," * 43_000 + b"1]}")


# -- floods ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("networks", [1, 1000])
async def test_a_flood_of_sealed_reports_harms_nobody_else(provider: Provider, networks: int) -> None:
    """Sealed by strangers to take as long as they can: agents are acknowledged, memory stays, and strangers have their part."""
    async with running_edge(provider) as edge:
        agent, liar = await enrolled(edge), await enrolled(edge)
        stranger = agent_signer(liar.uid, "installation", key_to_pem(generate_key()), liar.chain)
        reports = (slow_to_open(provider), seal(provider, stranger, SIDE, counter=1).sealed)
        desk, codes, waits = inspection_of(edge).reports, list[int](), list[float]()

        async def bring(n: int) -> None:
            address = f"10.{n >> 8}.{n & 255}.1" if networks > 1 else "198.51.100.1"
            codes.append((await desk.take(reports[n % 2], carrier_from(address, edge))).code)

        async with agent.session(edge.remote_port) as line:
            tracemalloc.start()
            before, _ = tracemalloc.get_traced_memory()
            async with trio.open_nursery() as nursery:
                for n in range(1000):
                    nursery.start_soon(bring, n)
                for _ in range(20):
                    began = trio.current_time()
                    await agent.send(line, agent.cut())
                    await agent.acknowledged(line)
                    waits.append(trio.current_time() - began)
            _, peak = tracemalloc.get_traced_memory()
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            honest = seal(provider, signer_of(agent), SIDE)
            assert (await told(honest, await dial(edge.remote_port)))[0] == 0, "it is known by its address"

    opened = [code for code in codes if code != Code.REPORT_BUDGET]
    assert len(codes) == 1000
    assert len(opened) <= reportroom.STRANGERS_BURST
    assert set(opened) == {Code.REPORT_UNREADABLE, Code.REPORT_SIGNER_UNKNOWN}
    assert max(waits) < 2
    assert peak - before < 16_000_000
    assert after - before < 2_000_000


async def test_who_holds_reports_back_holds_back_nobody_else(provider: Provider) -> None:
    """Forty connections of one address that announce a report and send none; the next network's is heard."""
    announced = b"POST /fieldgate/path-report HTTP/1.1\r\nContent-Length: 32000\r\n\r\n"
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        reports = inspection_of(edge).reports
        held = [
            socket.create_connection(("127.0.0.1", edge.remote_port), source_address=("127.0.66.1", 0))
            for _ in range(40)
        ]
        for sock in held:
            sock.sendall(announced)
        refused = reports.inspection.metrics.refused[Code.REPORT_BUDGET]
        await edge.until(
            lambda: refused._value.get() == 40 - reportroom.TOTAL_BYTES // reportroom.SHARE // 32_000
        )
        code, _ = await told(seal(provider, signer_of(agent), SIDE), await dial(edge.remote_port))
        large = await say(await dial(edge.remote_port), slow_to_open(provider))
        for sock in held:
            sock.close()
        await edge.until(lambda: not reports.room.used)

    assert code == 0
    assert isinstance(large, Rejected)
    assert large.code == Code.REPORT_UNREADABLE, "there was room for it"


def large_hello() -> bytes:
    """A ClientHello of 15 KiB with as many names and numbers as a parser takes."""

    def extension(kind: int, content: bytes) -> bytes:
        return struct.pack("!HH", kind, len(content)) + content

    names = b"".join(b"\xc8" + secrets.token_bytes(200) for _ in range(64))
    extensions = extension(16, struct.pack("!H", len(names)) + names)
    extensions += extension(0, struct.pack("!HBH", 258, 0, 255) + b"\xff" * 255)
    extensions += extension(13, struct.pack("!H", 800) + secrets.token_bytes(800))
    extensions += b"".join(extension(1000 + n, b"") for n in range(125))
    body = b"\x03\x03" + secrets.token_bytes(32) + b"\0" + struct.pack("!H", 800) + secrets.token_bytes(800)
    body += b"\x01\0" + struct.pack("!H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + struct.pack("!H", len(message)) + message


def test_what_is_remembered_of_strangers_is_bounded() -> None:
    """Two thousand connections, each of which said as much as a hello can say: 16 MB."""
    memory, hellos = Halves(), [large_hello() for _ in range(100)]
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for n, said in enumerate(hellos):
        memory.add(f"10.0.{n}.1", GatewaySide(at_ms=n, source=f"10.0.{n}.1:5", hello=hello_of(said)))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (after - before) / len(memory) < 16_000_000 / HALVES
    kept = hello_of(hellos[0])
    assert isinstance(kept, ClientHello)
    assert len(kept.alpn) == sight.MAX_PROTOCOLS
    assert kept.size == len(hellos[0]) - 5, "how long it was is still told"


async def test_strangers_of_many_networks_are_not_all_looked_at(provider: Provider) -> None:
    """A hello may be made to cost milliseconds; whoever has a thousand networks has the time of all strangers, and no more."""

    def announced(config: Config) -> Config:
        first = Listener(host="127.0.0.1", port=0, proxy_from=("127.0.0.0/8",))
        return attrs.evolve(config, listeners=(first, config.listeners[1]))

    count = 2 * inspection.STRANGERS_BURST
    async with running_edge(provider, change=announced) as edge:
        ended, began = edge.services.closes.counts, trio.current_time()
        for n in range(count):
            with socket.create_connection(("127.0.0.1", edge.remote_port)) as sock:
                sock.sendall(proxied(ipaddress.IPv4Address(f"10.{n >> 8}.{n & 255}.1"), 5) + b"SSH-2.0-x\r\n")
            if not n % 50:
                await edge.until(lambda: ended.total() >= n)  # noqa: B023  # awaited at once
        await edge.until(lambda: ended.total() >= count)
        looked_at = len(inspection_of(edge).halves)
        most = inspection.STRANGERS_BURST + (trio.current_time() - began) * inspection.STRANGERS_PER_S + 1

    assert inspection.STRANGERS_BURST <= looked_at <= most


async def test_a_disk_that_is_nearly_full_is_left_to_agents(provider: Provider) -> None:
    """Strangers write nothing there, and reports wait; what agents send still finds its place."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        sightings = inspection_of(edge).sightings
        edge.services.valve.withhold("disk", yes=True)
        for n in range(5):
            sightings.saw(
                "192.0.2.0/24", GatewaySide(at_ms=n, source="192.0.2.1:5", first_bytes=bytes([65 + n]))
            )
        await sightings.flush()
        answer = await say(await dial(edge.remote_port), seal(provider, signer_of(agent), SIDE).sealed)

    assert isinstance(answer, Rejected)
    assert answer.code == Code.REPORT_BUDGET
    assert recorded(provider) == []


# -- insane documents ------------------------------------------------------------------------------------------------------


INSANE: dict[str, Any] = {
    "depth": lambda good: good[:-1] + b',"x":' + b"[" * 60_000 + b"]" * 60_000 + b"}",
    "a key twice": lambda good: good[:-1] + b',"counter":2}',
    "a key twice, deep": lambda good: good.replace(b'"dialed":', b'"dialed":"a:1","dialed":'),
    "nan": lambda good: good.replace(b'"connect_ms":null', b'"connect_ms":NaN'),
    "infinity": lambda good: good.replace(b'"connect_ms":null', b'"connect_ms":1e999'),
    "a number that grows": lambda good: good.replace(b'"connect_ms":null', b'"connect_ms":9223372036854775807'),
    "a counter beyond": lambda good: good.replace(b'"counter":7', b'"counter":9223372036854775808'),
    "a counter below": lambda good: good.replace(b'"counter":7', b'"counter":0'),
    "a counter that is none": lambda good: good.replace(b'"counter":7', b'"counter":true'),
    "a number without end": lambda good: good.replace(b'"counter":7', b'"counter":' + b"9" * 5000),
    "a time beyond": lambda good: good.replace(b'"at_ms":17', b'"at_ms":17777'),
    "a text too long": lambda good: good.replace(b'"dialed":"', b'"dialed":"' + b"x" * 300),
    "nul": lambda good: good.replace(b'"dialed":"', b'"dialed":"\\u0000'),
    "half a character": lambda good: good.replace(b'"dialed":"', b'"dialed":"\\ud800'),
    "no utf-8": lambda good: good.replace(b'"dialed":"', b'"dialed":"\xff'),
    "a chain without end": lambda good: good.replace(b'"chain":null', b'"chain":[' + b'"",' * 99 + b'""]'),
    "another kind": lambda good: good.replace(b'"kind":"agent"', b'"kind":"provider"'),
    "an answer key too short": lambda good: good.replace(b'"answer_key":"', b'"answer_key":"AAAA", "x":"'),
}  # fmt: skip


@pytest.mark.parametrize("change", INSANE.values(), ids=INSANE)
async def test_an_insane_document_is_refused_whoever_signed_it(provider: Provider, change: Any) -> None:
    """In one word, with nothing written, and nobody dropped."""
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        signer = signer_of(agent)
        good = document_to_json(
            {
                "version": 1, "kind": "agent", "uid": agent.uid, "installation_uid": "i", "counter": 7, "answer_key": "A" * 43 + "=",
                "chain": [], "side": {key: entry for key, entry in to_document(SIDE).items() if key != "version"},
            }
        )  # fmt: skip
        insane = change(good)
        assert insane != good
        public = report_key(provider)
        signature = signer.sign(b"fieldgate path report 1\x00" + hashlib.sha256(public.raw).digest() + insane)
        envelope = pack(signature, insane, 31 * 1024 - 56)
        sealed = public.key_id + SUITE.encrypt(envelope, public.exchange, INFO)
        with structlog.testing.capture_logs() as log:
            answer = await say(await dial(edge.remote_port), sealed)

    assert isinstance(answer, Rejected)
    assert answer.code == Code.REPORT_UNREADABLE
    assert [line for line in log if line["log_level"] == "error"] == []
    assert recorded(provider) == []


async def test_the_largest_that_an_agent_can_say_is_taken(provider: Provider) -> None:
    """Every text at its bound and hostile, every number at its end: judged, written down, answered, and read again."""
    text = "\x1b[2J\u202e<script>{0.__class__}" * 50
    side = AgentSide(
        at_ms=253_402_300_799_999, dialed=text[:255], platform=text[:255], agent_version=text[:255], local=text[:255],
        remote=text[:255], clock_offset_ms=-(2**63), certificate_not_after_ms=0, resolved=(text[:255],) * 8,
        connect_ms=2.0**62, handshake_ms=2.0**62, tcp_error=text[:255], handshake_complete=True, chain=(b"no certificate",) * 16,
        verify_codes=((2**31 - 1, 2**31 - 1),) * 64, received_bytes=2**63 - 1, first_bytes=b"\xff" * 120,
        last_io=LastIo.COMPLETE, lacking=(text[:255],) * 8, carried=True,
    )  # fmt: skip
    async with running_edge(provider) as edge:
        agent = await enrolled(edge)
        report = seal(provider, signer_of(agent), side, counter=2**63 - 1)
        code, _ = await told(report, await dial(edge.remote_port))
        again, _ = await told(seal(provider, signer_of(agent), SIDE, counter=5), await dial(edge.remote_port))
        records = recorded(provider)

    assert (code, again) == (0, 0), "a counter at its end keeps nothing out"
    assert records[0].evidence.agent == side
    assert projected(provider) == [5, 2**63 - 1]
    assert provider.store.events.quarantined() == []
