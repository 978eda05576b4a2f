"""The summary fits any terminal, says the verdict first, and colours only where it may."""

import io
from collections.abc import Callable

import attrs
import pytest
from rich.cells import cell_len
from rich.console import Console

from agent.simulator.report.summary import print_summary
from agent.simulator.result import RunResult
from tests.agent.simulator.report.hostile import hostile_run, nothing_run
from tests.agent.simulator.report.runs import RUNS, bottleneck_run, failed_herd, good_run

EVERY = {**RUNS, "hostile": hostile_run, "nothing": nothing_run}


def said(run: RunResult, width: int = 80, *, terminal: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, highlight=False, markup=False, emoji=False)  # fmt: skip
    print_summary(run, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 57, 72, 80, 200])
@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_every_line_fits(make: Callable[[], RunResult], width: int) -> None:
    """Nothing is cut off with an ellipsis, and nothing wraps by itself."""
    text = said(make(), width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "…" not in text


@pytest.mark.parametrize("width", [40, 80])
def test_no_figure_is_lost_in_a_narrow_terminal(width: int) -> None:
    """What is shown of latency is shown whole."""
    text = said(failed_herd(), width)
    row = next(line for line in text.splitlines() if line.startswith("released"))
    assert row.split()[:3] == ["released", "200", "ms"]
    assert row.rstrip().endswith("55 s")


def test_the_verdict_comes_first() -> None:
    """One sentence, then the other reasons."""
    assert said(good_run()).startswith(
        "Passed: 549,434 events, each of them in the store exactly once, unaltered\n"
    )
    failed = said(failed_herd(), 200)
    assert failed.startswith(
        "Failed: FG-4013: the store differs from what the agents were told in 4 events, and 6 more\n✗ "
    )
    for reason in failed_herd().reasons:
        assert reason in failed


def test_a_bottleneck_is_framed() -> None:
    """It is the one thing with a frame."""
    assert "THE GENERATOR WAS THE BOTTLENECK" in said(bottleneck_run())
    assert said(bottleneck_run()).startswith("Passed, but this measures the generator")
    assert "─" not in said(good_run())


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """None in a file, and none with NO_COLOR, whose verdict is still in words."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" not in said(failed_herd())
    assert "\x1b[1;31m" in said(failed_herd(), terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not any(
        f"\x1b[{code}m" in said(failed_herd(), terminal=True) for code in ("31", "1;31", "32", "33")
    )


def test_words_of_strangers_are_no_markup() -> None:
    """Brackets stay, control characters are written out."""
    text = said(hostile_run(), 200)
    assert "[bold]" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_without_a_verification_nothing_is_said_of_the_store() -> None:
    """Neither good nor bad."""
    text = said(attrs.evolve(good_run(), verification=None), 120)
    assert "what the store holds was not looked at" in text
    assert "exactly once" not in text
