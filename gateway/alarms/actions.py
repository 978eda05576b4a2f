"""What an operator does with webhooks and mail, checked before it is stored."""

from uuid import uuid4

from gateway.alarms.mail import Mailer, checked_address
from gateway.alarms.webhook import Webhooks, new_secret
from gateway.store import Receiver, ReceiverKind, Severity, Store

__all__ = ["add_mail", "add_webhook"]


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
    uid = str(uuid4())
    made = store.receivers.add(
        uid, kind=ReceiverKind.WEBHOOK, name=name, target=url, secret=webhooks.seal.close(secret, about=uid), by=by, now_ms=now_ms,
        organization_uid=organization_uid, least_severity=least_severity,
    )  # fmt: skip
    return made, secret


def add_mail(
    store: Store,
    mailer: Mailer,
    *,
    name: str,
    address: str,
    by: str,
    now_ms: int,
    organization_uid: str = "",
    least_severity: Severity = Severity.INFO,
) -> Receiver:
    """Tell somebody of alarms by mail from now on.

    Raises:
        MailUnusable: no server is set, or that is no address (FG-6252).
        Conflict: the name is taken.
    """
    mailer.require()
    return store.receivers.add(
        str(uuid4()), kind=ReceiverKind.MAIL, name=name, target=checked_address(address), secret=None, by=by,
        now_ms=now_ms, organization_uid=organization_uid, least_severity=least_severity,
    )  # fmt: skip
