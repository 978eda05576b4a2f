"""Lists of whom a provider works for: resellers, companies, locations, cloud tenants, enrollment tokens."""

from typing import Final

import sqlalchemy as sa

from gateway.store.onboarding.companies import OrganizationStatus
from gateway.store.onboarding.schema import consents, organization_details
from gateway.store.organizations import COMPANY, RESELLER
from gateway.store.schema import agents, organizations, tokens
from gateway.store.standing import Standing
from gateway.store.views.asking import Order
from gateway.store.views.describing import NOW, Kind, Property, View

BY_NAME: Final = (Order("name"),)

KNOWN: Final = organizations.outerjoin(
    organization_details, organization_details.c.uid == organizations.c.uid
)
RESELLERS_NAMES: Final = organizations.alias("resellers")
STATUS: Final = sa.func.coalesce(organization_details.c.status, OrganizationStatus.ACTIVE.value)


def known(example_name: str, example_contact: str) -> tuple[Property, ...]:
    """What is known of companies and of resellers alike."""
    details = organization_details.c
    return (
        Property(
            name="instanceUid", kind=Kind.UID, says="Its uid, whatever it is called.",
            example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", column=organizations.c.uid,
        ),
        Property(
            name="name", kind=Kind.TEXT, says="Its name, which no other organization has.", example=example_name,
            column=organizations.c.name,
        ),
        Property(
            name="status", kind=Kind.WORD, says="Active, or Disabled: it gets nothing new, and what it has goes on.",
            example="Active", column=STATUS, words={each.value: each.value for each in OrganizationStatus},
        ),
        Property(
            name="contactName", kind=Kind.TEXT, says="A person there.", example="Ann Ölund", column=details.contact_name,
            nullable=True,
        ),
        Property(
            name="contactMail", kind=Kind.TEXT, says="Where mail reaches that person.", example=example_contact,
            column=details.contact_mail, nullable=True,
        ),
        Property(
            name="contactPhone", kind=Kind.TEXT, says="Where a call does.", example="+46 40 12 34",
            column=details.contact_phone, nullable=True,
        ),
        Property(
            name="taxId", kind=Kind.TEXT, says="Its tax number.", example="SE556000000001", column=details.tax_id,
            nullable=True,
        ),
        Property(
            name="externalId", kind=Kind.TEXT, says="Its number in the provider's own books; no two have the same.",
            example="K-17", column=details.external_id, nullable=True,
        ),
        Property(
            name="notes", kind=Kind.TEXT, says="Whatever else is worth knowing.", example="customer since spring",
            column=details.notes, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="billingAnchorDay", kind=Kind.INTEGER, says="The day of a month on which its billing cycles begin.",
            example=1, column=sa.func.coalesce(details.billing_anchor_day, 1),
        ),
        Property(
            name="createdTime", kind=Kind.TIME, says="When it was added.", example="2026-05-04T08:00:00.000Z",
            column=organizations.c.created_ms,
        ),
        Property(
            name="changedTime", kind=Kind.TIME, says="When something of this was changed last.",
            example="2026-11-24T20:00:00.000Z", column=details.changed_ms, nullable=True,
        ),
    )  # fmt: skip


RESELLERS: Final = View(
    name="resellers",
    model="Reseller",
    says="Resellers: each has companies of its own.",
    key="instanceUid",
    properties=known("Sund IT", "bo@sund.example"),
    source=KNOWN,
    where=organizations.c.kind == RESELLER,
    organization=organizations.c.uid,
    default_sort=BY_NAME,
)

COMPANIES: Final = View(
    name="companies",
    model="Company",
    says="Companies: the provider's customers, and its resellers'.",
    key="instanceUid",
    properties=(
        *known("Bäckerei Ölund", "ann@oelund.example"),
        Property(
            name="resellerUid", kind=Kind.UID, says="The reseller whose customer it is.",
            example="7d1f0c5e-94a1-4a53-8a5c-0f8f3a3d6b42", column=organization_details.c.reseller_uid, nullable=True,
        ),
        Property(
            name="resellerName", kind=Kind.TEXT, says="The reseller's name.", example="Sund IT",
            column=RESELLERS_NAMES.c.name, nullable=True,
        ),
        Property(
            name="usesCloud", kind=Kind.FLAG, says="Whether a cloud tenant has to be mapped to it before it gets a licence.",
            example=True, column=sa.func.coalesce(organization_details.c.uses_cloud, sa.true()),
        ),
    ),
    source=KNOWN.outerjoin(RESELLERS_NAMES, RESELLERS_NAMES.c.uid == organization_details.c.reseller_uid),
    where=organizations.c.kind == COMPANY,
    organization=organizations.c.uid,
    default_sort=BY_NAME,
)  # fmt: skip

REVOKED, RESET, EXPIRED, USED_UP, VALID = range(5)
TOKEN_STATE: Final = sa.case(
    (tokens.c.revoked_ms.is_not(None), REVOKED),
    (tokens.c.reset_ms.is_not(None), RESET),
    (tokens.c.expires_ms <= NOW, EXPIRED),
    (tokens.c.uses >= tokens.c.max_uses, USED_UP),
    else_=VALID,
)
LIVING: Final = (
    sa.select(sa.func.count())
    .select_from(agents)
    .where(agents.c.token_id == tokens.c.id, agents.c.standing != Standing.REVOKED)
    .scalar_subquery()
)
ENROLLMENT_TOKENS: Final = View(
    name="enrollmentTokens",
    model="EnrollmentToken",
    says="Enrollment tokens: what each is for, whether it still lets agents in, and the consent that goes with it. Never their secret.",
    key="instanceUid",
    properties=(
        Property(
            name="instanceUid", kind=Kind.UID, says="The token's id.", example="c0a1b2c3-d4e5-4f60-8a7b-9c8d7e6f5a4b",
            column=tokens.c.id,
        ),
        Property(
            name="organizationUid", kind=Kind.UID, says="Whose agents it enrolls.",
            example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", column=tokens.c.organization_uid,
        ),
        Property(
            name="organizationName", kind=Kind.TEXT, says="That organization's name.", example="Bäckerei Ölund",
            column=organizations.c.name,
        ),
        Property(
            name="locationUid", kind=Kind.UID, says="The place where they are.", example="a3d2c1b0-9f8e-4d7c-8b6a-5f4e3d2c1b0a",
            column=tokens.c.location_uid, nullable=True,
        ),
        Property(
            name="type", kind=Kind.WORD, says="Client, or Site for the provider's own cloud-connect servers.", example="Client",
            column=tokens.c.kind, words={"Client": "client", "Site": "site"},
        ),
        Property(
            name="status", kind=Kind.WORD,
            says="Valid; or Reset, Expired or UsedUp, when it leads to agents that wait to be accepted; or Revoked, when it leads nowhere.",
            example="Valid", column=TOKEN_STATE,
            words={"Revoked": REVOKED, "Reset": RESET, "Expired": EXPIRED, "UsedUp": USED_UP, "Valid": VALID},
        ),
        Property(name="uses", kind=Kind.INTEGER, says="How many agents it has enrolled.", example=2, column=tokens.c.uses),
        Property(
            name="maxUses", kind=Kind.INTEGER, says="How many it enrolls.", example=25, column=tokens.c.max_uses,
        ),
        Property(
            name="livingAgents", kind=Kind.INTEGER, says="How many of its agents nobody has revoked.", example=2, column=LIVING,
            filter=False, sort=False,
        ),
        Property(
            name="isSynthetic", kind=Kind.FLAG, says="Whether its agents are simulated, and never billed.", example=False,
            column=tokens.c.synthetic,
        ),
        Property(
            name="createdTime", kind=Kind.TIME, says="When it was made.", example="2026-05-04T08:00:00.000Z",
            column=tokens.c.created_ms,
        ),
        Property(
            name="expirationTime", kind=Kind.TIME, says="Until when it is valid.", example="2026-06-03T08:00:00.000Z",
            column=tokens.c.expires_ms,
        ),
        Property(
            name="consentGivenBy", kind=Kind.TEXT, says="Who of the organization agreed that its servers are managed.",
            example="Ann Ölund", column=consents.c.given_by, nullable=True,
        ),
        Property(
            name="consentText", kind=Kind.TEXT, says="To what that person agreed.", example="contract of May, section 3",
            column=consents.c.words, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="consentTime", kind=Kind.TIME, says="When.", example="2026-05-04T08:00:00.000Z",
            column=consents.c.given_ms, nullable=True,
        ),
        Property(
            name="consentWithdrawnTime", kind=Kind.TIME, says="When that was taken back.", example="2026-11-24T20:00:00.000Z",
            column=consents.c.withdrawn_ms, nullable=True,
        ),
    ),
    source=tokens.join(organizations, organizations.c.uid == tokens.c.organization_uid).outerjoin(
        consents, consents.c.token_id == tokens.c.id
    ),
    organization=tokens.c.organization_uid,
    default_sort=(Order("createdTime", descending=True),),
)  # fmt: skip
