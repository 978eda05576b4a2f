"""What other programs read of usage has a word for everything that agents may say."""

import sqlalchemy as sa

from gateway.store import READ_MODEL, Store
from protocol import UsageMetric, UsageSubject
from tests.helpers.stores import enroll, make_world
from tests.helpers.usage import figure


def test_every_metric_and_subject_has_a_word(store: Store) -> None:
    """The protocol's, and the page names it."""
    make_world(store)
    agent = enroll(store)
    rows = [figure(UsageSubject.VM, f"m{metric}", metric, 1, 5) for metric in UsageMetric]
    rows += [figure(kind, f"s{kind}", UsageMetric.COUNT, 1, 5) for kind in UsageSubject]
    with store.projection() as p:
        p.usage.add(
            agent.agent_id, stream_id=1, epoch=7, sequence=1, rows=rows, complete=True, why="", received_ms=9
        )
    with store._db.read() as connection:
        found = connection.execute(sa.text("SELECT subject_kind, metric, subject_uid FROM rm_usage")).all()
    assert {row.metric for row in found} == {metric.name.lower() for metric in UsageMetric}
    assert {row.subject_kind for row in found} == {kind.name.lower() for kind in UsageSubject}
    [said] = [column.meaning for column in READ_MODEL["rm_usage"].columns if column.name == "metric"]
    assert all(metric.name.lower() in said for metric in UsageMetric)
