"""Holds a collector against the contract: what docs/collectors.md promises of every one, as far as it can be seen from outside.

`fieldgate-agent collector check NAME` runs it on a collector of agent.toml, as it stands; a package that offers a collector can run it in its
own tests. It starts no job and stores nothing.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import attrs
import trio

from agent.collectors.contract import (
    Ability,
    Collector,
    CollectorError,
    Found,
    UnknownJobError,
    UnknownWorkloadError,
)
from agent.collectors.estate import KINDS, checked_events, checked_facts, checked_usage
from agent.facts import Facts
from agent.failures import first_line
from protocol import FieldError, Job, JobEvent, Workload, listing

LIMIT_S: Final = 120.0
"""For each question."""

ROUNDS: Final = 50
"""Answers that are followed from the first cursor on."""

NO_JOB: Final = "there-is-no-such-job"
NO_WORKLOAD: Final = "there-is-no-such-workload"


@attrs.frozen
class Verdict:
    """What came of one rule."""

    rule: str
    why: str = ""
    """What is wrong; empty if nothing is."""
    seen: str = ""
    """What was seen, for a person."""


class Broken(Exception):  # noqa: N818  # named after what it says of the collector
    """A rule does not hold."""


async def check(
    collector: Collector, told: Callable[[Verdict], object] = lambda _verdict: None
) -> list[Verdict]:
    """Every rule, in the order of `RULES`; one that fails does not end the others. *told* hears of each as it is known."""
    verdicts = []
    for rule, look in RULES.items():
        verdict = await _judged(rule, look, collector)
        told(verdict)
        verdicts.append(verdict)
    return verdicts


async def _judged(rule: str, look: Callable[[Collector], Awaitable[str]], collector: Collector) -> Verdict:
    try:
        with trio.fail_after(LIMIT_S):
            return Verdict(rule, seen=await look(collector))
    except (Broken, CollectorError) as error:
        return Verdict(rule, why=str(error))
    except trio.TooSlowError:
        return Verdict(rule, why=f"no answer within {LIMIT_S:g} s")
    except Exception as error:  # noqa: BLE001  # a collector may raise CollectorError only; whatever else it was is the finding
        return Verdict(rule, why=f"it raised {first_line(error)}")


async def _abilities(collector: Collector) -> str:
    if not isinstance(collector.abilities, frozenset) or not all(
        isinstance(each, Ability) for each in collector.abilities
    ):
        raise Broken("abilities is no frozenset of Ability")
    if not collector.abilities:
        raise Broken("it can do nothing")
    if not collector.name or not collector.poll_s > 0:
        raise Broken("it has no name, or poll_s is not positive")
    return ", ".join(sorted(each.value for each in collector.abilities))


async def _inventory(collector: Collector) -> str:
    facts = checked_facts(await collector.inventory())
    if len(facts) and Ability.INVENTORY not in collector.abilities:
        raise Broken("it has an inventory, and does not say that it can")
    for section in KINDS:
        times = Counter(row[0] for row in getattr(facts, section))
        if double := sorted(uid for uid, count in times.items() if count > 1):
            raise Broken(f"{section}: {double[0]!r} comes twice")
    counts = [f"{len(getattr(facts, section))} {section}" for section in KINDS if getattr(facts, section)]
    return ", ".join(counts) or "nothing is there"


async def _same_inventory(collector: Collector) -> str:
    first, second = await collector.inventory(), await collector.inventory()
    for section in KINDS:
        before, after = (sorted(row[0] for row in getattr(each, section)) for each in (first, second))
        if before != after:
            raise Broken(
                f"{section}: other items a moment later, though nothing happened; are the uids made up each time?"
            )
    return ""


async def _named(collector: Collector) -> str:
    facts = await collector.inventory()
    known = {section: {row[0] for row in getattr(facts, section)} for section in KINDS}
    for uid, wanted, where in _references(facts):
        if uid and uid not in known[wanted] and known[wanted]:
            raise Broken(f"{where} names {uid!r}, which is not among its {wanted}")
    return ""


def _references(facts: Facts) -> Iterator[tuple[str, str, str]]:
    for job in map(Job.from_row, facts.jobs):
        yield job.repository_uid, "repositories", f"job {job.name}"
    for workload in map(Workload.from_row, facts.workloads):
        yield workload.job_uid, "jobs", f"workload {workload.name}"


async def _events(collector: Collector) -> str:
    answers = await _followed(collector)
    for found in answers:
        if found.rows and Ability.JOBS not in collector.abilities:
            raise Broken("it has events, and does not say that it can")
        if found.more and not found.rows:
            raise Broken("it says that there is more, and gives nothing")
        for row in found.rows:
            try:
                event = JobEvent.from_row(row)
            except FieldError as error:
                raise Broken(str(error)) from error
            if not event.session_uid:
                raise Broken("an event without a session_uid belongs to no job session")
    return f"{sum(len(found.rows) for found in answers)} events in {len(answers)} answers"


async def _same_events(collector: Collector) -> str:
    first = await collector.events("")
    again = await collector.events("")
    common = min(len(first.rows), len(again.rows))
    if list(first.rows[:common]) != list(again.rows[:common]) or (first.rows and not again.rows):
        raise Broken(
            "asked again from the same cursor, as after a crash, it says other events: some would be lost, or told twice"
        )
    return ""


async def _nothing_twice(collector: Collector) -> str:
    seen: set[tuple[object, ...]] = set()
    for found in await _followed(collector):
        for row in found.rows:
            if row in seen:
                raise Broken(f"an event is told again behind its cursor: {row[:5]}")
            seen.add(row)
    return ""


async def _usage(collector: Collector) -> str:
    measured = checked_usage(await collector.usage())
    if measured.rows and Ability.USAGE not in collector.abilities:
        raise Broken("it measures usage, and does not say that it can")
    keys = [(row[0], row[1], row[3]) for row in measured.rows]
    if len(set(keys)) < len(keys):
        raise Broken("one metric of one subject comes twice")
    return f"{len(keys)} figures" + (
        f"; incomplete: {measured.incomplete_why}" if measured.incomplete_why else ""
    )


async def _jobs(collector: Collector) -> str:
    questions: list[Callable[[], Awaitable[object]]] = [
        lambda: collector.start_job(NO_JOB, lambda _percent, _text: None),
        lambda: collector.stop_job(NO_JOB),
        lambda: collector.enable_job(NO_JOB),
        lambda: collector.disable_job(NO_JOB),
    ]
    for question in questions:
        try:
            await question()
        except UnknownJobError:
            continue
        raise Broken("it does as if it had a job that nobody has")
    return ""


async def _sources(collector: Collector) -> str:
    questions: list[Callable[[], Awaitable[object]]] = [
        lambda: collector.restore_points(NO_WORKLOAD),
        lambda: collector.browse(NO_WORKLOAD, "p", "/", lambda _item: True),
        lambda: collector.walk(NO_WORKLOAD, "p", "/", lambda _item: True),
        lambda: collector.read(NO_WORKLOAD, "p", "/", _nobody),
        lambda: collector.roots(NO_WORKLOAD, "p"),
    ]
    for question in questions:
        try:
            await question()
        except UnknownWorkloadError:
            continue
        raise Broken("it does as if it had a workload that nobody has")
    return ""


async def _nobody(_data: bytes) -> None:
    """Takes what should not have been written."""


async def _points(collector: Collector) -> str:
    """The restore points of one workload, its newest one's top folder, twice."""
    if Ability.BROWSE not in collector.abilities:
        return "it browses nothing"
    for workload in map(Workload.from_row, (await collector.inventory()).workloads):
        points = list(await collector.restore_points(workload.uid))
        if [each.time_ms for each in points] != sorted((each.time_ms for each in points), reverse=True):
            raise Broken("restore points are listed, and not the newest first")
        if points:
            found = [await _top(collector, workload.uid, points[0].uid) for _ in range(2)]
            if found[0] != found[1]:
                raise Broken(
                    "a folder is listed in another order a moment later: whoever goes on misses something"
                )
            return f"{len(points)} restore points of {workload.name}, {len(found[0])} items at the top of the newest"
    return "no workload has a restore point"


async def _top(collector: Collector, workload_uid: str, point_uid: str) -> list[str]:
    paths: list[str] = []

    def take(item: listing.Item) -> bool:
        paths.append(item.path)
        return True

    await collector.browse(workload_uid, point_uid, "/", take)
    return paths


async def _followed(collector: Collector) -> list[Found]:
    """Its answers from the first cursor on, as far as it goes without waiting."""
    answers: list[Found] = []
    cursor = ""
    while len(answers) < ROUNDS:
        answers.append(checked_events(await collector.events(cursor)))
        if not answers[-1].more:
            break
        cursor = answers[-1].cursor
    return answers


RULES: Final[dict[str, Callable[[Collector], Awaitable[str]]]] = {
    "says what it can do": _abilities,
    "inventory can be reported": _inventory,
    "the same inventory a moment later": _same_inventory,
    "what an item names is there": _named,
    "the same events again from an older cursor": _same_events,  # before anybody else has asked
    "events can be reported": _events,
    "no event behind its own cursor": _nothing_twice,
    "usage can be reported": _usage,
    "knows which jobs are not its own": _jobs,
    "knows which workloads are not its own": _sources,
    "restore points can be looked into": _points,
}
