"""A site that reports cloud tenants, for tests that map them to companies."""

from collections.abc import Mapping

import attrs

from gateway.store import AgentEntry, Site, Store
from protocol import CloudTenant, ItemKind
from tests.helpers.stores import World, enroll, make_world, open_stream, streams_of

EPOCH = 7


def report_tenants(
    store: Store,
    agent: AgentEntry,
    tenants: Mapping[str, str],
    *,
    received_ms: int,
    revision: int = 1,
    disabled: str = "",
    final: bool = True,
) -> None:
    """Let a site's agent say which tenants there are (uid → name), all of them; the one that is called *disabled* may not connect.

    Not *final*: more parts of the inventory are to come.
    """
    rows = [
        CloudTenant(uid=uid, name=name, enabled=uid != disabled, quota_bytes=1000, used_bytes=10).to_row()
        for uid, name in tenants.items()
    ]
    with store.projection() as p:
        if not streams_of(p, agent, EPOCH):
            open_stream(p, agent, epoch=EPOCH)
        p.inventory.apply(
            agent.agent_id, EPOCH, revision=revision, full=True, final=final, items={ItemKind.CLOUD_TENANT: rows},
            removed=(), received_ms=received_ms,
        )  # fmt: skip


@attrs.frozen(kw_only=True)
class Cloud:
    """A world whose site reported the tenants t1 "Ölund" and t2 "Anker" at 1,000, and t3 "Alt", which is disabled."""

    world: World
    agent: AgentEntry
    site: Site


def make_cloud(store: Store, *, expires_ms: int = 1_000_000) -> Cloud:
    """Fill an empty store with it."""
    world = make_world(store, expires_ms=expires_ms)
    agent = enroll(store, "site", 1)
    report_tenants(store, agent, {"t1": "Ölund", "t2": "Anker", "t3": "Alt"}, received_ms=1000, disabled="t3")
    [site] = store.organizations.list_sites()
    return Cloud(world=world, agent=agent, site=site)
