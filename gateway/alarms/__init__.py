"""Alarms: templates, the engine that raises them, and the actions that tell people.

run_engine(store, config, stop)     in a thread of the management process, until *stop* is set
webhooks_of(config)                 webhooks by the gateway's settings: check, send
add_webhook(store, webhooks, …)     the webhook and its secret
mailer_of(config, store)            mail by the gateway's settings: test, send
add_mail(store, mailer, …)          who is told by mail
"""

from gateway.alarms.actions import add_mail, add_webhook
from gateway.alarms.changing import TemplateRefused, change_template, template_named, values_of
from gateway.alarms.engine import Engine
from gateway.alarms.mail import Mailer, MailUnusable
from gateway.alarms.run import mailer_of, run_engine, webhooks_of
from gateway.alarms.templates import TEMPLATES, Template
from gateway.alarms.webhook import Webhooks, WebhookUnusable

__all__ = [
    "TEMPLATES",
    "Engine",
    "MailUnusable",
    "Mailer",
    "Template",
    "TemplateRefused",
    "WebhookUnusable",
    "Webhooks",
    "add_mail",
    "add_webhook",
    "change_template",
    "mailer_of",
    "run_engine",
    "template_named",
    "values_of",
    "webhooks_of",
]
