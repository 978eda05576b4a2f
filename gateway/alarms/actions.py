"""What an operator does with webhooks, checked before it is stored."""

from uuid import uuid4

from gateway.alarms.webhook import Webhooks, new_secret
from gateway.store import Receiver, ReceiverKind, Severity, Store

__all__ = ["add_webhook"]


def add_webhook(
    store: Store,
    webhooks: Webhooks,
    *,
    name: str,
    url: str,
    by: str,
    now_ms: int,
    organization_uid: str = "",
    least_severity: Severity = Severity.INFO,
) -> tuple[Receiver, str]:
    """Tell a webhook of alarms from now on; the webhook, and its secret, which nobody is shown again.

    Raises:
        WebhookUnusable: the URL is none, or not public (FG-6250).
        Conflict: the name is taken.
    """
    webhooks.check(url)
    secret = new_secret()
    made = store.receivers.add(
        str(uuid4()), kind=ReceiverKind.WEBHOOK, name=name, target=url, secret=secret, by=by, now_ms=now_ms,
        organization_uid=organization_uid, least_severity=least_severity,
    )  # fmt: skip
    return made, secret
