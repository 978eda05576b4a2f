"""What agents said is used: the figures that a bill is made from, with how complete and how old they are."""

import attrs
from cyclopts import App

from gateway.cli.common import now_ms, open_provider
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import ago, rows, size
from gateway.store import StoredUsage
from protocol import UsageMetric, UsageSubject

__all__ = ["usage_app"]

usage_app = App(name="usage")

BYTES = (UsageMetric.STORAGE_BYTES, UsageMetric.QUOTA_BYTES)


@usage_app.command(name="list")
def list_(*, agent: str | None = None, data: Data = DEFAULT_DATA, json_: Json = False) -> None:
    """Show what each agent's latest report says is used, and whether that is all.

    Parameters
    ----------
    agent
        Only this agent's (uid).
    """
    with open_provider(data) as provider:
        if agent is not None:
            provider.store.agents.get(agent, now_ms=0)  # says so when there is none
        found = provider.store.usage.latest(agent)
    rows(
        [_record(each) | ({} if json_ else _shown(each)) for each in found],
        {
            "host_name": "HOST",
            "subject": "OF",
            "name": "NAME",
            "metric": "WHAT",
            "shown": "HOW MUCH",
            "received_ms": "REPORTED",
            "standing": "REPORT",
            "agent_uid": "AGENT",
        },
        as_json=json_,
        empty="no agent has reported usage",
        show={"received_ms": ago(now_ms())},
    )


def _record(usage: StoredUsage) -> dict[str, object]:
    record = attrs.asdict(usage)
    record["subject"] = _word(UsageSubject(record.pop("subject_kind")).name)
    record["metric"] = _word(UsageMetric(usage.metric).name)
    return record


def _shown(usage: StoredUsage) -> dict[str, object]:
    """What people read in the place of figures."""
    return {
        "standing": "complete" if usage.complete else f"incomplete: {usage.why}",
        "shown": size(usage.value) if usage.metric in BYTES else str(usage.value),
    }


def _word(name: str) -> str:
    return name.lower().replace("_", "-")
