"""`fieldgate events deliver`: what its place is kept for."""

from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.provider import make_provider
from tests.gateway.sinks.conftest import fill
from tests.helpers.stores import opened


def test_a_file_is_the_same_only_in_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path from another folder is another file: begun behind what the first one has, it would lack that."""
    data, here, there = (tmp_path / name for name in ("data", "here", "there"))
    make_provider(data, "Nordwind", ("gateway.example",))
    with opened(data) as store:
        fill(store, batches=2)
    command = ["events", "deliver", "--sink", "file:feed.jsonl", "--once", "--data", str(data)]
    for folder in (here, there):
        folder.mkdir()
    monkeypatch.chdir(here)
    assert main(command) == 0
    told = (here / "feed.jsonl").read_text()
    assert told

    monkeypatch.chdir(there)
    assert main(command) != 0
    assert "FG-4057" in capsys.readouterr().err
    assert not (there / "feed.jsonl").exists() or not (there / "feed.jsonl").read_text()

    monkeypatch.chdir(here)
    assert main(command) == 0
    assert (here / "feed.jsonl").read_text() == told
