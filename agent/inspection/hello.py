"""What our ClientHello says, by a dry run of the context that sent it.

OpenSSL writes the same hello for the same context and name, but for what is random. The random bytes of the real one are
known, so the two make the hello of that very connection.
"""

import attrs

from certs.inspection import ClientHello, parse_client_hello
from transport import Context, dry_run


def offered_hello(context: Context, server_name: str, *, client_random: bytes | None = None) -> ClientHello:
    """The hello of *context* to *server_name*, with the random bytes that were sent, if they are known."""
    return attrs.evolve(parse_client_hello(dry_run(context, server_name)), random=client_random)
