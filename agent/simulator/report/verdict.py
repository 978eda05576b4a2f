"""What a run came to, in words: the same on the page, at a terminal and in a build's log."""

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from agent.simulator.histogram import Histogram
from agent.simulator.report.figures import amount, duration, share
from agent.simulator.result import RunResult
from protocol import CODES, Code

__all__ = ["Tile", "bottleneck_of", "facts_of", "headline", "latencies_of", "means", "name_of", "tiles_of"]

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999}

BOTTLENECK: Final = "The generator was the bottleneck"


@attrs.frozen
class Tile:
    """A figure that is looked for first; `kind` is "good", "bad", "doubtful" or ""."""

    name: str
    figure: str
    says: str = ""
    kind: str = ""


def name_of(run: RunResult) -> str:
    """The scenario, or what a run without one is called."""
    return run.scenario or "simulation"


def headline(run: RunResult) -> str:
    """One sentence."""
    if not run.passed:
        more = len(run.reasons) - 1
        return f"Failed: {run.reasons[0]}" + (f", and {more} more" if more else "")
    if run.generator.saturated:
        return "Passed, but this measures the generator: it was the bottleneck"
    return "Passed: " + delivered(run)


def delivered(run: RunResult) -> str:
    """What is known of the events."""
    if run.verification is not None:
        return f"{run.verification.released:,} events, each of them in the store exactly once, unaltered"
    return (
        f"{run.events:,} events from {run.agents.enrolled:,} agents; what the store holds was not looked at"
    )


def bottleneck_of(run: RunResult) -> str:
    """Why the latencies are not to be quoted; empty where the generator kept up."""
    if not run.generator.saturated:
        return ""
    workers = run.generator.workers
    if not workers:
        return "It could not keep up with what was asked of it."
    worst = max(workers, key=lambda worker: (worker.cpu_share, worker.max_lag_ms))
    stalled = max(worker.stalled_share for worker in workers)
    waited = (
        f"; of the acks, {share(stalled)} waited for the generator more than for the gateway"
        if stalled
        else ""
    )
    return (
        f"Process {worst.number} used {share(worst.cpu_share)} of a core, and its loop was late by up to"
        f" {duration(max(each.max_lag_ms for each in workers) * 1000)}{waited}."
        " Latencies and rates are the generator's as much as the gateway's."
    )


def tiles_of(run: RunResult) -> Iterator[Tile]:
    """In the order of their weight."""
    verification = run.verification
    if verification is None:
        says = "the store could not be compared" if run.not_verified else "the store was not looked at"
        yield Tile("lost, doubled, altered", "not verified", says, "bad" if run.not_verified else "")
    else:
        for name, count, says in (
            ("lost", verification.missing, "released, and not in the store"),
            ("doubled", verification.doubled, "more than once"),
            ("altered", verification.altered, "not as they were said"),
        ):
            yield Tile(name, f"{count:,}", says, "bad" if count else "good")
        if verification.unsaid:
            yield Tile("never said", f"{verification.unsaid:,}", "in the store, and of no agent's", "bad")
    doubt = "doubtful" if run.generator.saturated else ""
    ack = run.histograms.ack
    if ack.count:
        yield Tile("ack, p99", duration(ack.quantile_us(0.99)), f"median {duration(ack.quantile_us(0.5))}", doubt)  # fmt: skip
    released = run.series.released
    if released:
        yield Tile("into the store", f"{amount(round(sum(released) / len(released)))}/s", f"{sum(released):,} in all, at most {max(released):,}/s", doubt)  # fmt: skip
    agents = run.agents
    short = agents.connected < agents.asked
    yield Tile("connected", f"{agents.connected:,}", f"of {agents.asked:,}, at the end", "bad" if short and not run.passed else "")  # fmt: skip


def latencies_of(run: RunResult) -> tuple[tuple[str, str, str, Histogram], ...]:
    """Class in a picture, short name, what was timed, and the durations; of what was measured."""
    histograms = run.histograms
    begin = "events were due" if run.load.open_loop else "a batch was cut"
    everything = (
        ("s1", "ack", f"from when {begin} until on the gateway's disk", histograms.ack),
        ("s3", "released", f"from when {begin} until in the store", histograms.released),
        ("s2", "connect", "from dialing to Welcome, in the whole run", histograms.connect),
        ("s4", "enroll", "one enrollment, in the whole run", histograms.enroll),
    )
    return tuple(each for each in everything if each[3].count)


def facts_of(run: RunResult) -> Iterator[tuple[str, str]]:
    """What was run, on what."""
    load, machine = run.load, run.machine
    yield "scenario", run.scenario or "none: options of the command"
    yield "seed", str(run.seed)
    yield (
        "measured",
        f"{duration(run.duration_s * 1e6)}, after a warm-up of {duration(run.warm_up_s * 1e6)} that is left out",
    )
    each = (
        f"{amount(load.events_per_s)} events/s each" if load.open_loop else "as many events as come through"
    )
    yield "load", f"{load.agents:,} agents, {each}"
    yield "loop", _loop(run)
    yield "target", load.target
    if load.sources:
        yield "source addresses", ", ".join(load.sources)
    yield "reconnect", f"first wait up to {amount(load.reconnect_s)} s"
    processes = len(run.generator.workers)
    yield (
        "generator",
        f"{processes} {'process' if processes == 1 else 'processes'}, Fieldgate {run.agent_version}",
    )
    yield "host", machine.host
    yield "CPU", f"{machine.cpu}, {machine.cores} {'core' if machine.cores == 1 else 'cores'}"
    yield "memory", f"{amount(round(machine.memory_bytes / 2**30, 1))} GiB"
    yield "system", machine.os
    yield "Python", machine.python


def _loop(run: RunResult) -> str:
    if run.load.open_loop:
        return "open: events are due at fixed times, and timed from there"
    return f"closed: each agent's next batch of {run.load.batch_events:,} follows the ack of its last, and is timed from when it was cut"


def means(code: str) -> str:
    """What an FG code says, in a few words; empty for one that is not known here."""
    number = code.removeprefix("FG-")
    try:
        return CODES[Code(int(number))].title
    except (ValueError, KeyError):
        return ""


def coded(seen: Mapping[str, int]) -> list[tuple[str, int]]:
    """The most frequent first."""
    return sorted(seen.items(), key=lambda each: (-each[1], each[0]))
