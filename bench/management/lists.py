"""Every question that there is, asked and timed, and what that comes to for each list."""

import random
import statistics
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from bench.management.questions import Question, questions
from bench.management.serving import WHOSE, Client

LIMIT_MS: Final = 150
RUNS: Final = 5

Row = dict[str, str | float]


@attrs.frozen(kw_only=True)
class Figure:
    """What a question took, in milliseconds, each time."""

    path: str
    what: str
    took_ms: list[float]

    @property
    def p50_ms(self) -> float:
        """The median."""
        return statistics.median(self.took_ms)

    @property
    def p95_ms(self) -> float:
        """What 95 of 100 are below; of few, the slowest."""
        return percentile(self.took_ms, 0.95)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that *share* of all are not above."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measured(client: Client, question: Question) -> Figure:
    """Ask it with each of its values, after once that is not counted."""
    took = []
    for n, target in enumerate([question.targets[0], *question.targets]):
        client(target, question.who)
        if n:
            took.append(client.took_ms)
    return Figure(path=question.path, what=question.what, took_ms=took)


def figures(client: Client, *, runs: int = RUNS) -> Iterator[Figure]:
    """All questions to all lists."""
    for question in questions(client, random.Random(2), runs=runs, whose=WHOSE):
        yield measured(client, question)


def summed_up(found: dict[str, list[Figure]]) -> list[Row]:
    """A row for each list, with the databases side by side.

    Args:
        found: by the database's name.
    """
    rows: list[Row] = []
    for path in dict.fromkeys(each.path for of in found.values() for each in of):
        row: Row = {"what": f"`{path}`", "unit": "ms"}
        for database, every in found.items():
            of_list = [each for each in every if each.path == path]
            took = [each for figure in of_list for each in figure.took_ms]
            slowest = max(of_list, key=lambda each: each.p95_ms)
            row["questions"] = len(of_list)
            row[f"{database} p50"] = round(statistics.median(took), 1)
            row[f"{database} p95"] = round(percentile(took, 0.95), 1)
            row[f"{database} slowest question"] = f"{slowest.p95_ms:.0f} ({slowest.what})"
            row[f"{database} questions over {LIMIT_MS}"] = sum(each.p95_ms > LIMIT_MS for each in of_list)
        rows.append(row)
    return rows
