"""What the tests of backups share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.provider import make_provider

Run = Callable[..., int]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of a new provider."""
    folder = tmp_path / "data"
    make_provider(folder, "Nordwind", ("gateway.example",))
    return folder


@pytest.fixture
def run(data: Path) -> Run:
    """Run `fieldgate …`, on the data folder where the command takes one; its exit code."""

    def command(*words: object) -> int:
        takes_data = words[:2] not in (("backup", "verify"), ("backup", "restore"))
        return main([*map(str, words), *(("--data", str(data)) if takes_data else ())])

    return command
