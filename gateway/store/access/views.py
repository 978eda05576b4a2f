"""Users, API keys and the audit, as lists. No secret, nor what is kept of one, is a property of any."""

from typing import Final

import sqlalchemy as sa

from gateway.store.access.keys import OWNER_DISABLED as USER_IS_DISABLED
from gateway.store.access.keys import WITH_USERS
from gateway.store.access.schema import api_keys, users
from gateway.store.schema_paths import audit
from gateway.store.views.asking import Order
from gateway.store.views.describing import NOW, Kind, Property, View

EXAMPLE_UID: Final = "6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11"

ROLES: Final = {
    word: word
    for word in ("administrator", "company-owner", "operator", "read-only", "reseller", "restore-user")
}
"""The words of gateway.access.Role; a test holds the two against each other."""


def shared(table: sa.Table, what: str, example: str) -> tuple[Property, ...]:
    """What a user and a key have in common."""
    return (
        Property(
            name="instanceUid", kind=Kind.UID, says=f"The {what}.", example="5b0c8f3e-55d3-4e2a-9d3b-7f6a5e4d3c2b",
            column=table.c.uid, sort=False,
        ),
        Property(name="name", kind=Kind.TEXT, says="What lists and the audit call it.", example=example, column=table.c.name),
        Property(
            name="role", kind=Kind.WORD, says="What it may do.", example="operator", column=table.c.role, words=ROLES
        ),
        Property(
            name="organizationUid", kind=Kind.UID, says="The provider, reseller or company that the role belongs to.",
            example=EXAMPLE_UID, column=table.c.organization_uid, sort=False,
        ),
        Property(
            name="isReadOnly", kind=Kind.FLAG, says="It changes nothing, whatever its role.", example=False,
            column=table.c.read_only,
        ),
        Property(
            name="createdBy", kind=Kind.TEXT, says="Who made it.", example="user Anna", column=table.c.created_by
        ),
        Property(
            name="createdTime", kind=Kind.TIME, says="When it was made.", example="2026-11-02T08:15:00.000Z",
            column=table.c.created_ms,
        ),
    )  # fmt: skip


USERS: Final = View(
    name="users", model="User", says="The people who may log in, or once might.",
    key="instanceUid",
    source=users,
    organization=users.c.organization_uid,
    default_sort=(Order("name"),),
    properties=(
        *shared(users, "user", "Anna"),
        Property(
            name="isEnabled", kind=Kind.FLAG, says="Whether the user may log in.", example=True,
            column=users.c.disabled_ms.is_(None),
        ),
        Property(
            name="disabledTime", kind=Kind.TIME, says="Since when not.", example="2026-11-20T08:15:00.000Z",
            column=users.c.disabled_ms, nullable=True,
        ),
        Property(
            name="issuer", kind=Kind.TEXT, says="The OpenID provider that vouches for the user; without one, a password does.",
            example="https://id.example.com", column=users.c.issuer, nullable=True,
        ),
    ),
)  # fmt: skip

# In the order in which they are sorted.
EXPIRED, OWNER_DISABLED, REVOKED, VALID = range(4)
STATUS: Final = sa.case(
    (api_keys.c.revoked_ms.is_not(None), REVOKED),
    (USER_IS_DISABLED, OWNER_DISABLED),
    (api_keys.c.expires_ms <= NOW, EXPIRED),
    else_=VALID,
)

API_KEYS: Final = View(
    name="apiKeys", model="ApiKey", says="The API keys, also those that open nothing any more.",
    key="instanceUid",
    source=WITH_USERS,
    organization=api_keys.c.organization_uid,
    default_sort=(Order("name"),),
    properties=(
        *shared(api_keys, "key", "nightly export"),
        Property(
            name="status", kind=Kind.WORD, says="Whether it opens anything.", example="Valid", column=STATUS,
            words={"Expired": EXPIRED, "OwnerDisabled": OWNER_DISABLED, "Revoked": REVOKED, "Valid": VALID},
        ),
        Property(
            name="userUid", kind=Kind.UID, says="The user with whom it ends; none: it was made for a program.",
            example=EXAMPLE_UID, column=api_keys.c.user_uid, sort=False, nullable=True,
        ),
        Property(
            name="createdByUserUid", kind=Kind.UID,
            says="The user who made it, by a session or by keys that go back to one; none: whoever ran a command.",
            example=EXAMPLE_UID, column=api_keys.c.maker_uid, sort=False, nullable=True,
        ),
        Property(
            name="expirationTime", kind=Kind.TIME, says="From when on it opens nothing; none: until it is revoked.",
            example="2027-11-02T08:15:00.000Z", column=api_keys.c.expires_ms, nullable=True,
        ),
        Property(
            name="revocationTime", kind=Kind.TIME, says="When it was revoked.", example="2026-11-20T08:15:00.000Z",
            column=api_keys.c.revoked_ms, nullable=True,
        ),
        Property(
            name="lastUseTime", kind=Kind.TIME, says="When it last opened something, give or take a minute.",
            example="2026-11-24T20:00:00.000Z", column=api_keys.c.used_ms, nullable=True,
        ),
    ),
)  # fmt: skip

AUDIT: Final = View(
    name="audit", model="AuditEntry", says="Who did what, when, and what it was before and after; the newest first.",
    key=None,
    source=audit,
    identity=(audit.c.id,),
    organization=audit.c.organization_uid,
    large=True,
    default_sort=(Order("auditId", descending=True),),
    properties=(
        Property(name="auditId", kind=Kind.INTEGER, says="Rises with every entry.", example=4711, column=audit.c.id),
        Property(
            name="time", kind=Kind.TIME, says="When it was done.", example="2026-11-24T20:00:00.000Z", column=audit.c.at_ms
        ),
        Property(
            name="who", kind=Kind.TEXT, says="A user, a key, or whoever ran a command.", example="user Anna",
            column=audit.c.who, sort=False,
        ),
        Property(
            name="action", kind=Kind.TEXT, says="What was done.", example="API key revoked", column=audit.c.action,
            sort=False,
        ),
        Property(
            name="about", kind=Kind.TEXT, says="What it was done to.", example="nightly export", column=audit.c.about,
            filter=False, sort=False,
        ),
        Property(
            name="why", kind=Kind.TEXT, says="The reason that was given.", example="left the company", column=audit.c.why,
            filter=False, sort=False,
        ),
        Property(
            name="before", kind=Kind.OBJECT, says="What it was, where the deed changed something.",
            example={"role": "operator"}, column=audit.c.before, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="after", kind=Kind.OBJECT, says="What it became.", example={"role": "read-only"}, column=audit.c.after,
            nullable=True, filter=False, sort=False,
        ),
        Property(
            name="organizationUid", kind=Kind.UID, says="Whose it is; none: the provider's own.", example=EXAMPLE_UID,
            column=audit.c.organization_uid, sort=False, nullable=True,
        ),
    ),
)  # fmt: skip
