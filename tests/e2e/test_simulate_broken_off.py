"""What is left of a simulation that did not come to its end: nothing that anybody could enroll with, and no trial of a file."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import Stage, stage_in, text_of, until


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A provider without an edge: who enrolls there tries for a while."""
    with stage_in(tmp_path_factory.mktemp("broken-off")) as stage:
        yield stage


def tokens(stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.fieldgate("token", "list", "--json").json
    return found


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_leaves_no_token_that_works(stage: Stage, times: int) -> None:
    """Once ends in order, twice at once; what was made for the run is revoked both times."""
    before = {token["id"] for token in tokens(stage)}
    words = ("--data", str(stage.provider.data), "--count", "30", "--duration", "5")
    process = stage.start("simulate", *words, module="agent")
    until(lambda: "enrolling" in text_of(process), lambda: text_of(process))
    for _ in range(times):
        process.popen.send_signal(signal.SIGINT)
    process.popen.wait(60)
    made = [token for token in tokens(stage) if token["id"] not in before]
    assert len(made) == 2  # clients, and sites
    assert [token["state"] for token in made] == ["revoked", "revoked"]


def test_a_ledger_that_cannot_be_written_is_told_before_anything_starts(stage: Stage, tmp_path: Path) -> None:
    """No token was made, and nobody enrolled."""
    before = tokens(stage)
    ledger = tmp_path / "nowhere" / "ledger.jsonl"
    said = stage.agent("simulate", "--data", str(stage.provider.data), "--count", "2", "--duration", "1", "--ledger", str(ledger))  # fmt: skip
    assert said.code == 2
    assert f"cannot write {ledger}" in " ".join(said.text.split()).replace("- ", "-")
    assert tokens(stage) == before


def test_an_edge_by_a_name_that_was_a_slip_leaves_no_journal(stage: Stage) -> None:
    """It has the ports of the one that runs, cannot start, and nobody has to wonder about its journal."""
    edge = stage.edge()
    said = stage.fieldgate("edge", "--name", "slip")
    assert (said.code, "another process listens" in said.text) == (2, True), said.text
    assert [each.name for each in (stage.provider.data / "journals").iterdir()] == ["edge"]
    assert edge.terminate() == 0
