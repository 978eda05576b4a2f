"""Management agents: who they are, what was decided about them, and whether they are there."""

from typing import Final

import sqlalchemy as sa

from gateway.store.schema import agents, claims, edges, inventories, locations, organizations
from gateway.store.standing import MISSED_HEARTBEATS, Standing
from gateway.store.views.asking import Order
from gateway.store.views.describing import NOW, Kind, Property, View
from protocol import Health

ONLINE, INACCESSIBLE, REJECTED, UNKNOWN, UNVERIFIED = range(5)
HEALTHY, WARNING, ERROR, AWAY, NEVER_THERE = range(5)

# What gateway.store.standing.connection_status says, in SQL; a test holds the two against each other.
CONNECTION: Final = sa.case(
    (agents.c.standing.in_((Standing.REJECTED, Standing.REVOKED)), REJECTED),
    (agents.c.standing != Standing.VERIFIED, UNVERIFIED),
    (claims.c.agent_uid.is_(None), UNKNOWN),
    (
        sa.and_(
            claims.c.ended_ms.is_(None),
            edges.c.lease_until_ms > NOW,
            NOW - claims.c.last_heartbeat_ms <= MISSED_HEARTBEATS * claims.c.heartbeat_ms,
        ),
        ONLINE,
    ),
    else_=INACCESSIBLE,
)
CONNECTION_WORDS: Final = {
    "Online": ONLINE,
    "Inaccessible": INACCESSIBLE,
    "Rejected": REJECTED,
    "Unknown": UNKNOWN,
    "Unverified": UNVERIFIED,
}
STATUS: Final = sa.case(
    (sa.and_(CONNECTION == ONLINE, claims.c.health == Health.WARNING), WARNING),
    (sa.and_(CONNECTION == ONLINE, claims.c.health == Health.ERROR), ERROR),
    (CONNECTION == ONLINE, HEALTHY),
    (CONNECTION == INACCESSIBLE, AWAY),
    else_=NEVER_THERE,
)
SOURCE: Final = (
    agents.outerjoin(organizations, organizations.c.uid == agents.c.organization_uid)
    .outerjoin(locations, locations.c.uid == agents.c.location_uid)
    .outerjoin(claims, claims.c.agent_uid == agents.c.uid)
    .outerjoin(edges, edges.c.uid == claims.c.edge_uid)
    .outerjoin(inventories, inventories.c.agent_id == agents.c.id)
)
WAITING: Final = {
    "Rejected": Standing.REJECTED.value,
    "Unverified": Standing.UNVERIFIED.value,
}
STANDINGS: Final = {
    "Rejected": Standing.REJECTED.value,
    "Revoked": Standing.REVOKED.value,
    "Unverified": Standing.UNVERIFIED.value,
    "Verified": Standing.VERIFIED.value,
}

WHO: Final = (
    Property(
        name="instanceUid", kind=Kind.UID, says="The agent's uid, which its certificate carries.",
        example="6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11", column=agents.c.uid,
    ),
    Property(
        name="organizationUid", kind=Kind.UID, says="Whose agent it is: a company's, or the provider's.",
        example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", column=agents.c.organization_uid,
    ),
    Property(
        name="organizationName", kind=Kind.TEXT, says="The organization's name.", example="Bäckerei Ölund",
        column=organizations.c.name, nullable=True,
    ),
    Property(
        name="locationUid", kind=Kind.UID, says="The organization's place where it is.",
        example="a3d2c1b0-9f8e-4d7c-8b6a-5f4e3d2c1b0a", column=agents.c.location_uid, nullable=True,
    ),
    Property(
        name="locationName", kind=Kind.TEXT, says="The place's name.", example="Backstube",
        column=locations.c.name, nullable=True,
    ),
    Property(
        name="hostName", kind=Kind.TEXT, says="What its server last called itself.", example="backup01",
        column=agents.c.host_name,
    ),
    Property(
        name="version", kind=Kind.TEXT, says="The agent's version, as it last said.", example="0.1.0",
        column=agents.c.agent_version,
    ),
    Property(
        name="platform", kind=Kind.TEXT, says="The server's operating system, as of enrolling.", example="linux",
        column=agents.c.platform,
    ),
    Property(
        name="installationUid", kind=Kind.TEXT, says="Of the installation; two agents that have the same are copies of one machine.",
        example="d9b7f3a4-1c55-4c6c-9c39-7f6f7a1f2b33", column=agents.c.installation_uid,
    ),
    Property(
        name="type", kind=Kind.WORD, says="Client on a customer's backup server, CloudConnect on a site of the provider's.",
        example="Client", column=agents.c.kind, words={"Client": "client", "CloudConnect": "site"},
    ),
    Property(
        name="enrolledTime", kind=Kind.TIME, says="When it enrolled.", example="2026-11-02T08:15:00.000Z",
        column=agents.c.enrolled_ms,
    ),
    Property(
        name="isSynthetic", kind=Kind.FLAG, says="A simulated agent, which is never billed.", example=False,
        column=agents.c.synthetic,
    ),
)  # fmt: skip

MANAGEMENT_AGENTS: Final = View(
    name="managementAgents", model="ManagementAgent",
    says="The agents, one row for each that ever enrolled.",
    key="instanceUid",
    source=SOURCE,
    organization=agents.c.organization_uid,
    default_sort=(Order("hostName"),),
    properties=(
        *WHO,
        Property(
            name="standing", kind=Kind.WORD, says="What was decided about it.", example="Verified",
            column=agents.c.standing, words=STANDINGS,
        ),
        Property(
            name="connectionStatus", kind=Kind.WORD,
            says="Whether it is there: Unknown where it never had a session, Unverified where nobody has accepted it yet.",
            example="Online", column=CONNECTION, words=CONNECTION_WORDS,
        ),
        Property(
            name="status", kind=Kind.WORD, says="How it judges itself, while it is there.", example="Healthy",
            column=STATUS,
            words={
                "Healthy": HEALTHY, "Warning": WARNING, "Error": ERROR, "Inaccessible": AWAY, "Unknown": NEVER_THERE,
            },
        ),
        Property(
            name="lastHeartbeatTime", kind=Kind.TIME, says="When it was last heard of, to half a minute.",
            example="2026-11-24T20:00:00.000Z", column=claims.c.last_heartbeat_ms, nullable=True,
        ),
        Property(
            name="lastInventoryTime", kind=Kind.TIME, says="When its inventory last came.",
            example="2026-11-24T19:30:00.000Z", column=inventories.c.updated_ms, nullable=True,
        ),
        Property(
            name="clockOffset", kind=Kind.INTEGER, says="Its clock minus the gateway's, in milliseconds.", example=-120,
            column=claims.c.clock_offset_ms, nullable=True,
        ),
        Property(
            name="address", kind=Kind.TEXT, says="Where its session came from.", example="203.0.113.7",
            column=claims.c.address, nullable=True,
        ),
        Property(
            name="edgeName", kind=Kind.TEXT, says="The gateway that has, or last had, its session.", example="edge",
            column=edges.c.name, nullable=True,
        ),
    ),
)  # fmt: skip

UNVERIFIED_AGENTS: Final = View(
    name="unverifiedAgents", model="UnverifiedAgent",
    says="The agents that wait to be accepted, and those that were turned away until they are.",
    key="instanceUid",
    source=SOURCE,
    organization=agents.c.organization_uid,
    where=agents.c.standing.in_(tuple(WAITING.values())),
    default_sort=(Order("enrolledTime", descending=True),),
    properties=(
        *WHO,
        Property(
            name="standing", kind=Kind.WORD, says="Unverified, or Rejected.", example="Unverified",
            column=agents.c.standing, words=WAITING,
        ),
        Property(
            name="code", kind=Kind.INTEGER, says="Why: the number of an FG code.", example=2112, column=agents.c.code,
        ),
    ),
)  # fmt: skip
