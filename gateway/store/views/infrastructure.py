"""The estate that jobs run in: backup servers and repositories of customers, and the provider's own sites with their tenants."""

from typing import Final

import sqlalchemy as sa

from gateway.store.onboarding.schema import tenant_mappings
from gateway.store.schema import agents, cloud_tenants, locations, organizations, repositories, servers, sites
from gateway.store.views.agents import CONNECTION, CONNECTION_WORDS, SOURCE
from gateway.store.views.asking import Order
from gateway.store.views.describing import Kind, Property, View
from gateway.store.views.items import from_items, instance, name_of, of_same_agent, own_uid, server_of, whose
from protocol import ServerKind

BACKUP_SERVERS: Final = View(
    name="backupServers", model="BackupServer", says="Backup servers, as their agents report them.",
    key="instanceUid",
    source=from_items(servers),
    organization=agents.c.organization_uid,
    where=sa.and_(servers.c.kind == int(ServerKind.BACKUP_SERVER), servers.c.instance_uid.is_not(None)),
    agent=servers.c.agent_id,
    identity=(servers.c.agent_id, servers.c.uid),
    large=True,
    default_sort=(Order("name"),),
    properties=(
        instance(servers),
        name_of(servers, "backup01"),
        *whose(),
        own_uid(servers),
        Property(
            name="version", kind=Kind.TEXT, says="Of the backup product on it.", example="13.0.1", column=servers.c.version,
            filter=False, sort=False,
        ),
        Property(
            name="operatingSystem", kind=Kind.TEXT, says="Its operating system.", example="Windows Server 2025",
            column=servers.c.os, filter=False, sort=False,
        ),
        Property(
            name="cores", kind=Kind.INTEGER, says="Its logical processors.", example=8, column=servers.c.cores,
            filter=False, sort=False,
        ),
        Property(
            name="memory", kind=Kind.INTEGER, says="Its main memory, in bytes.", example=34359738368,
            column=servers.c.memory_bytes, filter=False, sort=False,
        ),
    ),
)  # fmt: skip

REPOSITORIES: Final = View(
    name="repositories", model="Repository", says="Where backups are kept.",
    key="instanceUid",
    source=from_items(repositories).outerjoin(servers, of_same_agent(servers, repositories, repositories.c.server_uid)),
    organization=agents.c.organization_uid,
    where=repositories.c.instance_uid.is_not(None),
    agent=repositories.c.agent_id,
    identity=(repositories.c.agent_id, repositories.c.uid),
    large=True,
    default_sort=(Order("name"),),
    properties=(
        instance(repositories),
        name_of(repositories, "Main repository"),
        *server_of(),
        *whose(),
        own_uid(repositories),
        Property(
            name="type", kind=Kind.TEXT, says="The backup product's word for what it is.", example="Windows local",
            column=repositories.c.kind, filter=False, sort=False,
        ),
        Property(
            name="capacity", kind=Kind.INTEGER, says="All of it, in bytes.", example=10995116277760,
            column=repositories.c.capacity_bytes,
        ),
        Property(
            name="freeSpace", kind=Kind.INTEGER, says="What is free of it, in bytes.", example=2199023255552,
            column=repositories.c.free_bytes,
        ),
    ),
)  # fmt: skip

SITES: Final = View(
    name="sites", model="Site", says="The provider's cloud-connect servers.",
    key="siteUid",
    source=SOURCE.join(sites, sites.c.agent_id == agents.c.id),
    organization=agents.c.organization_uid,
    default_sort=(Order("siteName"),),
    properties=(
        Property(
            name="siteUid", kind=Kind.UID, says="Its identity.", example="4e6a1f0c-2b3d-4c5e-8f7a-9b0c1d2e3f40",
            column=sites.c.uid,
        ),
        Property(
            name="siteName", kind=Kind.TEXT, says="Its name, for people.", example="cloud01", column=sites.c.name,
        ),
        Property(
            name="managementAgentUid", kind=Kind.UID, says="The agent on it.",
            example="6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11", column=agents.c.uid,
        ),
        Property(
            name="organizationUid", kind=Kind.UID, says="The provider.", example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21",
            column=agents.c.organization_uid,
        ),
        Property(
            name="connectionStatus", kind=Kind.WORD, says="Whether its agent is there.", example="Online",
            column=CONNECTION, words=CONNECTION_WORDS,
        ),
        Property(
            name="createdTime", kind=Kind.TIME, says="When its agent enrolled.", example="2026-11-02T08:15:00.000Z",
            column=sites.c.created_ms,
        ),
    ),
)  # fmt: skip

companies = organizations.alias("companies")

TENANTS: Final = View(
    name="sites/tenants", model="SiteTenant",
    says="Accounts on the provider's sites, as those report them. One that is mapped to a company is that company's.",
    key="instanceUid",
    source=cloud_tenants.join(sites, sites.c.agent_id == cloud_tenants.c.agent_id)
    .join(agents, agents.c.id == sites.c.agent_id)
    .outerjoin(
        tenant_mappings,
        sa.and_(
            tenant_mappings.c.agent_id == cloud_tenants.c.agent_id, tenant_mappings.c.tenant_uid == cloud_tenants.c.uid
        ),
    )
    .outerjoin(companies, companies.c.uid == tenant_mappings.c.company_uid),
    organization=sa.func.coalesce(tenant_mappings.c.company_uid, agents.c.organization_uid),
    where=cloud_tenants.c.instance_uid.is_not(None),
    default_sort=(Order("name"),),
    properties=(
        instance(cloud_tenants),
        Property(name="name", kind=Kind.TEXT, says="The account's name.", example="oelund", column=cloud_tenants.c.name),
        Property(
            name="siteUid", kind=Kind.UID, says="The site that it is on.", example="4e6a1f0c-2b3d-4c5e-8f7a-9b0c1d2e3f40",
            column=sites.c.uid,
        ),
        Property(name="siteName", kind=Kind.TEXT, says="That site's name.", example="cloud01", column=sites.c.name),
        Property(
            name="uid", kind=Kind.TEXT, says="What its site calls it, and the name by which it is mapped.",
            example="1d3f5b7a-9c8e-4d6f-8a0b-2c4e6f8a0b1c", column=cloud_tenants.c.uid,
        ),
        Property(
            name="assignedForCompany", kind=Kind.UID, says="The company that it is mapped to.",
            example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", column=tenant_mappings.c.company_uid, nullable=True,
        ),
        Property(
            name="companyName", kind=Kind.TEXT, says="That company's name.", example="Bäckerei Ölund",
            column=companies.c.name, nullable=True,
        ),
        Property(
            name="isEnabled", kind=Kind.FLAG, says="Whether it may connect.", example=True, column=cloud_tenants.c.enabled,
        ),
        Property(
            name="leaseExpirationDate", kind=Kind.TIME, says="When its lease ends; missing where it does not.",
            example="2027-01-01T00:00:00.000Z", column=cloud_tenants.c.lease_expires_ms, nullable=True, empty=0,
        ),
        Property(
            name="storageQuota", kind=Kind.INTEGER, says="What it may use, in bytes; missing where that is not limited.",
            example=1099511627776, column=cloud_tenants.c.quota_bytes, nullable=True, empty=0,
        ),
        Property(
            name="usedStorageQuota", kind=Kind.INTEGER, says="What it uses, in bytes.", example=934584883609,
            column=cloud_tenants.c.used_bytes,
        ),
        Property(
            name="vmBackups", kind=Kind.INTEGER, says="Virtual machines with backups here.", example=12,
            column=cloud_tenants.c.vm_backups,
        ),
        Property(
            name="serverBackups", kind=Kind.INTEGER, says="Servers with backups here.", example=3,
            column=cloud_tenants.c.server_backups,
        ),
        Property(
            name="workstationBackups", kind=Kind.INTEGER, says="Workstations with backups here.", example=0,
            column=cloud_tenants.c.workstation_backups,
        ),
    ),
)  # fmt: skip

LOCATIONS: Final = View(
    name="locations", model="Location", says="Places of organizations.",
    key="instanceUid",
    source=locations.join(organizations, organizations.c.uid == locations.c.organization_uid),
    organization=locations.c.organization_uid,
    default_sort=(Order("organizationName"), Order("name")),
    properties=(
        Property(
            name="instanceUid", kind=Kind.UID, says="Its identity.", example="a3d2c1b0-9f8e-4d7c-8b6a-5f4e3d2c1b0a",
            column=locations.c.uid,
        ),
        Property(name="name", kind=Kind.TEXT, says="Its name, for people.", example="Backstube", column=locations.c.name),
        Property(
            name="organizationUid", kind=Kind.UID, says="Whose it is.", example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21",
            column=locations.c.organization_uid,
        ),
        Property(
            name="organizationName", kind=Kind.TEXT, says="That organization's name.", example="Bäckerei Ölund",
            column=organizations.c.name,
        ),
        Property(
            name="firewall", kind=Kind.TEXT, says="The product that stands between it and the gateway, as a person recorded it.",
            example="fortinet", column=locations.c.firewall, nullable=True,
        ),
        Property(
            name="createdTime", kind=Kind.TIME, says="When it was recorded.", example="2026-11-02T08:15:00.000Z",
            column=locations.c.created_ms,
        ),
    ),
)  # fmt: skip
