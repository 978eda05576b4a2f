"""A comparison marks what is beyond noise, leaves noise alone, and says when it cannot tell."""

import random
import statistics
from typing import Any

import attrs
import pytest

from agent.simulator.report.comparison import (
    BETTER,
    SAME,
    UNKNOWN,
    WORSE,
    Change,
    Comparison,
    _wander,
    compare_runs,
)
from agent.simulator.result import RunResult
from tests.agent.simulator.report.runs import bottleneck_run, failed_herd, good_run


def found(comparison: Comparison, name: str) -> Change:
    return next(each for each in comparison.changes if each.name == name)


def drifting(rng: random.Random, *, factor: float = 1.0, apart: float = 0.0, seconds: int = 300) -> RunResult:
    """A run whose median ack follows the second before it, as loads do, and whose level is *apart* from the next run's."""
    level = 6_000 * factor * (1 + rng.gauss(0, apart))
    values, drift = [], 0.0
    for _ in range(seconds):
        drift = 0.8 * drift + rng.gauss(0, 0.08)
        values.append(max(1, round(level * (1 + drift))))
    run = good_run(seconds=seconds)
    return attrs.evolve(run, gateway=None, series=attrs.evolve(run.series, ack_p50_us=tuple(values)))


def verdicts(times: int, count: int, *, factor: float = 1.0, apart: float = 0.0) -> list[str]:
    rng = random.Random(7)
    return [
        found(
            compare_runs(
                [drifting(rng, apart=apart) for _ in range(count)],
                [drifting(rng, apart=apart, factor=factor) for _ in range(count)],
            ),
            "ack, median",
        ).verdict
        for _ in range(times)
    ]


def test_a_run_is_the_same_as_itself() -> None:
    """Nothing is marked, and nothing is unknown."""
    comparison = compare_runs([good_run()], [good_run()])
    assert comparison.incomparable == ()
    assert {each.verdict for each in comparison.changes} == {SAME}


def test_chance_is_not_marked() -> None:
    """Two runs of the same, second by second different and each second like the one before."""
    assert verdicts(8, 1) == [SAME] * 8


def test_a_fifth_slower_is_marked() -> None:
    """With one run on each side."""
    assert verdicts(5, 1, factor=1.2) == [WORSE] * 5
    assert verdicts(5, 1, factor=0.8) == [BETTER] * 5


def test_runs_that_differ_by_themselves_need_several() -> None:
    """What the runs of one side differ by is no change: three of each tell that, and still see a third more."""
    assert verdicts(6, 3, apart=0.05) == [SAME] * 6
    assert verdicts(4, 3, apart=0.05, factor=1.4) == [WORSE] * 4


def test_one_number_does_for_drawing_all_blocks_again() -> None:
    """The noise is what a thousand real draws with replacement make it."""
    rng = random.Random(3)
    sides = [sorted(rng.gauss(100, 10) for _ in range(29)) for _ in range(2)]
    middle = statistics.median(sides[1]) - statistics.median(sides[0])

    def drawn() -> float:
        one, two = (statistics.median(rng.choices(side, k=29)) for side in sides)
        return abs(two - one - middle)

    real = sorted(drawn() for _ in range(1000))[989]
    assert _wander([sides[0]], [sides[1]]) == pytest.approx(real, rel=0.15)


def test_the_same_files_have_the_same_outcome() -> None:
    """Though it draws samples."""
    one, two = good_run(seconds=300), drifting(random.Random(1))
    one = attrs.evolve(one, gateway=None)
    assert compare_runs([one], [two]) == compare_runs([one], [two])


def test_more_is_better_of_what_is_delivered() -> None:
    """And worse of what is used."""
    run = good_run()
    faster = attrs.evolve(run, series=attrs.evolve(run.series, acked=tuple(2 * n for n in run.series.acked)))
    assert run.gateway is not None
    edge, projector = run.gateway.processes
    hungry = attrs.evolve(
        run,
        gateway=attrs.evolve(
            run.gateway,
            processes=(attrs.evolve(edge, rss_bytes=tuple(2 * n for n in edge.rss_bytes)), projector),
        ),
    )
    assert found(compare_runs([run], [faster]), "events acknowledged").verdict == BETTER
    assert found(compare_runs([run], [hungry]), "memory of the edge").verdict == WORSE
    assert found(compare_runs([run], [hungry]), "memory of the projector").verdict == SAME
    assert compare_runs([run], [faster]).regressions == ()


def test_a_single_event_lost_is_worse() -> None:
    """There is no noise in what may not happen."""
    run = good_run()
    assert run.verification is not None
    lost = attrs.evolve(run, verification=attrs.evolve(run.verification, missing=1))
    comparison = compare_runs([run], [lost])
    assert [(each.name, each.verdict) for each in comparison.regressions] == [("events missing", WORSE)]
    assert found(compare_runs([lost], [run]), "events missing").verdict == BETTER


def test_what_was_verified_on_one_side_only_is_not_known() -> None:
    """And no zero."""
    change = found(
        compare_runs([good_run()], [attrs.evolve(good_run(), verification=None)]), "events missing"
    )
    assert (change.verdict, change.after) == (UNKNOWN, None)


def test_a_figure_that_a_run_has_once_needs_several_runs() -> None:
    """A percentile of everything: with one run on a side nothing is known of its noise."""
    slow = attrs.evolve(
        good_run(), histograms=attrs.evolve(good_run().histograms, ack=bottleneck_run().histograms.ack)
    )
    one = found(compare_runs([good_run()], [slow]), "ack, p99 of all")
    two = found(compare_runs([good_run()] * 2, [slow] * 2), "ack, p99 of all")
    assert (one.verdict, two.verdict) == (UNKNOWN, WORSE)
    assert "several runs" in one.why


def test_an_expectation_or_persona_that_fails_now_is_worse() -> None:
    """Whatever its value."""
    run = failed_herd()
    mended = attrs.evolve(
        run,
        expectations=tuple(attrs.evolve(each, passed=True) for each in run.expectations),
        personas=tuple(attrs.evolve(each, passed=True) for each in run.personas),
    )
    names = {
        "expectation back_99_s < 60",
        "expectation lost = 0",
        "expectation p99_renewal_ms < 100",
        "persona oversized-frames",
    }
    assert {each.name for each in compare_runs([mended], [run]).regressions} == names
    assert {each.name for each in compare_runs([run], [mended]).changes if each.verdict == BETTER} == names


def test_less_than_forty_five_seconds_tell_no_noise() -> None:
    """Then nothing of the series is judged."""
    short = compare_runs([good_run(seconds=44)], [good_run(seconds=44, ack_us=60_000)])
    assert found(short, "ack, median").verdict == UNKNOWN
    assert "less than 45 s" in found(short, "ack, median").why


MACHINE = good_run().machine
INCOMPARABLE: list[tuple[dict[str, Any], str]] = [
    ({"scenario": "restart-herd"}, "the scenario differs: office-morning, and restart-herd"),
    ({"seed": 2}, "the seed differs: 1, and 2"),
    ({"machine": attrs.evolve(MACHINE, cores=2)}, "the number of cores differs: 8, and 2"),
    ({"machine": attrs.evolve(MACHINE, cpu="Pi")}, f"the CPU differs: {MACHINE.cpu}, and Pi"),
    ({"machine": attrs.evolve(MACHINE, memory_bytes=2**34)}, "the memory differs: 33.3 GB, and 17.2 GB"),
    ({"machine": attrs.evolve(MACHINE, python="CPython 3.14.0")}, "the Python differs: CPython 3.11.9, and CPython 3.14.0"),
    ({"load": attrs.evolve(good_run().load, agents=9)}, "the load differs in agents: 2000, and 9"),
    ({"load": attrs.evolve(good_run().load, open_loop=False)}, "the load differs in open_loop: True, and False"),
    ({"gateway": None}, "the gateway's place differs: this machine, and another machine"),
    ({"duration_s": 60.0}, "the measured time differs: 10 min, and 60 s"),
    (
        {"generator": attrs.evolve(good_run().generator, saturated=True)},
        "the generator was the bottleneck after: its latencies and rates are not the gateway's",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "says"), INCOMPARABLE)
def test_what_is_not_comparable_says_why_and_nothing_else(change: dict[str, Any], says: str) -> None:
    """Figures of another machine, scenario, seed or load are no change."""
    comparison = compare_runs([good_run()], [attrs.evolve(good_run(), **change)])
    assert comparison.incomparable == (says,)
    assert comparison.changes == ()


def test_one_odd_run_among_several_is_found() -> None:
    """A folder may hold what does not belong there."""
    assert compare_runs([good_run(), good_run(2)], [good_run()]).incomparable == (
        "the seed differs: 1, and 2",
    )


def test_what_is_compared_may_differ() -> None:
    """Versions are why one compares; a container has another name each time, and a run another time."""
    other = attrs.evolve(
        good_run(), agent_version="9.9.9", machine=attrs.evolve(MACHINE, host="elsewhere"), started_ms=0, duration_s=603.0
    )  # fmt: skip
    assert compare_runs([good_run()], [other]).incomparable == ()


def test_seconds_without_an_ack_are_no_quick_ones() -> None:
    """A zero latency is a second of which nothing is known."""
    run = good_run(seconds=200)
    gappy = tuple(0 if at % 10 < 6 else each for at, each in enumerate(run.series.ack_p50_us))
    other = attrs.evolve(run, series=attrs.evolve(run.series, ack_p50_us=gappy))
    assert found(compare_runs([run], [other]), "ack, median").verdict == SAME
