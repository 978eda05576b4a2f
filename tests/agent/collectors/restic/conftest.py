"""Real repositories: made once, and copied, for making one takes as long as three backups."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import attrs
import pytest

from agent.collectors.contract import CollectorSettings, JobSettings
from agent.collectors.restic.collector import ResticCollector, make
from tests.agent.collectors.scripted import around

needs_restic = pytest.mark.skipif(
    shutil.which("restic") is None, reason="restic is not installed: apt install restic"
)

PASSWORD = "not a secret, though 'quoted' \"twice\""


@attrs.frozen
class Place:
    """A repository with one snapshot of `src`, and what is backed up into it."""

    folder: Path

    @property
    def repository(self) -> Path:
        return self.folder / "repo"

    @property
    def source(self) -> Path:
        return self.folder / "src"

    @property
    def password_file(self) -> Path:
        return self.folder / "password"

    @property
    def environment(self) -> dict[str, str]:
        """A person's."""
        return os.environ | {
            "RESTIC_REPOSITORY": str(self.repository), "RESTIC_PASSWORD_FILE": str(self.password_file),
            "RESTIC_CACHE_DIR": str(self.folder / "cache"),
        }  # fmt: skip

    def restic(self, *arguments: str) -> str:
        """As a person runs it."""
        done = subprocess.run(
            ["restic", *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode in (0, 3), done.stderr
        return done.stdout

    def ids(self) -> set[str]:
        """Of all snapshots, as the repository names them."""
        return {path.name for path in (self.repository / "snapshots").iterdir()}

    def locks(self) -> list[str]:
        """Those that are whole: one that is being written has a longer name."""
        return [path.name for path in (self.repository / "locks").iterdir() if len(path.name) == 64]

    def snapshots(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.restic("snapshots", "--json", "--no-lock"))
        return found

    def collector(self, *jobs: JobSettings, **options: object) -> ResticCollector:
        given = {"repository": str(self.repository), "password_file": str(self.password_file)} | options
        settings = CollectorSettings(
            name="nas", kind="restic", options={key: value for key, value in given.items() if value is not None}, jobs=jobs
        )  # fmt: skip
        return make(settings, around(self.folder / "agent", now=now_ms))

    def job(self, name: str = "documents", **options: object) -> JobSettings:
        return JobSettings(name=name, options={"paths": [str(self.source / "a")]} | options)


def now_ms() -> int:
    """These tests live in real time: the snapshots do."""
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one snapshot."""
    place = Place(tmp_path_factory.mktemp("restic"))
    place.password_file.write_text(PASSWORD)
    place.password_file.chmod(0o600)
    place.source.mkdir()
    (place.source / "a").write_bytes(os.urandom(300_000))
    place.restic("init", "--quiet")
    place.restic("backup", "--quiet", str(place.source))
    return place.folder


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Place:
    """A repository of the test's own, with one snapshot of another machine's `src`, as it were: the agent has not made it."""
    return Place(Path(shutil.copytree(template, tmp_path / "place")))
