"""What lists of reported items have in common: whose they are, where, and what they are called."""

import sqlalchemy as sa

from gateway.store.schema import agents, organizations, servers
from gateway.store.views.describing import Kind, Property


def of_same_agent(
    table: sa.FromClause, item: sa.FromClause, uid: sa.ColumnElement[str]
) -> sa.ColumnElement[bool]:
    """The row of *table* that an item's agent means by *uid*."""
    return sa.and_(table.c.agent_id == item.c.agent_id, table.c.uid == uid)


def whose() -> tuple[Property, ...]:
    """Whose an item is: the same of every list of items."""
    return (
        Property(
            name="managementAgentUid", kind=Kind.UID, says="The agent that reported it.",
            example="6c0a3cf4-6b1f-4a3e-9f57-0a2f3f5d1c11", column=agents.c.uid, sort=False,
        ),
        Property(
            name="organizationUid", kind=Kind.UID, says="Whose it is.",
            example="0b4f7c0e-3f0d-4d35-9a2e-5f1b3c9d7e21", column=agents.c.organization_uid, sort=False,
        ),
        Property(
            name="organizationName", kind=Kind.TEXT, says="That organization's name.", example="Bäckerei Ölund",
            column=organizations.c.name, nullable=True, filter=False, sort=False,
        ),
        Property(
            name="locationUid", kind=Kind.UID, says="The organization's place where its server is.",
            example="a3d2c1b0-9f8e-4d7c-8b6a-5f4e3d2c1b0a", column=agents.c.location_uid, nullable=True, sort=False,
        ),
    )  # fmt: skip


def from_items(item: sa.FromClause) -> sa.Join:
    """An item with its agent and that one's organization, by outer joins: databases leave out those that a question does not need."""
    return item.outerjoin(agents, agents.c.id == item.c.agent_id).outerjoin(
        organizations, organizations.c.uid == agents.c.organization_uid
    )


def name_of(item: sa.FromClause, example: str) -> Property:
    """The name of an item of which there are very many."""
    return Property(
        name="name", kind=Kind.TEXT, says="Its name, for people.", example=example, column=item.c.name,
        folded=item.c.name_folded,
    )  # fmt: skip


def instance(item: sa.FromClause) -> Property:
    """What an item is known by."""
    return Property(
        name="instanceUid", kind=Kind.UID, says="Its identity in the whole estate.",
        example="f1a7b3de-0a53-5f0e-9b5e-6d5f2c6a4a01", column=item.c.instance_uid, sort=False,
    )  # fmt: skip


def server_of() -> tuple[Property, ...]:
    """The backup server that an item is on."""
    return (
        Property(
            name="backupServerUid", kind=Kind.UID, says="The server that it is on.",
            example="0c9d5a5e-6b1d-5a8e-8e38-0f3f9a3f7c02", column=servers.c.instance_uid, nullable=True, sort=False,
        ),
        Property(
            name="backupServerName", kind=Kind.TEXT, says="That server's name.", example="backup01",
            column=servers.c.name, nullable=True, filter=False, sort=False,
        ),
    )  # fmt: skip


def own_uid(item: sa.FromClause) -> Property:
    """What an item's agent calls it."""
    return Property(
        name="uid", kind=Kind.TEXT, says="What its agent calls it: unique with that agent, and the name by which commands take it.",
        example="5b0d3d7e-2f57-4b52-8d5c-3d1f0b6f9a10", column=item.c.uid, filter=False, sort=False,
    )  # fmt: skip
