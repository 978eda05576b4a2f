"""Ends are kept by the ten thousand and counted for ever."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.closes import CAPACITY, MAX_DETAIL, Closes
from protocol import Code


def fill(closes: Closes, agent_uid: str, count: int, code: Code = Code.CONNECTION_LOST) -> None:
    for i in range(count):
        closes.record(code, address="192.0.2.1", port=i, listener="remote", agent_uid=agent_uid, lasted_s=1.5)


def test_the_last_ten_thousand_are_kept() -> None:
    closes = Closes(lambda: 7)
    fill(closes, "a1", CAPACITY + 5)
    recent = closes.recent()
    assert len(recent) == CAPACITY
    assert recent[0].port == CAPACITY + 4
    assert recent[-1].port == 5
    assert recent[0].lasted_ms == 1500
    assert closes.counts[Code.CONNECTION_LOST] == CAPACITY + 5


def test_scanners_push_no_agent_out() -> None:
    """What an agent's end tells survives any number of ends that tell nothing."""
    closes = Closes(lambda: 7)
    fill(closes, "a1", 1, Code.SLOW_CONSUMER)
    fill(closes, "", 3 * CAPACITY, Code.NOT_TLS)
    assert [each.code for each in closes.recent(2 * CAPACITY) if each.agent_uid] == [Code.SLOW_CONSUMER]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60), st.integers(0, 70))
def test_recent_ends_come_newest_first(steps: list[tuple[int, bool]], limit: int) -> None:
    """Both rings together, as one list would have kept them."""
    clock = [0]
    closes = Closes(lambda: clock[0])
    times = []
    for passed, known in steps:
        clock[0] += passed
        times.append(clock[0])
        closes.record(Code.GOODBYE, address="a", port=1, listener="remote", agent_uid="x" * known)
    assert [each.at_ms for each in closes.recent(limit)] == times[::-1][:limit]


def test_a_counted_end_leaves_no_line() -> None:
    told: list[Code] = []
    closes = Closes(lambda: 7, told.append)
    closes.count(Code.SILENT_PEER)
    assert closes.recent() == []
    assert closes.counts == {Code.SILENT_PEER: 1}
    assert told == [Code.SILENT_PEER]


def test_what_a_peer_wrote_is_cut() -> None:
    closes = Closes(lambda: 7)
    closes.record(Code.NOT_TLS, address="a", port=1, listener="remote", detail="x" * 10_000)
    assert len(closes.recent()[0].detail) == MAX_DETAIL
