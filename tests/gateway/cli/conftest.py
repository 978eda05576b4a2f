"""What the tests of the commands share."""

from pathlib import Path

import pytest

from gateway.cli.provider import make_provider


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of a new provider."""
    folder = tmp_path / "data"
    make_provider(folder, "Nordwind", ("gateway.example",))
    return folder
