"""[[collector]] and [[job]] of agent.toml: what they mean, and what is said of a mistake."""

from pathlib import Path

import attrs
import pytest

from agent.collectors.config import SettingError, load_collectors, read_options
from agent.collectors.contract import CollectorSettings, JobSettings

TWO = """
proxy = "http://proxy.example:3128"
[[collector]]
kind = "restic"
name = "nas"
repository = "/srv/backup"
[[collector]]
kind = "exec"
command = ["tapes"]
[[job]]
name = "home directories"
collector = "nas"
paths = ["/home"]
"""


def load(folder: Path, text: str) -> tuple[CollectorSettings, ...]:
    (folder / "agent.toml").write_text(text, encoding="utf-8")
    return load_collectors(folder)


def test_what_a_person_writes(tmp_path: Path) -> None:
    """In their order, each with its jobs; the name is the kind unless it is said."""
    assert load(tmp_path, TWO) == (
        CollectorSettings(
            name="nas", kind="restic", options={"repository": "/srv/backup"},
            jobs=(JobSettings(name="home directories", options={"paths": ["/home"]}),),
        ),
        CollectorSettings(name="exec", kind="exec", options={"command": ["tapes"]}),
    )  # fmt: skip


def test_the_only_collector_need_not_be_named(tmp_path: Path) -> None:
    """By its jobs."""
    [one] = load(tmp_path, '[[collector]]\nkind = "restic"\n[[job]]\nname = "a"\n[[job]]\nname = "b"\n')
    assert [job.name for job in one.jobs] == ["a", "b"]


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    """Nor with one that says nothing."""
    assert load_collectors(tmp_path) == ()
    assert load(tmp_path, "") == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[collector]]\n", r"\[\[collector\]\] 1: kind is a text"),
        ("[[collector]]\nkind = 3\n", r"\[\[collector\]\] 1: kind is a text"),
        ('[[collector]]\nkind = "a"\nname = "../../etc"\n', "name is a text of 1 to 64 letters"),
        ('[[collector]]\nkind = "a"\n[[collector]]\nkind = "a"\n', "another one named 'a'; give it a name"),
        ('[collector]\nkind = "a"\n', r"write \[\[collector\]\] above each"),
        ('[[job]]\nname = "a"\n', r"job a: there is no collector to run it: add its \[\[collector\]\]"),
        ('[[job]]\nname = "a"\ncollector = "nas"\n', "job a: there is no collector to run it"),
        (TWO + '[[job]]\nname = "b"\n', "job b: collector is missing: name one of nas, exec"),
        (TWO + '[[job]]\nname = "b"\ncollector = "nsa"\n', "there is no collector 'nsa'; did you mean 'nas'?"),
        (TWO + '[[job]]\nname = "home directories"\ncollector = "exec"\n', "another one named 'home directories'"),
        ("[[collector\n", "cannot read"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_file(text: str, says: str, tmp_path: Path) -> None:
    """And its table."""
    with pytest.raises(SettingError, match=says) as refused:
        load(tmp_path, text)
    assert str(tmp_path / "agent.toml") in str(refused.value)


@attrs.frozen(kw_only=True)
class Options:
    folder: str
    words: tuple[str, ...] = ()
    every_s: int = 60
    deep: bool = False
    file: str | None = None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "collector x: folder is missing"),
        ({"folder": 3}, "collector x: folder is a text"),
        ({"folder": "f", "every_s": True}, "every_s is a whole number"),
        ({"folder": "f", "deep": 1}, "deep is true or false"),
        ({"folder": "f", "words": "one"}, "words is a list of texts"),
        ({"folder": "f", "words": ["one", 2]}, "words is a list of texts"),
        ({"folder": "f", "file": 1}, "file is a text"),
        ({"folder": "f\0"}, "collector x: folder has a NUL character"),
        ({"folder": "f", "file": "\0"}, "file has a NUL character"),
        ({"folder": "f", "words": ["one", "tw\0o"]}, "words has a NUL character"),
        ({"folder": "f", "foldr": "f"}, "there is no setting 'foldr'; did you mean 'folder'?"),
        ({"folder": "f", "xyz": 1}, "there is no setting 'xyz'; there are deep, every_s, file, folder, words"),
    ],
)  # fmt: skip
def test_options_are_typed(given: dict[str, object], says: str) -> None:
    """No guess, no silence."""
    with pytest.raises(SettingError) as refused:
        read_options(Options, given, "collector x")
    assert says in str(refused.value)


def test_options_as_they_are_meant() -> None:
    """All of them, and defaults."""
    assert read_options(Options, {"folder": "f"}, "x") == Options(folder="f")
    given = {"folder": "f", "words": ["a"], "every_s": 5, "deep": True, "file": "g"}
    assert read_options(Options, given, "x") == Options(
        folder="f", words=("a",), every_s=5, deep=True, file="g"
    )
