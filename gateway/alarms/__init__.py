"""Alarms: templates, the engine that raises them, and the actions that tell people.

run_engine(store, config, stop)     in a thread of the management process, until *stop* is set
webhooks_of(config)                 webhooks by the gateway's settings: check, send
add_webhook(store, webhooks, …)     the webhook and its secret
"""

from gateway.alarms.actions import add_webhook
from gateway.alarms.changing import TemplateRefused, change_template, template_named, values_of
from gateway.alarms.engine import Engine
from gateway.alarms.run import run_engine, webhooks_of
from gateway.alarms.templates import TEMPLATES, Template
from gateway.alarms.webhook import Webhooks, WebhookUnusable

__all__ = [
    "TEMPLATES",
    "Engine",
    "Template",
    "TemplateRefused",
    "WebhookUnusable",
    "Webhooks",
    "add_webhook",
    "change_template",
    "run_engine",
    "template_named",
    "values_of",
    "webhooks_of",
]
