"""Data folders that are none, are another's, are newer, or lost something: said with a code, and nothing is made worse."""

import json
import resource
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.datafolder import LAYOUT_VERSION
from gateway.store.errors import sqlite_driver

READERS = ("status", "serve", "edge", "projector", "doctor", "company list", "ca show", "token create")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command said on standard error, that ended with 2."""
    capsys.readouterr()
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    return said.err


@pytest.mark.parametrize("command", READERS)
def test_a_folder_that_is_none(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command says how to make one, and makes none."""
    folder = tmp_path / "nothing"

    said = refused(capsys, *command.split(), "--data", str(folder))

    assert f"{folder} is no data folder: `fieldgate init --data {folder}` makes one" in said
    assert "FG-1003: more with `fieldgate explain FG-1003`" in said
    assert not folder.exists()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a reading command nor init ends in a traceback."""
    file = tmp_path / "file"
    file.touch()

    assert "FG-1003" in refused(capsys, "status", "--data", str(file))
    assert "FG-1003" in refused(capsys, "init", "--data", str(file))


@pytest.mark.parametrize("command", READERS)
def test_a_folder_of_a_newer_layout(command: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Guessing at a layout loses data."""
    newer = {"layout": LAYOUT_VERSION + 1, "provider_uid": "x"}
    (data / "version.json").write_text(json.dumps(newer), encoding="utf-8")

    said = refused(capsys, *command.split(), "--data", str(data))

    assert f"has layout {LAYOUT_VERSION + 1}, this Fieldgate knows {LAYOUT_VERSION}: update Fieldgate" in said
    assert "FG-1004" in said


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"layout": true}', '{"layout": "1"}'])
def test_a_damaged_version_file(text: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is no reason to start anew."""
    (data / "version.json").write_text(text, encoding="utf-8")

    said = refused(capsys, "status", "--data", str(data))

    assert "version.json is damaged: restore it from a backup" in said
    assert "FG-1003" in said


@pytest.mark.parametrize("command", [command for command in READERS if command != "doctor"])
def test_a_store_that_is_gone_is_not_made_anew(
    command: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An edge with an empty store would turn every agent away for good."""
    (data / "store.sqlite").unlink()

    said = refused(capsys, *command.split(), "--data", str(data))

    assert "no store at" in said
    assert "FG-1010" in said
    assert not (data / "store.sqlite").exists()


def test_a_store_that_is_damaged_is_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The driver does not say which file it means; we do."""
    for name in ("store.sqlite", "store.sqlite-wal", "store.sqlite-shm"):
        (data / name).unlink(missing_ok=True)
    (data / "store.sqlite").write_bytes(b"not a database at all" * 100)

    said = refused(capsys, "status", "--data", str(data))

    assert f"{data / 'store.sqlite'}: file is not a database" in said
    assert "FG-1014" in said


def test_a_store_of_a_newer_schema(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says which versions it admits."""
    store = sqlite_driver.connect(data / "store.sqlite")
    store.execute("UPDATE schema_info SET version = 99, oldest_reader = 99")
    store.commit()
    store.close()

    assert "FG-1004" in refused(capsys, "status", "--data", str(data))


@pytest.mark.parametrize("command", ["ca show", "token create"])
def test_an_authority_that_is_gone_is_not_made_anew(
    command: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Agents trust the old one."""
    shutil.rmtree(data / "ca")

    said = refused(capsys, *command.split(), "--data", str(data))

    assert f"no authority in {data / 'ca'}: restore the folder from a backup" in said
    assert "FG-1019" in said


def test_a_typo_in_the_settings(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file, the key, and what was meant."""
    with (data / "fieldgate.toml").open("a", encoding="utf-8") as settings:
        settings.write("heartbeats_s = 3\n")

    said = refused(capsys, "serve", "--data", str(data))

    assert "fieldgate.toml: unknown key heartbeats_s; did you mean heartbeat_s?" in said
    assert "FG-1001" in said


def test_a_typo_in_the_environment(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for FIELDGATE_ variables."""
    monkeypatch.setenv("FIELDGATE_LIMITS_HELO_S", "3")

    said = refused(capsys, "serve", "--data", str(data))

    assert "unknown variable FIELDGATE_LIMITS_HELO_S; did you mean FIELDGATE_LIMITS_HELLO_S?" in said
    assert "FG-1001" in said


def test_a_value_that_cannot_be(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file, the key, and why."""
    with (data / "fieldgate.toml").open("a", encoding="utf-8") as settings:
        settings.write('heartbeat_s = "soon"\n')

    said = refused(capsys, "serve", "--data", str(data))

    assert "fieldgate.toml: heartbeat_s: expected a number, got 'soon'" in said
    assert "FG-1002" in said


# -- init --------------------------------------------------------------------------------------------------------------


def test_init_does_not_touch_a_data_folder(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what to do with it instead."""
    before = (data / "ca" / "authority.json").read_bytes()

    said = refused(capsys, "init", "--data", str(data))

    assert f"{data} is a data folder already: `fieldgate serve --data {data}` runs it" in said
    assert "FG-1005" in said
    assert (data / "ca" / "authority.json").read_bytes() == before


def test_init_does_not_move_in_with_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with something else in it is not ours to fill."""
    (tmp_path / "thesis.tex").touch()

    said = refused(capsys, "init", "--data", str(tmp_path))

    assert "is not empty and no data folder (it holds thesis.tex): name another one" in said
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--name", ""), "'' is neither a DNS name nor an address"),
        (("--store", "mysql://x"), "a store is sqlite:///path or postgresql+psycopg://"),
        (("--organization", ""), "'' is no name"),
    ],
    ids=["name", "store", "organization"],
)
def test_an_init_that_cannot_work_leaves_nothing_behind(
    words: tuple[str, ...], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that the next one, with what was meant, just works."""
    folder = tmp_path / "data"

    assert says in refused(capsys, "init", "--data", str(folder), *words)
    assert not folder.exists()
    assert main(["init", "--data", str(folder), "--name", "gateway.example"]) == 0


def test_init_takes_settings_that_are_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And refuses to be told otherwise on its command line."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "fieldgate.toml").write_text('[fieldgate]\nnames = ["a.example"]\n', encoding="utf-8")

    said = refused(capsys, "init", "--data", str(folder), "--name", "b.example")
    assert (
        "fieldgate.toml is there already and says otherwise: leave --name and --store out, or remove it"
        in said
    )

    assert main(["init", "--data", str(folder), "--name", "a.example"]) == 0
    assert "agents will dial a.example:6180" in capsys.readouterr().out


def test_a_database_server_that_does_not_answer_is_worth_another_try(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, so that a service manager starts it again; no password is shown."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://fieldgate:hunter2@127.0.0.1:{closed.getsockname()[1]}/x"

        code = main(["init", "--data", str(tmp_path / "data"), "--store", url])

    said = capsys.readouterr().err
    assert code == 1
    assert "FG-1008" in said
    assert "hunter2" not in said
    assert not (tmp_path / "data").exists()


def test_an_init_on_a_full_disk_binds_no_second_try(tmp_path: Path) -> None:
    """It names the disk's complaint and leaves no half of a settings file, which would pass for somebody's wish."""
    folder = tmp_path / "data"
    argv = [sys.executable, "-m", "gateway", "init", "--data", str(folder), "--name", "gateway.example"]
    full = subprocess.run(
        argv, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )  # fmt: skip

    assert full.returncode == 2
    assert "File too large" in full.stderr
    assert not folder.exists()
    subprocess.run(argv, check=True, capture_output=True)
    assert 'names = ["gateway.example"]' in (folder / "fieldgate.toml").read_text(encoding="utf-8")
