"""Scenario files and what they expect: read strictly, refused with the nearest name, and true only of what was measured."""

from pathlib import Path

import attrs
import pytest

from agent.simulator.expectations import NAMES, ExpectationError, Expected, judged, recovered_s
from agent.simulator.histogram import Histogram
from agent.simulator.result import GatewayUse, Phase, ProcessUse
from agent.simulator.scenario import DEEDS, ScenarioError, find, load, shipped
from tests.agent.simulator.report.hostile import nothing_run

PHASE = '[[phase]]\nname = "x"\nduration_s = 1\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_scenario_is_what_its_file_says(tmp_path: Path) -> None:
    """Counts stay, parts grow with the agents, and of a persona that is named there is one at least."""
    text = (
        'agents = 50\nexpect = ["lost = 0"]\n[personas]\nclone = 3\ngarbage = "10%"\n[links]\nshare = "20%"\n'
        'latency_ms = 100\n[[phase]]\nname = "a"\nduration_s = 5\nrate = 2\n'
        '[[phase]]\nname = "b"\nduration_s = 7\ndoes = "kill-edge"\nuntil_back = true\n'
    )
    scenario = load(written(tmp_path, text))
    assert (scenario.name, scenario.agents, scenario.duration_s) == ("mine", 50, 12.0)
    assert scenario.cast(50) == {"clone": 3, "garbage": 5}
    assert scenario.cast(4) == {"clone": 3, "garbage": 1}
    assert scenario.links is not None
    assert (scenario.links.share, scenario.links.latency_ms, scenario.links.kbit_s) == (0.2, 100.0, 0.0)
    assert [(act.rate, act.does, act.until_back) for act in scenario.acts] == [
        (2.0, "", False),
        (1.0, "kill-edge", True),
    ]
    assert scenario.needs_data == "kill-edge"
    assert find(str(tmp_path / "mine.toml")) == scenario


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("agents = 1\n", "no [[phase]]"),
        (PHASE, "agents is missing"),
        ("agents = true\n" + PHASE, "agents: expected a whole number"),
        ("agent = 1\n" + PHASE, "unknown key agent; did you mean agents?"),
        ("agents = 1\n[[phase]]\nname = 'x'\n", "phase 1: duration_s is missing"),
        ("agents = 1\n[[phase]]\nname = 'x'\nduration_s = nan\n", "duration_s: expected a number"),
        ("agents = 1\n" + PHASE + "does = 'reboot'\n", f"is none of {', '.join(DEEDS)}"),
        ("agents = 1\n" + PHASE + "until_back = 1\n", "expected true or false"),
        ("agents = 1\n" + PHASE + "[personas]\nclones = 1\n", "no persona 'clones'; did you mean clone?"),
        ("agents = 1\n" + PHASE + "[personas]\nclone = '3'\n", 'as in "5%"'),
        ("agents = 1\n" + PHASE + "[links]\nshare = '0%'\n", "links.share: expected a part of the agents"),
        (
            "agents = 1\nexpect = ['p99_ack_m < 5']\n" + PHASE,
            "there is no p99_ack_m; did you mean p99_ack_ms?",
        ),
        ("agents = 1\nexpect = ['all is well']\n" + PHASE, "is not of the form NAME OPERATOR NUMBER"),
        ("agents = 1\nexpect = 'lost = 0'\n" + PHASE, "expected a list of texts"),
        ("agents = \n", "Invalid value"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        load(written(tmp_path, text))
    assert says in str(refused.value)
    assert "mine.toml" in str(refused.value)


def test_the_shipped_ones_can_be_read() -> None:
    """And each says what it is about, and expects that nothing is lost."""
    names = {scenario.name for scenario in shipped()}
    assert names == {"bad-neighbours", "cloned-images", "office-morning", "restart-herd", "slow-links"}
    for scenario in shipped():
        assert scenario.about.endswith(".")
        assert "lost = 0" in [each.expression for each in scenario.expected]


@pytest.mark.parametrize(
    ("expression", "value", "passed"),
    [
        ("p50_ack_ms < 11", 10.0, True),
        ("p50_ack_ms<=9.99", 10.0, False),
        ("max_ack_ms = 20", 20.0, True),
        ("p99_released_ms < 5000", None, False),
        ("lost = 0", None, False),
        ("events > 6", 7.0, True),
        ("ended != 0", 3.0, True),
        ("refused.clone = 3", None, False),
        ("edge_rss_mb < 100", None, False),
        ("acked_per_s >= 2", 2.0, True),
    ],
)
def test_an_expectation_is_held_against_what_was_measured(
    expression: str, value: float | None, passed: bool
) -> None:
    """What was not measured fulfils nothing."""
    ack = Histogram()
    ack.record_us(10_000)
    ack.record_us(20_000)
    empty = nothing_run(2)
    result = attrs.evolve(
        empty,
        events=7,
        histograms=attrs.evolve(empty.histograms, ack=ack),
        agents=attrs.evolve(empty.agents, ended={"FG-2004": 3}),
        series=attrs.evolve(empty.series, acked=(1, 3)),
    )
    found = Expected.parse(expression).judge(result)
    assert found.passed is passed
    assert found.value == (value if value is None else pytest.approx(value, rel=0.001))


def test_every_name_can_be_asked_of_every_run() -> None:
    """Also of one in which nothing happened."""
    empty = nothing_run()
    judged(empty, tuple(Expected.parse(f"{name} > 0") for name in NAMES))
    with pytest.raises(ExpectationError):
        Expected.parse("lost = nan")


@pytest.mark.parametrize(
    ("rss", "growth"),
    [
        ([100] * 50 + [200] * 50, 0.0),  # what comes with the fleet is no growth
        ([100] * 50 + list(range(200, 250)), 19.6),
        ([100] * 90 + [99] * 10, -1.0),
        ([100] * 55 + [0] * 40 + [200] * 5, None),
        ([100] * 50 + [200] * 20 + [0] * 5 + [200] * 25, 0.0),  # it was restarted
        ([100] * 9, None),
    ],
)
def test_growth_is_that_of_the_last_half(rss: list[int], growth: float | None) -> None:
    """Of the two processes together, medians of a tenth of the time each; what did not run or was too short says nothing."""
    processes = tuple(
        ProcessUse(name=name, cpu_s=1.0, cpu_ms=(10,) * len(rss), rss_bytes=tuple(rss))
        for name in ("edge", "projector")
    )
    result = attrs.evolve(nothing_run(len(rss)), gateway=GatewayUse(processes=processes))
    for name in ("gateway_rss_growth_pct", "edge_rss_growth_pct"):
        value = NAMES[name](result)
        assert value == (growth if growth is None else pytest.approx(growth, abs=0.05))
    alone = attrs.evolve(result, gateway=GatewayUse(processes=processes[:1]))
    assert NAMES["gateway_rss_growth_pct"](alone) is None


@pytest.mark.parametrize(
    ("connected", "seconds"),
    [
        ((10, 10, 0, 5, 10, 10), 2.0),
        ((10, 10, 10, 0, 5, 9), None),
        ((10, 10, 10, 10, 10, 10), 0.0),
        ((100, 100, 3, 99, 99, 99), 1.0),
        ((0, 0, 0, 0, 5, 5), None),
    ],
)
def test_recovery_is_counted_from_the_deed(connected: tuple[int, ...], seconds: float | None) -> None:
    """Until 99 % of those are back who were there; never, where they are not."""
    empty = nothing_run(len(connected))
    before = attrs.evolve(empty, series=attrs.evolve(empty.series, connected=connected), phases=())
    phases = (
        Phase(name="a", from_s=0.0, until_s=2.0),
        Phase(name="b", from_s=2.0, until_s=6.0, does="kill-edge"),
    )
    assert recovered_s(attrs.evolve(before, phases=phases)) == seconds
    assert recovered_s(before) is None
