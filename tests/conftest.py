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

LONG = (
    "tests/e2e/test_demo.py",
    "tests/e2e/test_rotations.py",
    "tests/e2e/crash",
    "tests/gateway/projector/test_delivery_model.py",
    "tests/e2e/lab",
    "tests/e2e",
    "tests/gateway/projector/test_incident_life.py",
    "tests/agent/simulator/test_fleet.py",
    "tests/agent/collectors/restic",
    "tests/gateway/projector/test_delivery_bites.py",
)
"""What takes long, the longest first: begun last, one of them would keep a whole run waiting for it."""


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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: three for two cores, which have something to do then while tests wait for a process, a deadline or a disk."""
    cores = os.cpu_count() or 1
    return cores + (cores + 1) // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; `--no-loadscope-reorder` hands them out in this order. The order within a file stays."""

    def rank(item: pytest.Item) -> int:
        return next((n for n, path in enumerate(LONG) if item.nodeid.startswith(path)), len(LONG))

    items.sort(key=rank)


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
