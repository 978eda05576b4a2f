"""Usage that a person enters: a report like any other, which says whose hand it was."""

import pytest

from gateway.store import AgentEntry, Conflict, NotFound, Store
from gateway.store.billing.entering import MOST
from protocol import UsageSubject
from tests.helpers.stores import enroll, make_world
from tests.helpers.usage import listing, take

SERVER, VM = UsageSubject.SERVER, UsageSubject.VM
NOW = 10**6


@pytest.fixture
def agent(store: Store) -> AgentEntry:
    """It lists the servers a and b."""
    make_world(store, expires_ms=1 << 50)
    agent = enroll(store)
    with store.projection() as p:
        take(p, agent, 1, NOW - 10, listing(agent.agent_uid, {(SERVER, "a"): 5, (SERVER, "b"): 5}, 10**6))
    return agent


def enter(store: Store, agent: str, at_ms: int = 1000, **counts: int) -> None:
    kinds = {UsageSubject[name.upper()]: count for name, count in counts.items()}
    store.usage_entries.enter(agent, kinds, at_ms=at_ms, why="off the net", by="ann", now_ms=NOW)


def read(store: Store, agent: AgentEntry) -> list[tuple[int, str, list[str]]]:
    with store.usage_history.reading() as history:
        return [
            (report.received_ms, report.entered_by, [row[1] for row in report.rows if row[0] != UsageSubject.AGENT])
            for _, _, report in history.reports([agent.agent_id], 0, NOW)
            if report is not None
        ]  # fmt: skip


def test_an_entry_is_linked_and_counts_from_its_day(store: Store, agent: AgentEntry) -> None:
    """What the agent lists is taken first; the chain holds, and the deed is in the audit."""
    enter(store, agent.agent_uid, server=3, vm=1)
    at_ms, by, uids = read(store, agent)[1]
    assert (at_ms, by, sorted(uids)) == (1000, "ann", ["a", "b", "entered-1", "entered-3"])
    [walked] = store.usage_chain.walk()
    assert (walked.links, walked.broken) == (2, None)
    with store.usage_history.reading() as history:
        assert history.first_seen([agent.agent_id])[agent.agent_id, SERVER, "a"] == 1000
    entry = store.audit.list()[0]
    assert (entry.action, entry.who, entry.why) == ("usage entered", "ann", "off the net")


def test_another_entry_of_the_same_moment_takes_its_place(store: Store, agent: AgentEntry) -> None:
    """Nothing is counted twice; what was entered first stays in the chain."""
    enter(store, agent.agent_uid, server=2)
    enter(store, agent.agent_uid, server=1)
    enter(store, agent.agent_uid, server=1)
    assert [(at_ms, len(uids)) for at_ms, by, uids in read(store, agent) if by] == [(1000, 1)]
    [walked] = store.usage_chain.walk()
    assert (walked.links, walked.broken) == (3, None)


def test_what_is_used_now_stays_what_the_agent_says(store: Store, agent: AgentEntry) -> None:
    """An entry of an earlier day is not the newest listing."""
    before = store.usage_now.licences([SERVER], month_ms=0, now_ms=NOW)
    enter(store, agent.agent_uid, server=9)
    assert store.usage_now.licences([SERVER], month_ms=0, now_ms=NOW) == before


def test_what_cannot_be_entered(store: Store, agent: AgentEntry) -> None:
    """Nothing of it is written."""
    store.tokens.add(
        "play", b"public", kind="client", organization_uid=agent.organization_uid, location_uid=None,
        expires_ms=1 << 50, max_uses=9, synthetic=True, now_ms=1,
    )  # fmt: skip
    play = enroll(store, "play", 9, synthetic=True)
    with pytest.raises(Conflict, match="simulated: it is never billed"):
        enter(store, play.agent_uid, server=1)
    with pytest.raises(Conflict, match="in the future"):
        enter(store, agent.agent_uid, NOW + 1, server=1)
    with pytest.raises(Conflict, match="limit is"):
        enter(store, agent.agent_uid, server=MOST, vm=1)
    with pytest.raises(NotFound):
        enter(store, "nobody", server=1)
    assert len(read(store, agent)) == 1
