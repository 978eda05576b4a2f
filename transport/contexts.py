"""The two TLS contexts, and what they refuse to do.

*No resumption.* A resumed session shows a peer certificate that nobody verified in this handshake, and asks for none.
OP_NO_TICKET makes a ticket a mere reference to what the server has in its cache, and the cache is off. OpenSSL sends two
such references (158 bytes) after a TLS 1.3 handshake all the same: the call that would stop it, SSL_CTX_set_num_tickets,
is not within pyOpenSSL's reach. They lead nowhere, and tests/transport tries.

*OpenSSL's verdict is recorded, never obeyed.* The verify callback notes (depth, code) and says yes, so that a
handshake completes and the refusal can be typed and delivered inside it. `certs.trust` decides afterwards, at an
explicit time, on chain, name and time separately. No recorded verdict is refusal (`TLSStream.do_handshake`).

*The server requests a client certificate and does not require it.* An agent that enrolls has none yet; an agent that
has one and is never asked for it sits behind a box that terminates TLS.

*A used context is never changed.* pyOpenSSL refuses, and rightly: OpenSSL would half apply it. A reload builds a new one;
connections keep the context they began with.
"""

import functools
import os
import tempfile
from collections.abc import Sequence

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL._util import lib as _lib
from OpenSSL.crypto import X509

from transport.alerts import Alert
from transport.hello import dry_run
from transport.record import Record, with_verdict

__all__ = ["ALPN", "Context", "client_context", "server_context"]

Context = SSL.Context

ALPN = b"fieldgate/1"

# Only for those who cannot do TLS 1.3: they get far enough to be told so.
_TLS12_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"

# pyOpenSSL switches it on and has no name for it; the value is OpenSSL's ABI (ssl.h). With it, OpenSSL accepts any
# buffer after WANT_WRITE and silently sends the old bytes; without it, a different buffer is an error.
_MODE_ACCEPT_MOVING_WRITE_BUFFER = 2

# The info callback's "where" and its value (ssl.h); the value is level << 8 | description.
_CB_ALERT, _CB_WRITE = 0x4000, 0x08
_MAX_ALERTS = 8  # OpenSSL ends a connection itself after five warnings in a row

# What every gateway can do, and no share of it larger than 133 bytes.
_CLASSICAL_GROUPS = b"X25519:P-256:P-384"
_LONGEST_PROTOCOL = 255
_RECORD_HEADER = 5

# How far OpenSSL follows a chain for its own verdict; a signature is checked for every step.
_VERIFY_DEPTH = 8


def _note_verdict(connection: SSL.Connection, certificate: X509, code: int, depth: int, ok: int) -> bool:
    record: Record = connection.get_app_data()
    record.verify_codes = with_verdict(record.verify_codes, depth, code)
    return True


def _note_progress(connection: SSL.Connection, where: int, value: int) -> None:
    record: Record = connection.get_app_data()
    if where & _CB_ALERT:
        if len(record.alerts) < _MAX_ALERTS:
            record.alerts += (Alert(bool(where & _CB_WRITE), value >> 8, value & 0xFF),)
    elif where & SSL.SSL_CB_LOOP:
        state = connection.get_state_string()
        if b"certificate request" in state:
            record.certificate_requested = True
        elif record.hello_sent is not None and b"write client hello" in state:
            # Once: the next time that OpenSSL is in this state it has begun to read.
            look, record.hello_sent = record.hello_sent, None
            look()


def _choose_protocol(connection: SSL.Connection, offered: list[bytes]) -> bytes:
    if ALPN in offered:
        return ALPN
    # No alert: the layer above refuses in words what TLS could only cut.
    return SSL.NO_OVERLAPPING_PROTOCOLS  # type: ignore[return-value]  # the sentinel pyOpenSSL asks for


def _base(method: int) -> SSL.Context:
    context = SSL.Context(method)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_TLS12_CIPHERS)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # 34 kB less for a connection that is idle
    context.set_verify_depth(_VERIFY_DEPTH)
    context.clear_mode(_MODE_ACCEPT_MOVING_WRITE_BUFFER)
    return context


def _use_chain(context: SSL.Context, chain_pem: bytes, key_pem: bytes) -> None:
    # OpenSSL keeps a chain per certificate only when it reads it from a file; add_extra_chain_cert has one for all.
    handle, path = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(chain_pem)
        context.use_certificate_chain_file(path)
    except SSL.Error:
        raise ValueError("the certificate chain is no PEM that OpenSSL accepts") from None
    finally:
        os.unlink(path)
    key = load_pem_private_key(key_pem, password=None)
    try:
        context.use_privatekey(key)  # type: ignore[arg-type]  # OpenSSL itself refuses a key that cannot sign
        context.check_privatekey()
    except (SSL.Error, TypeError):
        raise ValueError("the private key does not belong to the certificate") from None


def server_context(chains: Sequence[tuple[bytes, bytes]], *, request_client_cert: bool = True) -> Context:
    """A gateway's context.

    Args:
        chains: (chain as PEM, leaf first; key as PEM), one per kind of key: OpenSSL chooses between an ECDSA and an
            RSA chain by what the client can verify, and has room for one of each.
        request_client_cert: ask for one; never require it.

    Raises:
        ValueError: there is no chain, or one is unreadable, or its key is another's.
    """
    if not chains:
        raise ValueError("a gateway needs a certificate chain")
    context = _base(SSL.TLS_SERVER_METHOD)
    for chain_pem, key_pem in chains:
        _use_chain(context, chain_pem, key_pem)
    context.set_alpn_select_callback(_choose_protocol)
    context.set_verify(SSL.VERIFY_PEER if request_client_cert else SSL.VERIFY_NONE, _note_verdict)
    return context


def _filling(length: int) -> list[bytes]:
    """Protocols that nobody speaks, *length* bytes of them in a hello."""
    filling = []
    while length > 1:
        filling.append(b"-" * min(length - 1, _LONGEST_PROTOCOL))
        length -= 1 + len(filling[-1])
    return filling


@functools.cache
def _bare_hello_bytes() -> int:
    """A hello's size with the classical groups and nothing to fill it: what the record has in it."""
    return len(dry_run(client_context(hello_bytes=0), None)) - _RECORD_HEADER


def client_context(
    cert_chain_pem: bytes | None = None, key_pem: bytes | None = None, *, hello_bytes: int | None = None
) -> Context:
    """An agent's context, with its certificate once it has one.

    Args:
        cert_chain_pem: the certificate and its issuers.
        key_pem: the certificate's key.
        hello_bytes: make a ClientHello of so many bytes (or of what it needs, 300, if that is more), server name aside:
            with a classical key share, and filled up with protocols that nobody speaks. None: as OpenSSL makes it, today with a
            post-quantum share and more than one TCP segment long. For asking what a path does to large ones.

    Raises:
        ValueError: one of the two is missing or unreadable, or the key is another's.
    """
    context = _base(SSL.TLS_CLIENT_METHOD)
    if cert_chain_pem is not None and key_pem is not None:
        _use_chain(context, cert_chain_pem, key_pem)
    elif cert_chain_pem is not None or key_pem is not None:
        raise ValueError("a certificate and its key come together")
    protocols = [ALPN]
    if hello_bytes is not None:
        if _lib.SSL_CTX_set1_curves_list(context._context, _CLASSICAL_GROUPS) != 1:  # noqa: SLF001  # no public way
            raise AssertionError("openssl does not know the classical groups")
        if hello_bytes:
            protocols += _filling(hello_bytes - _bare_hello_bytes())
    context.set_alpn_protos(protocols)
    context.set_verify(SSL.VERIFY_PEER, _note_verdict)
    context.set_info_callback(_note_progress)
    return context
