"""Which version is due where: releases are compared as people count them, and stages only ever grow."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Agents, Config, ConfigError, difference, load_config

VERSIONS = st.lists(st.integers(0, 99), min_size=1, max_size=4).map(
    lambda numbers: ".".join(map(str, numbers))
)


def due(agents: Agents, version: str, *, agent: str = "a1", organization: str = "o1") -> str:
    return agents.due(version, agent_uid=agent, organization_uid=organization)


@pytest.mark.parametrize(
    ("version", "is_due"),
    [
        ("1.10.0", False), ("1.10", False), ("v1.10.0", False), ("1.10.0+local", False), ("1.10.0.post1", False), ("2", False),
        ("1.9.9", True), ("1.10.0rc1", True), ("1.10.0.dev3", True), ("0+source", True), ("", True), ("nightly", True),
        ("9" * 200, True),
    ],
)  # fmt: skip
def test_what_is_older(version: str, is_due: bool) -> None:
    """1.10 is newer than 1.9; what can't be read is looked at."""
    assert due(Agents(current="1.10.0"), version) == ("1.10.0" if is_due else "")


def test_where_nothing_is_asked_for_nobody_is_out_of_date() -> None:
    """Not even a version that can't be read."""
    assert due(Agents(), "nightly") == ""
    assert not Agents().is_below_minimum("nightly")


def test_the_minimum_holds_for_those_who_are_not_first() -> None:
    """They are told of no more than that."""
    agents = Agents(current="1.2", minimum="1.0", first_percent=0, first=("pilots",))
    assert (due(agents, "0.9"), due(agents, "1.1")) == ("1.0", "")
    assert due(agents, "0.9", organization="pilots") == "1.2"
    assert due(agents, "1.1", organization="pilots") == "1.2"
    assert (agents.is_below_minimum("0.9"), agents.is_below_minimum("1.1")) == (True, False)


@given(st.integers(0, 100), st.integers(0, 100), st.text())
def test_a_larger_share_keeps_those_of_the_smaller(one: int, other: int, agent: str) -> None:
    """Whoever was told stays told; none of a hundred is nobody, and all of them everybody."""
    small, large = sorted((one, other))
    assert due(Agents(current="2", first_percent=small), "1", agent=agent) in (
        "",
        due(Agents(current="2", first_percent=large), "1", agent=agent),
    )
    assert due(Agents(current="2", first_percent=0), "1", agent=agent) == ""
    assert due(Agents(current="2", first_percent=100), "1", agent=agent) == "2"


def test_a_share_is_one_and_the_next_version_draws_others() -> None:
    """Not the same customers find every version's mistakes."""
    agents = [f"agent-{n}" for n in range(2_000)]
    first = {each for each in agents if due(Agents(current="2", first_percent=10), "1", agent=each)}
    others = {each for each in agents if due(Agents(current="3", first_percent=10), "1", agent=each)}
    assert 140 <= len(first) <= 260
    assert 140 <= len(others) <= 260
    assert len(first & others) < 60


@given(VERSIONS, VERSIONS)
def test_of_two_versions_at_most_one_is_older(one: str, other: str) -> None:
    """And numbers decide."""
    wanted = [int(part) for part in one.split(".")]
    found = [int(part) for part in other.split(".")]
    width = max(len(wanted), len(found))
    padded = [numbers + [0] * (width - len(numbers)) for numbers in (wanted, found)]
    assert bool(due(Agents(current=one), other)) is (padded[1] < padded[0])


@pytest.mark.parametrize(
    ("agents", "words"),
    [
        (Agents(current="newest"), "agents.current 'newest' is no version"),
        (Agents(minimum="x"), "agents.minimum 'x' is no version"),
        (Agents(current="1.0", minimum="1.1"), "is older than agents.minimum"),
        (Agents(first_percent=101), "not between 0 and 100"),
        (Agents(first_percent=-1), "not between 0 and 100"),
    ],
)
def test_what_could_not_work_is_refused(agents: Agents, words: str) -> None:
    """When the settings are read."""
    with pytest.raises(ConfigError, match=words):
        Config(agents=agents)


def test_it_is_read_from_file_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the other tables are; an unknown key is named with the nearest."""
    file = tmp_path / "fieldgate.toml"
    file.write_text('[fieldgate.agents]\ncurrent = "1.2.0"\nfirst = ["o1", "o2"]\nfirst_percent = 10\n')
    monkeypatch.setenv("FIELDGATE_AGENTS_MINIMUM", "1.0")
    monkeypatch.setenv("FIELDGATE_AGENTS_FIRST_PERCENT", "20")
    wanted = Agents(current="1.2.0", minimum="1.0", first=("o1", "o2"), first_percent=20)
    assert load_config(tmp_path).agents == wanted
    for text, words in (
        ('[fieldgate.agents]\ncurent = "1"\n', "did you mean agents.current"),
        ("[fieldgate]\nagents = 1\n", r"begin it with \[fieldgate.agents\]"),
        ("[fieldgate.agents]\ncurrent = 1.2\n", "expected text"),
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match=words):
            load_config(tmp_path)


def test_a_stage_is_live() -> None:
    """A reload takes it, and names what changed."""
    before, after = Config(), Config(agents=Agents(current="2", first_percent=5))
    changes = difference(before, after)
    assert changes.live == {"agents.current": ("", "2"), "agents.first_percent": (100, 5)}
    assert changes.config.agents == after.agents
    assert not changes.restart
