"""A gateway that runs, and what it says to Prometheus."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.e2e.stage import Stage, stage_in
from tests.helpers.provider import wait_for_port
from tests.packaging.exposition import Exposition

ROOT = Path(__file__).parents[2]


@attrs.frozen
class Scraped:
    """The pages, and what is in them."""

    pages: dict[str, str]
    found: Exposition


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An edge and a projector, to which an agent has enrolled: processes, as an operator runs them."""
    with stage_in(tmp_path_factory.mktemp("running")) as stage:
        stage.edge()
        wait_for_port(stage.provider.monitor_port + 1, stage.projector())
        stage.enrolled()
        yield stage


@pytest.fixture(scope="session")
def scraped(running: Stage) -> Scraped:
    """What both say on /metrics."""
    port = running.provider.monitor_port
    pages = {"fieldgate-edge": read(port, "/metrics"), "fieldgate-projector": read(port + 1, "/metrics")}
    found = Exposition()
    for page in pages.values():
        found.read(page)
    # What Prometheus adds to each.
    found.read("# TYPE up gauge\nup 1")
    return Scraped(pages, found)


def read(port: int, path: str) -> str:
    """A page of a monitor's."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
        return text
