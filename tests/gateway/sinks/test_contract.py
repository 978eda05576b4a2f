"""The contract holds of our own sinks, and of the one that docs/integrating.md shows."""

import json
import re
import sqlite3
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.sinks import GROUP, OWN, Batch, Options, Sink, SinkUnusable, kinds, make_sink
from tests.gateway.sinks.contract import SinkContract, Taken, lines
from tests.gateway.sinks.receiver import Receiver

ROOT = Path(__file__).parents[3]


def read(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "lines").read_text(encoding="ascii").splitlines()]


class TestFile(SinkContract):
    """`file:`."""

    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Sink]:
        """One that appends."""
        return lambda: make_sink(f"file:{tmp_path / 'lines'}", Options())

    @pytest.fixture
    def taken(self, tmp_path: Path) -> Taken:
        """What is in it."""
        return lambda: read(tmp_path)


class TestHttps(SinkContract):
    """`https:`."""

    @pytest.fixture
    def make(self, receiver: Receiver, ca: Path) -> Callable[[], Sink]:
        """One that posts."""
        return lambda: make_sink(receiver.url, Options(ca=ca))

    @pytest.fixture
    def taken(self, receiver: Receiver) -> Taken:
        """What came."""
        return lambda: receiver.lines


Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts packages beside the installed ones: a name, what its module has in it, and its entry points."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def put(package: str, code: str, **points: str) -> None:
        (site / f"{package}.py").write_text(code)
        info = site / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        said = [f"[{GROUP}]", *(f"{name} = {value}" for name, value in points.items())]
        (info / "entry_points.txt").write_text("\n".join(said) + "\n")

    yield put
    for path in site.glob("*.py"):
        sys.modules.pop(path.stem, None)


class TestDocumented(SinkContract):
    """The one of the page, installed as a package of its own."""

    @pytest.fixture
    def make(self, install: Install, tmp_path: Path) -> Callable[[], Sink]:
        """Found by its entry point."""
        page = (ROOT / "docs" / "integrating.md").read_text(encoding="utf-8")
        [code] = re.findall(r"```python\n(# table_sink\.py\n.*?)```", page, re.DOTALL)
        install("table_sink", code, table="table_sink:TableSink")
        assert kinds()["table"] == "table_sink"
        return lambda: make_sink(f"table:{tmp_path / 'table.sqlite'}", Options())

    @pytest.fixture
    def taken(self, make: Callable[[], Sink], tmp_path: Path) -> Taken:
        """Its rows."""

        def rows() -> list[dict[str, Any]]:
            with closing(sqlite3.connect(tmp_path / "table.sqlite")) as db:
                return [json.loads(line) for (line,) in db.execute("SELECT line FROM lines ORDER BY rowid")]

        return rows


def test_our_own_are_registered_as_any_other() -> None:
    """A list of entry points is complete, and what is found by name is what is registered."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"][GROUP] == OWN


@pytest.mark.parametrize(
    ("code", "point", "why"),
    [
        ("raise ValueError('no')", "broken:make", "cannot be loaded: no"),
        ("", "broken:make", "cannot be loaded"),
        ("def make(target, options): return 1", "broken:make", "made int, which is no Sink"),
        ("def make(target, options): raise KeyError('where')", "broken:make", "KeyError: 'where'"),
    ],
)
def test_what_is_wrong_with_somebody_elses_is_said(install: Install, code: str, point: str, why: str) -> None:
    """In words, and not as a bug of ours."""
    install("broken", code, broken=point)
    with pytest.raises(SinkUnusable, match=re.escape(why)):
        make_sink("broken:x", Options())


def test_two_of_one_kind_are_none(install: Install) -> None:
    """Which one would be chance."""
    install("one", "", twice="one:make")
    install("two", "", twice="two:make")
    with pytest.raises(SinkUnusable, match="several packages offer"):
        make_sink("twice:x", Options())


def test_a_batch_names_exactly_its_lines() -> None:
    """Another content, another key."""
    keys = {Batch(lines(first, count)).key for first, count in ((0, 1), (0, 2), (1, 1), (1, 2))}
    assert len(keys) == 4
    assert Batch(lines(0, 2)).key == Batch(lines(0, 2)).key
