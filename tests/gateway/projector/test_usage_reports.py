"""What an agent reports as used: kept as it came, once, and told to who follows the feed."""

import json
import random
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.store.schema_operations import feed, usage_observations
from protocol import Usage, UsageMetric, UsageReport, UsageSubject, batch_id, encode
from tests.gateway.projector.rig import START_MS, Chain, Rig

STORAGE = Usage(
    subject_kind=UsageSubject.CLOUD_TENANT, subject_uid="ct-1", name="ACME", metric=UsageMetric.STORAGE_BYTES,
    value=2**45, observed_ms=7,
).to_row()  # fmt: skip
POINTS = Usage(
    subject_kind=UsageSubject.VM, subject_uid="vm-7", name="sql01", metric=UsageMetric.RESTORE_POINTS,
    value=14, observed_ms=8,
).to_row()  # fmt: skip


def report(chain: Chain, *rows: Any, complete: bool = True, why: str = "") -> bytes:
    """The next batch of a chain."""
    payload = encode(
        UsageReport(
            epoch=chain.epoch, first_sequence=chain.next_sequence, count=1, previous=chain.tip, rows=rows,
            complete=complete, incomplete_why=why,
        )
    )  # fmt: skip
    chain.next_sequence += 1
    chain.tip = batch_id(payload)
    return payload


def observed(rig: Rig) -> list[dict[str, Any]]:
    """What the table holds, without its ids."""
    wanted = [column for column in usage_observations.c if column.name not in ("id", "agent_id", "stream_id")]
    with rig.store._db.read() as connection:
        query = sa.select(*wanted).order_by(usage_observations.c.id)
        return [dict(row) for row in connection.execute(query).mappings()]


def facts(rig: Rig) -> list[tuple[str, str, dict[str, Any]]]:
    """What the feed holds of usage."""
    with rig.store._db.read() as connection:
        rows = connection.execute(sa.select(feed).where(feed.c.kind == "usage").order_by(feed.c.id)).all()
    return [(row.kind, row.key, json.loads(row.payload)) for row in rows]


def test_a_report_is_kept_as_it_came_and_once(rig: Rig) -> None:
    """Every cell has its column; the same report from another journal changes nothing."""
    agent, chain = rig.agent(), Chain()
    payload = report(chain, STORAGE, POINTS)
    rig.journal(agent, payload, tag=UsageReport.tag)
    rig.journal(agent, payload, tag=UsageReport.tag, edge="south")
    rig.drain()

    head = {"epoch": 7, "sequence": 1, "received_ms": START_MS, "complete": True, "why": None}
    assert observed(rig) == [
        head | {"subject_kind": 1, "subject_uid": "ct-1", "name": "ACME", "metric": 1, "value": 2**45, "observed_ms": 7},
        head | {"subject_kind": 4, "subject_uid": "vm-7", "name": "sql01", "metric": 4, "value": 14, "observed_ms": 8},
    ]  # fmt: skip
    [(kind, key, fact)] = facts(rig)
    assert (kind, key) == ("usage", f"{agent.agent_uid}/7/1")
    assert (fact["rows"], fact["complete"], fact["synthetic"]) == (2, True, False)
    assert (7, 1, 2, chain.tip, False) in rig.marks()


def test_what_could_not_be_collected_is_remembered(rig: Rig) -> None:
    """Also of a report that has no row at all."""
    agent, chain = rig.agent(), Chain()
    rig.journal(
        agent,
        report(chain, STORAGE, complete=False, why="repository repo-2 did not answer"),
        report(chain, complete=False, why="nothing answered"),
        tag=UsageReport.tag,
    )
    rig.drain()

    assert [(row["complete"], row["why"]) for row in observed(rig)] == [
        (False, "repository repo-2 did not answer")
    ]
    assert [fact["why"] for _, _, fact in facts(rig)] == [
        "repository repo-2 did not answer",
        "nothing answered",
    ]


def test_a_bad_row_costs_that_row_and_completeness(rig: Rig) -> None:
    """It goes into quarantine with its reason; the others count, and nobody takes them for all there is."""
    agent, chain = rig.agent(), Chain()
    payload = report(chain, STORAGE, POINTS)
    bad = payload.replace(b"\xa4vm-7", b"\xa4vm\x007")
    rig.journal(agent, bad, tag=UsageReport.tag)
    rig.drain()

    assert [row["subject_uid"] for row in observed(rig)] == ["ct-1"]
    assert [(row["complete"], row["why"]) for row in observed(rig)] == [(False, "1 rows are in quarantine")]
    [kept] = rig.store.events.quarantined()
    assert (kept.sequence, kept.tag) == (1, UsageReport.tag)
    assert kept.reason == "1 rows, the first 1 subject_uid: text with NUL in it"


def test_usage_and_events_share_one_numbering(rig: Rig) -> None:
    """A report between two batches of events holds up neither."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a"))
    rig.journal(agent, report(chain, STORAGE), tag=UsageReport.tag)
    rig.journal(agent, chain.cut("b"))
    rig.drain()

    assert rig.texts(agent) == ["a", "b"]
    assert [row["sequence"] for row in observed(rig)] == [2]


LESS = Usage(
    subject_kind=UsageSubject.CLOUD_TENANT, subject_uid="ct-1", name="ACME", metric=UsageMetric.STORAGE_BYTES,
    value=5, observed_ms=9,
).to_row()  # fmt: skip


@pytest.mark.parametrize("later", [False, True])
def test_two_reports_of_one_number_stay_two(rig: Rig, later: bool) -> None:
    """An agent that was reverted says another thing under a number that it used: neither takes the other's rows, and who follows gets each."""
    agent, chain, reverted = rig.agent(), Chain(), Chain()
    first, second = report(chain, STORAGE, POINTS), report(reverted, LESS)
    rig.journal(agent, first, tag=UsageReport.tag)
    if later:  # by then the first one's transaction is over
        rig.drain()
    rig.journal(agent, second, tag=UsageReport.tag)
    rig.journal(agent, second, first, tag=UsageReport.tag, edge="south")
    rig.drain()

    with rig.store._db.read() as connection:
        seen = connection.execute(sa.text("SELECT sequence, branch, subject_uid, value FROM rm_usage")).all()
    branches = {row.branch for row in seen}
    assert len(branches) == 2
    assert sorted((row.branch != 0, row.subject_uid, row.value) for row in seen) == [
        (False, "ct-1", 2**45), (False, "vm-7", 14), (True, "ct-1", 5),
    ]  # fmt: skip
    place, told = rig.store.following.start(), []
    while lines := (page := rig.store.following.read(place))[0]:
        told += [line for line in lines if line.kind == "usage"]
        place = page[1]
    assert [sorted(row["value"] for row in line.body["observations"]) for line in told] == [[14, 2**45], [5]]
    assert [each.value for each in rig.store.usage.latest()] == [5]

    rig.store.usage_chain.erase([agent.agent_uid], by="ann", why="left us", now_ms=9)
    with rig.store._db.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM rm_usage")).scalar() == 0


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_killed_and_read_again_each_report_is_there_once(rig: Rig, seed: int) -> None:
    """An agent that is reverted again and again, two edges' journals that both have what was sent twice, a projector that is killed in between."""
    rng = random.Random(seed)
    agent, branches, sent = rig.agent(), [Chain()], []
    expected: list[int] = []
    for value in range(1, 25):
        chain = rng.choice(branches)
        if rng.random() < 0.3:
            branches.append(chain := chain.fork())
        row = (*LESS[:4], value, *LESS[5:])
        sent.append(report(chain, row))
        expected.append(value)
        rig.journal(agent, sent[-1], tag=UsageReport.tag, edge=rng.choice(("north", "south")))
        if rng.random() < 0.4:
            rig.journal(agent, rng.choice(sent), tag=UsageReport.tag, edge=rng.choice(("north", "south")))
        if rng.random() < 0.3:
            rig.drain()
            rig.new_projector()
    rig.drain()

    with rig.store._db.read() as connection:
        rows = connection.execute(sa.text("SELECT value, epoch, sequence, branch FROM rm_usage")).all()
    assert sorted(row.value for row in rows) == expected
    assert len({(row.epoch, row.sequence, row.branch) for row in rows}) == len(expected)
    with rig.store.usage_history.reading() as history:
        links = list(history.links(0, 1 << 62))
    [walked] = rig.store.usage_chain.walk()
    assert (len(links), walked.links, walked.broken) == (len(expected), len(expected), None)
