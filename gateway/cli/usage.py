"""What agents said is used: the figures that a bill is made from, with how complete and how old they are."""

import attrs
from cyclopts import App

from gateway.cli.common import now_ms, open_provider
from gateway.cli.options import DEFAULT_DATA, Data, Json
from gateway.cli.output import ago, rows, size, when
from gateway.cli.statements import usage_close, usage_report, usage_statements, usage_verify
from gateway.cli.usage_chain import usage_audit
from gateway.cli.usage_entering import usage_enter
from gateway.cli.usage_now import usage_cloud, usage_licences
from gateway.store import StoredUsage
from protocol import UsageMetric, UsageSubject

__all__ = ["usage_app"]

usage_app = App(name="usage")
usage_app.command(usage_audit, name="audit")
usage_app.command(usage_close, name="close")
usage_app.command(usage_cloud, name="cloud")
usage_app.command(usage_enter, name="enter")
usage_app.command(usage_licences, name="licences")
usage_app.command(usage_report, name="report")
usage_app.command(usage_statements, name="statements")
usage_app.command(usage_verify, name="verify")

BYTES = frozenset(
    {
        UsageMetric.STORAGE_BYTES, UsageMetric.QUOTA_BYTES, UsageMetric.PERFORMANCE_BYTES, UsageMetric.CAPACITY_BYTES,
        UsageMetric.ARCHIVE_BYTES,
    }
)  # fmt: skip


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
        "shown": _amount(usage),
    }


def _amount(usage: StoredUsage) -> str:
    if usage.metric in BYTES:
        return size(usage.value)
    if usage.metric == UsageMetric.NEWEST_POINT_MS:
        return when(usage.value) if usage.value else "never"
    return str(usage.value)


def _word(name: str) -> str:
    return name.lower().replace("_", "-")
