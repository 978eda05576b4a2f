"""What a probe ends with: an exit code by whoever has to act, and a report in the form that was asked for."""

from typing import Final

from agent.exits import PATH_AGENT, PATH_INSPECTED, PATH_NETWORK, PATH_PROVIDER, PATH_UNKNOWN
from agent.hello import AGENT_VERSION
from agent.probe.asker import Asker
from agent.probe.examine import Examined
from certs.inspection import Family, ReportMeta

__all__ = ["EXIT_CODES", "exit_code_of", "meta_of"]

EXIT_CODES: Final = {
    Family.CLEAN: 0,
    Family.INSPECTION: PATH_INSPECTED,
    Family.NETWORK: PATH_NETWORK,
    Family.PROVIDER: PATH_PROVIDER,
    Family.AGENT: PATH_AGENT,
    Family.UNKNOWN: PATH_UNKNOWN,
}


def exit_code_of(examined: Examined) -> int:
    """For scripts: who has to act; on a guess nobody yet."""
    finding = examined.finding
    return PATH_UNKNOWN if finding.is_guess else EXIT_CODES[finding.family]


def meta_of(examined: Examined, asker: Asker) -> ReportMeta:
    """Where a report of it comes from."""
    agent = examined.evidence.agent
    return ReportMeta(
        agent_label=asker.label,
        made_ms=None if agent is None else agent.at_ms,
        made_by=f"fieldgate-agent probe {AGENT_VERSION}",
        signed_by_gateway=examined.signed,
        exit_code=exit_code_of(examined),
    )
