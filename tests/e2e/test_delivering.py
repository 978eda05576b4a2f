"""`fieldgate events deliver` as a process, killed where it hurts: by its ids the receiver has everything once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.provider import make_provider
from gateway.sinks import SinkPlaces
from tests.e2e.stage import ROOT, Said, until
from tests.gateway.projector.test_following import all_behind
from tests.gateway.sinks.conftest import fill
from tests.gateway.sinks.receiver import SILENT, TAKE, Receiver, receiving, write_ca
from tests.helpers.stores import opened
from tests.helpers.warm import Forked, Warm

BATCHES = 70
KILLS = 3
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with Warm(("gateway.cli.delivering", "gateway.sinks.https"), env={"PYTHONPATH": str(ROOT)}) as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


class Scene:
    """A provider with a store full of events."""

    def __init__(self, warm: Warm, folder: Path) -> None:
        self.data, self.log, self._warm = folder / "data", folder / "log", warm
        make_provider(self.data, "Nordwind", ("gateway.example",))
        with opened(self.data) as store:
            fill(store, batches=BATCHES)
            self.ids = [line.id for line in all_behind(store, store.following.start())]
        self.ca = write_ca(folder / "ca.pem")

    def start(self, *words: str) -> Forked:
        """`fieldgate events …`."""
        return self._warm.start("gateway", ["events", *words, "--data", str(self.data)], self.log)

    def run(self, *words: str) -> Said:
        """The same, to its end."""
        code = self.start(*words).wait(LIMIT_S)
        return Said(code, self.log.read_text(encoding="utf-8"))

    def deliver(self, receiver: Receiver, *words: str) -> Forked:
        """Deliver to it."""
        return self.start(
            "deliver", "--sink", receiver.url, "--ca", str(self.ca), "--name", "platform", *words
        )

    def places(self) -> SinkPlaces:
        """Where the places are."""
        return SinkPlaces(self.data / "sinks", self.data / "run")

    def said(self) -> str:
        """By the last one that ran."""
        return self.log.read_text(encoding="utf-8")


@pytest.fixture
def scene(warm: Warm, tmp_path: Path) -> Scene:
    return Scene(warm, tmp_path)


def test_a_receiver_has_everything_once_by_its_ids_though_delivering_is_killed(
    scene: Scene, receiver: Receiver
) -> None:
    """kill -9 between the receiver's taking a batch and its saying so, at the first batch, the second, and so on."""
    for n in range(KILLS):
        before = len(receiver.requests)
        receiver.plays = [*[TAKE] * n, SILENT]
        process = scene.deliver(receiver)
        until(lambda: len(receiver.requests) == before + n + 1, scene.said)  # noqa: B023  # called within the turn
        process.kill()
        assert process.wait(LIMIT_S) == -9
    assert len(receiver.lines) > len(receiver.ids())

    assert scene.deliver(receiver, "--once").wait(LIMIT_S) == 0, scene.said()

    assert receiver.ids() == scene.ids
    place = scene.places().load("platform")
    assert place is not None
    assert place.cursor == receiver.lines[-1]["cursor"]
    assert "lines delivered" in scene.said()


def test_where_a_sink_stands_is_shown_and_two_do_not_run(scene: Scene, receiver: Receiver) -> None:
    """The second one is told who runs already; a listing says how far the first has come."""
    receiver.plays = [TAKE, SILENT]
    process = scene.deliver(receiver)
    until(lambda: len(receiver.requests) == 2, scene.said)

    second = scene.run("deliver", "--sink", receiver.url, "--name", "platform")
    listed = scene.run("sinks", "--json")
    shown = scene.run("sinks")
    process.kill()
    process.wait(LIMIT_S)
    after = scene.run("sinks", "--json")

    assert (second.code, "FG-4056" in second.text) == (2, True)
    [line] = json.loads(listed.text.splitlines()[-1])["sinks"]
    assert (line["name"], line["target"], line["running"], line["behind"]) == (
        "platform",
        receiver.url,
        True,
        BATCHES,
    )
    assert "platform" in shown.text
    assert not json.loads(after.text.splitlines()[-1])["sinks"][0]["running"]


def test_a_refusal_ends_the_command_with_its_code(scene: Scene, receiver: Receiver) -> None:
    """And what comes of it is for a person to read."""
    receiver.plays = [(401, {})]
    process = scene.deliver(receiver)
    assert process.wait(LIMIT_S) == 1
    assert "127.0.0.1 answered 401" in scene.said()
    assert "FG-4054" in scene.said()
    assert scene.places().load("platform") is None


def test_into_a_file(scene: Scene, tmp_path: Path) -> None:
    """What follow writes, in a file that is named after itself."""
    done = scene.run("deliver", "--sink", f"file:{tmp_path / 'feed.jsonl'}", "--once")
    assert done.code == 0, done.text
    written = [
        json.loads(line) for line in (tmp_path / "feed.jsonl").read_text(encoding="ascii").splitlines()
    ]
    assert [line["id"] for line in written] == scene.ids
    assert scene.places().load("feed.jsonl") is not None
