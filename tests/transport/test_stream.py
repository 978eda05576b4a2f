"""The stream's own rules, over real TLS and real sockets."""

import trio.testing

from tests.transport.pairs import clogged_pair, tls_pair


async def test_is_a_trio_stream() -> None:
    """trio's own suite for two-way streams passes, with a clogged maker too."""
    with trio.fail_after(60):
        await trio.testing.check_two_way_stream(tls_pair, clogged_pair)
        await trio.testing.check_half_closeable_stream(tls_pair, clogged_pair)
