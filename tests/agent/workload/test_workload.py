"""A synthetic estate is the same for the same seed, however it is played, and looks like a real one."""

import collections
import itertools
import statistics
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.facts import SECTIONS, Facts, Source
from agent.workload import Estate, Site
from agent.workload.schedule import DAY_MS, HOUR_MS, Daily, Every, weekday
from protocol import (
    CloudTenant,
    EventBatch,
    EventKind,
    Inventory,
    InventoryMode,
    Job,
    JobEvent,
    JobStatus,
    Repository,
    Row,
    decode,
    encode,
)

NOW_MS = 1_790_000_000_000
"""Monday, 21 September 2026, 14:13:20 UTC."""

KIND, WORKLOAD, STATUS, ATTEMPT, CODE, MESSAGE = 1, 4, 5, 6, 10, 11
"""Cells of a job event that are read by the thousand here."""

SOURCES: tuple[Callable[[int, int], Source], ...] = (Estate, Site)
make_source = st.sampled_from(SOURCES)


def events(rows: Iterable[Row]) -> list[JobEvent]:
    return [JobEvent.from_row(row) for row in rows]


@given(
    make_source, st.integers(0, 10_000), st.lists(st.integers(0, 3 * DAY_MS), max_size=6), st.integers(1, 50)
)
@settings(max_examples=25)
def test_cutting_time_changes_nothing(
    make: Callable[[int, int], Source], seed: int, cuts: list[int], limit: int
) -> None:
    """The same seed gives the same events, whether time passes at once, in pieces, or a few events at a time."""
    whole = make(seed, NOW_MS).advance(NOW_MS + 3 * DAY_MS)

    pieces, source = [], make(seed, NOW_MS)
    for cut in [*sorted(cuts), 3 * DAY_MS]:
        while rows := source.advance(NOW_MS + cut, limit):
            pieces += rows

    assert pieces == whole


@given(make_source, st.integers(0, 10_000), st.integers(0, 400))
@settings(max_examples=25)
def test_skip_goes_on_where_it_was(make: Callable[[int, int], Source], seed: int, seen: int) -> None:
    """After a crash an estate that skips what was stored says exactly the rest."""
    whole = make(seed, NOW_MS).advance(NOW_MS + 4 * DAY_MS)
    seen = min(seen, len(whole))

    again = make(seed, NOW_MS)
    again.skip(seen)

    assert again.advance(NOW_MS + 4 * DAY_MS) == whole[seen:]


@pytest.mark.parametrize("make", [Estate, Site])
def test_all_rows_are_valid_on_the_wire(make: Callable[[int, int], Source]) -> None:
    """No row that a source makes is ever quarantined, and a month of life does not change that."""
    for seed in range(4):
        source = make(seed, NOW_MS)
        rows = source.advance(NOW_MS + 30 * DAY_MS)
        payload = encode(
            EventBatch(epoch=1, first_sequence=1, count=500, previous=bytes(16), rows=rows[:500])
        )
        message = decode(EventBatch.tag, payload)
        assert isinstance(message, EventBatch)
        assert not message.invalid
        for facts in (source.inventory(), source.changes()):
            for n, part in enumerate(facts.parts()):
                inventory = Inventory(
                    epoch=1, first_sequence=1, count=1, previous=bytes(16), revision=1, mode=InventoryMode.FULL, part=n,
                    final=False, **{section: getattr(part, section) for section in SECTIONS},
                )  # fmt: skip
                assert decode(Inventory.tag, encode(inventory)) == inventory


@pytest.mark.parametrize("make", [Estate, Site])
@pytest.mark.parametrize("seed", range(6))
def test_every_event_has_its_cause(make: Callable[[int, int], Source], seed: int) -> None:
    """No event before its job exists, none of a session before it starts or after it ends; times never run backwards."""
    source = make(seed, NOW_MS)
    jobs = {row[0] for row in source.inventory().jobs}
    known = {row[0] for row in source.inventory().workloads}
    running: set[str] = set()
    started: set[tuple[str, str, int]] = set()
    last = NOW_MS
    for event in events(source.advance(NOW_MS + 14 * DAY_MS)):
        assert event.time_ms >= last
        last = event.time_ms
        assert event.job_uid in jobs
        if event.workload_uid and make is Estate:
            assert event.workload_uid in known
        key = (event.session_uid, event.workload_uid, event.attempt)
        match event.kind:
            case EventKind.JOB_STARTED:
                running.add(event.session_uid)
            case EventKind.JOB_FINISHED:
                assert event.status in (JobStatus.SUCCESS, JobStatus.WARNING, JobStatus.FAILED)
                running.remove(event.session_uid)
            case EventKind.WORKLOAD_STARTED:
                assert event.session_uid in running
                started.add(key)
            case EventKind.WORKLOAD_FINISHED:
                assert event.session_uid in running
                started.remove(key)
            case EventKind.RETRY:
                assert event.session_uid in running
                assert 2 <= event.attempt <= 4


def test_mornings_look_like_mornings() -> None:
    """Most runs succeed; a yellow or red job waits on something between a quarter and a half of the mornings."""
    ends: collections.Counter[JobStatus] = collections.Counter()
    bad_mornings = mornings = 0
    for seed in range(60):
        estate, bad = Estate(seed, NOW_MS), set()
        for row in estate.advance(NOW_MS + 7 * DAY_MS):
            if row[KIND] == EventKind.JOB_FINISHED:
                ends[JobStatus(row[STATUS])] += 1
                if row[STATUS] != JobStatus.SUCCESS:
                    bad.add((row[0] - NOW_MS) // DAY_MS)
        mornings += 7
        bad_mornings += len(bad)

    assert 0.97 < ends[JobStatus.SUCCESS] / ends.total() < 0.998
    assert ends[JobStatus.FAILED] > 0
    assert 0.2 < bad_mornings / mornings < 0.5


def test_trouble_stays() -> None:
    """A machine that failed tonight fails for the same reason the next night far more often than another one does."""
    failed: collections.Counter[tuple[str, int]] = collections.Counter()
    nights: dict[str, set[int]] = collections.defaultdict(set)
    finished = 0
    for seed in range(40):
        for row in Estate(seed, NOW_MS).advance(NOW_MS + 14 * DAY_MS):
            if row[KIND] == EventKind.WORKLOAD_FINISHED and row[ATTEMPT] == 1:
                finished += 1
                if row[STATUS] == JobStatus.FAILED:
                    nights[row[WORKLOAD]].add(row[0] // DAY_MS)
                    failed[row[WORKLOAD], row[CODE]] += 1
    base = sum(failed.values()) / finished
    again = statistics.mean(any(n + 1 in seen for n in seen) for seen in nights.values())

    assert again > 5 * base


def test_sizes_and_durations_spread_as_they_do() -> None:
    """Estates, machines and durations are skewed: medians as documented, means well above them, no absurd rate."""
    estates = [Estate(seed, NOW_MS) for seed in range(150)]
    machines = [len(estate.inventory().workloads) for estate in estates]
    sizes = [row[5] / 1e9 for estate in estates for row in estate.inventory().workloads]
    assert 14 <= statistics.median(machines) <= 32
    assert max(machines) > 3 * statistics.median(machines)
    assert statistics.mean(sizes) > 1.4 * statistics.median(sizes)

    rates = []
    for estate in estates[:30]:
        for event in events(estate.advance(NOW_MS + 2 * DAY_MS)):
            if event.kind is EventKind.WORKLOAD_FINISHED and event.status is JobStatus.SUCCESS:
                rates.append(event.processed_bytes / max(event.duration_ms, 1) / 1000)  # MB/s
                assert event.transferred_bytes <= event.processed_bytes
    assert 5 < statistics.median(rates) < 200
    assert max(rates) < 3000


def test_first_backups_are_full_and_later_ones_are_not() -> None:
    """A night reads a few per cent of an estate; a machine without restore points is read whole."""
    estate = Estate(11, NOW_MS)
    fresh = estate.state.jobs[0].workloads[0]
    fresh.restore_points = 0
    sizes = {row[0]: row[5] for row in estate.inventory().workloads}
    read: dict[str, int] = {}
    for event in events(estate.advance(NOW_MS + DAY_MS)):
        if event.kind is EventKind.WORKLOAD_FINISHED and event.status is JobStatus.SUCCESS:
            read.setdefault(event.workload_uid, event.processed_bytes)

    others = [read[uid] / size for uid, size in sizes.items() if uid in read and uid != fresh.uid]
    assert read[fresh.uid] == sizes[fresh.uid]
    assert statistics.median(others) < 0.1


def test_repositories_fill_and_are_extended() -> None:
    """Used space grows; where it runs out, jobs say so and somebody buys disks."""
    grown, extended, low = [], 0, 0
    for seed in range(6):
        estate = Estate(seed, NOW_MS)
        tight = estate.state.jobs[0].repository
        tight.capacity_bytes = int(tight.used_bytes * 1.03)
        before = {row[0]: row[4] - row[5] for row in estate.inventory().repositories}
        for row in estate.advance(NOW_MS + 40 * DAY_MS):
            extended += row[KIND] == EventKind.NOTICE and "was extended" in row[MESSAGE]
            low += row[CODE] == 1901
        after = {row[0]: row[4] - row[5] for row in estate.inventory().repositories}
        grown += [after[uid] / before[uid] for uid in before]

    assert 1.01 < statistics.median(grown) < 1.5
    assert extended > 0
    assert low > 0


def test_saturdays_rebuild_the_chain() -> None:
    """Synthetic fulls are made on Saturdays, local time, and read nothing from the source."""
    estate = Estate(3, NOW_MS)
    notices = [e for e in events(estate.advance(NOW_MS + 14 * DAY_MS)) if "synthetic full" in e.message]

    assert notices
    for notice in notices:
        begun = notice.time_ms - notice.duration_ms + estate.state.offset_ms
        assert weekday(begun) in (5, 6)  # a run that begins late on Saturday rebuilds after midnight
        assert notice.processed_bytes == 0


def test_a_site_fills_its_quotas() -> None:
    """Tenants' storage grows, warns before it refuses, and quotas are raised in the end."""
    codes: collections.Counter[int] = collections.Counter()
    raised = 0
    for seed in range(5):
        site = Site(seed, NOW_MS)
        before = sum(row[4] for row in site.inventory().cloud_tenants)
        for row in site.advance(NOW_MS + 150 * DAY_MS):
            codes[row[CODE]] += 1
            raised += "was raised" in row[MESSAGE]
        assert sum(row[4] for row in site.inventory().cloud_tenants) > before

    assert codes[1902] > codes[2902] > 0
    assert raised > 0


def test_changes_are_what_changed() -> None:
    """Applying every delta to the first inventory gives the last inventory."""
    for make in SOURCES:
        source = make(2, NOW_MS)
        first = source.inventory()
        mirror = {row[0]: row for section in SECTIONS for row in getattr(first, section)}
        for day in range(1, 8):
            source.advance(NOW_MS + day * DAY_MS)
            delta = source.changes()
            assert 0 < len(delta) <= len(first)
            mirror |= {row[0]: row for section in SECTIONS for row in getattr(delta, section)}
        final = source.inventory()

        assert mirror == {row[0]: row for section in SECTIONS for row in getattr(final, section)}
        assert not len(source.changes())


@given(st.lists(st.integers(0, 30), min_size=6, max_size=6), st.integers(1, 20))
def test_parts_keep_every_row_in_order(sizes: list[int], room: int) -> None:
    """Cutting an inventory loses nothing and never exceeds the part's size; an empty one is one empty part."""
    facts = Facts(**{s: tuple((f"{s}{n}",) for n in range(k)) for s, k in zip(SECTIONS, sizes, strict=True)})
    parts = list(facts.parts(room))

    assert len(parts) == max(1, -(-len(facts) // room))
    assert all(len(part) <= room for part in parts)
    for section in SECTIONS:
        assert tuple(itertools.chain(*(getattr(p, section) for p in parts))) == getattr(facts, section)


@given(
    st.one_of(
        st.builds(
            Daily, st.integers(0, 1439), st.lists(st.integers(0, 6), min_size=1, unique=True).map(tuple)
        ),
        st.builds(Every, st.sampled_from([15, 30, 60]), st.integers(0, 14)),
    ),
    st.integers(0, 4_000_000_000_000),
    st.sampled_from([-8, 0, 2, 10]),
)
def test_schedules_run_when_they_say(schedule: Daily | Every, time_ms: int, offset_h: int) -> None:
    """`next_after` is strictly later, lies on the schedule, and nothing lies between; `last_before` is its inverse."""
    offset_ms = offset_h * HOUR_MS
    run = schedule.next_after(time_ms, offset_ms)

    assert run > time_ms
    assert schedule.next_after(run - 1, offset_ms) == run
    assert schedule.last_before(run, offset_ms) == run
    assert schedule.last_before(run - 1, offset_ms) <= time_ms
    if isinstance(schedule, Daily):
        assert weekday(run + offset_ms) in schedule.days


def test_free_space_is_never_negative() -> None:
    """A repository that is over-full says that nothing is free."""
    source = Estate(5, NOW_MS)
    source.advance(NOW_MS + 90 * DAY_MS)
    for row in source.inventory().repositories:
        assert Repository.from_row(row).free_bytes >= 0
    for row in source.inventory().jobs:
        job = Job.from_row(row)
        assert job.next_run_ms == 0 or job.next_run_ms > job.last_run_ms


@pytest.mark.parametrize(
    "company", ["Kestrel Dental Group", "Birch & Lund Architects", "Østre Sjø", "株式会社"]
)
def test_a_named_company_has_hosts_of_its_own(company: str) -> None:
    """Prefix and domain come from its name, in plain letters, and the rest from the seed."""
    hosts = {
        row[1] for seed in range(20) for row in Estate(seed, NOW_MS, company=company).inventory().servers
    }
    assert all(host.isascii() and host for host in hosts)
    assert Estate(1, NOW_MS, company=company).company == company
    assert len(Estate(1, NOW_MS, company=company).inventory()) == len(Estate(1, NOW_MS).inventory())


def test_a_sites_customers_are_among_its_tenants() -> None:
    """By name, enabled, and the same after a restart; the others' names are drawn as they are without."""
    customers = ("Harbour Logistics", "Vallely Foods")
    sites = [Site(seed, NOW_MS, customers=customers).inventory() for seed in (3, 3, 4)]
    tenants = [[CloudTenant.from_row(row) for row in facts.cloud_tenants] for facts in sites]
    assert tenants[0] == tenants[1]
    for each in tenants:
        assert [tenant.name for tenant in each[:2]] == list(customers)
        assert all(tenant.enabled for tenant in each[:2])
    drawn = [CloudTenant.from_row(row) for row in Site(3, NOW_MS).inventory().cloud_tenants]
    assert [tenant.name for tenant in drawn[2:]] == [tenant.name for tenant in tenants[0][2:]]
    assert {tenant.uid for tenant in drawn} == {tenant.uid for tenant in tenants[0]}


def test_a_site_has_room_for_all_its_customers() -> None:
    """However few tenants were drawn."""
    customers = tuple(f"Company {n}" for n in range(100))
    names = [
        CloudTenant.from_row(row).name
        for row in Site(3, NOW_MS, customers=customers).inventory().cloud_tenants
    ]
    assert names == list(customers)
