"""Certificates for those who may have one: a first one by a token, the next ones over the live session.

The token's secret never arrives here. What arrives is a signature made with it, over this very TLS connection's exporter and the
certificate request: a box in the path has another exporter, and a recording has an old one. Everything that can block or costs a
signature (the token's row, the proof, the certificate, its row) is done in one trip to a worker thread.

A certificate is written down before it is handed out, so that revoking its agent finds it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
import structlog

from certs import (
    EXPORTER_BYTES,
    EXPORTER_LABEL,
    AuthorityError,
    CsrError,
    from_ms,
    read_certificate,
    read_csr,
    to_ms,
    verify_enrollment,
)
from gateway.edge.identify import Refused
from gateway.edge.peer import Peer
from gateway.store import AgentEntry, Applicant, StoreError, ring
from gateway.store import Refused as StoreRefused
from gateway.store import Standing as Decided
from protocol import Action, AgentType, Code, Enroll, Enrolled, Standing
from transport import TLSStream

if TYPE_CHECKING:
    from gateway.edge.services import Services
    from gateway.edge.session import Session

__all__ = ["enroll", "renew"]

log = structlog.get_logger()

# Each holds a connection in the hall for a store transaction or two; beyond, the store is the bottleneck.
MAX_WAITING = 200
BUSY_RETRY_MS = 10_000
LIMIT_RETRY_MS = 600_000

MAX_GATEWAYS = 32  # what an Enrolled holds

AGENT_KINDS = {AgentType.CLIENT: "client", AgentType.SITE: "site"}

# What waiting can mend. Everything else needs a person, at the gateway or at the agent.
RETRIES = {Code.UNVERIFIED_LIMIT: LIMIT_RETRY_MS}


@attrs.frozen(kw_only=True)
class Issued:
    """A certificate for an agent, written down."""

    entry: AgentEntry
    chain: tuple[bytes, ...]


async def enroll(services: "Services", stream: TLSStream, peer: Peer, message: Enroll) -> Enrolled | Refused:
    """Answer the first message of an agent that has no certificate."""
    if services.link.waiting_calls >= MAX_WAITING:
        return Refused.for_now(Code.ENROLLMENT_BUSY, "too many enrollments at once", BUSY_RETRY_MS)
    exporter = stream.exporter(EXPORTER_LABEL, EXPORTER_BYTES)
    kind = peer.listener.kind
    answer = await _in_thread(services, lambda: _enroll(services, message, exporter, kind))
    if isinstance(answer, Refused):
        services.traffic.enrollments.labels(code=str(answer.code)).inc()
        return answer
    services.directory.apply(answer.entry)
    services.traffic.enrollments.labels(code="FG-0").inc()
    log.info(
        "enrolled", agent=answer.entry.agent_uid, organization=answer.entry.organization_uid, peer=peer.address,
        standing=answer.entry.standing.value, host_name=message.host_name, synthetic=answer.entry.synthetic,
    )  # fmt: skip
    return _enrolled(services, answer, kind)


async def renew(services: "Services", session: "Session", message: Enroll) -> None:
    """Give the agent of a live session its next certificate.

    The old one stays good until it expires: the agent proves the new one by connecting with it, and drops the old one then. What
    can't be done now is only logged: the agent asks again, and has a third of its certificate's life for it.
    """
    entry = session.agent.entry
    answer = await _in_thread(services, lambda: _issue(services, entry, message.csr))
    if isinstance(answer, Refused):
        log.warning(
            "certificate not renewed", agent=entry.agent_uid, code=str(answer.code), error=answer.message
        )
        return
    services.traffic.renewals.inc()
    session.say(_enrolled(services, answer, session.peer.listener.kind))


async def _in_thread(services: "Services", work: Callable[[], Issued | Refused]) -> Issued | Refused:
    try:
        return await services.link.call(work)
    except StoreError as error:
        return Refused.for_now(error.code, f"the gateway's store: {error}", BUSY_RETRY_MS)
    except CsrError as error:
        return _refused(Code.CSR_INVALID, str(error))
    except AuthorityError as error:
        log.error("no certificate can be issued", error=str(error))
        return Refused.for_now(
            Code.INTERNAL_ERROR, "the gateway can't issue certificates now", LIMIT_RETRY_MS
        )


def _enroll(services: "Services", message: Enroll, exporter: bytes, listener_kind: str) -> Issued | Refused:
    """Check the proof and make an agent. Runs in a worker thread."""
    store = services.link.store
    csr = read_csr(message.csr)
    token = store.tokens.get(message.token_id)
    if token is None:
        return _refused(Code.TOKEN_UNKNOWN, "this provider has no such token: ask for a new one")
    if not verify_enrollment(token.public_key, exporter, message.csr, message.signature):
        return _refused(
            Code.ENROLLMENT_PROOF_INVALID, "the signature is not of that token, or not of this connection"
        )
    applicant = Applicant(
        token_id=token.id,
        token_key=csr.spki_sha256,
        agent_kind=AGENT_KINDS[message.agent_type],
        listener_kind=listener_kind,
        installation_uid=message.installation_uid,
        host_name=message.host_name,
        agent_version=message.agent_version,
        platform=message.platform,
        synthetic=message.synthetic,
    )
    outcome = store.enrollment.enroll(applicant, now_ms=services.now())
    if isinstance(outcome, StoreRefused):
        retry_ms = RETRIES.get(outcome.code)
        if retry_ms is not None:
            return Refused.for_now(outcome.code, outcome.message, retry_ms)
        return _refused(outcome.code, outcome.message)
    issued = _issue(services, outcome.agent, message.csr)
    if outcome.is_new:
        ring(services.config.data / "run")  # the other edges: the agent may come to any of them next
    return issued


def _issue(services: "Services", entry: AgentEntry, csr: bytes) -> Issued | Refused:
    """Sign a certificate and write it down. Runs in a worker thread."""
    now_ms = services.now()
    authority = services.credentials.authority
    chain = authority.issue_agent(csr, entry.agent_uid, from_ms(now_ms), synthetic=entry.synthetic)
    facts = read_certificate(chain[0])
    written = services.link.store.agents.record_certificate(
        entry.agent_uid,
        serial=int(facts.serial, 16),
        spki=facts.spki_sha256,
        not_after_ms=to_ms(facts.not_after),
        now_ms=now_ms,
    )
    if not written:
        return _refused(Code.AGENT_REJECTED, "the agent was rejected or revoked")
    return Issued(entry=entry, chain=chain)


def _enrolled(services: "Services", issued: Issued, listener_kind: str) -> Enrolled:
    announced = services.directory.gateways if listener_kind == "remote" else None
    gateways = announced.gateways if announced is not None else services.config.addresses(listener_kind)
    verified = issued.entry.standing is Decided.VERIFIED
    bundle = services.credentials.bundle
    return Enrolled(
        agent_uid=issued.entry.agent_uid,
        # Without the issuer, which we know best: it would cost the agent's every connection 6 kB of our memory and a
        # tenth of a handshake (measured).
        certificate_chain=issued.chain[:1],
        standing=Standing.VERIFIED if verified else Standing.UNVERIFIED,
        code=0 if verified else issued.entry.code or Code.AWAITING_ACCEPTANCE,
        pins_current=bundle.pins_current,
        pins_next=bundle.pins_next,
        gateways=tuple(gateways[:MAX_GATEWAYS]),
        gateway_time_ms=services.now(),
        trust_revision=bundle.revision,
        names=bundle.names,
        report_keys=bundle.report_keys,
    )


def _refused(code: Code, message: str) -> Refused:
    return Refused(code=code, message=message, action=Action.STOP)
