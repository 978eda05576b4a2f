"""What one agent may read back of the store: its own events, each once, in order, page by page."""

import pytest

from gateway.store import Store
from tests.helpers.stores import apply_batch, enroll, event, make_world, open_stream


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_pages_meet_and_do_not_overlap(store: Store, limit: int) -> None:
    """Two epochs, one with two branches that have rows under the same numbers; and another agent, of whom nothing is shown."""
    make_world(store)
    agent, other = enroll(store), enroll(store, key=1)
    with store.projection() as p:
        for epoch, first, count in ((7, 1, 9), (7, 4, 5), (9, 1, 3)):
            stream = open_stream(p, agent, epoch=epoch, base=first)
            rows = [event(n) for n in range(first, first + count)]
            apply_batch(
                p, agent, epoch=epoch, stream_id=stream, first=first, rows=rows, batch_id=bytes([stream]) * 16
            )
        stream = open_stream(p, other, epoch=7)
        apply_batch(p, other, epoch=7, stream_id=stream, first=1, rows=[event(1)], batch_id=b"x" * 16)

    seen, after = [], (0, 0, 0)
    while page := store.events.held(agent.agent_uid, after=after, limit=limit):
        assert len(page) <= limit
        seen += page
        after = page[-1].epoch, page[-1].sequence, page[-1].stream_id

    everything = list(store.events.export(agent.agent_uid))
    assert len(seen) == len(everything) == 17
    assert seen == sorted(everything, key=lambda e: (e.epoch, e.sequence, e.stream_id))
    assert store.events.held("nobody", after=(0, 0, 0), limit=5) == []
