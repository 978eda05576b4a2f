"""Alarms, who is told of them, and maintenance, as lists."""

from typing import Final

import sqlalchemy as sa

from gateway.store.alarms.life import Severity
from gateway.store.alarms.receivers import AlarmDeliveryState, ReceiverKind
from gateway.store.alarms.schema import (
    RANK,
    alarm_history,
    alarms,
    deliveries,
    maintenance_windows,
    receivers,
)
from gateway.store.columns import Int
from gateway.store.views.asking import Order
from gateway.store.views.describing import Kind, Property, View

ORGANIZATION: Final = "0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21"
ALARM: Final = "8a4f0d1c-5b6e-4c1f-9a57-2f9e7f0b1c22"
TIME: Final = "2026-11-24T01:17:00.000Z"


def words(*enumerated: Severity | AlarmDeliveryState) -> dict[str, str]:
    """Words for what stands in the store, in rising order."""
    return {each.value.capitalize(): each.value for each in sorted(enumerated)}


# As its index has it, character by character.
STATUS: Final = sa.literal_column(RANK, Int)
STATUSES: Final = {"Error": 0, "Warning": 1, "Info": 2, "Acknowledged": 3, "Resolved": 4}
SEVERITIES: Final = words(*Severity)


def text(
    name: str,
    says: str,
    example: str,
    column: sa.ColumnElement[str],
    *,
    filtered: bool = True,
    is_sorted: bool = True,
) -> Property:
    """A text that may be filtered and sorted by, unless it is said otherwise."""
    return Property(
        name=name, kind=Kind.TEXT, says=says, example=example, column=column, filter=filtered, sort=is_sorted
    )


def uid(
    name: str, says: str, column: sa.ColumnElement[str], example: str, *, nullable: bool = False
) -> Property:
    """Somebody's identity; where the store has "" for nobody, null."""
    empty = "" if nullable else None
    return Property(
        name=name,
        kind=Kind.UID,
        says=says,
        example=example,
        column=column,
        nullable=nullable,
        empty=empty,
        sort=False,
    )


def time(name: str, says: str, column: sa.ColumnElement[int], *, nullable: bool = False) -> Property:
    """A time."""
    return Property(name=name, kind=Kind.TIME, says=says, example=TIME, column=column, nullable=nullable)


ACTIVE_ALARMS: Final = View(
    name="alarms/active", model="Alarm", says="Alarms: what is wrong, and what was lately.", key="instanceUid",
    source=alarms, organization=alarms.c.organization_uid, where=alarms.c.raised_ms.is_not(None),
    identity=(alarms.c.changed_ms, alarms.c.uid), large=True, default_sort=(Order("time", descending=True),),
    properties=(
        uid("instanceUid", "The alarm's identity, however often it comes again.", alarms.c.uid, ALARM),
        text("template", "The template's name.", "job-state", alarms.c.template, is_sorted=False),
        Property(
            name="status", kind=Kind.WORD, says="How grave it is while it is active; else that it is acknowledged or resolved.",
            example="Error", column=STATUS, words=STATUSES,
        ),
        Property(
            name="severity", kind=Kind.WORD, says="How grave it is or was.", example="Error", column=alarms.c.severity,
            words=SEVERITIES, sort=False,
        ),
        time("time", "When it was raised, repeated, acknowledged or resolved last.", alarms.c.changed_ms),
        text(
            "message", "What is wrong.", "failed: the disk of the repository is full", alarms.c.message, filtered=False,
            is_sorted=False,
        ),
        text(
            "remark", "A person's words on the last change.", "the disk is ordered", alarms.c.remark, filtered=False,
            is_sorted=False,
        ),
        Property(
            name="repeatCount", kind=Kind.INTEGER, says="How often it happened since it was raised.", example=3,
            column=alarms.c.repeat_count, filter=False, sort=False,
        ),
        text("objectType", "What it is about.", "job", alarms.c.object_kind, filtered=False, is_sorted=False),
        text("objectUid", "Which one, unique with its agent and template.", "nightly", alarms.c.object_uid, is_sorted=False),
        text("objectName", "That one's name.", "Daily servers", alarms.c.object_name, is_sorted=False),
        uid("organizationUid", "Whose it is.", alarms.c.organization_uid, ORGANIZATION),
        uid(
            "locationUid", "Where it is.", alarms.c.location_uid, "a3d2c1b0-9f8e-4d7c-8b6a-5f4e3d2c1b0a", nullable=True
        ),
        uid(
            "managementAgentUid", "The agent that is concerned.", alarms.c.agent_uid,
            "6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11", nullable=True,
        ),
        text("computerName", "The machine that it is on.", "backup01", alarms.c.computer_name, is_sorted=False),
        Property(
            name="isInMaintenance", kind=Kind.FLAG, says="Whether a maintenance window keeps it quiet.", example=False,
            column=alarms.c.window_id.is_not(None), sort=False,
        ),
    ),
)  # fmt: skip

ALARM_HISTORY: Final = View(
    name="alarms/history", model="AlarmChange", says="What became of alarms.", key=None,
    source=alarm_history.join(alarms, alarms.c.uid == alarm_history.c.alarm_uid),
    organization=alarms.c.organization_uid, identity=(alarm_history.c.id,),
    default_sort=(Order("time", descending=True),),
    properties=(
        uid("alarmUid", "Which alarm.", alarm_history.c.alarm_uid, ALARM),
        time("time", "When.", alarm_history.c.at_ms),
        Property(
            name="change", kind=Kind.WORD, says="What became of it.", example="Raised", column=alarm_history.c.what,
            words={"Acknowledged": "acknowledged", "Raised": "raised", "Repeated": "repeated", "Resolved": "resolved"},
        ),
        Property(
            name="severity", kind=Kind.WORD, says="How grave it was.", example="Error", column=alarm_history.c.severity,
            words=SEVERITIES,
        ),
        text("message", "What was wrong.", "failed: the disk of the repository is full", alarm_history.c.message),
        text("remark", "A person's words.", "the disk is ordered", alarm_history.c.remark),
        text("by", "Who did it; empty: it happened by itself.", "eva", alarm_history.c.who),
    ),
)  # fmt: skip

WEBHOOKS: Final = View(
    name="webhooks", model="Webhook", says="Webhooks: programs that are told of alarms.", key="instanceUid",
    source=receivers, where=receivers.c.kind == ReceiverKind.WEBHOOK.value, organization=None,
    default_sort=(Order("name"),),
    properties=(
        uid("instanceUid", "The webhook's identity.", receivers.c.uid, ALARM),
        text("name", "Its name, for people.", "ticketing", receivers.c.name),
        text("url", "Where deliveries are POSTed to.", "https://hooks.example/fieldgate", receivers.c.target),
        uid(
            "organizationUid", "Only alarms of this organization; null: of all.", receivers.c.organization_uid,
            ORGANIZATION, nullable=True,
        ),
        Property(
            name="leastSeverity", kind=Kind.WORD, says="Only alarms that are at least as grave.", example="Warning",
            column=receivers.c.least_severity, words=SEVERITIES, sort=False,
        ),
        time("creationTime", "Since when it is told.", receivers.c.created_ms),
        text("createdBy", "Who added it.", "eva", receivers.c.created_by),
    ),
)  # fmt: skip

DELIVERIES: Final = View(
    name="webhooks/deliveries", model="WebhookDelivery", says="What webhooks were told or are to be, and what came of it.",
    key=None, source=deliveries, organization=None, identity=(deliveries.c.uid,),
    default_sort=(Order("creationTime", descending=True),),
    properties=(
        uid("instanceUid", "The delivery's identity, which the receiver is sent as webhook-id.", deliveries.c.uid, ALARM),
        uid("webhookUid", "Which webhook.", deliveries.c.receiver_uid, ALARM),
        uid("alarmUid", "Which alarm.", deliveries.c.alarm_uid, ALARM),
        text("event", "What became of it.", "raised", deliveries.c.event),
        Property(
            name="state", kind=Kind.WORD, says="Where it stands.", example="Delivered", column=deliveries.c.state,
            words=words(*AlarmDeliveryState),
        ),
        Property(name="attempts", kind=Kind.INTEGER, says="How often it was tried.", example=1, column=deliveries.c.attempts),
        time("creationTime", "Since when it is to be told.", deliveries.c.created_ms),
        time("nextTime", "When it is tried next, while it waits.", deliveries.c.next_ms),
        Property(
            name="answerStatus", kind=Kind.INTEGER, says="The last answer's status.", example=204,
            column=deliveries.c.status, nullable=True,
        ),
        text("outcome", "What came of the last attempt.", "delivered", deliveries.c.outcome),
        text("excerpt", "The beginning of the last answer.", "ok", deliveries.c.excerpt),
    ),
)  # fmt: skip

MAINTENANCE_WINDOWS: Final = View(
    name="maintenanceWindows", model="MaintenanceWindow",
    says="Times in which alarms are raised and written down, and nobody is told.", key=None,
    source=maintenance_windows, organization=maintenance_windows.c.organization_uid,
    identity=(maintenance_windows.c.id,), default_sort=(Order("windowId", descending=True),),
    properties=(
        Property(
            name="windowId", kind=Kind.INTEGER, says="Its number.", example=7, column=maintenance_windows.c.id
        ),
        text("name", "Its name, for people.", "patch day", maintenance_windows.c.name),
        uid(
            "organizationUid", "Whose alarms; null: everybody's.", maintenance_windows.c.organization_uid, ORGANIZATION,
            nullable=True,
        ),
        uid(
            "locationUid", "Only of this place.", maintenance_windows.c.location_uid,
            "a3d2c1b0-9f8e-4d7c-8b6a-5f4e3d2c1b0a", nullable=True,
        ),
        uid(
            "managementAgentUid", "Only of this agent, such as a site's.", maintenance_windows.c.agent_uid,
            "6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11", nullable=True,
        ),
        time("startTime", "When it begins first.", maintenance_windows.c.start_ms),
        time("endTime", "When that first time ends.", maintenance_windows.c.end_ms),
        Property(
            name="everySeconds", kind=Kind.INTEGER, says="It comes again after so long; 0: it does not.", example=604800,
            column=maintenance_windows.c.every_s,
        ),
        time("untilTime", "It begins no more from then on.", maintenance_windows.c.until_ms, nullable=True),
        time("calledOffTime", "When somebody called it off.", maintenance_windows.c.ended_ms, nullable=True),
        text("createdBy", "Who announced it.", "eva", maintenance_windows.c.who),
    ),
)  # fmt: skip
