"""agent.toml: what may stand in it, and what is said of what may not."""

import tomllib
from pathlib import Path

import pytest

from agent.collectors.config import load_collectors
from agent.proxies import Proxies
from agent.settings import DEFAULT_ALLOW, EXAMPLE, SettingError, Settings, load_settings, write_example
from protocol import commands


def write(folder: Path, text: str) -> None:
    (folder / "agent.toml").write_text(text)
    (folder / "agent.toml").chmod(0o600)


def test_without_a_file_everything_is_as_documented(tmp_path: Path) -> None:
    """All kinds but those that send logs and files away."""
    assert load_settings(tmp_path) == Settings()
    assert set(commands.KINDS) - DEFAULT_ALLOW == {
        "collect-logs",
        "download-item",
        "restore-items",
        "restore-workload",
    }


def test_what_is_set_is_taken(tmp_path: Path) -> None:
    """An empty list allows nothing at all."""
    write(tmp_path, 'inventory_s = 60\n[commands]\nallow = ["collect-logs"]\n')
    assert load_settings(tmp_path) == Settings(allow=frozenset({"collect-logs"}), inventory_s=60)
    write(tmp_path, "[commands]\nallow = []\n")
    assert load_settings(tmp_path).allow == frozenset()
    write(tmp_path, "[commands]\n")
    assert load_settings(tmp_path).allow == DEFAULT_ALLOW


def test_files_leave_the_server_only_where_that_is_said(tmp_path: Path) -> None:
    """In a line of its own; a list of what is allowed has the last word."""
    write(tmp_path, "[restore]\ndownload = true\n")
    assert load_settings(tmp_path).allow == DEFAULT_ALLOW | {"download-item"}
    write(tmp_path, "[restore]\ndownload = false\n")
    assert load_settings(tmp_path).allow == DEFAULT_ALLOW
    write(tmp_path, '[restore]\ndownload = true\ntargets = ["/srv"]\n[commands]\nallow = ["collect-now"]\n')
    assert load_settings(tmp_path).allow == {"collect-now"}


def test_backups_are_written_back_only_below_what_is_named(tmp_path: Path) -> None:
    """Items of them; a whole machine only where that is allowed by its word."""
    write(tmp_path, '[restore]\ntargets = ["/srv/a", "/home"]\n')
    settings = load_settings(tmp_path)
    assert settings.restore_targets == (Path("/srv/a"), Path("/home"))
    assert settings.allow == DEFAULT_ALLOW | {"restore-items"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("inventroy_s = 60", "there is no setting 'inventroy_s'; did you mean 'inventory_s'?"),
        ("inventory_s = 9", "inventory_s is a whole number from 10 to 86400"),
        ("inventory_s = true", "inventory_s is a whole number"),
        ("inventory_s = 60.0", "inventory_s is a whole number"),
        ("commands = 1", "write [commands] above its keys"),
        ("[commands]\nalow = []", "[commands]: there is no setting 'alow'; did you mean 'allow'?"),
        ('[commands]\nallow = "collect-now"', "allow is a list of kinds"),
        (
            '[commands]\nallow = ["colect-now"]',
            "there is no command 'colect-now'; did you mean 'collect-now'?",
        ),
        ('[commands]\nallow = ["shell"]', "there is no command 'shell'"),
        ("restore = true", "write [restore] above its keys"),
        ("[restore]\ndownlaod = true", "[restore]: there is no setting 'downlaod'; did you mean 'download'?"),
        ('[restore]\ndownload = "yes"', "[restore]: download is true or false"),
        ('[restore]\ntargets = "/srv"', "[restore]: targets is a list of folders"),
        ('[restore]\ntargets = ["srv"]', "'srv' is no absolute path"),
        ('[restore]\ntargets = ["/srv/../etc"]', "'/srv/../etc' is no absolute path"),
        ('[restore]\ntargets = ["/a\\u0000"]', "is no absolute path"),
    ],
)
def test_what_is_no_setting_is_refused(text: str, says: str, tmp_path: Path) -> None:
    """With the file, the key, and the nearest that there is."""
    write(tmp_path, text)
    with pytest.raises(SettingError) as refused:
        load_settings(tmp_path)
    assert says in str(refused.value)
    assert str(tmp_path / "agent.toml") in str(refused.value)


def test_the_example_sets_nothing_and_names_everything(tmp_path: Path) -> None:
    """As it is written it is the defaults; without its comment signs it is a file that can be used."""
    assert write_example(tmp_path)
    assert (tmp_path / "agent.toml").stat().st_mode & 0o077 == 0
    assert tomllib.loads(EXAMPLE) == {}
    assert load_settings(tmp_path) == Settings()

    lines = EXAMPLE.splitlines()
    write(
        tmp_path, "\n".join(line[1:] for line in lines if line.startswith("#") and line[1:2] not in {" ", ""})
    )
    assert load_settings(tmp_path) == Settings(inventory_s=600, restore_targets=(Path("/home"), Path("/srv")))
    assert Proxies.settle(None, tmp_path, {}).configured is not None
    (nas,) = load_collectors(tmp_path)
    assert (nas.kind, [job.name for job in nas.jobs]) == ("restic", ["home directories"])


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """An administrator's settings survive a second enrolling."""
    write(tmp_path, "inventory_s = 60")
    assert not write_example(tmp_path)
    assert load_settings(tmp_path).inventory_s == 60
