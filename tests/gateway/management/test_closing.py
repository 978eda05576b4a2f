"""The management process closes months by itself."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from gateway.cli.common import now_ms
from gateway.cli.provider import make_provider
from gateway.management.closing import closing_months
from protocol import UsageSubject
from tests.helpers.stores import enroll, opened
from tests.helpers.usage import DAY_MS, listing, take

PATIENCE_S = 60.0


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A provider with an agent that reported two months ago."""
    folder = tmp_path / "data"
    make_provider(folder, "Nordwind", ("gateway.example",))
    with opened(folder) as store:
        company = store.organizations.add_company("Acme", now_ms=1)
        store.tokens.add(
            "client", b"public", kind="client", organization_uid=company.uid, location_uid=None,
            expires_ms=1 << 50, max_uses=9, synthetic=False, now_ms=1,
        )  # fmt: skip
        agent = enroll(store)
        with store.projection() as p:
            rows = listing(agent.agent_uid, {(UsageSubject.VM, "a"): 0}, 5)
            take(p, agent, 1, now_ms() - 62 * DAY_MS, rows)
    return folder


def test_what_is_due_is_closed(data: Path) -> None:
    """By the command, in the gateway's own name."""
    with opened(data) as store, closing_months(data, first_s=0.0):
        until(lambda: store.statements.page()[1] >= 2)
    with opened(data) as store:
        found, _ = store.statements.page()
    assert {each.made_by for each in found} == {"fieldgate"}


def test_what_goes_wrong_is_logged_and_tried_again(tmp_path: Path) -> None:
    """Without a word nobody would know until the bill was due."""
    with capture_logs() as logs, closing_months(tmp_path / "nothing", first_s=0.0, every_s=0.0):
        until(lambda: len(logs) >= 2)
    assert {(each["event"], each["exit_code"]) for each in logs} == {("months not closed", 2)}
    assert "nothing" in logs[0]["reason"]


def test_it_stops_in_the_middle(data: Path) -> None:
    """Within a moment, whatever the command is about."""
    others = set(psutil.Process().children())
    with closing_months(data, first_s=0.0):
        until(lambda: set(psutil.Process().children()) > others)
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert set(psutil.Process().children()) <= others
