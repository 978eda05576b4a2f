"""The chain of usage reports: what is found when somebody has touched it, and what stays when a report is erased."""

from typing import Any

import pytest
import sqlalchemy as sa

from gateway.store import AgentEntry, NotFound, PayloadError, Reported, Store
from gateway.store.billing.chain import packed_payload, unpacked_payload
from gateway.store.billing.schema import metered_workloads, usage_reports
from protocol import UsageSubject
from tests.helpers.stores import enroll, make_world
from tests.helpers.usage import listing, take, tenant


@pytest.fixture
def first(store: Store) -> AgentEntry:
    """The agent whose chain is looked at."""
    make_world(store)
    return enroll(store)


@pytest.fixture
def chained(store: Store, first: AgentEntry) -> Store:
    """Three reports of it, and one of another."""
    second = enroll(store, key=1)
    with store.projection() as p:
        for n in (1, 2, 3):
            take(p, first, n, 1000 * n, listing(first.agent_uid, {(UsageSubject.VM, f"vm{n}"): 5}, 10**6))
        take(p, second, 1, 1500, tenant("t", 5, storage_bytes=1))
    return store


def broken(store: Store) -> list[tuple[str, int, str]]:
    return [
        (each.host_name, each.broken.n, each.broken.why)
        for each in store.usage_chain.walk()
        if each.broken is not None
    ]


def change(store: Store, n: int, **values: Any) -> None:
    with store._db.write() as connection:
        agent_id = connection.execute(sa.select(sa.func.min(usage_reports.c.agent_id))).scalar_one()
        which = (usage_reports.c.agent_id == agent_id) & (usage_reports.c.n == n)
        if values:
            connection.execute(sa.update(usage_reports).where(which).values(values))
        else:
            connection.execute(sa.delete(usage_reports).where(which))


def stored(store: Store, n: int) -> Any:
    with store._db.read() as connection:
        query = sa.select(usage_reports).where(usage_reports.c.n == n).order_by(usage_reports.c.agent_id)
        return connection.execute(query).first()


def test_a_chain_that_nobody_touched_holds(chained: Store) -> None:
    """Of every agent that has one, each with its newest link."""
    assert broken(chained) == []
    walked, second = chained.usage_chain.walk()
    assert (walked.host_name, walked.links, walked.erased) == ("backup0000", 3, 0)
    assert walked.link == stored(chained, 3).link != second.link
    assert [each.host_name for each in chained.usage_chain.walk(second.agent_uid)] == ["backup0001"]
    with pytest.raises(NotFound):
        list(chained.usage_chain.walk("nobody"))


def altered(store: Store, n: int) -> bytes:
    """The report of a link with another figure."""
    return packed_payload(unpacked_payload(stored(store, n).payload).replace(b'"vm2"', b'"vm9"'))


@pytest.mark.parametrize(
    ("values", "n", "why"),
    [
        ({"payload": b"x"}, 2, "cannot be read"),
        ({"payload": packed_payload(b"[1]")}, 2, "cannot be read"),
        ({"salt": bytes(32)}, 2, "not the one that was linked"),
        ({"digest": bytes(32)}, 2, "does not follow"),
        ({"link": bytes(32)}, 2, "does not follow"),
        ({"received_ms": 2001}, 2, "say something else"),
        ({"listed": False}, 2, "say something else"),
        ({"payload": None, "salt": None}, 2, "nobody has erased it"),
        ({"erased_ms": 5}, 2, "and is there"),
        ({}, 3, "link 2 is missing: after 1 comes 3"),
    ],
)
def test_whatever_is_touched_is_found(chained: Store, values: dict[str, Any], n: int, why: str) -> None:
    """The first link that is wrong is named; other chains hold."""
    change(chained, 2, **values)
    [(host, number, says)] = broken(chained)
    assert (host, number) == ("backup0000", n)
    assert why in says


def test_another_figure_is_found(chained: Store) -> None:
    """Though the report can be read."""
    change(chained, 2, payload=altered(chained, 2))
    [(_, number, says)] = broken(chained)
    assert (number, says) == (2, "its report is not the one that was linked")


def rows_of(store: Store, table: sa.Table) -> int:
    with store._db.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_erasing_keeps_the_chain(chained: Store) -> None:
    """Nothing of the report is left but digest and link; what came later stays; the deed is in the audit."""
    walked, _ = chained.usage_chain.walk()
    assert (
        chained.usage_chain.erase([walked.agent_uid], by="ann", why="left us", now_ms=9, before_ms=3000) == 2
    )
    gone = stored(chained, 2)
    assert (gone.salt, gone.payload, gone.erased_ms) == (None, None, 9)
    assert broken(chained) == []
    [after] = chained.usage_chain.walk(walked.agent_uid)
    assert (after.links, after.erased, after.link) == (3, 2, walked.link)
    assert rows_of(chained, metered_workloads) == 3
    assert chained.usage_chain.erase([walked.agent_uid], by="ann", why="left us", now_ms=10) == 1
    assert rows_of(chained, metered_workloads) == 0
    assert [entry.about for entry in chained.audit.list()][:2] == [
        "1 reports of 1 agents",
        "2 reports of 1 agents",
    ]


def test_the_same_report_is_linked_once(chained: Store, first: AgentEntry) -> None:
    """Also when it comes out of another journal, at another time; and what is erased does not come back."""
    with chained.projection() as p:
        take(p, first, 3, 9999, listing(first.agent_uid, {(UsageSubject.VM, "vm3"): 5}, 10**6))
    assert next(chained.usage_chain.walk()).links == 3
    chained.usage_chain.erase([first.agent_uid], by="ann", why="left us", now_ms=9)
    with chained.projection() as p:
        take(p, first, 3, 9999, listing(first.agent_uid, {(UsageSubject.VM, "vm4"): 5}, 10**6))
    assert (next(chained.usage_chain.walk()).links, stored(chained, 3).payload) == (3, None)


def test_another_reading_of_a_report_is_a_link_of_its_own(chained: Store, first: AgentEntry) -> None:
    """The former stays, and says which one counts."""
    with chained.projection() as p:
        take(p, first, 2, 2000, listing(first.agent_uid, {(UsageSubject.VM, "vm7"): 5}, 10**6))
    assert (stored(chained, 2).superseded_by, next(chained.usage_chain.walk()).links) == (4, 4)
    assert broken(chained) == []
    with chained.usage_history.reading() as history:
        read = [
            link.n for _, link, report in history.reports([stored(chained, 4).agent_id], 0, 10**6) if report
        ]
    assert read == [1, 3, 4]


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b'{"rows":5}', b"\xff", b"[" * 10_000])
def test_a_payload_that_is_none_is_refused(payload: bytes) -> None:
    """By one exception."""
    with pytest.raises(PayloadError):
        Reported.read(payload)
    with pytest.raises(PayloadError):
        unpacked_payload(payload)
