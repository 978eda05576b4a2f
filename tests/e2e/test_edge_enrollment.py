"""How an agent gets its first certificate, and its next ones; and who gets none."""

import attrs
import pytest
import sqlalchemy as sa

from certs import (
    EXPORTER_BYTES,
    EXPORTER_LABEL,
    Token,
    make_csr,
    read_certificate,
    sign_enrollment,
    to_ms,
)
from gateway.edge.sweeper import expire
from gateway.store import Standing as Decided
from gateway.store import StoreLocked
from gateway.store.agents import require_agent
from gateway.store.changes import publish
from gateway.store.schema import agents, changes
from gateway.store.tokens import Tokens
from protocol import Action, AgentType, Code, Credit, Enrolled, Rejected, Standing
from tests.helpers.agent import TestAgent
from tests.helpers.edges import DAY_MS, Provider, RunningEdge, running_edge


async def refused(edge: RunningEdge, token: Token, agent: TestAgent | None = None) -> Rejected:
    answer = await (agent or TestAgent()).try_enroll(edge.remote_port, token)
    assert isinstance(answer, Rejected), answer
    assert abs(answer.gateway_time_ms - edge.provider.clock()) < 5_000
    return answer


async def test_a_token_leads_to_a_certificate(provider: Provider) -> None:
    """With the uid that the gateway assigned, and all that the agent has to know."""
    async with running_edge(provider) as edge:
        agent = TestAgent()
        answer = await agent.try_enroll(edge.remote_port, provider.token())
    assert isinstance(answer, Enrolled)
    assert (answer.standing, answer.code) == (Standing.VERIFIED, 0)
    assert read_certificate(answer.certificate_chain[0]).agent_uid == answer.agent_uid
    assert answer.pins_current == provider.authority.pins_current()
    assert answer.gateways == ("127.0.0.1:0", "localhost:0")
    stored = provider.store.agents.get(agent.uid, now_ms=provider.clock())
    assert stored.organization_uid == provider.company.uid
    assert stored.host_name == "backup-1"


async def test_enrolling_again_makes_no_ghost(provider: Provider) -> None:
    """An answer that got lost is asked for again: the same agent, and one use of the token."""
    async with running_edge(provider) as edge:
        token, agent = provider.token(), TestAgent()
        uids = {(await agent.enroll(edge.remote_port, token)).uid for _ in range(3)}
    assert len(uids) == 1
    stored = provider.store.tokens.get(token.id)
    assert stored is not None
    assert stored.uses == 1
    assert len(provider.store.agents.list(now_ms=0)) == 1


async def test_a_recorded_enrollment_is_worth_nothing(provider: Provider) -> None:
    """The signature is over this very TLS connection: neither a box in the path nor a recording has it."""
    async with running_edge(provider) as edge:
        token, agent = provider.token(), TestAgent()
        first = await agent.dial(edge.remote_port)
        csr = make_csr(agent.key, "x")
        exporter = first.stream.exporter(EXPORTER_LABEL, EXPORTER_BYTES)
        recorded = agent.enroll_message(csr, token.id, sign_enrollment(token.seed, exporter, csr))
        await first.stream.aclose()
        second = await agent.dial(edge.remote_port)
        await second.say(recorded)
        answer = await second.hear()
        await second.stream.aclose()
    assert isinstance(answer, Rejected)
    assert (answer.code, answer.action) == (Code.ENROLLMENT_PROOF_INVALID, Action.STOP)


async def test_who_gets_no_certificate_hears_why(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        token = provider.token()
        unknown = attrs.evolve(token, id="00000000-0000-4000-8000-000000000000")
        assert (await refused(edge, unknown)).code == Code.TOKEN_UNKNOWN
        leaked = attrs.evolve(token, seed=bytes(32))
        assert (await refused(edge, leaked)).code == Code.ENROLLMENT_PROOF_INVALID
        provider.store.tokens.revoke(token.id, now_ms=1)
        assert (await refused(edge, token)).code == Code.TOKEN_REVOKED
        real_only = provider.token()
        synthetic = TestAgent(synthetic=True)
        assert (await refused(edge, real_only, synthetic)).code == Code.TOKEN_WRONG_KIND
        site = provider.token(provider=True, kind="site")
        remote_site = TestAgent(agent_type=AgentType.SITE)
        assert (await refused(edge, site, remote_site)).code == Code.WRONG_LISTENER


async def test_garbage_for_a_request_is_named(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        token, agent = provider.token(), TestAgent()
        line = await agent.dial(edge.remote_port)
        exporter = line.stream.exporter(EXPORTER_LABEL, EXPORTER_BYTES)
        await line.say(
            agent.enroll_message(b"csr?", token.id, sign_enrollment(token.seed, exporter, b"csr?"))
        )
        answer = await line.hear()
        await line.stream.aclose()
    assert isinstance(answer, Rejected)
    assert answer.code == Code.CSR_INVALID


async def test_the_co_located_listener_is_for_the_providers_own(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        outsider = await TestAgent().try_enroll(edge.co_located_port, provider.token())
        assert isinstance(outsider, Rejected)
        assert outsider.code == Code.WRONG_LISTENER
        site = TestAgent(agent_type=AgentType.SITE)
        answer = await site.try_enroll(edge.co_located_port, provider.token(provider=True, kind="site"))
        assert isinstance(answer, Enrolled)
        async with site.session(edge.co_located_port):
            pass


async def test_a_store_that_is_locked_is_no_reason_to_give_up(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent is told when to try again."""

    def locked(self: Tokens, token_id: str) -> None:
        raise StoreLocked("database is locked")

    async with running_edge(provider) as edge:
        token = provider.token()
        monkeypatch.setattr(Tokens, "get", locked)
        answer = await refused(edge, token)
        assert (answer.code, answer.action) == (Code.STORE_LOCKED, Action.RETRY)
        assert answer.retry_after_ms
        monkeypatch.undo()
        await TestAgent().enroll(edge.remote_port, token)


# -- unverified ------------------------------------------------------------------------------------------------------


async def waiting(edge: RunningEdge) -> TestAgent:
    """An agent that enrolled by an expired token."""
    agent = TestAgent()
    answer = await agent.try_enroll(edge.remote_port, edge.provider.token(expires_in_ms=-DAY_MS))
    assert isinstance(answer, Enrolled)
    assert (answer.standing, answer.code) == (Standing.UNVERIFIED, Code.TOKEN_EXPIRED)
    return agent


async def test_an_unverified_agent_waits_without_credit(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        agent = await waiting(edge)
        async with agent.session(edge.remote_port) as line:
            assert agent.welcome is not None
            assert agent.welcome.standing is Standing.UNVERIFIED
            assert (agent.welcome.code, agent.welcome.credit) == (Code.TOKEN_EXPIRED, 0)
            await line.heartbeat()


async def test_accepting_reaches_the_live_session(provider: Provider) -> None:
    """Credit is what it was waiting for."""
    async with running_edge(provider) as edge:
        agent = await waiting(edge)
        async with agent.session(edge.remote_port) as line:
            provider.store.agents.accept(agent.uid, organization_uid=provider.company.uid, location_uid=None)
            provider.ring()
            credit = await line.expect(Credit)
            assert credit.bytes == edge.edge.config.limits.session_credit
            await agent.send(line, agent.cut())
            await agent.acknowledged(line)
        async with agent.session(edge.remote_port):
            assert agent.welcome is not None
            assert agent.welcome.standing is Standing.VERIFIED


async def test_rejecting_ends_the_live_session(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        agent = await waiting(edge)
        async with agent.session(edge.remote_port) as line:
            provider.store.agents.reject(agent.uid, code=Code.AGENT_REJECTED)
            provider.ring()
            heard = await line.hear_the_end()
        assert isinstance(heard[-1], Rejected)
        assert (heard[-1].code, heard[-1].action) == (Code.AGENT_REJECTED, Action.STOP)
        assert (await agent.refused(edge.remote_port)).code == Code.AGENT_REJECTED


async def test_a_decision_of_a_newer_version_reaches_the_live_session_and_stops_nobody(
    provider: Provider,
) -> None:
    """What this edge does not understand it takes for not accepted: the agent comes back to a session without credit."""
    async with running_edge(provider) as edge:
        agent = await TestAgent().enroll(edge.remote_port, provider.token())
        other = await TestAgent().enroll(edge.remote_port, provider.token())
        async with other.session(edge.remote_port) as untouched:
            async with agent.session(edge.remote_port) as line:
                suspend(provider, agent)
                heard = await line.hear_the_end()
            assert isinstance(heard[-1], Rejected)
            assert (heard[-1].code, heard[-1].action) == (Code.AWAITING_ACCEPTANCE, Action.RETRY)
            async with agent.session(edge.remote_port):
                assert agent.welcome is not None
                assert (agent.welcome.standing, agent.welcome.credit) == (Standing.UNVERIFIED, 0)
            await other.send(untouched, other.cut())
            await other.acknowledged(untouched)


def suspend(provider: Provider, agent: TestAgent) -> None:
    """What a newer version may do."""
    with provider.store._db.write() as connection:
        connection.execute(sa.update(agents).where(agents.c.uid == agent.uid).values(standing="suspended"))
        entry = require_agent(connection, agent.uid)
        change_id = publish(connection, provider.store._db, [entry])
        connection.execute(
            sa.update(changes)
            .where(changes.c.id == change_id)
            .values(payload=sa.func.replace(changes.c.payload, "unverified", "suspended"))
        )
    provider.ring()


# -- renewal ---------------------------------------------------------------------------------------------------------


async def renewed(agent: TestAgent, edge: RunningEdge) -> TestAgent:
    """The agent with its next certificate, asked for over a live session."""
    after = TestAgent(uid=agent.uid, nonces=agent.nonces)
    async with agent.session(edge.remote_port) as line:
        await line.say(agent.enroll_message(make_csr(after.key, "x")))
        answer = await line.expect(Enrolled)
        after.nonces = agent.nonces
    after.chain = answer.certificate_chain
    assert answer.agent_uid == agent.uid
    return after


async def test_a_new_certificate_is_proven_before_the_old_is_dropped(provider: Provider) -> None:
    """The session that asked goes on; both certificates are good until the old one expires."""
    async with running_edge(provider) as edge:
        agent = await TestAgent().enroll(edge.remote_port, provider.token())
        after = await renewed(agent, edge)
        async with after.session(edge.remote_port) as line:
            await after.send(line, after.cut())
            await after.acknowledged(line)
        agent.nonces = after.nonces
        async with agent.session(edge.remote_port):
            pass


async def test_revoking_an_agent_ends_every_certificate_of_its(provider: Provider) -> None:
    """Also the one that it has renewed to."""
    async with running_edge(provider) as edge:
        agent = await TestAgent().enroll(edge.remote_port, provider.token())
        after = await renewed(agent, edge)
        async with after.session(edge.remote_port) as line:
            provider.store.agents.revoke(agent.uid, why="stolen", code=Code.CLIENT_CERT_REVOKED, now_ms=1)
            provider.ring()
            heard = await line.hear_the_end()
        assert isinstance(heard[-1], Rejected)
        assert (heard[-1].code, heard[-1].action) == (Code.CLIENT_CERT_REVOKED, Action.STOP)
        for each in (agent, after):
            assert (await each.refused(edge.remote_port)).code == Code.CLIENT_CERT_REVOKED
    assert provider.store.agents.get(agent.uid, now_ms=0).standing is Decided.REVOKED


async def test_an_agent_that_was_off_for_a_quarter_comes_back_by_itself(provider: Provider) -> None:
    """Its certificate has expired: it may renew, and nothing else."""
    async with running_edge(provider) as edge:
        agent = await TestAgent().enroll(edge.remote_port, provider.token())
        provider.clock.ahead_ms = 90 * DAY_MS
        after = await renewed(agent, edge)
        assert agent.welcome is not None
        assert agent.welcome.standing is Standing.RENEW_ONLY
        assert (agent.welcome.code, agent.welcome.credit) == (Code.CLIENT_CERT_EXPIRED, 0)
        async with after.session(edge.remote_port):
            assert after.welcome is not None
            assert after.welcome.standing is Standing.VERIFIED


async def test_a_session_ends_with_its_certificate(provider: Provider) -> None:
    """Not a millisecond before it, and with the word to renew: the agent comes back at once, and does."""
    async with running_edge(provider, heartbeat_s=1.0) as edge:
        agent = await TestAgent().enroll(edge.remote_port, provider.token())
        async with agent.session(edge.remote_port) as line:
            session = edge.agent(agent.uid).session
            assert session is not None
            assert session.expires_ms == to_ms(read_certificate(agent.chain[0]).not_after)
            expire([session], session.expires_ms)
            assert session.ending is None
            provider.clock.ahead_ms = 30 * DAY_MS
            heard = await line.hear_the_end()
        assert isinstance(heard[-1], Rejected)
        assert (heard[-1].code, heard[-1].action) == (Code.CLIENT_CERT_EXPIRED, Action.RENEW)
        async with agent.session(edge.remote_port):
            assert agent.welcome is not None
            assert agent.welcome.standing is Standing.RENEW_ONLY
            session = edge.agent(agent.uid).session
            assert session is not None
            expire([session], provider.clock())
            assert session.ending is None
        after = await renewed(agent, edge)
        async with after.session(edge.remote_port):
            assert after.welcome is not None
            assert after.welcome.standing is Standing.VERIFIED


async def test_beyond_the_grace_it_has_to_enroll_again(provider: Provider) -> None:
    async with running_edge(provider) as edge:
        agent = await TestAgent().enroll(edge.remote_port, provider.token())
        provider.clock.ahead_ms = 220 * DAY_MS
        refusal = await agent.refused(edge.remote_port)
    assert (refusal.code, refusal.action) == (Code.CLIENT_CERT_BEYOND_GRACE, Action.REENROLL)
