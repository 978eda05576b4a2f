"""Wrong tokens, wrong certificates, wrong names: what the person at the agent reads, and what the edge does about it."""

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from certs import Authority, Token
from gateway.store import open_store
from protocol import Action, Code
from tests.e2e.stage import Stage, line_of, stage_in, until
from tests.helpers.agent import TestAgent

HOUR_MS = 3600 * 1000


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One provider whose edge runs; it also listens at an address that its certificate is not for."""
    with stage_in(tmp_path_factory.mktemp("tokens")) as stage:
        settings = stage.provider.data / "fieldgate.toml"
        nameless = f'[[fieldgate.listeners]]\nhost = "127.0.0.2"\nport = {stage.provider.remote_port}\n'
        settings.write_text(settings.read_text(encoding="utf-8") + nameless, encoding="utf-8")
        stage.edge()
        yield stage


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Another provider, whose edge runs, too."""
    with stage_in(tmp_path_factory.mktemp("stranger")) as other:
        other.edge()
        yield other


def expired_token(stage: Stage) -> str:
    """A token that was good for an hour, two hours ago."""
    data = stage.provider.data
    token = Token.create(
        seed=secrets.token_bytes(32), pins=Authority.load(data / "ca").pins_current(),
        gateways=(f"127.0.0.1:{stage.provider.remote_port}",), names=("127.0.0.1",),
    )  # fmt: skip
    store, now = open_store(f"sqlite:///{data / 'store.sqlite'}"), time.time_ns() // 1_000_000
    try:
        store.tokens.add(
            token.id, token.public_key(), kind="client", organization_uid=store.organizations.find("Northwind").uid,
            location_uid=None, expires_ms=now - HOUR_MS, max_uses=25, synthetic=True, now_ms=now - 2 * HOUR_MS,
        )  # fmt: skip
    finally:
        store.close()
    return token.encode()


def readdress(state: Path, address: str) -> None:
    """The agent in *state* takes *address* for its gateway's."""
    path = state / "identity.json"
    fields: dict[str, Any] = json.loads(path.read_bytes())
    path.write_text(json.dumps(fields | {"gateways": [address]}), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: text[:-9], "cut short"),
        (lambda text: text[:20] + "AAAA" + text[24:], "damaged"),
        (lambda text: "hello", "not an enrollment token"),
    ],
    ids=["cut short", "altered", "no token"],
)
def test_a_token_that_was_copied_wrongly_is_refused_before_anything_is_dialed(
    stage: Stage, damage: Any, says: str
) -> None:
    """The message says what is wrong with it; the state folder is not even made."""
    said = stage.enroll(damage(stage.token()["token"]))

    assert said.code == 2
    assert "FG-2201" in said.text
    assert says in said.text
    assert "Traceback" not in said.text


def test_a_revoked_token_enrolls_nobody(stage: Stage) -> None:
    """A leaked token is revoked: who comes with it hears so, and no agent appears."""
    before, token = stage.fieldgate("agent", "list", "--json").json, stage.token()
    assert stage.fieldgate("token", "revoke", token["id"]).code == 0

    said = stage.enroll(token["token"])

    assert said.code == 3
    assert "FG-2203: the token was revoked: ask the provider for a new one" in said.text
    assert stage.fieldgate("agent", "list", "--json").json == before


def test_an_expired_token_makes_an_agent_that_waits_for_a_person(stage: Stage) -> None:
    """It is told so; the provider sees it as unverified, and accepts it."""
    said = stage.enroll(expired_token(stage))

    assert said.code == 0
    assert "FG-2202: the provider has to accept this agent" in said.text
    (waiting,) = stage.fieldgate("agent", "list", "--standing", "unverified", "--json").json
    assert waiting["code"] == "FG-2202"
    assert stage.fieldgate("agent", "accept", waiting["uid"]).text == "accepted for Northwind\n"


def test_a_token_for_another_kind_of_agent_is_refused(stage: Stage) -> None:
    """A token for simulation never enrolls a real server."""
    said = stage.agent("enroll", "--state", str(stage.next_state()), "--token", stage.token()["token"])

    assert said.code == 3
    assert "FG-2211: the token is for simulated agents only" in said.text


def test_a_token_of_another_provider_is_refused_by_the_agent_itself(stage: Stage, stranger: Stage) -> None:
    """It is for another root: whoever answers at its address is not believed, and nothing secret is said."""
    token = Token.parse(stranger.token()["token"])
    here = Token(
        id=token.id, seed=token.seed, pins=token.pins, names=token.names,
        gateways=(f"127.0.0.1:{stage.provider.remote_port}",),
    )  # fmt: skip

    said = stage.enroll(here.encode())

    assert said.code == 1
    assert "FG-3009" in said.text
    assert "nothing secret was sent" in said.text


def test_a_token_that_this_provider_never_made_is_unknown(stage: Stage) -> None:
    """Its record was deleted, or it was made by a copy of this provider."""
    token = Token.parse(stage.token()["token"])
    forged = Token.create(seed=token.seed, pins=token.pins, gateways=token.gateways, names=token.names)

    said = stage.enroll(forged.encode())

    assert said.code == 3
    assert "FG-2201: this provider has no such token: ask for a new one" in said.text


def test_an_agent_refuses_another_providers_gateway(stage: Stage, stranger: Stage) -> None:
    """Enrolled at one provider, it finds another at its gateway's address: it says why and keeps trying; nothing leaves it."""
    state = stage.enrolled()
    readdress(state, f"127.0.0.1:{stranger.provider.remote_port}")

    agent = stage.run_agent(state)
    line = line_of(agent, event="no gateway")

    assert line["code"] == "FG-3009"
    assert line["address"] == f"127.0.0.1:{stranger.provider.remote_port}"
    assert agent.running
    status = stage.agent("status", "--json", "--state", str(state))
    assert status.json["code"] == "FG-3009"
    assert agent.terminate() == 0
    assert not stranger.fieldgate("agent", "list", "--json").json


def test_an_agent_refuses_a_gateway_of_another_name(stage: Stage) -> None:
    """The right root, and a certificate that is not for what was dialed."""
    state = stage.enrolled()
    readdress(state, f"127.0.0.2:{stage.provider.remote_port}")

    agent = stage.run_agent(state)
    line = line_of(agent, event="no gateway")

    assert line["code"] == "FG-3008"
    assert "127.0.0.2" in line["reason"]
    assert agent.terminate() == 0


async def test_the_edge_refuses_another_providers_agent(stage: Stage, stranger: Stage) -> None:
    """A client certificate of another root is no identity here, whatever it says; the close names the reason."""
    token = Token.parse(stranger.token()["token"])
    agent = await TestAgent(synthetic=True).enroll(stranger.provider.remote_port, token)

    answer = await agent.refused(stage.provider.remote_port)

    assert (answer.code, answer.action) == (Code.CLIENT_CERT_UNTRUSTED, Action.REENROLL)
    closes = await trio.to_thread.run_sync(stage.closes)
    assert any(close["code"] == "FG-3005" for close in closes)


def test_an_agent_that_must_enroll_again_says_so_and_stops(stage: Stage, stranger: Stage) -> None:
    """Its own certificate is of another root than its pins lead to: starting it again changes nothing."""
    state, foreign = stage.enrolled(), stranger.enrolled()
    (state / "credential.pem").write_bytes((foreign / "credential.pem").read_bytes())

    agent = stage.run_agent(state)
    code = agent.popen.wait(60)

    assert code == 3
    text = agent.log.read_text()
    assert "FG-3005" in text
    assert f"enroll it again: fieldgate-agent enroll --again --state {state}" in text


def test_a_revoked_agent_is_sent_away_at_once_and_stops(stage: Stage) -> None:
    """`agent revoke` ends the live session; the agent's last line says that starting it again is no use."""
    state = stage.enrolled()
    agent = stage.run_agent(state)
    line_of(agent, event="session open", standing="verified")
    uid = json.loads((state / "identity.json").read_bytes())["agent_uid"]

    said = stage.fieldgate("agent", "revoke", uid, "--why", "the server was stolen")

    assert said.code == 0
    assert agent.popen.wait(60) == 3
    assert "FG-3004" in agent.log.read_text()
    again = stage.run_agent(state)
    assert again.popen.wait(60) == 3
    assert (
        until(lambda: [close for close in stage.closes() if close["agent_uid"] == uid])[0]["code"]
        == "FG-3004"
    )
