"""Licences, and the servers that have them, as lists."""

from typing import Final

from gateway.store.licensing.schema import licence_servers, licences
from gateway.store.licensing.values import LicenceKind, LicenceServerState, LicenceState, LicenceWanted
from gateway.store.schema import agents
from gateway.store.views.asking import Order
from gateway.store.views.describing import Kind, Property, View

LICENCE: Final = "0c3fb7a2-9f0b-43f4-93f5-1b7f0e5b8b0e"
COMPANY: Final = "0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21"
TIME: Final = "2026-12-31T23:59:59.999Z"

LICENCES: Final = View(
    name="licenses", model="License", says="Licences, the newest first.", key="licenseId", source=licences,
    organization=licences.c.organization_uid, large=True, default_sort=(Order("created", descending=True),),
    properties=(
        Property(
            name="licenseId", kind=Kind.TEXT, says="The licence's id, for life.", example=LICENCE,
            column=licences.c.uid, sort=False,
        ),
        Property(
            name="revision", kind=Kind.INTEGER, says="Rises with every change.", example=2, column=licences.c.revision,
            filter=False, sort=False,
        ),
        Property(
            name="assignedCompanyUid", kind=Kind.UID, says="The company that has it; null: nobody's yet.",
            example=COMPANY, column=licences.c.organization_uid, nullable=True, sort=False,
        ),
        Property(
            name="contractId", kind=Kind.TEXT, says="The contract that it counts towards.", example="C-1001",
            column=licences.c.contract_uid, nullable=True, sort=False,
        ),
        Property(
            name="productId", kind=Kind.TEXT, says="The product that it was made of.", example="suite",
            column=licences.c.product_uid, filter=False, sort=False,
        ),
        Property(
            name="product", kind=Kind.TEXT, says="What people call that.", example="Backup Suite",
            column=licences.c.product, filter=False, sort=False,
        ),
        Property(
            name="edition", kind=Kind.TEXT, says="Its edition.", example="Enterprise", column=licences.c.edition,
            filter=False, sort=False,
        ),
        Property(
            name="type", kind=Kind.WORD, says="How it is paid for.", example="Rental", column=licences.c.kind,
            words={kind.value: kind.value for kind in sorted(LicenceKind)}, filter=False, sort=False,
        ),
        Property(
            name="workloads", kind=Kind.OBJECT, says="What it is for: how many of each, and the points that one takes.",
            example=[{"workloadId": "vm", "name": "Virtual machine", "count": 20, "multiplier": 11}],
            column=licences.c.workloads, filter=False, sort=False,
        ),
        Property(
            name="points", kind=Kind.INTEGER, says="All of that, weighed.", example=220, column=licences.c.points,
            filter=False, sort=False,
        ),
        Property(
            name="status", kind=Kind.WORD, says="Whether it counts.", example="Active", column=licences.c.state,
            words={state.value.capitalize(): state.value for state in sorted(LicenceState)}, sort=False,
        ),
        Property(
            name="isShared", kind=Kind.FLAG, says="Whether it may be on several servers.", example=False,
            column=licences.c.shared, filter=False, sort=False,
        ),
        Property(
            name="expirationDate", kind=Kind.TIME, says="Its last moment; null: it has no end.", example=TIME,
            column=licences.c.expires_ms, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="supportExpirationDate", kind=Kind.TIME, says="The last moment of its support.", example=TIME,
            column=licences.c.support_ms, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="created", kind=Kind.TIME, says="When it was made.", example="2026-03-01T12:00:00.000Z",
            column=licences.c.created_ms, filter=False,
        ),
    ),
)  # fmt: skip

LICENSED_SERVERS: Final = View(
    name="licensing/backupServers", model="LicensedServer",
    says="Servers that have a licence or are to have one, and how far that has come.", key="instanceUid",
    source=licence_servers.join(agents, agents.c.uid == licence_servers.c.agent_uid).join(
        licences, licences.c.uid == licence_servers.c.licence_uid
    ),
    organization=agents.c.organization_uid, default_sort=(Order("instanceUid"),),
    properties=(
        Property(
            name="instanceUid", kind=Kind.UID, says="The management agent of the server.",
            example="6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11", column=licence_servers.c.agent_uid,
        ),
        Property(
            name="hostName", kind=Kind.TEXT, says="What the server calls itself.", example="backup01",
            column=agents.c.host_name, filter=False, sort=False,
        ),
        Property(
            name="organizationUid", kind=Kind.UID, says="Whose server it is.", example=COMPANY,
            column=agents.c.organization_uid, sort=False,
        ),
        Property(
            name="licenseId", kind=Kind.TEXT, says="The licence.", example=LICENCE,
            column=licence_servers.c.licence_uid, sort=False,
        ),
        Property(
            name="edition", kind=Kind.TEXT, says="The licence's edition.", example="Enterprise",
            column=licences.c.edition, filter=False, sort=False,
        ),
        Property(
            name="type", kind=Kind.WORD, says="How the licence is paid for.", example="Rental", column=licences.c.kind,
            words={kind.value: kind.value for kind in sorted(LicenceKind)}, filter=False, sort=False,
        ),
        Property(
            name="units", kind=Kind.INTEGER, says="The licence's points.", example=220, column=licences.c.points,
            filter=False, sort=False,
        ),
        Property(
            name="expirationDate", kind=Kind.TIME, says="The licence's last moment; null: it has no end.", example=TIME,
            column=licences.c.expires_ms, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="wanted", kind=Kind.WORD, says="What is to be true.", example="Installed",
            column=licence_servers.c.wanted, words={each.value.capitalize(): each.value for each in sorted(LicenceWanted)},
            filter=False, sort=False,
        ),
        Property(
            name="state", kind=Kind.WORD, says="How far that has come.", example="Installed",
            column=licence_servers.c.state, words={each.value: each.value for each in sorted(LicenceServerState)}, sort=False,
        ),
        Property(
            name="code", kind=Kind.INTEGER, says="Why it failed: the number of an FG code; 0 otherwise.", example=0,
            column=licence_servers.c.code, filter=False, sort=False,
        ),
        Property(
            name="message", kind=Kind.TEXT, says="What the agent said.", example="installed",
            column=licence_servers.c.message, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="installedRevision", kind=Kind.INTEGER, says="The revision that the agent has, by its own word.",
            example=2, column=licence_servers.c.installed_revision, nullable=True, filter=False, sort=False,
        ),
    ),
)  # fmt: skip
