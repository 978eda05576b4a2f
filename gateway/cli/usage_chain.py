"""The chain of usage reports: whether they are as they came, and erasing those of somebody who left."""

import attrs

from gateway.cli.common import open_provider
from gateway.cli.errors import CHECK_FAILED
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import rows, say, when
from gateway.store import Walked

__all__ = ["usage_audit"]


def usage_audit(*, agent: str | None = None, data: Data = DEFAULT_DATA, json_: Json = False) -> int:
    """Walk the chain of every agent's usage reports, and of whose tenants were: none was altered, left out or put in, or which one was.

    Parameters
    ----------
    agent
        Only this agent's (uid).
    """
    with open_provider(data) as provider:
        walked = [*provider.store.usage_chain.walk(agent)]
        mappings = provider.store.ownership.walk()
    broken = [each for each in walked if each.broken is not None]
    if json_:
        rows([_record(each) for each in walked], {}, as_json=True, empty="")
    else:
        links = sum(each.links for each in walked)
        erased = sum(each.erased for each in walked)
        say(f"{links} reports of {len(walked)} agents, {erased} of them erased")
        for each in broken:
            assert each.broken is not None  # noqa: S101  # those that are
            say(
                f"BROKEN: {each.host_name} ({each.agent_uid}), link {each.broken.n} "
                f"of {when(each.broken.received_ms)}: {each.broken.why}"
            )
        if broken:
            say("what these agents reported cannot be relied upon from there on")
        if mappings.broken is not None:
            say(
                f"BROKEN: the log of whose each cloud tenant was, change {mappings.broken}: it cannot be relied upon from there on"
            )
        if not broken and mappings.broken is None:
            say(f"the chains hold, and the log of {mappings.changes} changes of whose each cloud tenant was")
    return CHECK_FAILED if broken or mappings.broken is not None else 0


def _record(walked: Walked) -> dict[str, object]:
    return attrs.asdict(walked) | {"link": walked.link.hex()}
