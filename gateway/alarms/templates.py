"""The alarm templates: a table over pure functions.

A template says what is wrong with one thing, given the facts about it and what it goes by (thresholds, tolerance, severity). It does no
I/O and reads no clock. What it found before it is told as `holding`: a value within the tolerance is still wrong if it was, and not
yet wrong if it was not.
"""

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from gateway.alarms.evaluations import Wrong, job_state
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


_ALL = (
    Template(
        name="job-state",
        title="Job state",
        says="A job's last session has failed, or ended with a warning (then one step less grave).",
        about="job",
        threshold="sessions in a row",
        values=rule(Severity.ERROR, threshold=1),
        evaluate=job_state,
    ),
)

TEMPLATES: Final[Mapping[str, Template]] = {template.name: template for template in _ALL}
