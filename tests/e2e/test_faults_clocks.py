"""Wrong clocks and old certificates: an agent connects, is told the time, renews, and comes back."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.state import StateFolder
from certs import Authority, key_from_pem, make_csr
from tests.e2e.stage import Stage, line_of, stage_in, text_of, uid_of, until

DAY_S = 24 * 3600


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One provider of old: edge and projector."""
    with stage_in(tmp_path_factory.mktemp("clocks"), heartbeat_s="1") as stage:
        began, ca = datetime.now(UTC) - timedelta(days=300), stage.provider.data / "ca"
        shutil.rmtree(ca)
        Authority.create("Example Provider", began).rotate_gateway(
            began, names=["127.0.0.1", "localhost"]
        ).save(ca)
        stage.edge()
        stage.projector()
        yield stage


def shown(stage: Stage, state: Path) -> dict[str, Any]:
    """What `agent show` says."""
    (agent,) = stage.fieldgate("agent", "show", uid_of(state), "--json").json
    return dict(agent)


@pytest.mark.parametrize(
    "ahead_s", [7200, -7200, 400 * DAY_S, -400 * DAY_S], ids=["2 h", "-2 h", "400 d", "-400 d"]
)
def test_an_agent_with_a_wrong_clock_connects_and_is_told_the_time(stage: Stage, ahead_s: int) -> None:
    """It reports; its log and the provider's list say how far off it is. By that clock, all certificates may be over."""
    state = stage.enrolled()

    agent = stage.start(
        "--ahead", str(ahead_s), "run", "--state", str(state), "--rate", "100", module="tests.e2e.skewed"
    )
    line = line_of(agent, event="clock differs from the gateway's")

    assert line["code"] == "FG-3007"
    assert abs(line["offset_s"] - ahead_s) < 60
    assert line_of(agent, event="session open")["standing"] == "verified"
    until(lambda: shown(stage, state)["inventory_ms"], lambda: text_of(agent))
    assert abs(until(lambda: shown(stage, state)["clock_offset_ms"]) / 1000 - ahead_s) < 60
    assert agent.terminate() == 0


def grow_old(stage: Stage, state: Path, *, days: int) -> None:
    """Give the agent in *state* the certificate that it would have, had it been switched off *days* ago."""
    folder = StateFolder.load(state)
    then = datetime.now(UTC) - timedelta(days=days)
    csr = make_csr(key_from_pem(folder.credential.key_pem), folder.identity.host_name)
    chain = Authority.load(stage.provider.data / "ca").issue_agent(
        csr, folder.identity.agent_uid, then, synthetic=True
    )
    StateFolder.create(state, folder.identity, folder.credential.make(folder.credential.key_pem, chain))


def test_an_agent_that_was_off_past_its_certificates_life_renews_and_comes_back(stage: Stage) -> None:
    """60 days off, 30 of them without a valid certificate: it may renew and nothing else, does so, and reports."""
    state = stage.enrolled()
    grow_old(stage, state, days=60)

    agent = stage.run_agent(state)
    line = line_of(agent, event="not verified")

    assert (line["code"], line["standing"]) == ("FG-3002", "renew-only")
    line_of(agent, event="session open", standing="verified")
    until(lambda: stage.stored(state), lambda: text_of(agent))
    left = StateFolder.load(state).credential.expires - datetime.now(UTC)
    assert timedelta(days=29) < left < timedelta(days=31)
    assert agent.terminate() == 0


def test_an_agent_that_was_off_for_too_long_has_to_enroll_again(stage: Stage) -> None:
    """After the grace its certificate proves nothing: it says what to do and stops."""
    state = stage.enrolled()
    grow_old(stage, state, days=30 + 181)

    agent = stage.run_agent(state)

    assert agent.popen.wait(60) == 3
    text = text_of(agent)
    assert "FG-3003" in text
    assert f"enroll it again: fieldgate-agent enroll --again --state {state} --token TOKEN" in text
    said = stage.agent(
        "enroll", "--again", "--synthetic", "--state", str(state), "--token", stage.token()["token"]
    )
    assert said.code == 0, said.text
    agent = stage.run_agent(state)
    line_of(agent, event="session open", standing="verified")
    assert agent.terminate() == 0
