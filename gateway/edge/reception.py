"""From a finished handshake to a session, a certificate, or a refusal that arrives.

The acceptor calls `receive` with a stream; its ticket's deadline covers everything up to the accepted Hello. Whatever the outcome, it
is noted once: in the closes, in the log for those who showed that they are agents, and to the agent in words that say what to do.
"""

import secrets
import uuid

import attrs
import structlog
import trio

from certs import ChainVerdict, from_ms, to_ms
from certs.inspection import LastIo
from gateway.edge.abilities import offered
from gateway.edge.blame import blame
from gateway.edge.clones import ELSEWHERE_MS, HOLD_MS, Situation, answers, situation
from gateway.edge.directory import Agent
from gateway.edge.ending import BREAKS
from gateway.edge.enrollment import enroll
from gateway.edge.firstword import PATH_RETRY_MS, first_word
from gateway.edge.identify import Admitted, Identity, Refused, identify
from gateway.edge.joining import Carrier
from gateway.edge.parting import LAST_WORDS_S, STRANGERS_BYTES, note
from gateway.edge.pathhttp import HttpRequest, serve_request
from gateway.edge.peer import Peer
from gateway.edge.reactions import OVERRUN, news_for
from gateway.edge.reports import Reports, noted
from gateway.edge.services import Services
from gateway.edge.session import Session
from gateway.edge.sight import BREAKS as ENDS
from gateway.store import NotFound, StoreError
from protocol import (
    Code,
    Connection,
    Enroll,
    Hello,
    PathReport,
    PathVerdict,
    Rejected,
    Role,
    Standing,
    Welcome,
    agreed,
    negotiate,
)
from transport import BrokenStreamError, TLSStream

__all__ = ["receive"]

log = structlog.get_logger()

# A certificate is 2 kB, and worth waiting for on a bad line. Lost, it is asked for again, and is the same agent's.
ENROLLED_S = 5.0


MAX_HEARTBEAT_S = 3_600  # what a Welcome can say


async def receive(services: Services, stream: TLSStream, peer: Peer) -> Session | None:
    """Hear the first message and act on it; the session that came of it, if one did. The caller runs it."""
    connection = Connection(Role.GATEWAY)
    return await _Visit(services=services, stream=stream, peer=peer, connection=connection).session()


@attrs.frozen(eq=False, kw_only=True)
class _Visit:
    """One connection that has not said who it is yet."""

    services: Services
    stream: TLSStream
    peer: Peer
    connection: Connection

    async def session(self) -> Session | None:
        """Hear the first message and act on it; the session that came of it, if one did."""
        try:
            first = await first_word(self.services, self.stream, self.peer, self.connection)
        except BrokenStreamError as error:
            self._note(BREAKS.get(error.reason, Code.CONNECTION_LOST), f"before hello: {error.detail}")
            self._saw(ENDS.get(error.reason, LastIo.EOF))
            return None
        match first:
            case Refused():
                if not self.stream.carries_sessions:
                    self._saw(LastIo.ANSWER_TIMEOUT)  # nothing came that could be answered
                await self._refuse(first)
            case Hello():
                return await self._hello(first)
            case Enroll():
                await self._enroll(first)
            case PathReport() | HttpRequest():
                await self._path_report(first)
            case None:
                self._saw(LastIo.CLOSE_NOTIFY)
                self.services.closes.count(Code.SILENT_PEER)  # a balancer's health check that speaks TLS
            case _:
                self._note(Code.GOODBYE, "before hello")
        return None

    # -- path reports ------------------------------------------------------------------------------------------

    @property
    def _reports(self) -> Reports | None:
        inspection = self.services.inspection
        return None if inspection is None else inspection.reports

    async def _path_report(self, said: PathReport | HttpRequest) -> None:
        """Somebody tells of a path; what comes of it, and nothing else, is said back."""
        reports, sight = self._reports, self.peer.sight
        if reports is None or sight is None:
            message = "this gateway takes no path reports"
            await self._refuse(Refused.for_now(Code.REPORT_BUDGET, message, PATH_RETRY_MS))
            return
        carrier = Carrier(peer=self.peer, sight=sight, stream=self.stream, http=isinstance(said, HttpRequest))
        if isinstance(said, HttpRequest):
            try:
                exchange = await serve_request(self.stream.receive_some, said.begun, carrier, reports)
            except BrokenStreamError as error:
                self._note(BREAKS.get(error.reason, Code.CONNECTION_LOST), f"in a request: {error.detail}")
                return
            outcome, answer = exchange.outcome, exchange.response
        else:
            outcome = await reports.take(said.sealed, carrier)
            if isinstance(outcome, Refused):
                await self._refuse(outcome)
                return
            answer = self.connection.send(PathVerdict(sealed=outcome.sealed))
        if outcome is None:
            self._note(Code.NOT_TLS_HTTP, "http inside tls")
        else:
            code, detail, agent_uid = noted(outcome)
            self._note(code, detail, agent_uid=agent_uid)
        with trio.CancelScope(shield=True):
            await self.stream.send_last(answer, within_s=LAST_WORDS_S, drain_bytes=STRANGERS_BYTES)

    # -- enrollment --------------------------------------------------------------------------------------------

    async def _enroll(self, message: Enroll) -> None:
        self.peer.ticket.heard()
        answer = await enroll(self.services, self.stream, self.peer, message)
        if isinstance(answer, Refused):
            log.info("enrollment refused", code=str(answer.code), error=answer.message, peer=self.peer.address,
                     host_name=message.host_name)  # fmt: skip
            await self._refuse(answer)
            return
        self._note(Code.GOODBYE, "enrolled", agent_uid=answer.agent_uid)
        with trio.CancelScope(shield=True):
            await self.stream.send_last(
                self.connection.send(answer), within_s=ENROLLED_S, drain_bytes=STRANGERS_BYTES
            )

    # -- sessions ----------------------------------------------------------------------------------------------

    async def _hello(self, hello: Hello) -> Session | None:
        services = self.services
        identity = services.credentials.identity(self.stream.peer_chain_der(), from_ms(services.now()))
        agent, decision = self._judge(identity, hello)
        if agent is not None and isinstance(decision, Admitted):
            self.peer.ticket.authenticated(agent.entry.organization_uid)
            self.peer.sight = None
            held = await self._contest(agent, hello)
            # It may have waited for seconds: what was decided meanwhile counts.
            agent, decision = self._judge(identity, hello)
            decision = held or decision
        if isinstance(decision, Refused):
            # Who only claims to be an agent must fill neither the log nor the agents' ring of closes.
            trusted = identity is not None and identity.trust.chain is ChainVerdict.OK
            await self._refuse(decision, agent_uid=agent.uid if trusted and agent is not None else "")
            return None
        assert agent is not None  # noqa: S101  # nobody is admitted whom the directory does not know
        assert identity is not None  # noqa: S101  # nor without a certificate
        return self._open(agent, identity, decision, hello)

    def _judge(self, identity: Identity | None, hello: Hello) -> tuple[Agent | None, Admitted | Refused]:
        directory = self.services.directory
        uid = identity.agent_uid if identity is not None else None
        agent = directory.find(uid) if uid is not None else None
        decision = identify(
            identity,
            hello.agent_uid,
            agent.entry if agent is not None else None,
            revoked=identity is not None and identity.serial in directory.revoked,
            co_located=self.peer.listener.kind == "co-located",
            at=from_ms(self.services.now()),
        )
        if agent is not None and isinstance(decision, Admitted) and decision.standing is Standing.VERIFIED:
            left_s = agent.absence.left_s(trio.current_time())
            if left_s:
                decision = Refused.for_now(Code.PARKED_OVERFLOW, OVERRUN, round(left_s * 1000))
        return agent, decision

    async def _contest(self, agent: Agent, hello: Hello) -> Refused | None:
        """Make way for the newcomer, or say why not. Once it returns None, no session of the agent is open here."""
        link = self.services.link
        while True:
            old = agent.session if agent.session is not None and agent.session.ending is None else None
            found = situation(agent.claim, hello.nonces, is_open=old is not None, edge_uid=link.edge_uid)
            if old is not None and found is Situation.TAKE_OVER:
                old.hang_up(Code.SUPERSEDED, "the agent has connected anew")
                return None
            if old is not None:
                if await answers(old.probe()) and old.ending is None:
                    where = f"{self.peer.address}, host {hello.host_name}"
                    old.notice(
                        Code.CLONE_HELD, f"another machine tries to connect with this identity, from {where}"
                    )
                    return self._hold(agent, hello, old.peer.address, HOLD_MS)
                old.hang_up(Code.HEARTBEATS_MISSED, "gave no sign of life when the agent connected anew")
                if agent.session is old:
                    return None
            elif found is Situation.ASK_STORE and await self._lives_elsewhere(agent):
                return self._hold(agent, hello, "another edge", ELSEWHERE_MS)
            else:
                return None

    async def _lives_elsewhere(self, agent: Agent) -> bool:
        try:
            return await self.services.link.is_online(agent)
        except NotFound:
            return False
        except StoreError:
            return True  # no answer is no reason to throw out a session that may live

    def _hold(self, agent: Agent, hello: Hello, elsewhere: str, after_ms: int) -> Refused:
        self.services.traffic.clones.inc()
        log.warning(
            "clone held", code=str(Code.CLONE_HELD), agent=agent.uid, organization=agent.entry.organization_uid,
            peer=self.peer.address, host_name=hello.host_name, installation=hello.installation_uid, lives_at=elsewhere,
        )  # fmt: skip
        message = f"another machine is connected with this identity, from {elsewhere}"
        return Refused.for_now(Code.CLONE_HELD, message, after_ms)

    def _open(self, agent: Agent, identity: Identity, decision: Admitted, hello: Hello) -> Session:
        """Welcome the agent."""
        services, now_ms, now = self.services, self.services.now(), trio.current_time()
        assert identity.trust.not_after is not None  # noqa: S101  # nobody is admitted without a path
        session = Session(
            services=services, agent=agent, connection=self.connection, stream=self.stream, peer=self.peer,
            uid=str(uuid.uuid4()), serial=identity.serial, expires_ms=to_ms(identity.trust.not_after),
            nonces=hello.nonces, standing=decision.standing, agent_version=hello.agent_version, host_name=hello.host_name,
            offset_ms=hello.agent_time_ms - now_ms, started_at=now, heard_at=now, seen_ms=now_ms,
            share=agent.share, owed=services.valve.window,
        )  # fmt: skip
        if session.may_be_paid:
            session.owed = 0
        nonce = secrets.token_bytes(16)
        services.link.claim(session, nonce)
        agent.session = session
        services.open_sessions[session] = None
        services.traffic.welcomes[decision.standing].inc()
        data = self.connection.send(
            Welcome(
                minor=negotiate(hello.minor),
                capabilities=agreed(hello.capabilities, offered(agent.entry)),
                session_uid=session.uid,
                nonce=nonce,
                heartbeat_s=min(max(1, round(services.config.heartbeat_s)), MAX_HEARTBEAT_S),
                credit=services.valve.window - session.owed,
                gateway_time_ms=now_ms,
                standing=decision.standing,
                code=decision.code,
                durable=tuple(agent.durable.values()),
                released=agent.marks(),
            )
        )
        news = news_for(
            services,
            session,
            trust_revision=hello.trust_revision,
            gateway_list_revision=hello.gateway_list_revision,
        )
        session.out.put(data + b"".join(map(self.connection.send, news)))
        services.commanding.offer(session)
        return session

    # -- refusals ----------------------------------------------------------------------------------------------

    async def _refuse(self, refused: Refused, agent_uid: str = "") -> None:
        """Say no, so that it arrives."""
        self._note(refused.code, refused.message, agent_uid=agent_uid)
        if agent_uid:
            log.info("session refused", code=str(refused.code), error=refused.message, agent=agent_uid,
                     peer=self.peer.address, action=refused.action.name.lower())  # fmt: skip
        words = Rejected(
            code=refused.code,
            message=refused.message[:1024],
            gateway_time_ms=self.services.now(),
            action=refused.action,
            retry_after_ms=refused.retry_after_ms,
        )
        with trio.CancelScope(shield=True):
            await self.stream.send_last(
                self.connection.send(words), within_s=LAST_WORDS_S, drain_bytes=STRANGERS_BYTES
            )

    def _saw(self, last_io: LastIo) -> None:
        """It led to nothing, and nobody has reported it."""
        if self.services.inspection is not None:
            self.services.inspection.ended(self.peer, last_io, stream=self.stream, shaken=True)

    def _note(self, code: Code, detail: str, *, agent_uid: str = "") -> None:
        blame(self.peer, code, self.services.metrics)
        note(self.services, self.peer, code, detail, agent_uid=agent_uid, since=self.peer.ticket.opened_at)
