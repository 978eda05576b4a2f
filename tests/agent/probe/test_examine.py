"""Every family of verdicts has an exit code of its own, by real TLS through what stands in the path."""

from agent.probe.outcome import exit_code_of
from certs.inspection import Verdict
from tests.agent.inspection.peers import gateway_context, listening, resetting, tls
from tests.agent.probe.scene import answering, look
from tests.helpers.reporting import forged
from transport import server_context


async def test_a_healthy_path_ends_with_0() -> None:
    async with listening(tls(gateway_context(), answering)) as address:
        examined = await look(address)
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.DIRECT, 0)


async def test_a_box_that_opens_the_tls_ends_with_10() -> None:
    async with listening(tls(server_context([forged()], request_client_cert=False), answering)) as address:
        examined = await look(address)
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.INSPECTED_UNTRUSTED, 10)
    assert examined.finding.vendor == "fortinet"


async def test_a_network_that_cuts_ends_with_11() -> None:
    async with listening(resetting) as address:
        examined = await look(address)
    assert (examined.finding.verdict, exit_code_of(examined)) == (Verdict.BLOCKED_BY_RESET, 11)
