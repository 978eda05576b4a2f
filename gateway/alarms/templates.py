"""The alarm templates: a table over pure functions.

A template says what is wrong with one thing, given the facts about it and what it goes by (thresholds, tolerance, severity). It does no
I/O and reads no clock. What it found before it is told as `holding`: a value within the tolerance is still wrong if it was, and not
yet wrong if it was not.
"""

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from gateway.alarms.business import authority_unreachable, licence_exceeded, licence_expiring, licence_shared
from gateway.alarms.evaluations import (
    Wrong,
    edge_connection,
    gap_declared,
    job_state,
    journal_lag,
    tenant_quota,
    tls_inspection,
    without_restore_point,
)
from gateway.alarms.watching import (
    agent_connection,
    agent_health,
    agent_version,
    certificate_expiring,
    clock_skew,
    collection_delay,
    duplicate_installation,
    location_connection,
    quarantined,
)
from gateway.store import RuleValues, Severity

__all__ = ["TEMPLATES", "Template"]


@attrs.frozen(kw_only=True)
class Template:
    """A kind of alarm."""

    name: str
    """Its stable word."""
    title: str
    says: str
    """When it is raised, for people."""
    about: str
    """What one of its alarms is about."""
    values: RuleValues
    """What it goes by unless an operator says otherwise."""
    threshold: str = ""
    """What the threshold means, with its unit; empty: it has none."""
    evaluate: Callable[..., Wrong | None]
    """Called with the facts of what it is about, the values, the time, and whether its alarm's condition held before."""


def rule(
    severity: Severity,
    *,
    threshold: int = 0,
    tolerance: int = 0,
    trigger_after_s: int = 0,
    suppress_after: int = 0,
) -> RuleValues:
    """The values of an enabled template."""
    return RuleValues(
        enabled=True, severity=severity, threshold=threshold, tolerance=tolerance, trigger_after_s=trigger_after_s,
        suppress_after=suppress_after,
    )  # fmt: skip


ERROR, WARNING = Severity.ERROR, Severity.WARNING

_ALL = (
    Template(
        name="job-state", title="Job state", about="job", evaluate=job_state,
        says="A job's last session has failed, or ended with a warning (then one step less grave).",
        threshold="sessions in a row", values=rule(ERROR, threshold=1),
    ),
    Template(
        name="workload-without-backup", title="VM or computer without backup", about="workload",
        evaluate=without_restore_point,
        says="The newest restore point of something protected is too old, however green its job is.",
        threshold="hours", values=rule(WARNING, threshold=24),
    ),
    Template(
        name="company-storage-quota", title="Company storage quota", about="cloud-tenant", evaluate=tenant_quota,
        says="A cloud tenant is about to use up its quota; an error once it has.",
        threshold="per cent", values=rule(WARNING, threshold=80, tolerance=2),
    ),
    Template(
        name="licence-exceeded", title="Licence exceeded", about="licence", evaluate=licence_exceeded,
        says="A licence is nearly used up, or more is used than it has; an error once that has been so for longer than the grace.",
        threshold="per cent", values=rule(WARNING, threshold=80, tolerance=2),
    ),
    Template(
        name="licence-expiring", title="Licence expiring", about="licence", evaluate=licence_expiring,
        says="A licence, or its support, ends soon; an error once the licence has ended.",
        threshold="days", values=rule(WARNING, threshold=30),
    ),
    Template(
        name="shared-licence-key", title="Shared licence key", about="licence", evaluate=licence_shared,
        says="One licence is on several servers, whose use is summed up (one step less grave where it may be).",
        values=rule(WARNING),
    ),
    Template(
        name="authority-connection", title="Pulse connection state", about="licensing-authority",
        evaluate=authority_unreachable,
        says="The licensing authority does not answer; nothing that it is asked is lost.",
        threshold="attempts in vain", values=rule(ERROR, threshold=3),
    ),
    Template(
        name="agent-connection", title="Agent connection state", about="agent", evaluate=agent_connection,
        says="An agent is not connected, and neither its location's alarm nor a dead gateway says why.",
        values=rule(ERROR, trigger_after_s=300),
    ),
    Template(
        name="location-connection", title="Location connection state", about="location", evaluate=location_connection,
        says="All or most agents of a location were lost within two minutes: one alarm instead of one for each.",
        threshold="per cent of its agents", values=rule(ERROR, threshold=60, tolerance=20, trigger_after_s=60),
    ),
    Template(
        name="backup-server-connection", title="Backup server connection state", about="agent", evaluate=agent_health,
        says="An agent is connected, and says that it can't collect from its backup server or that its outbox is full.",
        values=rule(ERROR, trigger_after_s=600),
    ),
    Template(
        name="agent-version", title="Agent version out of date", about="agent", evaluate=agent_version,
        says="An agent runs an older version than it should (`agents.current`, `agents.minimum`).",
        values=rule(WARNING, trigger_after_s=3600),
    ),
    Template(
        name="data-collection-delay", title="Data collection delay", about="agent", evaluate=collection_delay,
        says="An agent is connected, and its last whole inventory is old; one comes every hour.",
        threshold="hours", values=rule(WARNING, threshold=3),
    ),
    Template(
        name="clock-skew", title="Clock skew", about="agent", evaluate=clock_skew,
        says="An agent's clock is wrong.",
        threshold="seconds", values=rule(WARNING, threshold=300, tolerance=60, trigger_after_s=300),
    ),
    Template(
        name="certificate-expiring", title="Certificate expiring", about="agent", evaluate=certificate_expiring,
        says="An agent is connected, and has not renewed its certificate in time.",
        threshold="days", values=rule(WARNING, threshold=5, trigger_after_s=3600),
    ),
    Template(
        name="duplicate-installation", title="Duplicate installation id", about="agent", evaluate=duplicate_installation,
        says="Two verified agents have one installation id: one of them is a copy of the other's machine.",
        values=rule(WARNING),
    ),
    Template(
        name="quarantine", title="Records set aside", about="agent", evaluate=quarantined,
        says="Something that an agent said could not be taken into the tables.",
        threshold="days for which it is told", values=rule(WARNING, threshold=7),
    ),
    Template(
        name="gap-declared", title="Gap declared", about="gap", evaluate=gap_declared,
        says="Records of an agent are given up: what they said is missing for good, and its usage is incomplete.",
        values=rule(WARNING),
    ),
    Template(
        name="tls-inspection", title="TLS inspection", about="incident", evaluate=tls_inspection,
        says="Agents of a place can open no session, and an incident says why (not yet confirmed: one step less grave).",
        values=rule(ERROR),
    ),
    Template(
        name="cloud-gateway-connection", title="Cloud gateway connection state", about="cloud-gateway",
        evaluate=edge_connection,
        says="An edge is stopped, dead, or cut off from the store.",
        values=rule(ERROR, trigger_after_s=60),
    ),
    Template(
        name="journal-lag", title="Journal lag", about="projector", evaluate=journal_lag,
        says="What agents say reaches the tables too late, or the projector has stopped.",
        threshold="seconds", values=rule(WARNING, threshold=60, tolerance=30, trigger_after_s=60),
    ),
)  # fmt: skip

TEMPLATES: Final[Mapping[str, Template]] = {template.name: template for template in _ALL}
"""By name."""
