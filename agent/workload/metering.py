"""What a synthetic estate reports as used: storage, single workloads with their newest restore points, tenants against their quotas.

People with mailboxes are drawn here too: two estates of five protect a Microsoft 365 organization. They are hired one after the other, so
that a company grows while one watches, and a new name is new in its first month.
"""

import random
from collections.abc import Iterable, Iterator

import attrs

from agent.workload.names import make_uid
from agent.workload.schedule import DAY_MS, HOUR_MS
from agent.workload.shape import RepositoryState, WorkloadState, lognormal
from protocol import Row, Usage, UsageMetric, UsageSubject, WorkloadKind

GIVEN_NAMES = (
    "Agnieszka", "Alasdair", "Amélie", "Anders", "Beatriz", "Björn", "Ciarán", "Daphne", "Eleni", "Erik", "Fatima", "Giorgos",
    "Hannah", "Ingrid", "Jan", "Katarzyna", "Lars", "Małgorzata", "Niamh", "Noor", "Oskar", "Philippa", "Rafał", "Saoirse",
    "Søren", "Tomasz", "Ursula", "Willem", "Yara", "Zoë",
)  # fmt: skip
FAMILY_NAMES = (
    "Adeyemi", "Andersson", "Bakker", "Brennan", "Costa", "Dąbrowski", "Fischer", "Fraser", "García", "Håkansson", "Iyer",
    "Jansen", "Kowalska", "Lindqvist", "Müller", "Nowak", "O’Connor", "Okafor", "Papadopoulou", "Quist", "Rossi", "Schäfer",
    "Tanaka", "Vermeulen", "Walker", "Zieliński",
)  # fmt: skip

MAILBOX_SHARE = 0.4
"""Of the estates, those with a Microsoft 365 organization."""

MAILBOX_EVERY_MS = 6 * HOUR_MS
"""How often mailboxes are backed up."""

MAX_PEOPLE = 600
"""A report has room for 2,000 rows, and the largest estate's machines are 400 and some."""


@attrs.frozen
class Person:
    """Somebody with a mailbox."""

    uid: str
    name: str
    hired_ms: int


def draw_people(seed: int, now_ms: int) -> tuple[Person, ...]:
    """The people of the estate of *seed*: those who are there at *now_ms*, and those who will come; none in most."""
    rng = random.Random(seed ^ 0x365)
    if rng.random() >= MAILBOX_SHARE:
        return ()
    there = round(lognormal(rng, 35, 0.8, low=4, high=MAX_PEOPLE * 0.8))
    to_come = there // 5
    pause_ms = int(DAY_MS * 365 / max(1, to_come) * rng.uniform(0.6, 1.4))
    return tuple(
        Person(
            make_uid(rng),
            f"{rng.choice(GIVEN_NAMES)} {rng.choice(FAMILY_NAMES)}",
            now_ms + max(0, n - there + 1) * pause_ms,
        )
        for n in range(there + to_come)
    )


def storage(repositories: Iterable[RepositoryState], now_ms: int) -> Iterator[Row]:
    """What lies in repositories."""
    for each in repositories:
        used = min(each.used_bytes, each.capacity_bytes)
        yield usage_row(UsageSubject.REPOSITORY, each.uid, each.name, UsageMetric.STORAGE_BYTES, used, now_ms)


def machines(workloads: Iterable[WorkloadState], now_ms: int) -> Iterator[Row]:
    """Machines that are protected, each with its newest restore point. File shares are metered by what they store."""
    for each in workloads:
        if each.kind is not WorkloadKind.FILE_SHARE:
            yield usage_row(
                subject_of(each), each.uid, each.name, UsageMetric.NEWEST_POINT_MS, each.latest_ms, now_ms
            )


def subject_of(workload: WorkloadState) -> UsageSubject:
    """As what a machine is counted."""
    if workload.kind is WorkloadKind.VM:
        return UsageSubject.VM
    return UsageSubject.SERVER if workload.is_server else UsageSubject.WORKSTATION


def mailboxes(people: Iterable[Person], now_ms: int) -> Iterator[Row]:
    """Those who are there, as of the last backup of mailboxes."""
    backup_ms = now_ms - now_ms % MAILBOX_EVERY_MS
    for each in people:
        if each.hired_ms <= backup_ms:
            yield usage_row(
                UsageSubject.M365_USER, each.uid, each.name, UsageMetric.NEWEST_POINT_MS, backup_ms, now_ms
            )


def usage_row(kind: UsageSubject, uid: str, name: str, metric: UsageMetric, value: int, now_ms: int) -> Row:
    """One figure, observed now."""
    return Usage(
        subject_kind=kind, subject_uid=uid, name=name, metric=metric, value=value, observed_ms=now_ms
    ).to_row()
