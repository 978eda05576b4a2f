"""Getting a certificate: with a token the first time, over a live session ever after.

The private key is made here and never leaves. With a token, the request is signed with the token's seed over this very
TLS connection's exporter, so that a box in the path can neither read the secret nor use the signature.
"""

import functools
from collections.abc import Callable
from typing import Final

import attrs
import trio

from agent.hello import AGENT_VERSION, PLATFORM
from agent.identity import Credential, Identity
from agent.observer import code_text, known
from agent.path import Refusal, open_path
from agent.proxies import DIRECT, Proxies
from certs import (
    EXPORTER_BYTES,
    EXPORTER_LABEL,
    Anchors,
    CertificateError,
    Token,
    from_ms,
    generate_key,
    key_from_pem,
    key_to_pem,
    make_csr,
    read_certificate,
    read_csr,
    sign_enrollment,
)
from protocol import (
    NEED_DATA,
    PEER_CLOSED,
    Action,
    AgentType,
    Code,
    Connection,
    Enroll,
    Enrolled,
    Goodbye,
    Message,
    Rejected,
    RemoteProtocolError,
    Role,
    Signal,
)
from transport import BrokenStreamError, Context, TLSStream, client_context

# A gateway that is busy answers later than usual; one that does not answer at all is not waited for.
ANSWER_S: Final = 30.0
LAST_WORD_S: Final = 2.0


class EnrollmentError(Exception):
    """No certificate was given; the message says what to do.

    Attributes:
        code: why.
        retry_after_s: None if trying again is no use, else how long to wait at least.
    """

    def __init__(self, code: Code | int, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{code_text(code)}: {message}")
        self.code = code
        self.retry_after_s = retry_after_s


@attrs.frozen(kw_only=True)
class Applicant:
    """Who asks, with the key that the certificate is to be for."""

    installation_uid: str
    host_name: str
    agent_type: AgentType
    synthetic: bool
    key_pem: bytes = attrs.field(repr=False)
    _csr: bytes = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Sign the request once: a second signature would be another request."""
        object.__setattr__(self, "_csr", make_csr(key_from_pem(self.key_pem), self.host_name))

    @classmethod
    def renewing(cls, identity: Identity) -> "Applicant":
        """An enrolled agent, with a new key."""
        return cls(
            installation_uid=identity.installation_uid, host_name=identity.host_name, agent_type=identity.agent_type,
            synthetic=identity.synthetic, key_pem=key_to_pem(generate_key()),
        )  # fmt: skip

    def request(self, now_ms: int, *, token: Token | None = None, exporter: bytes = b"") -> Enroll:
        """An Enroll signed with *token*; or a renewal, without one."""
        signature = sign_enrollment(token.seed, exporter, self._csr) if token else b""
        return Enroll(
            token_id=token.id if token else "", csr=self._csr, signature=signature, installation_uid=self.installation_uid,
            host_name=self.host_name, agent_version=AGENT_VERSION, platform=PLATFORM, agent_type=self.agent_type,
            agent_time_ms=now_ms, synthetic=self.synthetic,
        )  # fmt: skip

    def accept(self, enrolled: Enrolled) -> Credential:
        """The credential in an answer.

        Raises:
            EnrollmentError: the certificate is not for our key, or not for the agent that the answer names.
        """
        try:
            facts = read_certificate(enrolled.certificate_chain[0])
            if facts.spki_sha256 != read_csr(self._csr).spki_sha256 or facts.agent_uid != enrolled.agent_uid:
                raise EnrollmentError(Code.CSR_INVALID, "the gateway sent a certificate that is not ours")
            return Credential.make(self.key_pem, enrolled.certificate_chain)
        except (CertificateError, IndexError) as error:
            raise EnrollmentError(
                Code.CSR_INVALID, f"the gateway sent an unreadable certificate: {error}"
            ) from error


@attrs.frozen
class Enrollment:
    """What an enrollment gave."""

    identity: Identity
    credential: Credential
    answer: Enrolled


async def enroll(
    token: Token,
    applicant: Applicant,
    *,
    now: Callable[[], int],
    proxies: Proxies = DIRECT,
    refused: list[Refusal] | None = None,
    source: str | None = None,
) -> Enrollment:
    """Enroll once, at the first gateway of *token* that can be reached and is the token's.

    Trying again with the same key gives the same agent. *proxies*, *refused* and *source* are as for
    `open_path`.

    Raises:
        PathError: no gateway of the token could be reached, or none that it trusts.
        EnrollmentError: the gateway said no.
    """
    anchors = Anchors(pins=frozenset(token.pins), names=frozenset(token.names))
    path = await open_path(
        token.gateways, context=_bare_context(), anchors=anchors, certified=False, at=from_ms(now()),
        proxies=proxies, refused=refused, source=source,
    )  # fmt: skip
    try:
        with trio.move_on_after(ANSWER_S):
            request = applicant.request(
                now(), token=token, exporter=path.stream.exporter(EXPORTER_LABEL, EXPORTER_BYTES)
            )
            answer = await _ask(path.stream, request)
            return _enrolled(token, applicant, answer)
        raise EnrollmentError(Code.HELLO_TIMEOUT, f"no answer within {ANSWER_S:.0f} s", retry_after_s=0.0)
    finally:
        await trio.aclose_forcefully(path.stream)


@functools.cache
def _bare_context() -> Context:
    """Without a certificate; a context is never changed, so everybody who enrolls here can use the same one."""
    return client_context()


async def _ask(stream: TLSStream, request: Enroll) -> Enrolled:
    connection = Connection(Role.AGENT)
    try:
        await stream.send_all(connection.send(request))
        while True:
            connection.receive_data(await stream.receive_some())
            event = connection.next_event()
            if event is NEED_DATA:
                continue
            if isinstance(event, Enrolled):
                goodbye = Goodbye(code=Code.GOODBYE, message="enrolled")
                await stream.send_last(connection.send(goodbye), within_s=LAST_WORD_S)
                return event
            raise _refusal(event)
    except BrokenStreamError as error:
        raise EnrollmentError(
            Code.CONNECTION_LOST, f"the connection ended: {error.detail}", retry_after_s=0.0
        ) from None
    except RemoteProtocolError as error:
        raise EnrollmentError(error.code, f"the gateway broke the protocol: {error.message}") from None


def _refusal(event: Message | Signal) -> EnrollmentError:
    match event:
        case Rejected():
            again = event.retry_after_ms / 1000 if event.action is Action.RETRY else None
            return EnrollmentError(known(event.code), event.message, retry_after_s=again)
        case Goodbye():
            return EnrollmentError(known(event.code), event.message, retry_after_s=0.0)
        case _ if event is PEER_CLOSED:
            return EnrollmentError(
                Code.CONNECTION_LOST, "the gateway closed without a word", retry_after_s=0.0
            )
        case _:
            return EnrollmentError(
                Code.UNEXPECTED_MESSAGE, f"the gateway answered with {type(event).__name__}"
            )


def _enrolled(token: Token, applicant: Applicant, answer: Enrolled) -> Enrollment:
    credential = applicant.accept(answer)
    identity = Identity(
        agent_uid=answer.agent_uid, installation_uid=applicant.installation_uid, host_name=applicant.host_name,
        agent_type=applicant.agent_type, synthetic=applicant.synthetic, gateways=answer.gateways or token.gateways,
        pins_current=answer.pins_current or token.pins, pins_next=answer.pins_next, names=answer.names,
        report_keys=answer.report_keys or ((token.report_key,) if token.report_key else ()),
        trust_revision=answer.trust_revision, since_ms=answer.gateway_time_ms,
    )  # fmt: skip
    return Enrollment(identity, credential, answer)
