"""Random histories of reports, in random order and some of them twice, held against counting everything at every moment from a plain list."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest

from certs import StatementSigner
from gateway.billing import Books, Period
from gateway.store import WORKLOAD_TYPES, AgentEntry, Store
from protocol import UsageSubject
from tests.helpers.stores import enroll, make_world
from tests.helpers.usage import DAY_MS, HOUR_MS, listing, take

ZONE = ZoneInfo("America/New_York")
BEGIN_MS = Period.of_month("2026-08", ZONE).from_ms - 20 * DAY_MS
DAYS = 110
MONTHS = ("2026-07", "2026-08", "2026-09", "2026-10")
LIMIT_MS = 31 * DAY_MS

Workload = tuple[UsageSubject, str]


@attrs.frozen
class Told:
    """A report that lists workloads: what the test remembers of it."""

    company: str
    agent: AgentEntry
    number: int
    at_ms: int
    ages: dict[Workload, int | None]


@pytest.fixture
def agents(store: Store) -> dict[str, list[AgentEntry]]:
    """Three companies with two agents each."""
    make_world(store)
    found = {}
    for n in range(3):
        company = store.organizations.add_company(f"Company {n}", now_ms=1)
        store.tokens.add(
            f"t{n}", b"public", kind="client", organization_uid=company.uid, location_uid=None,
            expires_ms=1 << 50, max_uses=9, synthetic=False, now_ms=1,
        )  # fmt: skip
        found[company.uid] = [
            enroll(store, f"t{n}", 10 * n + m, agent_kind="client", listener_kind="remote") for m in range(2)
        ]
    return found


def history(rng: random.Random, agents: dict[str, list[AgentEntry]]) -> Iterator[Told]:
    """Agents that report nearly daily, fall silent for weeks, gain and lose workloads, whose backups work or do not."""
    pool = [*product((UsageSubject.VM, UsageSubject.SERVER, UsageSubject.M365_USER), "abcd")]
    for company, theirs in agents.items():
        for agent in theirs:
            age: dict[Workload, int | None] = {}
            number, day = 0, rng.randrange(30)
            while day < DAYS:
                for workload in pool:
                    if rng.random() < 0.1:
                        age.pop(workload, None)
                    if rng.random() < 0.15:
                        age[workload] = rng.choice((None, 0, HOUR_MS, 20 * DAY_MS, LIMIT_MS, LIMIT_MS + 1))
                number += 1
                at_ms = BEGIN_MS + day * DAY_MS + rng.choice((0, 0, 1, 5 * HOUR_MS, rng.randrange(DAY_MS)))
                yield Told(company, agent, number, at_ms, dict(age))
                day += rng.choice((1, 1, 1, 2, 3, rng.randrange(4, 50)))


def month_of(at_ms: int) -> tuple[int, int]:
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZONE)
    return at.year, at.month


def at_the_moment(
    theirs: list[Told], kind: UsageSubject, at_ms: int, first: dict[tuple[str, Workload], int]
) -> tuple[int, int, int]:
    """Rental, new and used at one moment."""
    newest: dict[str, Told] = {}
    for each in sorted(theirs, key=lambda each: (each.at_ms, each.number)):
        if each.at_ms <= at_ms:
            newest[each.agent.agent_uid] = each
    in_use = [
        (uid, workload)
        for uid, each in newest.items()
        for workload, age in each.ages.items()
        if workload[0] is kind and age is not None and age + at_ms - each.at_ms <= LIMIT_MS
    ]
    new = sum(month_of(first[key]) == month_of(at_ms) for key in in_use)
    return len(in_use) - new, new, len(in_use)


def counted(told: list[Told], month: str) -> dict[str, dict[str, tuple[int, int, int]]]:
    """By company and type: rental, new and used at the peak."""
    first: dict[tuple[str, Workload], int] = {}
    for each in told:
        for workload, age in each.ages.items():
            if age is not None and age <= LIMIT_MS:
                key = (each.agent.agent_uid, workload)
                first[key] = min(each.at_ms, first.get(key, each.at_ms))
    year, number = map(int, month.split("-"))
    within = [each for each in told if month_of(each.at_ms) == (year, number)]
    found: dict[str, dict[str, tuple[int, int, int]]] = {}
    for company, kind in product({each.company for each in within}, WORKLOAD_TYPES):
        theirs = [each for each in within if each.company == company]
        moments = [
            at_the_moment(theirs, kind, at_ms, first) for at_ms in sorted({each.at_ms for each in theirs})
        ]
        best = max(moments, key=lambda counts: (counts[0], counts[2]))  # of equals, the first
        if best[2]:
            found.setdefault(company, {})[WORKLOAD_TYPES[kind]] = best
    return found


def billed(document: dict[str, Any]) -> dict[str, dict[str, tuple[int, int, int]]]:
    """The same of a statement."""
    return {
        company["uid"]: {
            line["type"]: (line["rentalCount"], line["newCount"], line["usedCount"])
            for line in company["workloads"]
        }
        for company in document["companies"]
        if company["workloads"]
    }


def nobody() -> tuple[StatementSigner, tuple[bytes, ...]]:
    raise AssertionError("nothing is to be signed")


@pytest.mark.parametrize("seed", range(8))
def test_a_statement_is_what_counting_says(
    store: Store, agents: dict[str, list[AgentEntry]], seed: int
) -> None:
    """Of every month, by whatever order the journals were read in."""
    rng = random.Random(seed)
    told = [*history(rng, agents)]
    arrivals = told + rng.choices(told, k=20)
    rng.shuffle(arrivals)
    with store.projection() as p:
        for each in arrivals:
            observed_ms = each.at_ms + rng.choice((-1, 1)) * rng.randrange(
                1000 * DAY_MS
            )  # a clock that is wrong
            take(
                p, each.agent, each.number, each.at_ms, listing(each.agent.agent_uid, each.ages, observed_ms)
            )
    books = Books(store=store, zone=ZONE, signing=nobody, now=lambda: 0)
    for month in MONTHS:
        assert billed(books.statement(Period.of_month(month, ZONE))) == counted(told, month), month
    assert all(walked.broken is None for walked in store.usage_chain.walk())
