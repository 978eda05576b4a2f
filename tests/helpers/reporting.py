"""Path reports as an agent makes them, and a box in the path that opens TLS and does what it likes with what it carries."""

import contextlib
import functools
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.inspection.gather import Observation, observe
from certs import ReportPublic, chain_to_pem, key_to_pem
from certs.inspection import (
    PATH_TAG,
    AgentSide,
    Answer,
    PathRecord,
    Signer,
    agent_signer,
    open_answer,
    report_digest,
    seal_report,
)
from protocol import Connection, PathReport, PathVerdict, Rejected, Role, encode
from tests.helpers.agent import Line, TestAgent
from tests.helpers.edges import Provider, wall_ms
from transport import BrokenStreamError, HandshakeError, TLSStream, client_context, connect, server_context


@attrs.frozen(kw_only=True)
class Sealed:
    """A report on its way, and what its answer is opened with."""

    sealed: bytes
    answer_key: bytes
    public: ReportPublic

    def open(self, verdict: PathVerdict) -> Answer:
        return open_answer(verdict.sealed, self.answer_key, self.public, report_digest(self.sealed))


def report_key(provider: Provider) -> ReportPublic:
    """What agents of *provider* seal to."""
    return provider.authority.report_keys()[0].public


def signer_of(agent: TestAgent) -> Signer:
    return agent_signer(agent.uid, agent.installation, key_to_pem(agent.key), agent.chain)


def seal(provider: Provider, signer: Signer, side: AgentSide, *, counter: int | None = None) -> Sealed:
    public = report_key(provider)
    sealed, answer_key = seal_report(side, signer, public, counter or wall_ms())
    return Sealed(sealed=sealed, answer_key=answer_key, public=public)


async def look(agent: TestAgent, provider: Provider, port: int, **changes: Any) -> Observation:
    """What the agent sees of the way to 127.0.0.1:*port*; the connection stays open."""
    pems = (chain_to_pem(agent.chain), key_to_pem(agent.key)) if agent.chain else (None, None)
    seen = await observe(
        f"127.0.0.1:{port}",
        context=client_context(*pems),
        now=lambda: datetime.now(UTC),
        anchors=provider.anchors,
        enrolled=bool(agent.chain),
    )
    return attrs.evolve(seen, side=attrs.evolve(seen.side, **changes))


async def say(stream: TLSStream, sealed: bytes) -> PathVerdict | Rejected | None:
    """Say a report on an open connection; the answer, or None if there was none."""
    line = Line(stream, Connection(Role.AGENT))
    try:
        await line.say(PathReport(sealed=sealed))
        answer = await line.hear()
    except BrokenStreamError:
        return None
    finally:
        await trio.aclose_forcefully(stream)
    assert answer is None or isinstance(answer, PathVerdict | Rejected)
    return answer


async def post(stream: trio.abc.Stream, sealed: bytes) -> bytes:
    """Say a report in an HTTP request; everything that comes back."""
    body = encode(PathReport(sealed=sealed))
    return await ask(
        stream, b"POST /fieldgate/path-report HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )


async def ask(stream: trio.abc.Stream, request: bytes) -> bytes:
    """Everything that comes back to a request."""
    answer = b""
    with trio.fail_after(30):
        await stream.send_all(request)
        while more := await stream.receive_some(65536):
            answer += more
    await trio.aclose_forcefully(stream)
    return answer


async def dial(port: int) -> TLSStream:
    """A fresh connection of nobody's."""
    return await connect("127.0.0.1", port, client_context(), "127.0.0.1", trio.current_time() + 30)


def recorded(provider: Provider) -> list[PathRecord]:
    """The path records in the edge's journal."""
    return [PathRecord.decode(each.payload) for each in provider.journaled() if each.tag == PATH_TAG]


# -- a box ---------------------------------------------------------------------------------------------------------------


@functools.cache
def forged() -> tuple[bytes, bytes]:
    """(chain, key) PEM that a box shows in the gateway's place."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "FortiGate CA"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Fortinet"),
        ]
    )
    now = datetime.now(UTC)

    def certificate(
        name: x509.Name, public: ec.EllipticCurvePublicKey, *, ca: bool
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=90))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
            )
        )

    ca = certificate(ca_name, ca_key.public_key(), ca=True).sign(ca_key, hashes.SHA256())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    leaf = (
        certificate(subject, key.public_key(), ca=False)
        .add_extension(names, critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    chain = b"".join(each.public_bytes(Encoding.PEM) for each in (leaf, ca))
    return chain, key_to_pem(key)


Tamper = Callable[[bytes], bytes]


@contextlib.asynccontextmanager
async def box(
    to_port: int,
    *,
    tamper: Tamper = lambda data: data,
    shows: tuple[bytes, bytes] | None = None,
    asks: bool = False,
) -> AsyncIterator[int]:
    """A box that ends the TLS of whoever connects and opens its own to *to_port*; its port.

    Args:
        tamper: what it makes of each piece that goes to the gateway.
        shows: (chain, key) PEM; a forged one if None.
        asks: for a client certificate, as a gateway does.
    """

    async def pump(source: TLSStream, target: TLSStream, change: Tamper) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await source.receive_some():
                if changed := change(data):
                    await target.send_all(changed)
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await target.send_eof()

    async def serve(raw: trio.SocketStream) -> None:
        near = TLSStream(socket.socket(fileno=raw.socket.detach()), context, server_side=True)
        try:
            try:
                await near.do_handshake()
            except HandshakeError:
                return
            far = await dial(to_port)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(pump, near, far, tamper)
                    nursery.start_soon(pump, far, near, lambda data: data)
            finally:
                await trio.aclose_forcefully(far)
        finally:
            await trio.aclose_forcefully(near)

    context = server_context([shows or forged()], request_client_cert=asks)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()
