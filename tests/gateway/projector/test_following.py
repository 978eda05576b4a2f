"""What other programs follow: every event once from wherever they read on, states as they are, and a reset where a place is void."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.projector import Clock, rebuild
from gateway.store import CursorUnreadable, Line, Place, Standing, Store
from protocol import Code, EventKind, Inventory, JobStatus, Row
from tests.gateway.projector.rig import START_MS, Chain, Rig, tombstone_of
from tests.gateway.projector.test_rebuild import inventory


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(store, tmp_path)
    yield made
    made.close()


def all_behind(store: Store, place: Place) -> list[Line]:
    """What is there to read from that place on."""
    found: list[Line] = []
    while True:
        lines, behind = store.following.read(place)
        found += lines
        if behind == place:
            return found
        place = behind


def events_in(lines: list[Line]) -> list[str]:
    return [line.body["message"] for line in lines if line.kind == "job-event"]


def test_every_event_comes_once_from_whichever_line_it_is_read_on(rig: Rig) -> None:
    """A consumer that dies behind any line reads the others behind it, each under the same id."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a", "b", "c"), chain.cut("d"), chain.cut("e", "f"))
    rig.drain()

    lines = all_behind(rig.store, rig.store.following.start())

    assert events_in(lines) == ["a", "b", "c", "d", "e", "f"]
    assert len({line.id for line in lines}) == len(lines)
    for n, line in enumerate(lines):
        again = all_behind(rig.store, Place.parse(str(line.place)))
        events = [each.id for each in again if each.kind == "job-event"]
        assert events == [each.id for each in lines[n + 1 :] if each.kind == "job-event"]
        assert again[-1:] == lines[n + 1 :][-1:]


def test_a_session_is_told_as_it_is_and_once_a_page(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three batches about one session: its last one speaks for it."""

    def finished(text: str) -> Row:
        done = (EventKind.JOB_FINISHED.value, "job", "session", "", JobStatus.SUCCESS.value)
        return (1, *done, 1, 1, 1, 1, 0, text)

    monkeypatch.setattr("tests.gateway.projector.rig.row", finished)
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a"), chain.cut("b"), chain.cut("c"))
    rig.drain()

    lines = all_behind(rig.store, rig.store.following.start())

    assert [line.kind for line in lines] == ["agent", "job-event", "job-event", "job-event", "job-session"]
    assert lines[-1].body["agent_uid"] == agent.agent_uid
    assert lines[-1].body["session_uid"] == "session"
    assert lines[-1].body["synthetic"] is False


def test_an_estate_is_told_once_however_many_parts_and_pages_it_comes_in(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line is all of it; a part that a newer one follows on another page is silent, and one that is older than what is known, too."""
    monkeypatch.setattr("gateway.store.following.PAGE_INVENTORIES", 2)
    agent, chain = rig.agent(), Chain()
    for revision in range(2, 7):
        rig.at_s += 1
        rig.journal(agent, inventory(chain, revision, f"s{revision}"), tag=Inventory.tag)
    rig.at_s -= 1
    rig.journal(agent, inventory(chain, 1, "older"), tag=Inventory.tag)
    rig.drain()

    lines = [line for line in all_behind(rig.store, rig.store.following.start()) if line.kind == "inventory"]

    assert [[row["server_uid"] for row in line.body["servers"]] for line in lines] == [["s6"]]


def test_what_a_tombstone_stood_for_is_told_when_it_comes(rig: Rig) -> None:
    """The original takes the next place, though its stand-in's was read long ago."""
    agent, chain = rig.agent(), Chain()
    lost = chain.cut("late")
    rig.journal(agent, tombstone_of(lost), chain.cut("next"))
    rig.drain()
    before = all_behind(rig.store, rig.store.following.start())
    rig.journal(agent, lost, edge="south")
    rig.drain()

    assert events_in(before) == ["next"]
    assert events_in(all_behind(rig.store, before[-1].place)) == ["late"]


def test_a_decision_about_an_agent_is_told(rig: Rig) -> None:
    """Enrolled, then revoked: both lines say what is true now."""
    agent = rig.agent()
    [first] = all_behind(rig.store, rig.store.following.start())
    rig.store.agents.revoke(agent.agent_uid, why="sold", code=Code.CLIENT_CERT_REVOKED, now_ms=START_MS)
    [second] = all_behind(rig.store, first.place)

    assert (first.body["standing"], second.body["standing"]) == (Standing.VERIFIED, Standing.REVOKED)
    assert first.id != second.id


def test_a_gap_is_told_when_it_opens_and_when_it_has_gone(rig: Rig) -> None:
    """What is missing may come after all."""
    agent, chain = rig.agent(), Chain()
    missing = chain.cut("missing")
    rig.journal(agent, chain.cut("here"))
    rig.drain(30)
    opened = [line for line in all_behind(rig.store, rig.store.following.start()) if line.kind == "gap"]
    rig.journal(agent, missing, edge="south")
    rig.drain()
    gone = [line for line in all_behind(rig.store, opened[-1].place) if line.kind == "gap"]

    assert (opened[-1].body["state"], gone[-1].body["state"]) == ("open", "gone")


def test_a_place_is_void_in_a_store_that_was_built_anew_or_restored(rig: Rig) -> None:
    """The events bear the same ids there, so that what was mirrored can be compared."""
    agent, chain = rig.agent(), Chain()
    rig.journal(agent, chain.cut("a"), chain.cut("b"))
    rig.drain()
    following = rig.store.following
    before = all_behind(rig.store, following.start())
    assert following.rows_behind(before[-1].place) == 0

    rebuild(
        rig.store, rig.folder / "journals", resync=False, bell=lambda: None, progress=lambda _: None,
        clock=Clock(now_ms=lambda: START_MS, monotonic=lambda: rig.at_s),
    )  # fmt: skip

    assert following.rows_behind(before[-1].place) is None
    [reset], start = following.read(before[-1].place)
    assert (reset.kind, reset.body, start) == ("reset", {"code": str(Code.FEED_RESET)}, following.start())
    again = all_behind(rig.store, reset.place)
    said = [
        [(line.id, line.body["message"]) for line in lines if line.kind == "job-event"]
        for lines in (before, again)
    ]
    assert said[0] == said[1]
    rig.store.restoring.settle(now_ms=START_MS)
    assert following.rows_behind(again[-1].place) is None


def test_a_place_beyond_the_end_is_void(store: Store) -> None:
    """A file that somebody put back by hand bears the same name and ends earlier."""
    start = store.following.start()

    assert store.following.read(start) == ([], start)
    for beyond in (Place(start.incarnation, fact=1), Place(start.incarnation, batch=1)):
        assert [line.kind for line in all_behind(store, beyond)] == ["reset"]


@pytest.mark.parametrize(
    "text", ["", "v1", "v2." + "a" * 32 + ".0.0.0", "v1." + "a" * 32 + ".0.0.-1", "v1.x.0.0.0"]
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """It is not taken for the beginning."""
    with pytest.raises(CursorUnreadable, match="is no cursor"):
        Place.parse(text)
