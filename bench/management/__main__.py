"""`python -m bench.management`: a line for every question, and at the end what is over the limit."""

import argparse
import sys

from bench.management.estate import Scale
from bench.management.lists import LIMIT_MS, RUNS, Figure, figures
from bench.management.serving import DATABASES, seeded


def line(database: str, figure: Figure) -> str:
    """A figure for people."""
    return f"{database:11}{figure.path:60}{figure.what:75}{figure.p50_ms:9.1f}{figure.p95_ms:9.1f}"


def main(arguments: list[str]) -> int:
    """Measure; 1 where something is over the limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.management")
    parser.add_argument("--scale", type=float, default=1.0, help="a share of the full size")
    parser.add_argument("--runs", type=int, default=RUNS, help="how often each question is asked")
    parser.add_argument("--only", choices=DATABASES, action="append", help="one database instead of both")
    asked = parser.parse_args(arguments)
    slow = []
    for database in asked.only or DATABASES:
        with seeded(database, Scale.of(asked.scale)) as client:
            for figure in figures(client, runs=asked.runs):
                print(line(database, figure), flush=True)
                if figure.p95_ms > LIMIT_MS:
                    slow.append(line(database, figure))
    print(f"\nover {LIMIT_MS} ms: {len(slow)}", *slow, sep="\n")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
