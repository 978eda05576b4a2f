"""What is used now is what each agent's latest report says, all of it and nothing older."""

from typing import Any

from gateway.store import AgentEntry, Projection, Store
from protocol import Usage, UsageMetric, UsageSubject
from tests.helpers.stores import enroll, make_world


def report(
    p: Projection, agent: AgentEntry, sequence: int, received_ms: int, why: str = "", **values: int
) -> None:
    """One report: the storage of repositories, by name."""
    rows = [
        Usage(
            subject_kind=UsageSubject.REPOSITORY, subject_uid=name, name=name, metric=UsageMetric.STORAGE_BYTES, value=value,
            observed_ms=received_ms - 5,
        ).to_row()
        for name, value in values.items()
    ]  # fmt: skip
    p.usage.add(
        agent.agent_id, stream_id=1, epoch=7, sequence=sequence, rows=rows, complete=not why, why=why, received_ms=received_ms
    )  # fmt: skip


def shown(store: Store, agent_uid: str | None = None) -> list[tuple[Any, ...]]:
    return [
        (each.host_name, each.name, each.value, each.complete, each.why)
        for each in store.usage.latest(agent_uid)
    ]


def test_the_latest_report_of_every_agent(store: Store) -> None:
    """A repository that it does not name is gone; what came later counts, whatever its number."""
    make_world(store)
    first, second, _silent = enroll(store), enroll(store, key=1), enroll(store, key=2)
    assert shown(store) == []
    with store.projection() as p:
        report(p, first, 9, 1000, old=1, nas=2)
        report(p, first, 3, 2000, nas=4, tape=5)
        report(p, second, 1, 1500, "nas: the repository is away", other=6)

    assert shown(store) == [
        ("backup0000", "nas", 4, True, None),
        ("backup0000", "tape", 5, True, None),
        ("backup0001", "other", 6, False, "nas: the repository is away"),
    ]
    assert shown(store, second.agent_uid) == shown(store)[2:]
    assert shown(store, "nobody") == []
    [one, *_] = store.usage.latest()
    assert (one.agent_uid, one.observed_ms, one.received_ms) == (first.agent_uid, 1995, 2000)
