"""A fleet at a gateway of its own for a while, and the verdict: nothing lost, nothing twice, and no memory that grows.

    make soak                                     # 10,000 agents, 1,000 events/s, 10 minutes
    make soak AGENTS=200 MINUTES=0.5 RATE=50      # a small one
    python -m bench.soak --agents 200 --minutes 0.5 --rate 50 --report build/soak

It starts `fieldgate serve` on a data folder that is gone afterwards, and plays a scenario: everybody connected to the end, the events
that were asked for acknowledged, everything in the store once and unaltered, and in the last half of the time less than 1 % more memory
in edge and projector together. The report lies in a folder that it names. Exit code 0: all of that came true; 4: something did not;
what else `fieldgate-agent simulate` may say is in docs/load-testing.md.
"""

import argparse
import sys
from pathlib import Path

from agent.simulator.expectations import NAMES
from bench.play import gateway, playing, result_of

AGENTS = 10_000
MINUTES = 10.0
RATE = 1_000.0
GROWTH_PCT = 1.0
REPORT = Path("build/soak")

# What an estate has to tell comes in pieces, and what is due in the last second is acknowledged in the next one: somewhat more is
# asked for than is expected.
MARGIN = 1.05

# Sessions, buffers and caches come with a fleet, not with time.
WARM_UP_S = 60.0


def scenario(agents: int, minutes: float, rate: float) -> str:
    """The scenario's text: *rate* is events a second of all agents together, at least."""
    seconds = minutes * 60
    return f"""\
about = "A fleet as large as one machine is for, for a while: nothing is lost, and nothing grows."
agents = {agents}
warm_up_s = {min(WARM_UP_S, seconds / 2):g}
expect = [
    "lost = 0",
    "doubled = 0",
    "altered = 0",
    "unsaid = 0",
    "unreleased = 0",
    "connected = {agents}",
    "acked_per_s >= {rate:g}",
    "gateway_rss_growth_pct < {GROWTH_PCT:g}",
]

[[phase]]
name = "reporting"
duration_s = {seconds:g}
rate = {rate * MARGIN / agents:g}
"""


def main(arguments: list[str]) -> int:
    """Play it; the exit code of the simulation."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--agents", type=int, default=AGENTS)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--rate", type=float, default=RATE, help="events a second, all agents together")
    parser.add_argument("--report", type=Path, default=REPORT, help="folder")
    asked = parser.parse_args(arguments)
    report: Path = asked.report
    (report / "result.json").unlink(missing_ok=True)
    with (
        gateway() as provider,
        playing(provider, scenario(asked.agents, asked.minutes, asked.rate), report) as process,
    ):
        code = process.wait()
    if (report / "result.json").exists():
        growth = NAMES["gateway_rss_growth_pct"](result_of(report))
        grown = "not known" if growth is None else f"{growth:+.2f} %"
        sys.stdout.write(
            f"memory of the gateway in the last {asked.minutes / 2:g} minutes: {grown}; less than {GROWTH_PCT:g} % is expected\n"
            f"report: {report.resolve() / 'report.html'}\n"
        )
    sys.stdout.write(f"soak: {'passed' if code == 0 else f'failed with exit code {code}'}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
