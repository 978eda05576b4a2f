"""Changing what a template goes by, checked before it is stored."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.alarms.templates import TEMPLATES, Template
from gateway.store import RuleValues, Store, StoreError, effective
from protocol import Code

__all__ = ["TemplateRefused", "change_template", "template_named", "values_of"]

DAY_S: Final = 24 * 3600
BOUNDS: Final = {
    "threshold": (1, 1_000_000),
    "tolerance": (0, 1_000_000),
    "trigger_after_s": (0, 7 * DAY_S),
    "suppress_after": (0, 1000),
}


class TemplateRefused(StoreError):  # noqa: N818  # named after what it is about
    """There is no such template, or a value is none that it can go by."""

    code = Code.ALARM_TEMPLATE_UNKNOWN


def template_named(name: str) -> Template:
    """The template of that name.

    Raises:
        TemplateRefused: there is none.
    """
    found = TEMPLATES.get(name)
    if found is None:
        raise TemplateRefused(f"there is no alarm template {name[:100]!r}")
    return found


def values_of(store: Store, template: Template, organization_uid: str = "") -> RuleValues:
    """What it goes by for an organization; for everybody who has not been given other values."""
    return effective(template.values, store.alarm_rules.all(), template.name, organization_uid)


def change_template(
    store: Store,
    template: Template,
    changed: Mapping[str, Any],
    *,
    by: str,
    now_ms: int,
    organization_uid: str = "",
) -> None:
    """Change some of what it goes by, for an organization or for everybody; None goes back to what it was.

    Args:
        changed: enabled, severity (Severity), threshold, tolerance, trigger_after_s, suppress_after.

    Raises:
        TemplateRefused: a value is out of its bounds, or the template has no threshold.
    """
    for name, value in changed.items():
        if value is None or name not in BOUNDS:
            continue
        if name in ("threshold", "tolerance") and not template.threshold:
            raise TemplateRefused(f"{template.name} has no {name}")
        low, high = BOUNDS[name]
        if not low <= value <= high:
            raise TemplateRefused(f"{name} of {template.name} is between {low} and {high}, not {value}")
    store.alarm_rules.set(template.name, changed, by=by, now_ms=now_ms, organization_uid=organization_uid)
