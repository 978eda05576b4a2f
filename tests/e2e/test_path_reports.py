"""Path reports over real TLS: through a box that opens it, direct, forged, replayed, and answered only once they are durable."""

from certs.inspection import Delivery, Join, RecordKind, SignerKind, Verdict
from protocol import PathVerdict
from tests.helpers.agent import enrolled
from tests.helpers.edges import Provider, running_edge
from tests.helpers.reporting import box, look, recorded, say, seal, signer_of


async def test_a_report_through_a_box_names_the_box(provider: Provider) -> None:
    """The box carries the report, and both halves prove that it ended the agent's TLS."""
    async with running_edge(provider) as edge, box(edge.remote_port) as port:
        agent = await enrolled(edge)
        seen = await look(agent, provider, port, carried=True)
        assert seen.stream is not None
        report = seal(provider, signer_of(agent), seen.side)
        verdict = await say(seen.stream, report.sealed)

        assert isinstance(verdict, PathVerdict)
        answer = report.open(verdict)
        (record,) = recorded(provider)
    assert answer.code == 0
    assert answer.finding is not None
    assert answer.finding.verdict is Verdict.INSPECTED_UNTRUSTED
    assert answer.finding.vendor == "fortinet"
    assert answer.finding.confidence > 0.99
    assert record.finding.verdict is Verdict.INSPECTED_UNTRUSTED
    assert (record.kind, record.signer_kind, record.signer_uid) == (
        RecordKind.REPORT,
        SignerKind.AGENT,
        agent.uid,
    )
    assert record.organization_uid == provider.company.uid
    assert record.delivered_by is Delivery.CONNECTION
    assert record.evidence.gateway is not None
    assert record.evidence.gateway.join is Join.CARRYING
    assert record.evidence.gateway.hello is not None
    assert record.evidence.gateway.syn is not None
    assert record.evidence.gateway.served is not None
    assert record.evidence.agent == seen.side
