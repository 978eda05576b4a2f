"""What every test gets: an absolute limit, so that a hang is a failure with a traceback and not a stuck run."""

import faulthandler
import os
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

hypothesis.settings.register_profile(
    "default",
    deadline=None,  # tests are never timed
    suppress_health_check=(hypothesis.HealthCheck.too_slow,),  # nor is the making of their examples
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


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """A command that ran inside a test leaves no log behind that writes to that test's captured, now closed, output."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The log of a run shows the figures that tests recorded (`record_property("figures", …)`), also when all passed."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == "figures":
                terminalreporter.write_line(f"{report.nodeid}\n  {value}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where CI is set, a skipped test is a failed run: what it needs is to be installed, not left out.

    The skips for another platform name a platform that CI is not, so none of them happens there.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
