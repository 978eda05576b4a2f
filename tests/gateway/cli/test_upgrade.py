"""`fieldgate upgrade check`: what this version would make of a folder, said without making it."""

import json
import time
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.common import open_provider
from gateway.processes import announced
from gateway.store import SCHEMA_VERSION
from gateway.store.errors import sqlite_driver

Checks = dict[str, dict[str, object]]


def check(data: Path, capsys: pytest.CaptureFixture[str], *, code: int = 0) -> Checks:
    capsys.readouterr()
    assert main(["upgrade", "check", "--json", "--data", str(data)]) == code
    return {each["what"]: each for each in json.loads(capsys.readouterr().out)}


def set_schema(data: Path, version: int, oldest_reader: int) -> None:
    store = sqlite_driver.connect(data / "store.sqlite")
    store.execute("UPDATE schema_info SET version = ?, oldest_reader = ?", (version, oldest_reader))
    store.commit()
    store.close()


def schema(data: Path) -> tuple[int, int]:
    store = sqlite_driver.connect(data / "store.sqlite")
    found: tuple[int, int] = store.execute("SELECT version, oldest_reader FROM schema_info").fetchone()
    store.close()
    return found


def failed(checks: Checks) -> list[str]:
    return [what for what, each in checks.items() if not each["ok"]]


def test_nothing_is_to_be_done(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of this very version. When the last backup was, is said all the same, and that the upgrade asks for none."""
    checks = check(data, capsys)
    assert not failed(checks)
    assert "nothing to migrate" in str(checks["store"]["found"])
    assert "none is known of; nothing is migrated" in str(checks["last backup"]["found"])


def test_an_older_store_is_looked_at_and_not_migrated(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what would happen, and when the last backup was."""
    with open_provider(data):
        pass
    set_schema(data, SCHEMA_VERSION - 1, 1)
    checks = check(data, capsys)
    assert not failed(checks)
    assert f"schema {SCHEMA_VERSION - 1} becomes {SCHEMA_VERSION}" in str(checks["store"]["found"])
    assert "none is known of" in str(checks["last backup"]["found"])
    assert schema(data) == (SCHEMA_VERSION - 1, 1)


def test_the_last_backup_is_known(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the audit."""
    assert main(["backup", "create", str(tmp_path / "b.tar"), "--data", str(data)]) == 0
    assert "ago; nothing is migrated" in str(check(data, capsys)["last backup"]["found"])
    set_schema(data, SCHEMA_VERSION - 1, 1)
    assert "ago; `fieldgate backup create` before" in str(check(data, capsys)["last backup"]["found"])


@pytest.mark.parametrize(
    ("version", "oldest_reader", "code", "words"),
    [
        (SCHEMA_VERSION + 1, SCHEMA_VERSION, 0, "it admits"),
        (SCHEMA_VERSION + 2, SCHEMA_VERSION + 1, 4, "or later"),
    ],
)
def test_a_newer_store(
    data: Path, capsys: pytest.CaptureFixture[str], version: int, oldest_reader: int, code: int, words: str
) -> None:
    """It may admit us."""
    set_schema(data, version, oldest_reader)
    checks = check(data, capsys, code=code)
    assert words in str(checks["store"]["found"])
    assert failed(checks) == (["store"] if code else [])


def test_a_newer_layout_ends_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else can be judged."""
    (data / "version.json").write_text(json.dumps({"layout": 99, "provider_uid": "x"}))
    checks = check(data, capsys, code=4)
    assert failed(checks) == ["layout"]
    assert main(["upgrade", "check", "--data", str(data)]) == 4
    assert "FG-1029" in capsys.readouterr().err


def test_settings_that_this_version_does_not_know(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No process of it would start."""
    (data / "fieldgate.toml").write_text("[fieldgate]\nlimits.speed = 9\n")
    assert failed(check(data, capsys, code=4)) == ["settings"]


def test_a_store_that_is_gone(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a reason, not a traceback."""
    (data / "store.sqlite").unlink()
    checks = check(data, capsys, code=4)
    assert failed(checks) == ["store"]
    assert "FG-1010" in str(checks["store"]["found"])


def test_who_runs_and_may_go_on(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of the version before works beside this one; one that the store would shut out is named."""
    with monkeypatch.context() as patch:
        patch.setattr("gateway.processes.SCHEMA_VERSION", SCHEMA_VERSION - 1)
        with announced(data / "run", "edge", "north"), announced(data / "run", "projector"):
            checks = check(data, capsys)
            assert f"schema {SCHEMA_VERSION - 1}" in str(checks["running edge north"]["found"])
            assert checks["running projector"]["ok"]
            set_schema(data, SCHEMA_VERSION, SCHEMA_VERSION)
            assert failed(check(data, capsys, code=4)) == ["running edge north", "running projector"]
    assert "running edge north" not in check(data, capsys)


def test_an_edge_that_says_nothing_of_itself(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever the store admits now is fine as long as that does not change."""
    with open_provider(data) as provider:
        provider.store.sessions.register_edge("far", [], lease_ms=60_000, now_ms=time.time_ns() // 1_000_000)
    set_schema(data, SCHEMA_VERSION - 1, 1)
    assert check(data, capsys)["running edge far"]["ok"]
    monkeypatch.setattr(
        "gateway.cli.upgrade.versions_after_migrating", lambda: (SCHEMA_VERSION, SCHEMA_VERSION)
    )
    assert failed(check(data, capsys, code=4)) == ["running edge far"]


def test_a_disk_without_room(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Migrating writes as much as there is."""
    monkeypatch.setattr("gateway.cli.upgrade.SPARE_BYTES", 1 << 60)
    assert failed(check(data, capsys, code=4)) == ["disk"]


def test_a_folder_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As every command says it."""
    assert main(["upgrade", "check", "--data", str(tmp_path)]) == 2
    assert "FG-1003" in capsys.readouterr().err


def test_doctor_looks_at_the_revocation_log(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy that is behind, and a log that can't be read, are found while there is time."""

    def found() -> dict[str, object]:
        capsys.readouterr()
        main(["doctor", "--json", "--data", str(data)])
        return next(each for each in json.loads(capsys.readouterr().out) if each["what"] == "revocation log")

    assert found()["ok"]
    assert main(["backup", "create", str(tmp_path / "b.tar"), "--data", str(data)]) == 0
    assert "no second copy" in str(found()["found"])
    settings = data / "fieldgate.toml"
    settings.write_text(settings.read_text() + f'revocation_log = "{tmp_path / "copy.log"}"\n')
    assert not found()["ok"]
    (tmp_path / "copy.log").write_bytes((data / "revocations.log").read_bytes())
    assert found()["ok"]
    (tmp_path / "copy.log").write_bytes(b"")
    assert "not all of them" in str(found()["found"])
    (data / "revocations.log").write_bytes(b"garbage\n")
    assert not found()["ok"]
