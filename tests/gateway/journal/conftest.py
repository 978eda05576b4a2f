"""Where the tests of this room keep their journal."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journals" / "edge"
