"""Between store and receiver: everything once by its id and in order, whatever the receiver answers, and nothing is skipped."""

import contextlib
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.sinks import (
    Batch,
    Delivery,
    Options,
    Pace,
    Sink,
    SinkPlace,
    SinkPlaces,
    SinkPlaceUnreadable,
    SinkRefused,
    SinkRunsAlready,
    SinkUnavailable,
    SinkUnusable,
    make_sink,
)
from gateway.sinks.delivery import GIVE_UP_S, LONGEST_WAIT_S, batches
from gateway.sinks.https import HttpsSink
from gateway.store import Line, Place, Store
from protocol import Code
from tests.gateway.projector.test_following import all_behind
from tests.gateway.sinks.receiver import DRIP, DROP, SILENT, TAKE, Receiver, receiving


class Scene:
    """A delivery whose waits take no time."""

    def __init__(self, store: Store, folder: Path, ca: Path, *, chance: float = 0.0) -> None:
        self.store, self.ca = store, ca
        self.places = SinkPlaces(folder / "sinks", folder / "run")
        self.waited: list[float] = []
        self.at_s = 0.0
        self.pace = Pace(
            sleep=self._sleep, monotonic=lambda: self.at_s, now_ms=lambda: 5, chance=lambda: chance
        )

    def _sleep(self, wait_s: float) -> None:
        self.waited.append(wait_s)
        self.at_s += wait_s

    def deliver(self, receiver: Receiver, *, timeout_s: float = 10.0, **options: Any) -> SinkPlace:
        """All that is there."""
        sink = HttpsSink(receiver.url, Options(ca=self.ca, **options), timeout_s=timeout_s)
        return self.to(sink, receiver.url).run(once=True)

    def to(self, sink: Sink, target: str) -> Delivery:
        """A delivery to that sink."""
        return Delivery(
            store=self.store, sink=sink, places=self.places, name="test", target=target, pace=self.pace
        )

    def ids(self) -> list[str]:
        """Of all lines, in order."""
        return [line.id for line in all_behind(self.store, self.store.following.start())]


@pytest.fixture
def scene(filled: Store, tmp_path: Path, ca: Path) -> Scene:
    """A store with something in it, and nothing delivered."""
    return Scene(filled, tmp_path, ca)


@pytest.fixture
def file_scene(filled_file: Store, tmp_path: Path, ca: Path) -> Scene:
    """The same on SQLite alone."""
    return Scene(filled_file, tmp_path, ca)


def test_whatever_a_receiver_does_in_between_it_has_every_line_once(scene: Scene, receiver: Receiver) -> None:
    """It fails, is too slow, hangs up, asks to be left alone, and takes them: the same batch each time, by the same key."""
    receiver.plays = [
        (503, {"Retry-After": "7"}),
        (500, {}),
        (429, {"Retry-After": "3"}),
        SILENT,
        DROP,
        DRIP,
        (408, {}),
    ]

    place = scene.deliver(receiver, timeout_s=0.5)

    assert receiver.ids() == scene.ids()
    keys = [request["Idempotency-Key"] for request in receiver.requests]
    assert len(set(keys[:8])) == 1  # the first page, until it was taken
    assert len(set(keys)) == len(keys) - 7
    assert {request["path"] for request in receiver.requests} == {"/facts?from=us"}
    assert place == scene.places.load("test")
    assert (place.delivered, place.cursor) == (len(scene.ids()), receiver.lines[-1]["cursor"])
    assert scene.store.following.rows_behind(Place.parse(place.cursor)) == 0
    # Doubled from a half; what was asked for is the least.
    assert scene.waited == [7, 1, 3, 4, 8, 16, 30]


def test_waits_are_spread_and_bounded(file_scene: Scene, receiver: Receiver) -> None:
    """By chance up to the whole wait, and up to a tenth more than was asked for."""
    file_scene.pace = Pace(
        sleep=file_scene.pace.sleep, monotonic=lambda: 0.0, now_ms=lambda: 5, chance=lambda: 1.0
    )
    receiver.plays = [(503, {"Retry-After": "100"}), *([(503, {})] * 8)]
    file_scene.deliver(receiver)
    assert file_scene.waited == [pytest.approx(110), 2, 4, 8, 16, 32, *[LONGEST_WAIT_S] * 3]


def test_only_what_came_since_is_delivered(scene: Scene, receiver: Receiver) -> None:
    """The place outlives the process."""
    scene.deliver(receiver)
    said = len(receiver.requests)
    scene.deliver(receiver)
    assert len(receiver.requests) == said
    scene.store.agents.reject(agent_of(scene.store), code=Code.AGENT_REJECTED)

    scene.deliver(receiver)

    assert [line["body"]["standing"] for line in receiver.lines if line["kind"] == "agent"] == [
        "verified",
        "rejected",
    ]
    assert len(receiver.lines) == len(receiver.ids())


def agent_of(store: Store) -> str:
    [agent] = store.agents.list(now_ms=0)
    return agent.uid


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 301, 307, 308])
def test_a_refusal_stops_before_what_was_refused(file_scene: Scene, receiver: Receiver, status: int) -> None:
    """Nothing is skipped, nobody else is asked, and once it is mended everything comes."""
    with receiving() as elsewhere:
        receiver.plays = [(status, {"Location": elsewhere.url})]
        with pytest.raises(SinkRefused, match=str(status)) as caught:
            file_scene.deliver(receiver)
        assert elsewhere.requests == []
    assert caught.value.code is Code.SINK_REFUSED
    assert file_scene.places.load("test") is None
    assert file_scene.waited == []

    file_scene.deliver(receiver)
    assert receiver.ids() == file_scene.ids()


def test_a_refusal_in_the_middle_keeps_what_was_taken(
    file_scene: Scene, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place is behind the last batch that was confirmed."""
    monkeypatch.setattr(HttpsSink, "max_lines", 20)
    receiver.plays = [TAKE, TAKE, (422, {})]
    with pytest.raises(SinkRefused):
        file_scene.deliver(receiver)
    stored = file_scene.places.load("test")
    assert stored is not None
    assert stored.cursor == receiver.lines[-1]["cursor"]
    assert len(receiver.lines) == stored.delivered < len(file_scene.ids())

    file_scene.deliver(receiver)
    assert [line["id"] for line in receiver.lines] == file_scene.ids()


def test_a_crash_before_the_place_is_stored_delivers_a_batch_twice(
    file_scene: Scene, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: the receiver tells by ids."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(SinkPlaces, "save", full)
        with pytest.raises(OSError, match="No space"):
            file_scene.deliver(receiver)
    file_scene.deliver(receiver)

    assert len(receiver.lines) == len(file_scene.ids()) + 1  # of the first page, which is one line
    assert receiver.ids() == file_scene.ids()


def test_a_receiver_without_a_certificate_that_fits_is_told_nothing(
    file_scene: Scene, receiver: Receiver, tmp_path: Path
) -> None:
    """Neither one of an authority that nobody named, nor one for another name."""
    token = tmp_path / "token"
    token.write_text("secret\n")
    for url, ca in ((receiver.url, None), (receiver.url.replace("127.0.0.1", "localhost"), file_scene.ca)):
        sink = HttpsSink(url, Options(ca=ca, token_file=token))
        with pytest.raises(SinkRefused) as caught:
            file_scene.to(sink, url).run(once=True)
        assert caught.value.code is Code.SINK_UNTRUSTED
    assert receiver.requests == []


def test_the_token_is_sent_and_may_change(file_scene: Scene, receiver: Receiver, tmp_path: Path) -> None:
    """It is read for every attempt: a new one needs no restart. Without a file there is none."""
    token = tmp_path / "token"
    token.write_text("first\n")
    sink = make_sink(receiver.url, Options(ca=file_scene.ca, token_file=token))
    sink.deliver(Batch([{"id": "1"}]))
    token.write_text("second\n")
    sink.deliver(Batch([{"id": "2"}]))
    make_sink(receiver.url, Options(ca=file_scene.ca)).deliver(Batch([{"id": "3"}]))

    said = [request.get("Authorization") for request in receiver.requests]
    assert said == ["Bearer first", "Bearer second", None]


def test_once_gives_up_after_a_while(file_scene: Scene, receiver: Receiver) -> None:
    """Somebody waits for it."""
    receiver.plays = [(503, {})] * 100
    with pytest.raises(SinkUnavailable, match="503"):
        file_scene.deliver(receiver)
    assert GIVE_UP_S - LONGEST_WAIT_S < file_scene.at_s <= GIVE_UP_S


def test_a_handshake_that_drips_has_a_limit_too(file_scene: Scene) -> None:
    """A byte now and then keeps no delivery."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            with peer, contextlib.suppress(OSError):
                peer.sendall(b"\x16\x03\x03\x40\x00")  # the head of a record of 16 KiB
                while not over.wait(0.02):
                    peer.sendall(b"\0")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{server.getsockname()[1]}/"
        sink = HttpsSink(url, Options(ca=file_scene.ca), timeout_s=0.5)
        with pytest.raises(SinkUnavailable, match=r"no answer within 0\.5 s"):
            sink.deliver(Batch([{"id": "1"}]))
        over.set()
        thread.join(10)


def test_nobody_listens(file_scene: Scene, receiver: Receiver) -> None:
    """A refused connection is waited out."""
    sink = HttpsSink("https://127.0.0.1:1/", Options(ca=file_scene.ca))
    with pytest.raises(SinkUnavailable, match="refused"):
        sink.deliver(Batch([{"id": "1"}]))


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("https://", "is no https URL"),
        ("https://user:secret@host/", "a secret does not belong into a URL"),
        ("https://host:port/", "is no URL"),
        ("https://host/a b", "is no URL"),
        ("http://host/", "there is no sink of kind 'http'"),
        ("somewhere", "is no sink"),
        ("file:", "names no file"),
        ("file:/nowhere/at/all", "No such file"),
    ],
)
def test_what_is_no_target_is_refused_at_once(target: str, why: str) -> None:
    """Before anything is read or sent."""
    with pytest.raises(SinkUnusable, match=why) as caught:
        make_sink(target, Options())
    assert "secret@" not in str(caught.value)


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    """Authorities and token."""
    (tmp_path / "empty").write_text("")
    (tmp_path / "two").write_text("one\ntwo\n")
    for options in (
        Options(ca=tmp_path / "none"),
        Options(ca=tmp_path / "empty"),
        Options(token_file=tmp_path / "none"),
        Options(token_file=tmp_path / "empty"),
        Options(token_file=tmp_path / "two"),
    ):
        with pytest.raises(SinkUnusable, match=str(options.ca or options.token_file)):
            make_sink("https://host/", options)


def test_a_place_is_of_one_receiver(file_scene: Scene, receiver: Receiver) -> None:
    """Another one would miss everything before it."""
    file_scene.deliver(receiver)
    with receiving() as other, pytest.raises(SinkPlaceUnreadable, match="another --name"):
        file_scene.deliver(other)
    assert other.requests == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"target":"x","cursor":1,"delivered":0,"at_ms":0}'])
def test_a_damaged_place_is_not_taken_for_none(file_scene: Scene, receiver: Receiver, text: str) -> None:
    """Everything would come anew, unasked."""
    file_scene.deliver(receiver)
    (file_scene.places.folder / "test.json").write_text(text)
    with pytest.raises(SinkPlaceUnreadable, match="can't be read"):
        file_scene.places.load("test")


def test_a_name_is_delivered_to_by_one(file_scene: Scene) -> None:
    """The lock goes with its holder."""
    places = file_scene.places
    with places.only_one("a"):
        assert places.is_running("a")
        with pytest.raises(SinkRunsAlready), places.only_one("a"):
            pass
        with places.only_one("b"):
            pass
    assert not places.is_running("a")
    for name in ("", "../up", "a/b", ".hidden", "x" * 65):
        with pytest.raises(SinkUnusable, match="is no name"), places.only_one(name):
            pass


def test_a_store_built_anew_is_told_of(file_scene: Scene, receiver: Receiver) -> None:
    """The receiver hears of the reset where it stood, and then everything."""
    file_scene.deliver(receiver)
    before = len(receiver.lines)
    file_scene.store.restoring.settle(now_ms=1)

    file_scene.deliver(receiver)

    reset, *again = receiver.lines[before:]
    assert (reset["kind"], reset["body"]) == ("reset", {"code": str(Code.FEED_RESET)})
    assert [line["id"] for line in again] == file_scene.ids()


class Small(Sink):
    """Takes little."""

    max_lines = 3
    max_bytes = 200

    def deliver(self, batch: Batch) -> None:
        """Takes it."""


@pytest.mark.parametrize(
    "sizes", [[], [1], [1] * 7, [300], [1, 300, 1], [60, 60, 60], [190, 300, 5, 5, 5, 5]]
)
def test_batches_are_bounded(sizes: list[int]) -> None:
    """By lines and by bytes; one that is too large goes alone; nothing is left out or changes places."""
    place = Place("0" * 32)
    given = [Line(id=str(n), kind="k", place=place, body={"x": "x" * size}) for n, size in enumerate(sizes)]
    made = list(batches(given, Small()))

    assert [line["id"] for batch in made for line in batch.lines] == [line.id for line in given]
    for batch in made:
        assert len(batch.lines) == 1 or (
            len(batch.lines) <= Small.max_lines and sum(map(len, batch.encoded)) <= Small.max_bytes
        )
