"""What a handshake costs on this machine, found out by doing some: in memory, with nobody at the other end.

A table of processors would be wrong for a virtual machine with a tenth of one, for a certificate with an RSA key (five times the work),
and for next year's OpenSSL. A few real handshakes are right about all three, and take milliseconds.
"""

import time
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from transport.contexts import Context, client_context
from transport.record import Record

__all__ = ["handshake_cpu_s"]

# The first ones also fill caches; the median is taken. 15 to 40 ms in all on the machine this was measured on, the client's half included.
ROUNDS = 9

_PIECE = 16 * 1024


def handshake_cpu_s(context: Context) -> float:
    """CPU seconds that this thread spends on the gateway's side of one handshake with a client certificate (P-256).

    The clock is the thread's own: a machine that is busy with something else makes it no longer. Blocks for some milliseconds.

    Args:
        context: from `server_context`; its key is what is signed with.
    """
    client = client_context(*_passport())
    costs = sorted(_rehearse(context, client) for _ in range(ROUNDS))
    return costs[ROUNDS // 2]


def _passport() -> tuple[bytes, bytes]:
    """A certificate of nobody's, and its key: a gateway checks the signature before it asks who that is."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rehearsal")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _rehearse(context: Context, client_side: Context) -> float:
    """CPU seconds of the server's part of one handshake."""
    began = time.thread_time()
    server = SSL.Connection(context, None)
    server.set_app_data(Record())
    server.set_accept_state()
    spent = time.thread_time() - began
    client = SSL.Connection(client_side, None)
    client.set_app_data(Record())
    client.set_connect_state()
    finished = False
    while not finished:
        finished = _step(client)
        _carry(client, server)
        began = time.thread_time()
        finished = _step(server) and finished
        spent += time.thread_time() - began
        _carry(server, client)
    return spent


def _step(conn: SSL.Connection) -> bool:
    """Go on as far as that goes; whether it has come to its end."""
    try:
        conn.do_handshake()
    except SSL.WantReadError:
        return False
    return True


def _carry(source: SSL.Connection, target: SSL.Connection) -> None:
    while True:
        try:
            piece = source.bio_read(_PIECE)
        except SSL.WantReadError:
            return
        target.bio_write(piece)
