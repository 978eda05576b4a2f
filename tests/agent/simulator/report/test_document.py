"""Results come back from JSON as they were, keep to the published schema, and refuse what is none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from agent.simulator.report.comparison import compare_runs
from agent.simulator.report.document import DocumentError, document_of, from_document, json_of, load_result
from agent.simulator.report.schemas import SCHEMAS, main, schema_text
from agent.simulator.result import RunResult
from tests.agent.simulator.report.runs import RUNS, good_run
from tests.helpers.schemas import PUBLISHED, faults


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schemas_are_generated(name: str) -> None:
    """Run `python -m agent.simulator.report.schemas docs/schemas` when this fails."""
    assert (PUBLISHED / name).read_text(encoding="utf-8") == schema_text(name)


def test_no_other_schema_of_the_simulator_is_published(tmp_path: Path) -> None:
    """A file that nothing generates goes stale."""
    main([str(tmp_path)])
    assert {path.name for path in PUBLISHED.glob("simulation-*")} == {
        path.name for path in tmp_path.iterdir()
    }


@pytest.mark.parametrize("make", RUNS.values(), ids=RUNS)
def test_results_keep_to_the_schema_and_round_trip(make: Callable[[], RunResult], tmp_path: Path) -> None:
    """As a program reads them that has only the schema, and as we do."""
    run = make()
    (tmp_path / "result.json").write_text(json_of(run), encoding="utf-8")

    assert faults(json.loads(json_of(run)), "simulation-result.json") == []
    assert load_result(tmp_path / "result.json") == run


@pytest.mark.parametrize("after", [good_run(seconds=60, ack_us=9_000), good_run(seconds=30), good_run(2)])
def test_comparisons_keep_to_the_schema(after: RunResult) -> None:
    """Whether they changed, could not be told, or are not comparable."""
    comparison = compare_runs([good_run(seconds=60)], [after])
    assert faults(json.loads(json_of(comparison)), "simulation-comparison.json") == []


def test_later_keys_are_ignored_and_earlier_files_read() -> None:
    """Within version 1, a reader takes what it knows, and a default for what was not yet written."""
    document = document_of(RUNS["failed"]())
    document["more"] = document["machine"]["more"] = 1
    for persona in document["personas"]:
        del persona["detail"]

    read = from_document(RunResult, document)

    assert [each.detail for each in read.personas] == [""] * len(read.personas)


CHANGES: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda d: d.update(version=2), "another version"),
    (lambda d: d.update(version=True), "another version"),
    (lambda d: d.pop("seed"), "/seed: missing"),
    (lambda d: d["machine"].update(cores="8"), "/machine/cores: expected integer"),
    (lambda d: d["machine"].update(cores=True), "/machine/cores: expected integer"),
    (lambda d: d.update(duration_s=float("nan")), "/duration_s: expected number"),
    (lambda d: d.update(machine=None), "/machine: expected an object"),
    (lambda d: d.update(warnings="no"), "/warnings: expected an array"),
    (lambda d: d["agents"].update(refused=[]), "/agents/refused: expected an object"),
    (lambda d: d["agents"]["refused"].update({"FG-1": 1.5}), "/agents/refused/FG-1: expected integer"),
    (lambda d: d["histograms"]["ack"].update(count=1), "/histograms/ack: buckets_us"),
    (lambda d: d["series"]["acked"].pop(), "/series: not all series are of 60 seconds"),
    (lambda d: d["series"]["ended_by_code"]["FG-2004"].pop(), "/series: not all series"),
    (lambda d: d["gateway"]["processes"][0]["cpu_ms"].pop(), "/gateway: not all series"),
    (lambda d: d["series"]["acked"].__setitem__(0, -1), "/series: a count below 0"),
]


@pytest.mark.parametrize(("change", "says"), CHANGES)
def test_what_is_no_result_is_refused_by_its_place(
    change: Callable[[dict[str, Any]], Any], says: str, tmp_path: Path
) -> None:
    """A file may come from anywhere."""
    document = document_of(good_run(seconds=60))
    change(document)
    path = tmp_path / "result.json"
    path.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(DocumentError, match=r"result\.json is no result") as caught:
        load_result(path)

    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "\xff", "1" * 5000])
def test_what_is_no_json_is_refused(text: str, tmp_path: Path) -> None:
    """In one line."""
    path = tmp_path / "result.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DocumentError, match="is no result of a simulation"):
        load_result(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the system's reason."""
    with pytest.raises(DocumentError, match=r"cannot read .*nowhere.json: No such file"):
        load_result(tmp_path / "nowhere.json")


def test_a_figure_that_is_none_is_not_written() -> None:
    """JSON has no word for it, and a reader would choke later."""
    with pytest.raises(DocumentError, match="nan is no number"):
        json_of(attrs.evolve(good_run(seconds=60), duration_s=float("nan")))


def test_a_list_of_figures_is_one_line() -> None:
    """A run has thousands; a person still finds the seed."""
    lines = json_of(good_run(seconds=60)).splitlines()
    assert '  "seed": 1,' in lines
    assert len(lines) < 250
