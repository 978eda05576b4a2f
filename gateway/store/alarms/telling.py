"""What follows when something became of an alarm: a line of its history, a fact of the feed, and a delivery for every receiver.

All of it is written in the transaction of the change itself, so that none of it is lost and nothing is told that did not happen.
"""

import datetime
import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.alarms.life import Alarm, AlarmState, Happened, Severity
from gateway.store.alarms.schema import alarm_history, deliveries, receivers
from gateway.store.feed import Fact, note_facts
from gateway.store.hot import Hot

TEMPLATES: Final = uuid5(NAMESPACE_URL, "urn:fieldgate:alarm-templates")
WAITING: Final = "waiting"


@attrs.frozen
class News:
    """What became of an alarm."""

    alarm: Alarm
    happened: Happened
    loud: bool
    """Receivers are told; otherwise it is written down only."""


def write_news(connection: Connection, news: Sequence[News], *, now_ms: int) -> None:
    """Write down what happened. Of its locks it takes the change counter's, so nothing else may be locked afterwards."""
    if not news:
        return
    connection.execute(
        sa.insert(alarm_history),
        [
            {
                "alarm_uid": each.alarm.uid, "agent_uid": each.alarm.agent_uid, "at_ms": now_ms,
                "what": each.happened.value, "severity": each.alarm.severity.value, "message": each.alarm.message,
                "remark": each.alarm.remark, "who": each.alarm.who,
            }
            for each in news
        ],
    )  # fmt: skip
    loud = [each for each in news if each.loud]
    rows = queued(connection, loud, now_ms=now_ms) if loud else []
    if rows:
        connection.execute(sa.insert(deliveries), rows)
    hot = Hot(connection)
    try:
        note_facts(
            hot,
            [Fact(at_ms=now_ms, kind="alarm", key=each.alarm.uid, payload=body_of(each)) for each in news],
        )
    finally:
        hot.close()


def queued(connection: Connection, loud: Sequence[News], *, now_ms: int) -> list[dict[str, Any]]:
    """A delivery of each for every receiver that wants it."""
    query = sa.select(receivers.c.uid, receivers.c.organization_uid, receivers.c.least_severity).where(
        receivers.c.enabled
    )
    wanting = connection.execute(query).all()
    return [
        {
            "uid": str(uuid4()), "receiver_uid": receiver.uid, "alarm_uid": each.alarm.uid,
            "agent_uid": each.alarm.agent_uid, "event": each.happened.value, "payload": json.dumps(body_of(each)),
            "state": WAITING, "attempts": 0, "created_ms": now_ms, "next_ms": now_ms, "outcome": "", "excerpt": "",
        }
        for each in loud
        for receiver in wanting
        if receiver.organization_uid in ("", each.alarm.organization_uid)
        and Severity(receiver.least_severity).rank <= each.alarm.severity.rank
    ]  # fmt: skip


def body_of(news: News) -> dict[str, Any]:
    """What happened and to which alarm, in the vocabulary of REST."""
    return {"event": f"alarm.{news.happened.value}", "alarm": record(news.alarm)}


def template_uid(name: str) -> UUID:
    """The uid of the template of that name, the same everywhere."""
    return uuid5(TEMPLATES, name)


def status_of(alarm: Alarm) -> str:
    """Error, Warning or Info while it is active, else Acknowledged or Resolved."""
    return (alarm.severity if alarm.state is AlarmState.ACTIVE else alarm.state).value.capitalize()


def record(alarm: Alarm) -> dict[str, Any]:
    """An alarm as others read it."""
    return {
        "instanceUid": alarm.uid,
        "alarmTemplateUid": str(template_uid(alarm.template)),
        "template": alarm.template,
        "repeatCount": alarm.repeat_count,
        "object": {
            "type": alarm.object_kind,
            "organizationUid": alarm.organization_uid,
            "locationUid": alarm.location_uid,
            "agentUid": alarm.agent_uid,
            "computerName": alarm.computer_name,
            "objectUid": alarm.object_uid,
            "objectName": alarm.object_name,
        },
        "lastActivation": {
            "time": rfc3339(alarm.changed_ms),
            "status": status_of(alarm),
            "message": alarm.message,
            "remark": alarm.remark,
        },
    }


def rfc3339(at_ms: int) -> str:
    """A time as JSON carries it."""
    at = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
