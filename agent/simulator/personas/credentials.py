"""Those whose certificate is no good (any more), and the one whose path leads through somebody else's hands."""

import contextlib
import functools
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs
import trio

from agent.identity import Credential
from agent.path import PathError
from agent.simulator.line import Line, line_of
from agent.simulator.personas.stage import Persona, Stage, StageError
from agent.simulator.provider import Provider, ProviderError
from certs import Authority, AuthorityError, chain_to_pem, key_from_pem, make_csr
from protocol import Code, Standing
from transport import BrokenStreamError, HandshakeError, TLSStream, server_context

# So long before now an agent's certificate ended that begins a lifetime before that.
_EXPIRED: Final = timedelta(seconds=10)
_AGENT_LIFETIME: Final = timedelta(days=30)
_ISSUER_LIFETIME: Final = timedelta(days=5 * 365)
_HERE: Final = "127.0.0.1"
_WHY: Final = "simulation: the persona revoked"


async def _expired_certificate(stage: Stage) -> Code | int | None:
    """It comes with a certificate that has just ended, may renew it and nothing else, and reports with the new one."""
    assert stage.data is not None  # noqa: S101  # the persona needs it
    try:
        authority = Authority.load(stage.data / "ca")
        credential = _issued(stage, authority, datetime.now(UTC) - _AGENT_LIFETIME - _EXPIRED)
    except AuthorityError as error:
        raise StageError(f"no certificate of the past can be issued: {error}") from error
    late = stage.copied(credential=credential)
    late.keeper.nonces = stage.agent.keeper.nonces
    line = await Line.dial(late)
    try:
        welcome = await line.greet(late)
        await line.leave()
    finally:
        await trio.aclose_forcefully(line.stream)
    if welcome.standing is not Standing.RENEW_ONLY:
        return welcome.code or None
    stage.report(late)
    await stage.delivered(late)
    stage.agent.keeper.credential = late.keeper.credential
    stage.agent.keeper.nonces = late.keeper.nonces
    return welcome.code


async def _expired_ca(stage: Stage) -> Code | int | None:
    """Its certificate comes from an authority whose time is over, and which the gateway does not know any more."""
    authority = Authority.create("Former provider", datetime.now(UTC) - _ISSUER_LIFETIME - _EXPIRED)
    former = _issued(stage, authority, datetime.now(UTC) - _AGENT_LIFETIME)
    async with line_of(stage.agent, credential=former):
        raise StageError("it was welcomed with the certificate of an authority that is no more")


async def _revoked(stage: Stage) -> Code | int | None:
    """An operator revokes it while it is connected; it is told, and told again when it comes back."""
    assert stage.data is not None  # noqa: S101  # the persona needs it
    provider = Provider(stage.data)
    async with line_of(stage.agent) as line, trio.open_nursery() as nursery:
        nursery.start_soon(_revoke, provider, stage.uid)
        code = await line.hear_the_end()
    if code != Code.CLIENT_CERT_REVOKED:
        return code
    async with line_of(stage.agent):
        raise StageError("it was welcomed after it had been revoked")


async def _revoke(provider: Provider, uid: str) -> None:
    try:
        await trio.to_thread.run_sync(provider.revoke, uid, _WHY)
    except ProviderError as error:
        raise StageError(str(error)) from error


def _issued(stage: Stage, authority: Authority, at: datetime) -> Credential:
    """A certificate for the agent's own key, issued at *at*."""
    key_pem = stage.agent.keeper.credential.key_pem
    csr = make_csr(key_from_pem(key_pem), stage.agent.keeper.identity.host_name)
    leaf, issuer = authority.issue_agent(csr, stage.uid, at, synthetic=True)
    return attrs.evolve(Credential.make(key_pem, (leaf, issuer)), chain_pem=chain_to_pem((leaf, issuer)))


async def _intercepted(stage: Stage) -> Code | int | None:
    """A box on its path opens the TLS: it says nothing there, and reports once the path is mended."""
    stage.report()
    async with _box() as (address, heard):
        code: Code | int | None = None
        try:
            line = await Line.dial(stage.copied(addresses=(address,)))
            await trio.aclose_forcefully(line.stream)
        except PathError as error:
            code = error.code
    if heard:
        raise StageError(f"it said {sum(map(len, heard))} bytes to the box")
    await stage.delivered()
    return code


@contextlib.asynccontextmanager
async def _box() -> AsyncIterator[tuple[str, list[bytes]]]:
    """What opens TLS with a certificate of its own: its address, and what it has heard."""
    now = datetime.now(UTC)
    authority = Authority.create("Inspection", now).rotate_gateway(now, names=(_HERE,))
    context = server_context(authority.gateway_chains())
    heard: list[bytes] = []

    async def open_up(stream: trio.SocketStream) -> None:
        tls = TLSStream(socket.socket(fileno=stream.socket.detach()), context, server_side=True)
        try:
            await tls.do_handshake()
            while data := await tls.receive_some():
                heard.append(data)
        except (BrokenStreamError, HandshakeError):
            pass
        finally:
            await trio.aclose_forcefully(tls)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(functools.partial(trio.serve_tcp, open_up, 0, host=_HERE))
        yield f"{_HERE}:{listeners[0].socket.getsockname()[1]}", heard
        nursery.cancel_scope.cancel()


PERSONAS: Final = (
    Persona(
        name="expired-certificate",
        does="comes with a certificate that has ended; it may renew it, and nothing else before that",
        meets=(Code.CLIENT_CERT_EXPIRED,), play=_expired_certificate, needs_data=True,
    ),
    Persona(
        name="expired-ca", does="comes with the certificate of an authority whose time is over",
        meets=(Code.CLIENT_CERT_UNTRUSTED,), noted=Code.CLIENT_CERT_UNTRUSTED, play=_expired_ca,
    ),
    Persona(
        name="revoked", does="is revoked while it is connected, told at once, and refused when it comes back",
        meets=(Code.CLIENT_CERT_REVOKED,), noted=Code.CLIENT_CERT_REVOKED, play=_revoked, needs_data=True, again=False,
    ),
    Persona(
        name="intercepted-path",
        does="finds a box on its path that opens the TLS, says nothing to it, and reports once the path is mended",
        meets=(Code.GATEWAY_UNTRUSTED,), play=_intercepted,
    ),
)  # fmt: skip
