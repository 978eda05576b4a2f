"""A clock for tests without a socket or a process: nothing outside is waited for."""

import pytest
from trio.testing import MockClock


@pytest.fixture
def clock() -> MockClock:
    """Waits cost nothing. A test that runs a program does without: its time is its own."""
    return MockClock(autojump_threshold=0)
