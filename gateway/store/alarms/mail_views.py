"""Who is told of alarms by mail, as lists: webhooks' lists but for what only a webhook has."""

from typing import Final

import attrs

from gateway.store.alarms.receivers import ReceiverKind
from gateway.store.alarms.schema import deliveries, receivers
from gateway.store.alarms.views import ALARM, DELIVERIES, WEBHOOKS, text, uid
from gateway.store.views.describing import View

MAIL_RECEIVERS: Final = attrs.evolve(
    WEBHOOKS, name="mailReceivers", model="MailReceiver", says="Addresses that are told of alarms by mail.",
    where=receivers.c.kind == ReceiverKind.MAIL.value,
    properties=tuple(
        text("address", "Where mails go.", "duty@provider.example", receivers.c.target) if each.name == "url" else each
        for each in WEBHOOKS.properties
    ),
)  # fmt: skip

MAIL_DELIVERIES: Final[View] = attrs.evolve(
    DELIVERIES, name="mailReceivers/deliveries", model="MailDelivery",
    says="What addresses were told or are to be, and what came of it.",
    properties=tuple(
        uid("mailReceiverUid", "Which address.", deliveries.c.receiver_uid, ALARM) if each.name == "webhookUid" else each
        for each in DELIVERIES.properties
        if each.name not in ("answerStatus", "excerpt")
    ),
)  # fmt: skip
