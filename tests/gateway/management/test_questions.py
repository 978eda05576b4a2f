"""The bench of the lists asks every list everything that it offers, and is answered."""

import json
import random
from pathlib import Path
from typing import Any, Final

from litestar.testing import TestClient

from bench.management.estate import Scale
from bench.management.lists import LIMIT_MS, Figure, summed_up
from bench.management.questions import lists, questions
from bench.management.seeding import seed
from gateway.access import Role, create_key
from gateway.config import Config, Management
from gateway.management import Services, application
from gateway.management.rest.query import MOST_OFFSET, MOST_ROWS
from gateway.store import VIEWS, Store
from tests.gateway.management.conftest import NOW_MS

NOT_ASKED: Final = {"alarms/history", "mailReceivers/deliveries", "webhooks/deliveries"}
"""Views whose routes have a uid in their path, and narrow them by it."""


def test_every_question_is_answered(sqlite_store: Store, tmp_path: Path) -> None:
    """A small estate, every list, every way to ask, each once; every list has rows to be asked for."""
    store = sqlite_store
    estate = seed(store, Scale.of(0.001), now_ms=NOW_MS)
    key = create_key(
        store,
        name="bench",
        role=Role.ADMINISTRATOR,
        organization_uid=estate.provider,
        by="a test",
        now_ms=NOW_MS,
    )
    config = Config(data=tmp_path, management=Management(requests_per_s=10_000))
    app = application(Services(store=store, config=lambda: config, now_ms=lambda: NOW_MS, ring=lambda: None))
    with TestClient(app) as client:

        def ask(target: str, who: str) -> Any:
            answer = client.get(f"/api/v3{target}", headers={"Authorization": f"Bearer {key.secret}"})
            assert answer.status_code == 200, (who, target, answer.text)
            return json.loads(answer.content)

        asked = list(questions(ask, random.Random(1), runs=1, whose=("all",)))
        for question in asked:
            if (
                ", by " not in question.what
            ):  # the same filters in another order: the views' own tests have those
                assert "data" in ask(question.targets[0], question.who)
    assert {each.path for each in asked} == set(lists())
    assert len({(each.path, each.what) for each in asked}) == len(asked)


def test_every_view_has_its_questions() -> None:
    """None is left out, whatever the path of its route."""
    asked = {view.name for view in lists().values() if view is not None}
    assert asked == set(VIEWS) - NOT_ASKED
    assert (MOST_ROWS, MOST_OFFSET) == (500, 50_000)  # what the bench asks for at most


def test_figures_are_of_all_questions() -> None:
    """Half of what was asked is below p50, and the slowest question is named with how many are over the limit."""
    fast = Figure(path="/a", what="all: as it is", took_ms=[1.0] * 95)
    slow = Figure(path="/a", what="all: by name", took_ms=[2.0, 2.0, 2.0, 2.0, LIMIT_MS + 1.0])
    [row] = summed_up({"SQLite": [fast, slow]})
    assert (row["SQLite p50"], row["SQLite p95"]) == (1.0, 2.0)
    assert row["SQLite slowest question"] == "151 (all: by name)"
    assert (row["questions"], row["SQLite questions over 150"]) == (2, 1)
