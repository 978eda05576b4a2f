"""Inventories: the tables say what the agent's newest inventory says."""

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.store import AgentEntry, CloudTenant, Store
from gateway.store.inventory import COLUMNS, FOLDED
from gateway.store.schema import metadata
from protocol import CloudTenant as CloudTenantRow
from protocol import ItemKind, Job, Repository, Server, ServerKind, Workload, WorkloadKind
from tests.helpers.stores import enroll, make_world, open_stream, streams_of

ROW_CLASSES = {
    ItemKind.SERVER: Server,
    ItemKind.REPOSITORY: Repository,
    ItemKind.WORKLOAD: Workload,
    ItemKind.JOB: Job,
    ItemKind.CLOUD_TENANT: CloudTenantRow,
}


@pytest.fixture
def agent(store: Store) -> AgentEntry:
    make_world(store)
    return enroll(store)


def server(uid: str, name: str = "host") -> Sequence[Any]:
    return Server(
        uid=uid, name=name, kind=ServerKind.HYPERVISOR, version="8", os="Debian 12", cores=8, memory_bytes=64
    ).to_row()


def workload(uid: str) -> Sequence[Any]:
    return Workload(
        uid=uid, server_uid="s", name=uid, kind=WorkloadKind.VM, job_uid="j", size_bytes=5
    ).to_row()


def apply(
    store: Store,
    agent: AgentEntry,
    revision: int,
    items: dict[ItemKind, list[Sequence[Any]]] | None = None,
    *,
    epoch: int = 7,
    full: bool = True,
    final: bool = True,
    removed: Sequence[tuple[int, str]] = (),
) -> bool:
    with store.projection() as p:
        if not streams_of(p, agent, epoch):
            open_stream(p, agent, epoch=epoch)
        return p.inventory.apply(
            agent.agent_id, epoch, revision=revision, full=full, final=final, items=items or {}, removed=removed,
            received_ms=5000 + revision,
        )  # fmt: skip


def uids(store: Store, agent: AgentEntry, kind: ItemKind = ItemKind.SERVER) -> list[str]:
    table = metadata.tables[COLUMNS[kind][0]]
    query = sa.select(table.c.uid).where(table.c.agent_id == agent.agent_id).order_by(table.c.uid)
    with store._db.read() as connection:
        return list(connection.execute(query).scalars())


def test_tables_have_the_protocols_columns() -> None:
    """The cells of a row go into columns of the same name, in the same order."""
    for kind, (table, columns) in COLUMNS.items():
        assert tuple(ROW_CLASSES[kind].__annotations__) == columns
        assert [column.name for column in metadata.tables[table].columns] == [
            "agent_id",
            *columns,
            "revision",
            "instance_uid",
            *(["name_folded"] if kind in FOLDED else []),
        ]


def test_every_kind_of_item_is_kept(store: Store, agent: AgentEntry) -> None:
    """All cells of all kinds, flags and empty texts included."""
    items: dict[ItemKind, list[Sequence[Any]]] = {
        ItemKind.SERVER: [server("s")],
        ItemKind.REPOSITORY: [Repository(uid="r", server_uid="s", name="n", kind="xfs", capacity_bytes=9, free_bytes=1).to_row()],
        ItemKind.WORKLOAD: [workload("w")],
        ItemKind.JOB: [Job(uid="j", server_uid="s", name="nightly", kind="vm", enabled=True, last_run_ms=3).to_row()],
        ItemKind.CLOUD_TENANT: [CloudTenantRow(uid="t", name="tenant", enabled=False, quota_bytes=9).to_row()],
    }  # fmt: skip
    assert apply(store, agent, 1, items)
    for kind, (expected,) in items.items():
        name, columns = COLUMNS[kind]
        with store._db.read() as connection:
            row = connection.execute(
                sa.select(*[metadata.tables[name].c[column] for column in columns])
            ).one()
        assert tuple(row) == tuple(expected), kind


def test_a_full_inventory_replaces_when_its_last_part_is_in(store: Store, agent: AgentEntry) -> None:
    """Until then what was known stays; what no part names is gone then."""
    apply(store, agent, 1, {ItemKind.SERVER: [server("a"), server("b")], ItemKind.WORKLOAD: [workload("w")]})
    apply(store, agent, 2, {ItemKind.SERVER: [server("b", "renamed")]}, final=False)
    assert uids(store, agent) == ["a", "b"]
    apply(store, agent, 2, {ItemKind.SERVER: [server("c")]})
    assert uids(store, agent) == ["b", "c"]
    assert uids(store, agent, ItemKind.WORKLOAD) == []


def test_a_delta_changes_what_it_names(store: Store, agent: AgentEntry) -> None:
    """Written, removed, and everything else as it was; removing what is not there is no error."""
    apply(store, agent, 1, {ItemKind.SERVER: [server("a"), server("b")], ItemKind.WORKLOAD: [workload("w")]})
    removed = [(ItemKind.SERVER, "a"), (ItemKind.JOB, "never was")]
    apply(store, agent, 2, {ItemKind.SERVER: [server("c")]}, full=False, removed=removed)
    assert uids(store, agent) == ["b", "c"]
    assert uids(store, agent, ItemKind.WORKLOAD) == ["w"]


def test_an_older_revision_is_passed_over(store: Store, agent: AgentEntry) -> None:
    """It was in a journal that was read late."""
    assert apply(store, agent, 5, {ItemKind.SERVER: [server("new")]})
    assert not apply(store, agent, 4, {ItemKind.SERVER: [server("old")]})
    assert not apply(store, agent, 3, full=False, removed=[(ItemKind.SERVER, "new")])
    assert uids(store, agent) == ["new"]


def test_a_reverted_agent_counts_anew(store: Store, agent: AgentEntry) -> None:
    """In a newer epoch a lower revision is the newer inventory; what is left of the older epoch comes too late."""
    apply(store, agent, 900, {ItemKind.SERVER: [server("before")]}, epoch=7)
    assert apply(store, agent, 3, {ItemKind.SERVER: [server("after")]}, epoch=2)
    assert uids(store, agent) == ["after"]
    assert not apply(store, agent, 901, {ItemKind.SERVER: [server("before")]}, epoch=7)
    assert uids(store, agent) == ["after"]


def test_agents_do_not_touch_one_another(store: Store, agent: AgentEntry) -> None:
    """Two customers may use the same uids."""
    other = enroll(store, key=2)
    for owner in (agent, other):
        apply(store, owner, 1, {ItemKind.SERVER: [server("a"), server("b")]})
    apply(store, agent, 2, {ItemKind.SERVER: [server("a")]})
    assert uids(store, agent) == ["a"]
    assert uids(store, other) == ["a", "b"]


def test_cloud_tenants_belong_to_the_agents_site(store: Store, agent: AgentEntry) -> None:
    """They show under the site; a client's agent that claims some shows none."""
    site_agent = enroll(store, "site", 2)
    row = CloudTenantRow(
        uid="t", name="Ölund", enabled=True, quota_bytes=100, used_bytes=40, vm_backups=3, server_backups=2,
        workstation_backups=1, lease_expires_ms=77,
    ).to_row()  # fmt: skip
    for owner in (agent, site_agent):
        apply(store, owner, 1, {ItemKind.CLOUD_TENANT: [row]})
    (site,) = store.organizations.list_sites()
    expected = CloudTenant(
        site_uid=site.uid, uid="t", name="Ölund", enabled=True, quota_bytes=100, used_bytes=40, vm_backups=3,
        server_backups=2, workstation_backups=1, lease_expires_ms=77,
    )  # fmt: skip
    assert store.organizations.list_cloud_tenants() == [expected]
    assert store.organizations.list_cloud_tenants(site.uid) == [expected]
    assert store.organizations.list_cloud_tenants("no site") == []
