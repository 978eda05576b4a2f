"""`fieldgate-agent doctor`: each thing that can be wrong is named, and nothing else."""

import json
from pathlib import Path

import pytest

from agent.cli import main
from agent.doctor import run_checks
from agent.state import StateFolder
from tests.agent.rig import make_keeper
from tests.helpers.gateway import NOW_MS, Gateway

DAY_MS = 86_400_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of an agent that is enrolled, connected, and well."""
    keeper = make_keeper(Gateway.make())
    StateFolder.create(tmp_path, keeper.identity, keeper.credential)
    say(tmp_path, state="connected", written_ms=NOW_MS)
    return tmp_path


def say(folder: Path, **fields: object) -> None:
    (folder / "status.json").write_text(json.dumps(fields))


def wrong(folder: Path, now_ms: int = NOW_MS) -> dict[str, str]:
    """What is not well, and what is said of it."""
    return {check.name: check.says for check in run_checks(folder, now_ms) if not check.well}


def test_an_agent_that_is_well(folder: Path) -> None:
    """Everything was looked at."""
    names = [check.name for check in run_checks(folder, NOW_MS)]
    assert names == ["folder", "settings", "certificate", "disk", "process"]
    assert wrong(folder) == {}


def test_a_folder_without_an_agent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Says how to enroll, and exits with 4."""
    assert list(wrong(tmp_path)) == ["folder"]
    assert main(["doctor", "--state", str(tmp_path)]) == 4
    assert "FAILS folder" in capsys.readouterr().out
    assert main(["doctor", "--state", str(tmp_path), "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["well"] is False


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("inventroy_s = 60", "did you mean 'inventory_s'?"),
        ('proxy = "ftp://x"', "http"),
        ('[[collector]]\nkind = "resitc"', "FG-4030"),
        ('[[collector]]\nkind = "restic"', "repository is missing"),
        ('[[collector]]\nkind = "exec"\ncommand = ["/bin/tr\\u0000ue"]', "command has a NUL character in it"),
        ('inventory_s = "x"', "inventory_s is a whole number"),
        ("commands = 5", "commands is a table"),
        ('[commands]\nallow = ["run-shell"]', "there is no command 'run-shell'"),
    ],
)
def test_settings_that_the_agent_would_not_start_with(
    text: str, says: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the agent itself would say it; and no command shows the collectors of such an agent as if it had them."""
    (folder / "agent.toml").write_text(text)
    assert says in wrong(folder)["settings"]
    assert main(["collector", "list", "--state", str(folder)]) == 2
    assert says in capsys.readouterr().err


def test_collectors_are_listed_of_settings_that_are_good(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what each can do."""
    (folder / "agent.toml").write_text('inventory_s = 60\n[[collector]]\nkind = "exec"\ncommand = ["true"]\n')
    assert main(["collector", "list", "--state", str(folder)]) == 0
    assert "inventory, jobs, usage" in capsys.readouterr().out.splitlines()[-1]


def test_a_certificate_that_has_ended(folder: Path) -> None:
    """And for how long that can be mended."""
    assert wrong(folder, NOW_MS + 40 * DAY_MS)["certificate"].startswith("ended ")


def test_a_process_that_does_not_run_or_is_not_connected(folder: Path) -> None:
    """Its own words, where it has any."""
    say(folder, state="waiting", written_ms=NOW_MS, reason="nobody there")
    assert wrong(folder) == {"process": "waiting; nobody there"}
    say(folder, state="stopped", written_ms=NOW_MS)
    assert "it does not run" in wrong(folder)["process"]
    say(folder, state="connected", written_ms=NOW_MS - 100_000)
    assert "it does not run" in wrong(folder)["process"]
    (folder / "status.json").write_text("{")
    assert "it has not run yet" in wrong(folder)["process"]
