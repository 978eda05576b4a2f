"""What the tests share that run an edge in their own process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.helpers.edges import Provider, make_provider


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    """A provider with one company."""
    return make_provider(tmp_path)


@pytest.fixture
def log() -> Iterator[list[dict[str, object]]]:
    """The events that were logged so far."""
    with structlog.testing.capture_logs() as lines:
        yield lines  # type: ignore[misc]  # a mutable mapping is a dict here
