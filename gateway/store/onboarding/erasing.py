"""What is erased of a company itself when it leaves: its people, and what was done and noticed for it; departures.py erases what its agents said.

Every table that says whose a row is is in one of the two lists here, with the reason why what stays does stay. Nothing of what stays names a
person or a machine: of the audit the deeds stay, when they were and who of the provider's did them.
"""

from collections import Counter
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store.access.schema import api_keys, sessions, users
from gateway.store.access.schema import tokens as access_tokens
from gateway.store.actions.schema import actions
from gateway.store.actions.verbs import ENDED
from gateway.store.alarms.schema import (
    alarm_history,
    alarm_rules,
    alarms,
    deliveries,
    maintenance_windows,
    receivers,
)
from gateway.store.feed import note_changed
from gateway.store.restores.schema import restore_sessions
from gateway.store.schema_paths import (
    audit,
    incident_agents,
    incidents,
    inspection_codes,
    overrides,
    path_reports,
)

NOBODY: Final = "erased"

OF_COMPANY: Final = (
    alarm_rules, maintenance_windows, path_reports, overrides, inspection_codes, restore_sessions,
)  # fmt: skip
"""Tables whose rows of the company go, and that nothing else refers to."""

ERASED_OF_COMPANY: Final = frozenset(
    {table.name for table in OF_COMPANY}
    | {
        "access_sessions", "access_tokens", "alarms", "alarm_deliveries", "alarm_history", "alarm_receivers", "incident_agents",
        "incidents",
    }
)  # fmt: skip

KEPT_OF_COMPANY: Final = {
    "access_keys": "when keys were made and ended; their names are erased",
    "access_users": "when users were added and disabled; names, passwords and what an OpenID provider knows them as are erased",
    "actions": "that it leaves, with the receipt, for as long as results of actions are kept; what else was asked is erased",
    "agents": "who was revoked stays revoked; the host's name and installation id are erased",
    "audit": "deeds, times, and who of the provider's did them; names and contents are erased",
    "consents": "that and when consent was given; who gave it, and the words, are erased",
    "departures": "the last usage, signed, and the receipt",
    "licences": "revoked; products and counts: the books",
    "locations": "uids; their names are erased",
    "mapping_changes": "whose each tenant was, and when: uids and times, which bills rest on",
    "organization_details": "tax and external ids, which invoices carry; contacts and notes are erased",
    "organizations": "the company's name, which invoices carry",
    "tenant_mappings": "taken back, each with a line in the audit",
    "tokens": "revoked; they name nobody",
}
"""What stays of a company, and why; receipts say so."""

ITS_END: Final = ("company leaves", "company has left", "people erased", "usage erased")
"""Deeds whose words stay: they name nobody, and the receipt's hash is in one of them."""


def erase_of_company(connection: Connection, company_uid: str) -> Counter[str]:
    """Erase it within a transaction; how many rows of which tables. Said again, it erases what came since."""
    erased: Counter[str] = Counter()
    erased.update(_alarms(connection, company_uid))
    erased.update(_incidents(connection, company_uid))
    for table in OF_COMPANY:
        gone = sa.delete(table).where(table.c.organization_uid == company_uid)
        erased[table.name] += connection.execute(gone).rowcount
    asked = sa.delete(actions).where(actions.c.organization_uid == company_uid, actions.c.state.in_(ENDED))
    erased["actions"] += connection.execute(asked).rowcount
    names = _people(connection, company_uid, erased)
    of_it = audit.c.organization_uid == company_uid
    blank = {"about": NOBODY, "before": None, "after": None, "why": ""}
    words = sa.update(audit).where(of_it, audit.c.action.not_in(ITS_END), audit.c.about != NOBODY)
    erased["audit"] += connection.execute(words.values(blank)).rowcount
    if names:
        connection.execute(sa.update(audit).where(of_it, audit.c.who.in_(names)).values(who=NOBODY))
    return erased


def _alarms(connection: Connection, company_uid: str) -> Counter[str]:
    mine = sa.select(alarms.c.uid).where(alarms.c.organization_uid == company_uid)
    told = sa.select(receivers.c.uid).where(receivers.c.organization_uid == company_uid)
    erased: Counter[str] = Counter()
    for table, condition in (
        (deliveries, deliveries.c.receiver_uid.in_(told) | deliveries.c.alarm_uid.in_(mine)),
        (receivers, receivers.c.organization_uid == company_uid),
        (alarm_history, alarm_history.c.alarm_uid.in_(mine)),
        (alarms, alarms.c.organization_uid == company_uid),
    ):
        erased[table.name] += connection.execute(sa.delete(table).where(condition)).rowcount
    return erased


def _incidents(connection: Connection, company_uid: str) -> Counter[str]:
    found = connection.execute(sa.select(incidents.c.id).where(incidents.c.organization_uid == company_uid))
    erased: Counter[str] = Counter()
    for number in sorted(found.scalars()):
        members = sa.delete(incident_agents).where(incident_agents.c.incident_id == number)
        erased["incident_agents"] += connection.execute(members).rowcount
        erased["incidents"] += connection.execute(
            sa.delete(incidents).where(incidents.c.id == number)
        ).rowcount
        note_changed(connection, "incident", number)
    return erased


def _people(connection: Connection, company_uid: str, erased: Counter[str]) -> list[str]:
    """Users, their sessions and keys; as whom the audit knows them."""
    mine = users.c.organization_uid == company_uid
    named = connection.execute(
        sa.select(users.c.uid, users.c.name).where(mine, users.c.disabled_ms.is_not(None))
    ).all()
    keys = connection.execute(
        sa.select(api_keys.c.uid, api_keys.c.name).where(
            api_keys.c.organization_uid == company_uid, api_keys.c.revoked_ms.is_not(None)
        )
    ).all()
    for user in named:
        theirs = sa.select(sessions.c.uid).where(sessions.c.user_uid == user.uid)
        for table, condition in (
            (access_tokens, access_tokens.c.session_uid.in_(theirs)),
            (sessions, sessions.c.user_uid == user.uid),
        ):
            erased[table.name] += connection.execute(sa.delete(table).where(condition)).rowcount
        hidden = f"{NOBODY} {user.uid}"
        if user.name != hidden:
            gone = dict.fromkeys(("password", "issuer", "subject"))
            changed = sa.update(users).where(users.c.uid == user.uid)
            connection.execute(
                changed.values({**gone, "name": hidden, "name_key": hidden, "created_by": NOBODY})
            )
            erased["access_users"] += 1
    for key in keys:
        if key.name != NOBODY:
            changed = sa.update(api_keys).where(api_keys.c.uid == key.uid)
            connection.execute(changed.values(name=NOBODY, created_by=NOBODY))
            erased["access_keys"] += 1
    return [*(f"user {user.name}" for user in named), *(f"key {key.name}" for key in keys)]
