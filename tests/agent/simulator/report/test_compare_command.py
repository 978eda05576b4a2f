"""`simulate compare` as a person and a pipeline meet it, and the folder that a run leaves for it."""

import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from rich.console import Console

from agent.cli import app, main
from agent.exits import FAILED, NEGATIVE, UNUSABLE, CommandError
from agent.simulator.report.compare_command import compare, print_comparison
from agent.simulator.report.comparison import (
    _BLOCK_S,
    _CONFIDENCE,
    _LEAST_BLOCKS,
    ONE_RUN,
    SEVERAL_RUNS,
    compare_runs,
)
from agent.simulator.report.document import load_result
from agent.simulator.report.schemas import SCHEMAS
from agent.simulator.report.writing import FILES, prepare_folder, write_report
from agent.simulator.result import RunResult
from tests.agent.simulator.report.hostile import WORDS, hostile_run
from tests.agent.simulator.report.runs import failed_herd, good_run
from tests.helpers.schemas import PUBLISHED, faults


def written(folder: Path, run: RunResult) -> Path:
    prepare_folder(folder)
    write_report(run, folder)
    return folder / "result.json"


@pytest.fixture
def before(tmp_path: Path) -> Path:
    return written(tmp_path / "before", good_run())


@pytest.fixture
def slower(tmp_path: Path) -> Path:
    return written(tmp_path / "slower", good_run(ack_us=9_000))


def test_a_run_leaves_a_result_a_page_and_junit(tmp_path: Path) -> None:
    """Each readable as what it is; a second run writes over them."""
    for run in (good_run(), failed_herd()):
        path = written(tmp_path / "deep" / "report", run)
        assert {each.name for each in path.parent.iterdir()} == set(FILES)
        assert load_result(path) == run
        assert (path.parent / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
        ElementTree.parse(path.parent / "junit.xml")  # noqa: S314  # our own


def test_a_folder_that_cannot_be_is_said_before_a_run(tmp_path: Path) -> None:
    """Not after an hour of it."""
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match=r"cannot write to .*file: "):
        prepare_folder(tmp_path / "file")
    with pytest.raises(CommandError, match=r"cannot write .*result\.json: "):
        write_report(good_run(), tmp_path / "gone")


def test_a_change_is_told_and_is_no_failure_by_itself(
    before: Path, slower: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever looks decides."""
    assert compare(before, slower) == 0
    said = capsys.readouterr().out
    assert "▼  ack, median" in said
    assert "beyond noise: 2 worse, 0 better" in said


def test_a_pipeline_can_fail_on_it(before: Path, slower: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When it is asked to, and something is worse."""
    assert compare(before, slower, fail_on_regression=True) == NEGATIVE
    assert compare(slower, before, fail_on_regression=True) == 0
    assert compare(before, before, fail_on_regression=True) == 0
    assert "nothing changed beyond noise" in capsys.readouterr().out


def test_what_is_not_comparable_is_no_success(
    before: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gate that cannot tell does not open."""
    other = written(tmp_path / "other", failed_herd())
    assert compare(before, other, fail_on_regression=True) == FAILED
    assert compare(before, other) == FAILED
    said = " ".join(capsys.readouterr().out.split())
    assert "not comparable - the scenario differs: office-morning, and restart-herd" in said


def test_programs_read_it(before: Path, slower: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the published schema."""
    assert compare(before, slower, json_=True, fail_on_regression=True) == NEGATIVE
    document = json.loads(capsys.readouterr().out)
    assert faults(document, "simulation-comparison.json") == []
    assert [each["name"] for each in document["changes"] if each["verdict"] == "worse"] == [
        "ack, median", "ack, p99 of each second"
    ]  # fmt: skip


def test_folders_are_several_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the same simulation, whatever their files are called."""
    for side, ack_us in (("before", 6_200), ("after", 9_000)):
        for number in range(2):
            path = written(tmp_path / "made", good_run(ack_us=ack_us))
            (tmp_path / side).mkdir(exist_ok=True)
            path.rename(tmp_path / side / f"run-{number}.json")

    assert compare(tmp_path / "before", tmp_path / "after", fail_on_regression=True) == NEGATIVE

    said = capsys.readouterr().out
    assert "2 runs before, 2 runs after" in said
    assert "▼  ack, p99 of all" in said


def test_it_is_a_command_of_the_simulator(
    before: Path, slower: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the pages write it, with its exit codes, and help for every word."""
    assert main(["simulate", "compare", str(before), str(slower), "--fail-on-regression"]) == NEGATIVE
    assert main(["simulate", "compare", str(before), "nowhere.json"]) == UNUSABLE
    assert "cannot read nowhere.json: No such file" in capsys.readouterr().err
    assert main(["simulate", "compare", "--help"]) == 0
    for argument in app["simulate"]["compare"].assemble_argument_collection(parse_docstring=True):
        assert argument.parameter.help


def test_a_report_that_cannot_be_written_is_said_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a provider is asked for anything."""
    (tmp_path / "file").touch()
    assert main(["simulate", "--data", str(tmp_path), "--report", str(tmp_path / "file")]) == UNUSABLE
    assert f"cannot write to {tmp_path / 'file'}" in capsys.readouterr().err


def test_files_that_are_no_result_are_named(before: Path, tmp_path: Path) -> None:
    """And end it as wrong usage does."""
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "nowhere.json", tmp_path / "empty", before.parent / "report.html"):
        with pytest.raises(CommandError, match=place.name) as caught:
            compare(before, place)
        assert caught.value.exit_code == UNUSABLE


@pytest.mark.parametrize("width", [40, 76, 200])
def test_every_line_fits_and_strangers_words_are_words(width: int) -> None:
    """A result is a file, and may say anything."""
    for after in (hostile_run(), good_run()):
        console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
        print_comparison(compare_runs([good_run()] if after is good_run() else [after], [after]), console)
        assert isinstance(console.file, io.StringIO)
        said = console.file.getvalue()
        assert max(map(cell_len, said.splitlines())) <= width
        assert not {"\x1b", "\u202e", "…"} & set(said)
    assert "[bold]" in WORDS


def test_the_page_says_the_rule_as_it_is() -> None:
    """Its figures, its options, its files."""
    page = (PUBLISHED.parent / "load-testing.md").read_text(encoding="utf-8")
    section = " ".join(page.partition("\n## Reading the report\n")[2].split())
    assert f"blocks of {_BLOCK_S} seconds or more" in section
    assert f"Less than {_BLOCK_S * _LEAST_BLOCKS} seconds of a figure tell no noise" in section
    assert f"With one run on a side, {ONE_RUN:.0%}".replace("%", " %") in section
    assert f"and {SEVERAL_RUNS:.0%} at least".replace("%", " %") in section
    assert f"{_CONFIDENCE:.0%} of the differences".replace("%", " %") in section
    for name in (*FILES, *SCHEMAS, "--fail-on-regression", "--json"):
        assert name in section
