"""Companies, tokens and agents at the command line: what a provider's operator does in a day."""

import contextlib
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from certs import Token
from gateway.cli import main
from gateway.cli.common import now_ms
from gateway.store import Admitted, AgentEntry, Applicant, Revocation, listen
from protocol import Code
from tests.helpers.stores import opened

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def data(data: Path) -> Path:
    """A provider with the company Acme in Berlin, and Contoso."""
    for words in (["company", "add", "Acme"], ["company", "add", "Contoso"]):
        assert main([*words, "--data", str(data)]) == 0
    assert main(["location", "add", "Berlin", "--company", "Acme", "--data", str(data)]) == 0
    return data


def run(capsys: Capture, data: Path, *words: str, expect: int = 0) -> str:
    """What a command printed on standard output."""
    capsys.readouterr()
    code = main([*words, "--data", str(data)])
    said = capsys.readouterr()
    assert code == expect, said.err
    return said.out if expect == 0 else said.err


def found(capsys: Capture, data: Path, *words: str) -> Any:
    """What a command says with --json."""
    return json.loads(run(capsys, data, *words, "--json"))


def enroll(data: Path, token_id: str, host_name: str) -> AgentEntry:
    """An agent, as an edge would make it."""
    applicant = Applicant(
        token_id=token_id, token_key=host_name.encode().ljust(32), agent_kind="client", listener_kind="remote",
        installation_uid="i", host_name=host_name, agent_version="1", platform="p", synthetic=False,
    )  # fmt: skip
    with opened(data) as store:
        outcome = store.enrollment.enroll(applicant, now_ms=now_ms())
        assert isinstance(outcome, Admitted)
        store.agents.record_certificate(
            outcome.agent.agent_uid, serial=int.from_bytes(host_name.encode()), spki=b"s" * 32,
            not_after_ms=now_ms() + 1, now_ms=now_ms(),
        )  # fmt: skip
    return outcome.agent


# -- tokens ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "whose", "ports", "enroll"),
    [
        (("--company", "Acme"), "Acme", "6180", "enroll --state"),
        (("--company", "Acme", "--simulation"), "Acme", "6180", "enroll --synthetic --state"),
        ((), "Nordwind", "9999", "enroll --state"),
        (("--site",), "Nordwind", "9999", "enroll --site --state"),
    ],
    ids=["company", "simulation", "own server", "site"],
)
def test_a_token_is_printed_with_the_command_that_uses_it(
    words: tuple[str, ...], whose: str, ports: str, enroll: str, data: Path, capsys: Capture
) -> None:
    """It leads to the listener for its kind of agent, and no later list shows it again."""
    printed = run(capsys, data, "token", "create", *words)

    secret = printed.partition("\n")[0]
    token = Token.parse(secret)
    assert token.gateways == (f"gateway.example:{ports}",)
    assert f"For {whose}; 25 agents until" in printed
    assert f"fieldgate-agent {enroll} FOLDER --token TOKEN" in printed
    listed = run(capsys, data, "token", "list")
    assert token.id in listed
    assert secret not in listed


def test_a_tokens_state_is_shown(data: Path, capsys: Capture) -> None:
    """Valid, used up, reset, revoked."""
    ids = [found(capsys, data, "token", "create", "--company", "Acme", "--uses", "1")["id"] for _ in range(4)]
    enroll(data, ids[1], "one")
    assert "unverified until accepted" in run(capsys, data, "token", "reset", ids[2])
    assert "enrolls nobody any more" in run(capsys, data, "token", "revoke", ids[3])

    states = {token["id"]: token["state"] for token in found(capsys, data, "token", "list")}

    assert [states[token_id] for token_id in ids] == ["valid", "used up", "reset", "revoked"]


# -- agents ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(data: Path, capsys: Capture) -> AgentEntry:
    """An agent that came with a token that was reset."""
    token_id = found(capsys, data, "token", "create", "--company", "Acme")["id"]
    run(capsys, data, "token", "reset", token_id)
    return enroll(data, token_id, "backup-1")


def standing_of(capsys: Capture, data: Path, uid: str) -> str:
    (agent,) = found(capsys, data, "agent", "show", uid)
    return str(agent["standing"])


def test_an_agent_that_waits_is_found_and_accepted(data: Path, waiting: AgentEntry, capsys: Capture) -> None:
    """Into the company of its token, or into another; and every edge on the machine is rung."""
    uid = waiting.agent_uid
    (listed,) = found(capsys, data, "agent", "list", "--standing", "unverified")
    assert (listed["uid"], listed["code"], listed["host_name"]) == (uid, "FG-2202", "backup-1")
    assert found(capsys, data, "agent", "list", "--company", "Contoso") == []

    with contextlib.closing(listen(data / "run", "north")) as bell:
        bell.setblocking(False)
        assert run(capsys, data, "agent", "accept", uid, "--location", "Berlin") == "accepted for Acme\n"
        assert bell.recv(16) is not None

    (agent,) = found(capsys, data, "agent", "show", uid)
    assert (agent["standing"], agent["location_name"]) == ("verified", "Berlin")
    assert run(capsys, data, "agent", "accept", uid, "--company", "Contoso") == "accepted for Contoso\n"
    assert "Acme has no location 'Oslo'" in run(
        capsys, data, "agent", "accept", uid, "--company", "Acme", "--location", "Oslo", expect=3
    )


def test_an_agent_is_rejected_until_it_is_accepted(data: Path, waiting: AgentEntry, capsys: Capture) -> None:
    """The command that takes it back is part of the answer."""
    uid = waiting.agent_uid

    said = run(capsys, data, "agent", "reject", uid)

    assert said == f"rejected: told FG-2209, until `fieldgate agent accept {uid}`\n"
    assert standing_of(capsys, data, uid) == "rejected"
    run(capsys, data, "agent", "accept", uid)
    assert standing_of(capsys, data, uid) == "verified"


def test_a_revoked_agent_stays_revoked(data: Path, waiting: AgentEntry, capsys: Capture) -> None:
    """Its certificates are on the list that every edge reads."""
    uid = waiting.agent_uid

    run(capsys, data, "agent", "revoke", uid, "--why", "the server was stolen")

    assert standing_of(capsys, data, uid) == "revoked"
    said = run(capsys, data, "agent", "accept", uid, expect=3)
    assert "a revoked agent cannot be accepted: give it a new token" in said
    assert str(Code.CONFLICT) in said
    with opened(data) as store:
        bodies = [change.body for change in store.changes.after(0)]
    assert int.from_bytes(b"backup-1") in [body.serial for body in bodies if isinstance(body, Revocation)]


def test_an_agent_is_shown_for_people(data: Path, waiting: AgentEntry, capsys: Capture) -> None:
    """One line a fact, times as times, and a dash for what is not known."""
    shown = dict(
        line.split(maxsplit=1) for line in run(capsys, data, "agent", "show", waiting.agent_uid).splitlines()
    )

    assert shown["organization_name"] == "Acme"
    assert shown["enrolled_ms"].endswith("Z")
    assert shown["last_heartbeat_ms"] == "–"


# -- looking -----------------------------------------------------------------------------------------------------------


def test_the_status_of_a_provider_that_does_not_run(data: Path, waiting: AgentEntry, capsys: Capture) -> None:
    """It says what is not there, and what would be."""
    said = run(capsys, data, "status")

    assert "1 unverified" in said
    assert "no edge has ever run here: fieldgate serve" in said
    assert found(capsys, data, "status")[0]["agents"] == {"unverified": 1}


def test_the_doctor_finds_what_does_not_run(data: Path, capsys: Capture) -> None:
    """Exit code 4; each line says what to do, and none speaks in a library's words."""
    with (data / "fieldgate.toml").open("a", encoding="utf-8") as settings:
        settings.write('monitor_port = 1\n[[fieldgate.listeners]]\nhost = "127.0.0.1"\nport = 1\n')

    assert main(["doctor", "--data", str(data)]) == 4
    shown = capsys.readouterr().out
    assert main(["doctor", "--json", "--data", str(data)]) == 4
    checks = {check["what"]: check for check in json.loads(capsys.readouterr().out)}

    assert "urlopen" not in shown
    assert "Errno" not in shown
    assert {name for name, check in checks.items() if not check["ok"]} == {"edge", "projector", "port 1"}
    assert all(check["to_do"] for check in checks.values() if not check["ok"])
    assert checks["port 1"]["found"] == "Connection refused"
    assert checks["store"]["ok"]


def test_the_doctor_takes_no_stranger_for_an_edge(data: Path, capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with (data / "fieldgate.toml").open("a", encoding="utf-8") as settings:
            settings.write(f'monitor_port = 1\n[[fieldgate.listeners]]\nhost = "127.0.0.1"\nport = {port}\n')
        assert main(["doctor", "--json", "--data", str(data)]) == 4
    checks = {check["what"]: check for check in json.loads(capsys.readouterr().out)}

    assert not checks[f"port {port}"]["ok"]
    assert "another process listens there" in checks[f"port {port}"]["found"]
