"""Licences against real processes: made, pushed, installed; a forged one, another server's and a revoked one are refused by the agent."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from certs import Authority, LicenceFile, LicenceSigner, read_licence, sign_licence
from gateway.cli.common import now_ms
from gateway.store import StoredCommand
from protocol import Code, commands
from tests.e2e.stage import Stage, stage_in, uid_of, until


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage_in(tmp_path_factory.mktemp("licensing"), heartbeat_s="1") as stage:
        for words in (
            ("company", "change", "Northwind", "--no-cloud"),
            ("product", "set", "suite", "--name", "Backup Suite", "--workload", "vm=11:Virtual machine"),
        ):
            said = stage.fieldgate(*words)
            assert said.code == 0, said.text
        stage.edge()
        stage.projector()
        yield stage


def licence(stage: Stage, *words: str) -> Any:
    said = stage.fieldgate("licence", *words, "--json")
    assert said.code == 0, said.text
    return said.json


def generate(stage: Stage, *words: str) -> str:
    made = licence(
        stage, "generate", "--product", "suite", "--workload", "vm=20", "--company", "Northwind", *words
    )
    return str(made["uid"])


def settled(stage: Stage, state: Path) -> Any:
    """What is known of the agent's server, once its agent has answered."""

    def ended() -> Any:
        found = licence(stage, "server", uid_of(state))
        return found if found["state"] not in ("Pending", "Pushed") else None

    return until(ended, poll_s=0.2)


def installed(state: Path) -> LicenceFile | None:
    path = state / "licence.json"
    text = json.loads(path.read_text())["installed"] if path.exists() else None
    return None if text is None else read_licence(text.encode())


def refused(stage: Stage, state: Path, text: str) -> StoredCommand:
    """How an agent ends a command to install *text*."""
    with contextlib.closing(stage.store()) as store:
        company = store.organizations.find("Northwind").uid
        asked = store.commands.enqueue(
            uid_of(state), commands.InstallLicence(licence=text, organization_uid=company), who="somebody",
            ttl_ms=60_000, now_ms=now_ms(),
        )  # fmt: skip

        def ended() -> StoredCommand | None:
            command = store.commands.get(asked.uid).command
            return command if command.state.is_final else None

        found = until(ended)
        assert isinstance(found, StoredCommand)
        return found


def test_a_licence_lives_on_a_real_server(stage: Stage) -> None:
    """Pushed while the agent is away; extended; a forged and a stranger's refused; revoked, and never installed again."""
    state = stage.enrolled()
    uid = generate(stage, "--expires", "2099-12-31")
    assert licence(stage, "push", uid, "--agent", uid_of(state))["state"] == "Pushed"
    assert installed(state) is None
    stage.run_agent(state)  # it was away, and returns
    found = settled(stage, state)
    assert (found["state"], found["installed_uid"], found["installed_revision"]) == ("Installed", uid, 1)
    file = installed(state)
    assert file is not None
    assert (file.licence.points, file.licence.company) == (220, "Northwind")
    identity = json.loads((state / "identity.json").read_text())
    assert file.licence.installation_uid == identity["installation_uid"]
    assert "Backup Suite" in stage.agent("status", "--state", str(state)).text

    licence(stage, "extend", uid, "--workload", "vm=30")
    assert settled(stage, state)["installed_revision"] == 2
    second = installed(state)
    assert second is not None
    assert second.licence.points == 330

    for text, code in (
        (second.text.replace('"count": 30', '"count": 31').replace("330", "341"), Code.LICENCE_UNTRUSTED),
        (another_provider_s(second), Code.LICENCE_UNTRUSTED),
        (file.text, Code.LICENCE_SUPERSEDED),
        ("{}", Code.LICENCE_UNREADABLE),
    ):
        assert refused(stage, state, text).code == code
        assert installed(state) == second

    licence(stage, "revoke", uid, "--why", "unpaid")
    assert settled(stage, state)["state"] == "Removed"
    assert installed(state) is None
    assert refused(stage, state, second.text).code == Code.LICENCE_SUPERSEDED


def test_one_server_s_licence_is_no_other_s(stage: Stage) -> None:
    """Copied from one server's command to another's, it is refused there; the store does not give it to both either."""
    first, other = stage.enrolled(), stage.enrolled()
    for state in (first, other):
        stage.run_agent(state)
    uid = generate(stage)
    licence(stage, "push", uid, "--agent", uid_of(first))
    assert settled(stage, first)["state"] == "Installed"
    file = installed(first)
    assert file is not None
    assert refused(stage, other, file.text).code == Code.LICENCE_WRONG_SERVER
    said = stage.fieldgate("licence", "push", uid, "--agent", uid_of(other))
    assert said.code == 3
    assert str(Code.LICENCE_NOT_SHARED) in said.text

    licence(stage, "assign", uid, "--shared")
    licence(stage, "push", uid, "--agent", uid_of(other))
    assert settled(stage, other)["state"] == "Installed"
    assert settled(stage, first)["state"] == "Installed"


def another_provider_s(file: LicenceFile) -> str:
    """The same licence, as another provider of the same name would have signed it."""
    now = datetime.now(UTC)
    authority = Authority.create("Example Provider", now)
    signer = LicenceSigner.create(authority, now)
    changed = attrs.evolve(file.licence, revision=9)
    return sign_licence(changed, signer.key, signer.chain(authority)).text
