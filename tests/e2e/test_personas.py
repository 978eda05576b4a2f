"""Every persona against a real gateway: the agent meets with the code that the docs promise, and the gateway notes its own."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.simulator.personas import PERSONAS
from agent.simulator.personas.table import placed
from protocol import Code
from tests.e2e.stage import Said, Stage, stage_in

PAGE = Path(__file__).parents[2] / "docs" / "load-testing.md"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A gateway that has less patience than usual."""
    with stage_in(
        tmp_path_factory.mktemp("personas"), limits_drain_s="1", limits_hello_s="3", limits_send_s="1"
    ) as stage:
        stage.edge()
        stage.projector()
        yield stage


@pytest.fixture(scope="module")
def played(stage: Stage) -> Said:
    """One of each, beside three agents that behave."""
    cast = [word for name in PERSONAS for word in ("--persona", f"{name}=1")]
    return stage.agent(
        "simulate", "--data", str(stage.provider.data), "--count", "3", "--duration", "1", "--verify", "--json", *cast
    )  # fmt: skip


@pytest.fixture(scope="module")
def noted(stage: Stage, played: Said) -> set[str]:
    """The codes with which the gateway has ended connections."""
    url = f"http://127.0.0.1:{stage.provider.monitor_port}/closes?limit=1000"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return {close["code"] for close in json.load(answer)}


def result_of(said: Said) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.text[said.text.index("{\n") :])
    return found


@pytest.mark.parametrize("name", PERSONAS)
def test_a_persona_meets_with_what_is_promised(name: str, played: Said, noted: set[str]) -> None:
    """On both sides."""
    persona = PERSONAS[name]
    outcome = next(each for each in result_of(played)["personas"] if each["name"] == name)
    assert outcome["passed"], outcome
    expected = {f"FG-{int(code)}" for code in persona.meets}
    assert set(outcome["seen"]) <= expected
    assert (set(outcome["seen"]) == set()) is (not expected)
    assert persona.noted is None or str(persona.noted) in noted


def test_nothing_is_lost_beside_them(played: Said) -> None:
    """Whatever they do, what was released is in the store once, theirs too; and nobody else is refused or thrown out."""
    assert played.code == 0, played.text
    result = result_of(played)
    verification, agents = result["verification"], result["agents"]
    assert verification["said"] == verification["released"] == verification["stored"] > 1000
    assert (agents["connected"], agents["sessions"]) == (3, 3)
    assert agents["refused"] == agents["ended"] == {}


def test_garbage_before_tls_is_named(noted: set[str]) -> None:
    assert str(Code.NOT_TLS) in noted


def test_the_page_lists_them() -> None:
    """python -m agent.simulator.personas.table docs/load-testing.md"""
    page = PAGE.read_text(encoding="utf-8")
    assert placed(page) == page


def test_who_needs_the_data_folder_cannot_be_played_from_afar(stage: Stage) -> None:
    """Said before anything is done, like a persona that there is not."""
    words = ("simulate", "--gateway", "127.0.0.1", "--token", stage.token()["token"], "--persona")
    for persona, says in (
        ("revoked=1", "--data only"),
        ("clown=1", "did you mean clone?"),
        ("clone", "NAME=COUNT"),
    ):
        said = stage.agent(*words, persona)
        assert said.code == 2
        assert says in said.text
