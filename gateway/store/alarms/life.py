"""The life of an alarm, as a table of pure steps.

An alarm is a template's word about one thing, such as "job state" about a job, and there is one for each such pair, however often
it comes and goes. What the engine sees is whether the template's *condition* is true of the thing now, and which *occurrence*
of it that is (a job's failed session, say: another failed session is another occurrence).

    state          condition true                          condition over        a person
    (none)         PENDING, or ACTIVE at once              –                     –
    PENDING        ACTIVE once it lasted for long enough   (none)                –
    ACTIVE         another occurrence: counted             RESOLVED by itself    ACKNOWLEDGED, RESOLVED
    ACKNOWLEDGED   counted; a graver one: ACTIVE           RESOLVED by itself    RESOLVED
    RESOLVED       another occurrence, or true again       –                     –
                   after it was over: ACTIVE

So an alarm that a person has resolved stays so while nothing new happens, though its condition goes on; and one that nobody
looked at goes when its reason has. The same condition seen twice changes nothing: who was killed between looking and writing looks again.
"""

from enum import StrEnum
from typing import Final

import attrs


class Severity(StrEnum):
    """How grave it is."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Greater is graver."""
        return RANKS[self]


RANKS: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}


class AlarmState(StrEnum):
    """Where an alarm stands."""

    PENDING = "pending"
    """Its condition has not lasted for long enough: nobody is shown it."""
    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


OPEN: Final = (AlarmState.ACTIVE, AlarmState.ACKNOWLEDGED)


class Happened(StrEnum):
    """What can become of an alarm: the words of its history and of what receivers are told."""

    RAISED = "raised"
    REPEATED = "repeated"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@attrs.frozen(kw_only=True)
class AlarmSubject:
    """What an alarm is about."""

    kind: str
    """A word of the templates: job, agent, workload, …"""
    uid: str
    """Unique within the alarm's template and scope."""
    name: str
    organization_uid: str
    location_uid: str | None = None
    agent_uid: str | None = None
    computer_name: str = ""


@attrs.frozen(kw_only=True)
class AlarmCondition:
    """Something that is wrong now."""

    template: str
    scope: str
    """What is looked at as a whole for this template: the agent, the location. What it does not name any more is over."""
    subject: AlarmSubject
    severity: Severity
    message: str
    occurrence: str = ""
    """Which time of it this is."""
    trigger_after_ms: int = 0
    """For how long it must be true before it is an alarm."""
    suppress_after: int = 0
    """After so many repetitions nobody is told of further ones; 0: always."""


@attrs.frozen(kw_only=True)
class Alarm:
    """An alarm as it stands."""

    uid: str
    template: str
    scope: str
    object_uid: str
    object_kind: str
    object_name: str
    organization_uid: str
    location_uid: str | None
    agent_uid: str | None
    computer_name: str
    state: AlarmState
    severity: Severity
    message: str
    occurrence: str
    remark: str
    """A person's words on the last change; empty if nobody said any."""
    who: str
    """Who made the last change; empty: the engine."""
    holds: bool
    """Its condition was true when it was last looked at."""
    told: bool
    """Receivers were told of this activation."""
    since_ms: int
    """Since when its condition is true."""
    changed_ms: int
    """When it was raised, repeated, acknowledged or resolved last."""
    repeat_count: int
    """How often it happened since it was raised, that time included."""
    raised_ms: int | None
    """None: it is pending and never was."""
    window_id: int | None
    """The maintenance window that keeps it quiet."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it this one."""
        return self.template, self.scope, self.object_uid


Step = tuple[Alarm, Happened | None]


def met(alarm: Alarm | None, condition: AlarmCondition, *, uid: str, now_ms: int) -> Step:
    """Its condition is true at *now_ms*.

    Args:
        alarm: as it stood; None: there is none yet.
        uid: for a new one.
    """
    if alarm is None or not alarm.holds:
        begun = begin(alarm, condition, uid=uid, now_ms=now_ms)
        return raised(begun, condition, now_ms=now_ms) if condition.trigger_after_ms <= 0 else (begun, None)
    if alarm.state is AlarmState.PENDING:
        lasted = now_ms - alarm.since_ms >= condition.trigger_after_ms
        return raised(alarm, condition, now_ms=now_ms) if lasted else (alarm, None)
    another = condition.occurrence != alarm.occurrence
    if alarm.state is AlarmState.RESOLVED:
        return raised(alarm, condition, now_ms=now_ms) if another else (alarm, None)
    graver = condition.severity.rank > alarm.severity.rank
    if another or graver:
        state = AlarmState.ACTIVE if graver else alarm.state
        repeated = attrs.evolve(
            said(alarm, condition), state=state, repeat_count=alarm.repeat_count + 1, changed_ms=now_ms
        )
        return repeated, Happened.REPEATED
    return said(alarm, condition), None


def over(alarm: Alarm, *, now_ms: int) -> tuple[Alarm | None, Happened | None]:
    """Its condition is not true any more; None where nobody has ever seen the alarm."""
    if not alarm.holds:
        return alarm, None
    quiet = attrs.evolve(alarm, holds=False)
    if alarm.state in OPEN:
        done = attrs.evolve(quiet, state=AlarmState.RESOLVED, changed_ms=now_ms, remark="", who="")
        return done, Happened.RESOLVED
    if alarm.state is AlarmState.PENDING:
        if alarm.raised_ms is None:
            return None, None
        return attrs.evolve(quiet, state=AlarmState.RESOLVED), None
    return quiet, None


def begin(alarm: Alarm | None, condition: AlarmCondition, *, uid: str, now_ms: int) -> Alarm:
    """A condition has become true: its alarm, pending. Of a known one all else stays as people saw it last."""
    if alarm is not None:
        return attrs.evolve(alarm, state=AlarmState.PENDING, holds=True, since_ms=now_ms)
    subject = condition.subject
    return Alarm(
        uid=uid, template=condition.template, scope=condition.scope,
        object_uid=subject.uid, object_kind=subject.kind, object_name=subject.name,
        organization_uid=subject.organization_uid, location_uid=subject.location_uid, agent_uid=subject.agent_uid,
        computer_name=subject.computer_name, state=AlarmState.PENDING, severity=condition.severity,
        message=condition.message, occurrence=condition.occurrence, remark="", who="", holds=True, told=False,
        since_ms=now_ms, changed_ms=now_ms, repeat_count=0, raised_ms=None, window_id=None,
    )  # fmt: skip


def raised(alarm: Alarm, condition: AlarmCondition, *, now_ms: int) -> Step:
    """It is an alarm from now on."""
    active = attrs.evolve(
        said(alarm, condition), state=AlarmState.ACTIVE, repeat_count=1, raised_ms=now_ms, changed_ms=now_ms,
        remark="", who="", told=False, window_id=None,
    )  # fmt: skip
    return active, Happened.RAISED


def said(alarm: Alarm, condition: AlarmCondition) -> Alarm:
    """What its condition says now."""
    subject = condition.subject
    return attrs.evolve(
        alarm, severity=condition.severity, message=condition.message, occurrence=condition.occurrence,
        object_name=subject.name, organization_uid=subject.organization_uid, location_uid=subject.location_uid,
        computer_name=subject.computer_name,
    )  # fmt: skip
