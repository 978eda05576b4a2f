"""Fixtures of the agent's tests."""

import pytest
from trio.testing import MockClock


@pytest.fixture
def clock() -> MockClock:
    """Waits cost nothing. A test must name it itself: pytest-trio looks no further.

    The threshold lets the kernel hand over what one side has sent to the other before time is thought to stand still.
    """
    return MockClock(autojump_threshold=0.02)
