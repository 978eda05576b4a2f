"""Every shipped scenario passes against a real gateway, shortened and with few agents; one that expects what is not true fails."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from agent.simulator.scenario import SHIPPED, load, shipped
from tests.e2e.stage import Said, Stage, stage_in

NAMES = [scenario.name for scenario in shipped()]
HERD = "restart-herd"
FALSE = """\
agents = 2
expect = ["connected > 1000", "p99_ack_ms > 0"]
[[phase]]
name = "hardly anything"
duration_s = 1
rate = 10
"""


def shortened(name: str, folder: Path, *seconds: float, more: str = "") -> Path:
    """The scenario without a warm-up and with phases of so many seconds, the last number for all that follow; in a file of its own."""
    text = (SHIPPED / f"{name}.toml").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^warm_up_s = .*\n", more, text)
    lengths = itertools.chain(seconds, itertools.repeat(seconds[-1]))
    text = re.sub(r"(?m)^duration_s = .*$", lambda _: f"duration_s = {next(lengths)}", text)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def result_of(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.text[said.text.index("{\n") :])
    return found


@attrs.define
class Played:
    """What came of scenarios that were played side by side."""

    stage: Stage
    said: dict[str, Said]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """All that leave the edge alone, and the one that expects what is not true, at one gateway at once."""
    folder = tmp_path_factory.mktemp("scenarios")
    with stage_in(folder, limits_drain_s="1", limits_hello_s="3", limits_send_s="1") as stage:
        stage.edge()
        stage.projector()
        stage.fieldgate("company", "add", "Simulated estates")
        paths = [shortened(name, folder, 2) for name in NAMES if name != HERD]
        paths.append(folder / "false.toml")
        paths[-1].write_text(FALSE, encoding="utf-8")
        processes = {
            path.stem: stage.start(
                "simulate", "--data", str(stage.provider.data), "--scenario", str(path), "--count", "8", "--json",
                "--seed", str(number), "--cleanup" if path.stem == "false" else "--verify", module="agent",
            )
            for number, path in enumerate(paths)
        }  # fmt: skip
        said = {name: Said(each.popen.wait(150), each.log.read_text()) for name, each in processes.items()}
        yield Played(stage, said)


@pytest.mark.parametrize("name", [name for name in NAMES if name != HERD])
def test_a_shipped_scenario_passes(name: str, played: Played) -> None:
    """Everything that it expects comes true, and each persona meets with what it must."""
    said = played.said[name]
    assert said.code == 0, said.text
    result, scenario = result_of(said), load(SHIPPED / f"{name}.toml")
    assert [each["expression"] for each in result["expectations"]] == [
        e.expression for e in scenario.expected
    ]
    assert [phase["name"] for phase in result["phases"]] == [act.name for act in scenario.acts]
    assert {persona["name"]: persona["agents"] for persona in result["personas"]} == scenario.cast(8)
    assert result["verification"]["released"] > 0


def test_what_is_not_true_fails_and_says_what_was(played: Played) -> None:
    """Exit code 4; what is true beside it stays true."""
    said = played.said["false"]
    assert said.code == 4
    false, true = result_of(said)["expectations"]
    assert (false["passed"], false["value"]) == (False, 8.0)
    assert true["passed"]


def test_slow_lines_are_slow(played: Played) -> None:
    """Those who are not on them acknowledge in a tenth of the time."""
    buckets = result_of(played.said["slow-links"])["histograms"]["ack"]["buckets_us"]
    slow = sum(times for low, times in buckets if low > 550_000)
    assert 0 < slow < sum(times for _, times in buckets)


def test_who_was_made_for_a_run_can_be_removed(played: Played) -> None:
    """Also where the run failed, and nobody else; then all of them, but for the newest, which keeps its number from others."""
    stage = played.stage
    asked = [result_of(said)["load"]["agents"] for name, said in played.said.items() if name != "false"]
    agents = stage.fieldgate("agent", "list", "--json").json
    assert sum(asked) <= len(agents) <= sum(asked) + 2

    table = stage.fieldgate("agent", "list").text.splitlines()
    assert "SIMULATED" in table[0]
    assert all(" yes " in line for line in table[1:])

    said = stage.fieldgate("agent", "remove", "--synthetic", "--json")
    assert said.json["removed"] >= sum(asked)
    left = stage.fieldgate("agent", "list", "--json").json
    assert len(left) <= 2
    assert {agent["standing"] for agent in left} == {"revoked"}
    assert stage.fieldgate("events", "export").text == ""
    assert stage.fieldgate("agent", "remove").code == 2


def test_no_scenario_is_run_where_it_cannot_be(played: Played) -> None:
    """From afar nobody can kill an edge; and what the scenario says is not said twice."""
    token = played.stage.token()["token"]
    said = played.stage.agent("simulate", "--gateway", "127.0.0.1", "--token", token, "--scenario", HERD)
    assert (said.code, "for kill-edge, drain-edge" in said.text) == (2, True)
    said = played.stage.agent("simulate", "--scenario", "slow-links", "--rate", "3", "--persona", "clone=1")
    assert (said.code, "leave --rate, --persona out" in said.text) == (2, True)
