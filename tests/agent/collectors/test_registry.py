"""Kinds of collectors are found by name, and what is wrong with one is said in words."""

import importlib.metadata
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from agent.collectors.assembly import assemble
from agent.collectors.contract import CollectorError, CollectorSettings
from agent.collectors.exec import Exec
from agent.collectors.registry import GROUP, OWN, kinds, make_collector
from agent.settings import SettingError
from protocol import Code
from tests.agent.collectors.scripted import around
from tests.agent.rig import make_keeper
from tests.helpers.gateway import Gateway

ROOT = Path(__file__).parents[3]

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
        lines = [f"[{GROUP}]", *(f"{name} = {value}" for name, value in points.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")

    yield put
    for path in site.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_our_own_are_registered_as_any_other() -> None:
    """A list of entry points is complete, and what is found by name is what is registered."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"][GROUP] == OWN


def test_one_of_another_package(install: Install, tmp_path: Path) -> None:
    """Named after its kind, and shown with the package that has it."""
    install(
        "dumps",
        (Path(__file__).parent / "folder_collector.py").read_text(encoding="utf-8"),
        dumps="dumps:Dumps",
    )
    collector = make_collector(
        CollectorSettings(name="nightly", kind="dumps", options={"folder": str(tmp_path)}), around(tmp_path)
    )
    assert (type(collector).__name__, collector.name) == ("Dumps", "nightly")
    assert kinds() == {"dumps": "dumps"} | dict.fromkeys(OWN, "fieldgate")


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("resti", "there is no collector of kind 'resti'; did you mean 'restic'?"),
        ("breaks", "broken cannot be loaded: ImportError: libtape.so is missing"),
        ("nothing", "broken cannot be loaded: AttributeError"),
        ("constant", "broken:VALUE is no function"),
        ("strange", "strange made int, which is no Collector"),
        ("twice", "several packages offer a collector of kind 'twice': broken, other"),
    ],
)
def test_one_that_cannot_be_loaded(kind: str, says: str, install: Install, tmp_path: Path) -> None:
    """FG-4030, with the package at fault."""
    install("fails", "raise ImportError('libtape.so is missing')")
    install(
        "broken", "VALUE = 3\nmake = lambda settings, around: 3\n",
        breaks="fails:make", nothing="broken:gone", constant="broken:VALUE", strange="broken:make", twice="broken:make",
    )  # fmt: skip
    install("other", "make = None\n", twice="other:make")
    with pytest.raises(CollectorError) as refused:
        make_collector(CollectorSettings(name=kind, kind=kind), around(tmp_path))
    assert says in refused.value.message
    assert refused.value.code is Code.COLLECTOR_UNKNOWN


def test_an_agents_collectors(tmp_path: Path) -> None:
    """The machine itself first, then agent.toml's."""
    identity = attrs.evolve(make_keeper(Gateway.make()).identity, synthetic=False)
    (tmp_path / "agent.toml").write_text('[[collector]]\nkind = "exec"\ncommand = ["tapes"]\n')
    machine, own = assemble(tmp_path, identity, now=lambda: 0, rate=1)
    assert (machine.name, type(own)) == ("machine", Exec)

    (tmp_path / "agent.toml").write_text('[[collector]]\nkind = "exec"\nname = "machine"\ncommand = ["x"]\n')
    with pytest.raises(SettingError, match="the agent's own name for itself"):
        assemble(tmp_path, identity, now=lambda: 0, rate=1)


def test_only_a_synthetic_agent_plays(tmp_path: Path) -> None:
    """What a real one reports is billed."""
    identity = make_keeper(Gateway.make()).identity
    [own] = assemble(tmp_path, identity, now=lambda: 0, rate=1)
    assert own.name == "synthetic"
    (tmp_path / "agent.toml").write_text('[[collector]]\nkind = "synthetic"\n')
    with pytest.raises(SettingError, match="enrolled with --synthetic"):
        assemble(tmp_path, attrs.evolve(identity, synthetic=False), now=lambda: 0, rate=1)


def test_entry_points_are_searched_for_strangers_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An agent without any, such as the one in a single file, finds our own all the same."""

    def refuse(**_: object) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr(importlib.metadata, "entry_points", refuse)
    monkeypatch.setattr("agent.collectors.registry.entry_points", refuse)
    collector = make_collector(
        CollectorSettings(name="tapes", kind="exec", options={"command": ["tapes"]}), around(tmp_path)
    )
    assert collector.name == "tapes"
