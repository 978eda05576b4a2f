"""From a token to a certificate, and from one certificate to the next."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from agent.enrollment import Applicant, EnrollmentError, enroll
from agent.identity import Identity
from agent.path import PathError
from certs import Token, generate_key, key_to_pem, to_ms
from protocol import Action, AgentType, Code, Enroll, Enrolled, Hello, Message, Rejected, Standing
from tests.agent.rig import Rig
from tests.helpers.gateway import NOW, NOW_MS, Gateway, Peer


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with Gateway.make().listening() as gateway:
        yield gateway


def applicant(**changes: object) -> Applicant:
    fields = {
        "installation_uid": "i", "host_name": "BKP-01", "agent_type": AgentType.CLIENT, "synthetic": False,
        "key_pem": key_to_pem(generate_key()),
    }  # fmt: skip
    return Applicant(**(fields | changes))  # type: ignore[arg-type]  # a test's shorthand


def now() -> int:
    return NOW_MS


async def test_a_token_gives_an_identity(clock: MockClock, gateway: Gateway) -> None:
    """Uid, certificate, pins and gateways come from the answer; the secret was not in what was said."""
    token = gateway.token()
    enrollment = await enroll(token, applicant(), now=now)

    assert enrollment.identity.gateways == (gateway.address,)
    assert enrollment.identity.pins_current == gateway.authority.pins_current()
    assert enrollment.identity.since_ms == NOW_MS
    said = gateway.enrolls[0]
    assert said.token_id == token.id
    assert token.seed not in said.csr + said.signature


async def test_the_same_key_is_the_same_agent(clock: MockClock, gateway: Gateway) -> None:
    """An agent that was cut off between asking and hearing asks again, and no ghost is left."""
    token, who = gateway.token(), applicant()
    first = await enroll(token, who, now=now)
    second = await enroll(token, who, now=now)
    other = await enroll(token, applicant(), now=now)

    assert first.identity.agent_uid == second.identity.agent_uid != other.identity.agent_uid


async def test_a_stranger_gets_no_signature(clock: MockClock, gateway: Gateway) -> None:
    """The token's pins decide before anything is signed or said."""
    async with Gateway.make().listening() as stranger:
        with pytest.raises(PathError) as caught:
            await enroll(gateway.token(stranger.address), applicant(), now=now)
        await trio.sleep(1)
        assert [peer.heard for peer in stranger.peers] == [[]]
    assert caught.value.code is Code.GATEWAY_UNTRUSTED
    assert caught.value.address == stranger.address


async def test_an_agent_knows_what_to_seal_reports_to(
    clock: MockClock, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the gateway says counts; from one that says nothing of it, what the token said."""
    token = attrs.evolve(gateway.token(), report_key=b"t" * 64)
    silent = await enroll(token, applicant(), now=now)
    assert silent.identity.report_keys == (b"t" * 64,)
    assert (await enroll(gateway.token(), applicant(), now=now)).identity.report_keys == ()

    honest = Gateway.issue
    told = (b"n" * 64, b"o" * 64)
    monkeypatch.setattr(Gateway, "issue", lambda *words: attrs.evolve(honest(*words), report_keys=told))
    assert (await enroll(token, applicant(), now=now)).identity.report_keys == told


async def test_the_next_gateway_of_the_token_is_tried(clock: MockClock, gateway: Gateway) -> None:
    """A token may name several."""
    enrollment = await enroll(gateway.token("127.0.0.1:1", gateway.address), applicant(), now=now)
    assert enrollment.answer.standing is Standing.VERIFIED


async def test_a_wrong_token_is_refused_in_words(clock: MockClock, gateway: Gateway) -> None:
    """The code is the gateway's, and trying again is no use."""
    token = Token.create(seed=bytes(32), pins=gateway.authority.pins_current(), gateways=(gateway.address,))
    with pytest.raises(EnrollmentError, match="FG-2201: no token has that id") as caught:
        await enroll(token, applicant(), now=now)
    assert caught.value.retry_after_s is None


async def test_busy_is_not_no(clock: MockClock, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """A RETRY carries when to come back."""
    busy = Rejected(
        code=Code.ENROLLMENT_BUSY,
        message="busy",
        gateway_time_ms=NOW_MS,
        action=Action.RETRY,
        retry_after_ms=9_000,
    )
    monkeypatch.setattr(Gateway, "_enroll", lambda *_: busy)
    with pytest.raises(EnrollmentError) as caught:
        await enroll(gateway.token(), applicant(), now=now)
    assert caught.value.retry_after_s == 9


async def test_a_certificate_for_another_key_is_refused(
    clock: MockClock, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not ours is not stored."""
    honest = Gateway._enroll

    def swap(self: Gateway, peer: Peer, event: Enroll) -> Message:
        mine = honest(self, peer, event)
        other = self.issue(applicant().request(NOW_MS), "other")
        assert isinstance(mine, Enrolled)
        return attrs.evolve(mine, certificate_chain=other.certificate_chain)

    monkeypatch.setattr(Gateway, "_enroll", swap)
    with pytest.raises(EnrollmentError, match="not ours"):
        await enroll(gateway.token(), applicant(), now=now)


async def test_a_certificate_is_renewed_at_two_thirds(
    clock: MockClock, gateway: Gateway, tmp_path: Path
) -> None:
    """Over the live session, with a new key; the old one is dropped only once a gateway has welcomed the new one."""
    rig = Rig.make(gateway, tmp_path)
    at_ms = to_ms(NOW + timedelta(days=23))
    gateway.now_ms = rig.facilities.now = lambda: at_ms
    old = rig.keeper.credential
    seen = []

    def look(hello: Hello) -> Message:
        seen.append((rig.keeper.credential, rig.keeper.pending))
        return gateway.greet(hello)

    gateway.welcome = look
    async with rig.running():
        await gateway.peer(1)
        await rig.recorder.until("welcomed", 2)
        request = next(m for m in (await gateway.peer(0)).heard if isinstance(m, Enroll))

    assert request.token_id == ""
    assert request.signature == b""
    assert seen[0] == (old, None)
    assert seen[1][0] == old
    assert seen[1][1] == rig.keeper.credential != old
    assert rig.keeper.pending is None
    assert len(gateway.peers) == 2


async def test_a_fresh_certificate_is_not_renewed(clock: MockClock, gateway: Gateway, tmp_path: Path) -> None:
    """Nineteen days of thirty are no reason."""
    rig = Rig.make(gateway, tmp_path)
    gateway.heartbeat_s, rig.pump_s = 900, 600
    gateway.now_ms = rig.facilities.now = lambda: to_ms(NOW + timedelta(days=19))
    async with rig.running():
        peer = await gateway.peer()
        await trio.sleep(7200)
        assert not any(isinstance(m, Enroll) for m in peer.heard)


async def test_renewal_goes_by_the_gateways_clock(clock: MockClock, gateway: Gateway, tmp_path: Path) -> None:
    """Our own may be wrong by years: what counts is when the gateway will refuse us."""
    rig = Rig.make(gateway, tmp_path)
    rig.facilities.now = lambda: to_ms(NOW + timedelta(days=700))
    async with rig.running():
        peer = await gateway.peer()
        await trio.sleep(60)
        assert not any(isinstance(m, Enroll) for m in peer.heard)


async def test_an_expired_agent_renews_and_goes_on(
    clock: MockClock, gateway: Gateway, tmp_path: Path
) -> None:
    """A session that may only renew does so at once, and the next one reports."""
    rig = Rig.make(gateway, tmp_path)
    at_ms = to_ms(NOW + timedelta(days=80))
    gateway.now_ms = rig.facilities.now = lambda: at_ms

    def by_certificate(hello: Hello) -> Message:
        if rig.keeper.pending is None:
            return gateway.greet(hello, standing=Standing.RENEW_ONLY, code=Code.CLIENT_CERT_EXPIRED, credit=0)
        return gateway.greet(hello)

    gateway.welcome = by_certificate
    async with rig.running():
        await gateway.heard(1)
    assert rig.keeper.credential.expires > NOW + timedelta(days=100)


async def test_a_refused_new_certificate_falls_back_to_the_old(
    clock: MockClock, gateway: Gateway, tmp_path: Path
) -> None:
    """Proven before the old one is dropped: a new one that is refused is dropped itself."""
    rig = Rig.make(gateway, tmp_path)
    rig.facilities.renew_now = True
    old = rig.keeper.credential
    refusals = 0

    def refuse_new(hello: Hello) -> Message:
        nonlocal refusals
        if rig.keeper.pending is None or refusals:
            return gateway.greet(hello)
        refusals += 1
        return Rejected(
            code=Code.CLIENT_CERT_UNTRUSTED, message="who", gateway_time_ms=NOW_MS, action=Action.REENROLL
        )

    gateway.welcome = refuse_new
    async with rig.running():
        await gateway.peer(2)
        await rig.recorder.until("welcomed", 2)
        assert rig.keeper.credential == old
    assert rig.farewell is None


def test_agents_of_one_hour_renew_over_two_days() -> None:
    """Each has its own place in the spread."""
    places = [attrs.evolve(an_identity(), agent_uid=f"{n:08x}-0").place for n in (0, 2**31, 2**32 - 1)]
    assert places == [0.0, 0.5, pytest.approx(1.0)]


def an_identity() -> Identity:
    return Identity(
        agent_uid="00000000-0000-4000-8000-000000000000", installation_uid="i", host_name="h",
        agent_type=AgentType.CLIENT, synthetic=False, gateways=(), pins_current=(),
    )  # fmt: skip
