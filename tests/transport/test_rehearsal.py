"""What a handshake costs is found out by doing some."""

import pytest

from tests.transport.pki import chain
from transport import handshake_cpu_s, server_context


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_handshake_costs_between_a_tenth_of_a_millisecond_and_a_tenth_of_a_second(kind: str) -> None:
    """Whatever the key; and asking twice gives much the same, which is what makes it good for deriving a limit."""
    context = server_context([chain(kind=kind)])
    first, second = handshake_cpu_s(context), handshake_cpu_s(context)
    assert 0.0001 < first < 0.1
    assert 0.2 < first / second < 5


def test_it_is_the_gateways_half_with_a_clients_certificate() -> None:
    """Not asking for one saves a signature's verification."""
    asking = min(handshake_cpu_s(server_context([chain()])) for _ in range(3))
    not_asking = min(handshake_cpu_s(server_context([chain()], request_client_cert=False)) for _ in range(3))
    assert not_asking < asking
