"""The state folder: whole or absent, private, and clear about what is wrong with it."""

import json
import os
import sys
import uuid
from pathlib import Path

import attrs
import pytest

from agent.identity import Credential, Identity
from agent.state import NotEnrolledError, StateError, StateFolder, enrollment_key, installation_uid
from certs import is_exposed
from tests.agent.rig import make_keeper
from tests.helpers.gateway import Gateway


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def keeper(folder: Path) -> StateFolder:
    enrollment_key(folder)
    made = make_keeper(Gateway.make())
    return StateFolder.create(folder, made.identity, made.credential)


def other_credential() -> Credential:
    return make_keeper(Gateway.make()).credential


def test_what_was_written_is_read(folder: Path, keeper: StateFolder) -> None:
    """Identity, credential, pending credential, nonces."""
    keeper.change(
        attrs.evolve(
            keeper.identity,
            pins_next=(b"n" * 32,),
            names=("a.example",),
            report_keys=(b"r" * 64, b"s" * 64),
            trust_revision=2**60,
        )
    )
    for n in range(3):
        keeper.remember(bytes([n]) * 16)
    keeper.await_proof(other_credential())

    again = StateFolder.load(folder)

    assert again.identity == keeper.identity
    assert (again.credential, again.pending) == (keeper.credential, keeper.pending)
    assert again.nonces == (b"\2" * 16, b"\1" * 16)


def test_a_folder_from_before_path_reports_is_read(folder: Path, keeper: StateFolder) -> None:
    """Version 1 had no report keys; the agent is the same one, and is told them with the next TrustUpdate."""
    path = folder / "identity.json"
    fields = json.loads(path.read_bytes())
    del fields["report_keys"]
    path.write_text(json.dumps(fields | {"version": 1}))

    assert StateFolder.load(folder).identity == attrs.evolve(keeper.identity, report_keys=())


def test_a_proven_credential_replaces_the_old_one(folder: Path, keeper: StateFolder) -> None:
    """And a disproven one leaves it."""
    old = keeper.credential
    keeper.await_proof(other_credential())
    keeper.disproven()
    assert (StateFolder.load(folder).credential, StateFolder.load(folder).pending) == (old, None)

    new = other_credential()
    keeper.await_proof(new)
    keeper.proven()
    assert (StateFolder.load(folder).credential, StateFolder.load(folder).pending) == (new, None)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
def test_everything_is_private(folder: Path, keeper: StateFolder) -> None:
    """No file of an agent can be read by others; and a credential that can is not used."""
    keeper.remember(b"n" * 16)
    keeper.await_proof(other_credential())
    assert [path.name for path in folder.iterdir() if is_exposed(path)] == []

    (folder / "credential.pem").chmod(0o644)
    with pytest.raises(StateError, match=r"can be read by others: chmod 600"):
        StateFolder.load(folder)


def test_an_enrollment_key_survives_until_it_is_used(folder: Path) -> None:
    """A second try enrolls with the same key and is the same agent; the first success removes it."""
    first = enrollment_key(folder)
    assert enrollment_key(folder) == first
    made = make_keeper(Gateway.make())
    StateFolder.create(folder, made.identity, made.credential)
    assert enrollment_key(folder) != first


def test_an_installation_is_the_same_at_every_try(folder: Path) -> None:
    """What a path has kept from enrolling reports as the one that enrolls in the end; the next one in that folder is another."""
    first = installation_uid(folder)
    assert str(uuid.UUID(first)) == first
    enrollment_key(folder)
    assert installation_uid(folder) == first
    made = make_keeper(Gateway.make())
    keeper = StateFolder.create(folder, attrs.evolve(made.identity, installation_uid=first), made.credential)
    assert installation_uid(folder) == first
    (keeper.folder / "identity.json").unlink()
    assert installation_uid(folder) != first


def test_nobody_is_nobody(folder: Path) -> None:
    """An empty folder, a missing one, and one whose enrollment was cut short: all say how to enroll."""
    for _ in range(2):
        with pytest.raises(NotEnrolledError, match="fieldgate-agent enroll"):
            StateFolder.load(folder)
        enrollment_key(folder)


def test_enrolling_anew_forgets_the_old_self(folder: Path, keeper: StateFolder) -> None:
    """Nonces and a pending credential were the old agent's; the installation stays the same."""
    keeper.remember(b"n" * 16)
    keeper.await_proof(other_credential())
    uid = installation_uid(folder)
    made = make_keeper(Gateway.make())
    StateFolder.create(folder, attrs.evolve(made.identity, installation_uid=uid), made.credential)

    again = StateFolder.load(folder)
    assert (again.pending, again.nonces) == (None, ())
    assert again.identity.installation_uid == keeper.identity.installation_uid


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("identity.json", b"{", "damaged"),
        ("identity.json", b"[]", "damaged"),
        ("identity.json", b'{"version": 1}', "damaged"),
        ("identity.json", b'{"version": 3}', "newer agent"),
        ("identity.json", b'{"pins_current": [], "pins_next": [], "report_keys": ["00"]}', "damaged"),
        ("credential.pem", b"nothing", "damaged"),
        ("credential-next.pem", b"nothing", "damaged"),
        ("credential.pem", None, "missing: enroll again"),
    ],
)
def test_damage_is_named(
    folder: Path, keeper: StateFolder, name: str, content: bytes | None, says: str
) -> None:
    """The file, and what to do."""
    path = folder / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
        path.chmod(0o600)
    with pytest.raises(StateError, match=says):
        StateFolder.load(folder)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"version": 99}', None])
def test_a_damaged_identity_is_no_reason_not_to_enroll_anew(
    folder: Path, keeper: StateFolder, content: bytes | None
) -> None:
    """That is what the error about it says to do; the machine counts as another installation then."""
    path = folder / "identity.json"
    path.unlink()
    if content is None:
        path.mkdir()  # it is there, and can't be read, also by root
    else:
        path.write_bytes(content)
    uid = installation_uid(folder)
    assert str(uuid.UUID(uid)) == uid
    assert uid != keeper.identity.installation_uid


@pytest.mark.parametrize("content", [b"{", b'{"nonces": [1]}', b'{"nonces": ["xx"]}', b"[]"])
def test_damaged_nonces_stop_nobody(folder: Path, keeper: StateFolder, content: bytes) -> None:
    """They only save the gateway a question."""
    (folder / "nonces.json").write_bytes(content)
    assert StateFolder.load(folder).nonces == ()


def test_a_folder_that_cannot_be_written_is_an_error_in_words(folder: Path, keeper: StateFolder) -> None:
    """A file where the folder should be."""
    blocked = folder / "status.json"
    blocked.write_text("")
    with pytest.raises(StateError, match="cannot write"):
        enrollment_key(blocked / "below")


def test_identity_json_is_for_people_too(folder: Path, keeper: StateFolder) -> None:
    """Plain fields, pins as hexadecimal, no secret."""
    fields = json.loads((folder / "identity.json").read_text())
    assert fields["agent_uid"] == keeper.identity.agent_uid
    assert bytes.fromhex(fields["pins_current"][0]) == keeper.identity.pins_current[0]
    assert set(fields) == {"version", *(f.name for f in attrs.fields(Identity))}
    assert os.listdir(folder).count("enrollment.key") == 0
