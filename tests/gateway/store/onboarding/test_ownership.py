"""Whose each cloud tenant was, and when: whatever is mapped, taken back and repaired, held against a plain list of moments."""

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway.store import Held, Move, Store
from gateway.store.onboarding.ownership import MappingChange, held
from gateway.store.onboarding.schema import mapping_changes
from tests.helpers.tenants import Cloud, make_cloud

NOW = 2000
MOMENTS = 12

said = st.lists(
    st.tuples(st.sampled_from("tu"), st.integers(0, MOMENTS - 1), st.sampled_from(["anker", "birke", None])), max_size=12
)  # fmt: skip


@given(said)
def test_a_moment_has_the_owner_that_was_said_last_of_it(said: list[tuple[str, int, str | None]]) -> None:
    """And one alone; stretches follow each other, and none is empty."""
    plain: dict[str, list[str | None]] = {tenant: [None] * (MOMENTS + 5) for tenant in "tu"}
    changes = []
    for n, (tenant, since, company) in enumerate(said, 1):
        plain[tenant][since:] = [company] * (MOMENTS + 5 - since)
        changes.append(
            MappingChange(
                n=n,
                at_ms=MOMENTS,
                since_ms=since,
                agent_id=1,
                site_uid="s",
                tenant_uid=tenant,
                company_uid=company,
            )
        )
    found = held(changes)
    for tenant, owners in plain.items():
        stretches = found.get((1, tenant), [])
        for ms, owner in enumerate(owners):
            assert [each.company_uid for each in stretches if each.at(ms)] == (
                [] if owner is None else [owner]
            )
        assert all(each.to_ms is None or each.from_ms < each.to_ms for each in stretches)
        assert stretches == sorted(stretches, key=lambda each: each.from_ms)


@pytest.fixture
def cloud(store: Store) -> Cloud:
    return make_cloud(store)


def owners(store: Store, cloud: Cloud, tenant: str = "t1") -> list[Held]:
    with store.usage_history.reading() as history:
        return [each.held for each in history.owned(0, 10_000) if each.tenant_uid == tenant]


def changes(store: Store) -> list[dict[str, Any]]:
    with store._db.read() as connection:
        return [dict(row) for row in connection.execute(sa.select(mapping_changes).order_by("n")).mappings()]


def test_what_is_mapped_taken_back_and_repaired_is_all_there(store: Store, cloud: Cloud) -> None:
    """Each from its own moment on; a repair from the day that it names, though not from before the mistake. Nothing is in the log twice."""
    site, first = cloud.site.uid, cloud.world.company.uid
    other = store.companies.add("Anker", by="bo", now_ms=1)
    store.mappings.map(site, "t1", first, by="bo", now_ms=NOW)
    store.mappings.map(site, "t1", first, by="bo", now_ms=NOW + 1)
    store.mappings.unmap(site, "t1", by="bo", now_ms=NOW + 100)
    store.mappings.map(site, "t1", first, by="bo", now_ms=NOW + 200)
    assert owners(store, cloud) == [Held(first, NOW, NOW + 100), Held(first, NOW + 200, 10_000)]

    move = Move(from_uid=first, to_uid=other.uid, tenants=((site, "t1"),))
    store.remapping.move(move, why="typing error", by="bo", now_ms=NOW + 300)
    assert owners(store, cloud)[1:] == [Held(first, NOW + 200, NOW + 300), Held(other.uid, NOW + 300, 10_000)]

    back = Move(from_uid=other.uid, to_uid=first, tenants=((site, "t1"),), since_ms=1)
    store.remapping.move(back, why="it was right", by="bo", now_ms=NOW + 400)
    assert owners(store, cloud)[2:] == [Held(first, NOW + 300, 10_000)]
    assert [row["n"] for row in changes(store)] == [1, 2, 3, 4, 5]
    [mapping] = store.mappings.of_company(first)
    assert mapping.mapped_ms == NOW + 300


@pytest.mark.parametrize(
    "harm",
    [
        sa.update(mapping_changes).where(mapping_changes.c.n == 2).values(company_uid="x"),
        sa.update(mapping_changes).where(mapping_changes.c.n == 2).values(since_ms=5),
        sa.update(mapping_changes).where(mapping_changes.c.n == 2).values(link=bytes(32)),
        sa.delete(mapping_changes).where(mapping_changes.c.n == 2),
    ],
)
def test_a_log_that_somebody_touched_is_found(store: Store, cloud: Cloud, harm: Any) -> None:
    """From the first change on that is not what was said."""
    for now_ms in (NOW, NOW + 10):
        store.mappings.map(cloud.site.uid, "t1", cloud.world.company.uid, by="bo", now_ms=now_ms)
        store.mappings.unmap(cloud.site.uid, "t1", by="bo", now_ms=now_ms + 5)
    whole = store.ownership.walk()
    assert (whole.changes, whole.broken) == (4, None)
    with store._db.write() as connection:
        connection.execute(harm)
    assert store.ownership.walk().broken == 2
