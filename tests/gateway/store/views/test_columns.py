"""What lists show is what the rest of the store says: identities, small letters, who is there; and totals that are exact as far as they say."""

import unicodedata
from collections import Counter

import pytest
import sqlalchemy as sa

from gateway.store import EXACT, VIEWS, Asked, Compare, Operation, Scope, Store
from gateway.store.folding import fold
from gateway.store.minting import instance_uid
from gateway.store.schema import jobs, workloads
from gateway.store.views.answering import folding_collation, time_text
from gateway.store.views.searching import Dialect
from tests.gateway.store.views.estate import NOW, make_estate

EVERYTHING = Scope.everything()


def test_letters_are_small_alike_everywhere(store: Store) -> None:
    """Every character that Unicode has a small letter for is folded by the database as by `fold`."""
    every = [
        chr(point) for point in range(1, 0x20000) if unicodedata.category(chr(point)) not in ("Cs", "Cn")
    ]
    with store._db.read() as connection:
        postgresql = connection.dialect.name == "postgresql"
        dialect = Dialect(folding_collation(connection) if postgresql else None)
        for start in range(0, len(every), 10_000):
            text = "-".join(every[start : start + 10_000])
            folded = connection.execute(sa.select(dialect.folded(sa.literal(text)))).scalar_one()
            assert folded.split("-") == fold(text).split("-")


def test_agents_are_as_there_as_the_store_says(store: Store) -> None:
    """The status of a connection is judged in SQL as `standing.connection_status` judges it."""
    make_estate(store)
    shown = store.views.page(VIEWS["managementAgents"], Asked(), EVERYTHING, now_ms=NOW).rows
    known = {agent.uid: agent for agent in store.agents.list(now_ms=NOW)}
    assert {row["instanceUid"]: row["connectionStatus"].lower() for row in shown} == {
        uid: agent.status for uid, agent in known.items()
    }
    assert {"online", "inaccessible", "rejected", "unknown"} <= {agent.status for agent in known.values()}
    healths = Counter(row["status"] for row in shown if row["connectionStatus"] == "Online")
    assert healths == {"Healthy": 1, "Warning": 1, "Error": 1}


def test_items_of_the_same_uid_are_not_the_same(store: Store) -> None:
    """Clones report the same uids; each of their items is got by an identity of its own, which anybody can make."""
    estate = make_estate(store)
    rows = store.views.page(VIEWS["jobs"], Asked(), EVERYTHING, now_ms=NOW).rows
    assert len({row["uid"] for row in rows}) < len({row["instanceUid"] for row in rows}) == len(rows)
    for row in rows:
        assert row["instanceUid"] == instance_uid("jobs", row["managementAgentUid"], row["uid"])
    machines = store.views.page(
        VIEWS["protectedWorkloads/virtualMachines"],
        Asked(where=Compare("managementAgentUid", Operation.EQUALS, estate.agents[0].agent_uid)),
        EVERYTHING, now_ms=NOW,
    ).rows  # fmt: skip
    machine = next(row for row in machines if row["jobUid"] is not None)
    job = store.views.get(VIEWS["jobs"], machine["jobUid"], EVERYTHING, now_ms=NOW)
    assert (job["name"], job["managementAgentUid"]) == (machine["jobName"], estate.agents[0].agent_uid)


def test_totals_are_exact_up_to_a_limit(store: Store) -> None:
    """Beyond it the total says so, and pages go on."""
    estate = make_estate(store)
    agent = estate.agents[0]
    row = {
        "agent_id": agent.agent_id, "server_uid": "", "kind": 2, "job_uid": "", "size_bytes": 1, "restore_points": 0,
        "latest_restore_point_ms": 0, "revision": 1,
    }  # fmt: skip
    view = VIEWS["protectedWorkloads/computers"]
    there = store.views.page(view, Asked(), EVERYTHING, now_ms=NOW).total

    def add(first: int, last: int) -> None:
        rows = [
            row
            | {
                "uid": f"x{n}", "name": f"X{n:05}", "name_folded": f"x{n:05}",
                "instance_uid": instance_uid("workloads", agent.agent_uid, f"x{n}"),
            }
            for n in range(first, last)
        ]  # fmt: skip
        with store._db.write() as connection:
            connection.execute(sa.insert(workloads), rows)

    add(there, EXACT)
    page = store.views.page(view, Asked(limit=1), EVERYTHING, now_ms=NOW)
    assert (page.total, page.total_is_exact, len(page.rows)) == (EXACT, True, 1)
    add(EXACT, EXACT + 5)
    page = store.views.page(view, Asked(offset=EXACT, limit=20), EVERYTHING, now_ms=NOW)
    assert (page.total, page.total_is_exact, len(page.rows)) == (EXACT, False, 5)
    begins = Compare("name", Operation.STARTS_WITH, "X")
    page = store.views.page(view, Asked(where=begins, offset=EXACT - there, limit=20), EVERYTHING, now_ms=NOW)
    assert (page.total, page.total_is_exact, len(page.rows)) == (EXACT - there + 5, True, 5)


def test_rows_that_an_older_process_wrote_are_left_out(store: Store) -> None:
    """What has no identity yet can't be got, so it is not listed either; the next full inventory brings it."""
    make_estate(store)
    before = store.views.page(VIEWS["jobs"], Asked(), EVERYTHING, now_ms=NOW).total
    with store._db.write() as connection:
        connection.execute(
            sa.update(jobs).where(jobs.c.uid == "j0").values(instance_uid=None, name_folded=None)
        )
    assert store.views.page(VIEWS["jobs"], Asked(), EVERYTHING, now_ms=NOW).total == before - 9


@pytest.mark.parametrize(
    ("at_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (NOW + 7, "2025-11-24T20:00:00.007Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (2**63 - 1, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times(at_ms: int, text: str) -> None:
    """As RFC 3339 has them, in UTC, to the millisecond; an agent's clock may say anything."""
    assert time_text(at_ms) == text
