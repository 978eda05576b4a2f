"""The ClientHello that a context sends: its server name, and the whole of it by a dry run."""

import ipaddress

from OpenSSL import SSL

from transport.record import Record

__all__ = ["dry_run", "wire_name"]

_MAX_HELLO = 64 * 1024


def wire_name(name: str | None) -> bytes | None:
    """*name* as SNI carries it; None for an address, which is not sent (RFC 6066, 3)."""
    if not name:
        return None
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.encode("ascii") if name.isascii() else name.encode("idna")
    return None


def dry_run(context: SSL.Context, server_name: str | None) -> bytes:
    """The TLS records with which a connection of *context* to *server_name* would begin.

    Two runs differ in what is random: the client's random bytes, its session id, its key shares.
    """
    conn = SSL.Connection(context, None)
    conn.set_app_data(Record())
    conn.set_connect_state()
    if (name := wire_name(server_name)) is not None:
        conn.set_tlsext_host_name(name)
    try:
        conn.do_handshake()
    except SSL.WantReadError:
        return conn.bio_read(_MAX_HELLO)
    raise AssertionError("a handshake without a peer came to an end")
