"""What every test gets: an absolute limit, so that a hang is a failure with a traceback and not a stuck run."""

import faulthandler
from collections.abc import Iterator

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "default",
    deadline=None,  # tests are never timed
    derandomize=False,
    print_blob=True,
)
hypothesis.settings.load_profile("default")

TEST_LIMIT_S = 300


@pytest.fixture(autouse=True)
def absolute_limit() -> Iterator[None]:
    """A test that hangs ends its whole run, saying where every thread stood."""
    faulthandler.dump_traceback_later(TEST_LIMIT_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
