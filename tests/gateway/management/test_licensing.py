"""Licences over REST: listed, installed, taken off and ended, each within what the one who asks may see."""

from datetime import UTC, datetime
from typing import Any

import pytest

from certs import Authority, LicenceSigner, read_licence
from gateway.access import Role
from gateway.store import StoredLicence
from protocol import commands
from tests.gateway.management.conftest import NOW_MS, Rest
from tests.gateway.management.test_organizations import changed, refused
from tests.gateway.store.licensing.orders import catalogue, generated
from tests.helpers.stores import enroll

LICENSES = "/pulse/licenses"
SERVERS = "/licensing/backupServers"


@pytest.fixture
def rest(rest: Rest) -> Rest:
    """With a signer, a catalogue, and a company that is ready for a licence."""
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    authority = Authority.create("Nordlicht IT", now)
    authority.save(rest.data / "ca")
    LicenceSigner.create(authority, now).save(rest.data / "ca")
    catalogue(rest.store)
    rest.store.companies.change(rest.world.company.uid, {"uses_cloud": False}, by="Eva", now_ms=1)
    return rest


def licence(rest: Rest, **more: Any) -> StoredLicence:
    fields: dict[str, Any] = {"organization_uid": rest.world.company.uid, "expires_ms": NOW_MS + 10**10}
    return generated(rest.store, **{**fields, **more})


def test_a_licence_is_listed_and_shown(rest: Rest) -> None:
    uid = licence(rest).terms.uid
    key = rest.key(Role.READ_ONLY)
    (row,) = rest.ask("GET", LICENSES, key=key).json()["data"]
    assert row == changed(rest.ask("GET", f"{LICENSES}/{uid}", key=key))
    assert (row["licenseId"], row["points"], row["status"], row["type"]) == (uid, 220, "Active", "Rental")
    assert row["workloads"] == [
        {"workloadId": "vm", "name": "Virtual machine", "count": 20, "multiplier": 11}
    ]


def test_installed_and_taken_off_by_commands(rest: Rest) -> None:
    uid, agent = licence(rest).terms.uid, enroll(rest.store)
    key = rest.key(Role.OPERATOR)
    row = changed(rest.ask("POST", f"{LICENSES}/{uid}/install?serverUid={agent.agent_uid}", key=key))
    assert (row["instanceUid"], row["licenseId"], row["wanted"], row["state"]) == (
        agent.agent_uid,
        uid,
        "Installed",
        "Pushed",
    )
    assert rest.ask("GET", SERVERS, key=key).json()["data"] == [row]
    (view,) = rest.store.commands.list(agent_uid=agent.agent_uid)
    assert (view.command.kind, view.command.created_by) == ("install-licence", "key key of operator")

    row = changed(rest.ask("DELETE", f"{SERVERS}/{agent.agent_uid}", key=key))
    assert (row["wanted"], row["state"]) == ("Removed", "Pushed")
    kinds = {view.command.kind for view in rest.store.commands.list(agent_uid=agent.agent_uid)}
    assert kinds == {"install-licence", "remove-licence"}


def test_a_revoked_licence_is_taken_off_for_good(rest: Rest) -> None:
    uid, agent = licence(rest).terms.uid, enroll(rest.store)
    key = rest.key(Role.OPERATOR)
    install = f"{LICENSES}/{uid}/install?serverUid={agent.agent_uid}"
    rest.ask("POST", install, key=key)
    row = changed(rest.ask("POST", f"{LICENSES}/{uid}/revoke", key=key, json={"reason": "unpaid"}))
    assert row["status"] == "Revoked"
    newest = rest.store.commands.list(agent_uid=agent.agent_uid)
    removes = [
        commands.parse(v.command.kind, v.command.payload)
        for v in newest
        if v.command.kind == "remove-licence"
    ]
    assert removes == [commands.RemoveLicence(licence_uid=uid, revoked=True)]
    assert refused(rest.ask("POST", install, key=key)) == (409, "FG-6158")
    (entry,) = [entry for entry in rest.store.audit.list() if entry.action == "licence revoked"]
    assert (entry.who, entry.why, entry.organization_uid) == (
        "key key of operator",
        "unpaid",
        rest.world.company.uid,
    )


def test_the_file_is_for_the_server_that_has_it(rest: Rest) -> None:
    uid, agent = licence(rest).terms.uid, enroll(rest.store)
    key = rest.key(Role.OPERATOR)
    rest.ask("POST", f"{LICENSES}/{uid}/install?serverUid={agent.agent_uid}", key=key)
    answer = rest.ask("GET", f"{LICENSES}/{uid}/download", key=key)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{uid}.licence"'
    file = read_licence(answer.content)
    assert file.licence.installation_uid == "installation-0"
    file.verify(frozenset(Authority.load(rest.data / "ca").pins_current()))


def test_another_s_licence_and_server_are_not_there(rest: Rest) -> None:
    """To read or to change, for whoever may do so with its own."""
    other = rest.store.organizations.add_company("Andere", now_ms=1)
    uid, agent = licence(rest).terms.uid, enroll(rest.store)
    operator = rest.key(Role.OPERATOR)
    rest.ask("POST", f"{LICENSES}/{uid}/install?serverUid={agent.agent_uid}", key=operator)
    theirs = rest.key(Role.COMPANY_OWNER, other.uid)
    for path in (f"{LICENSES}/{uid}", f"{SERVERS}/{agent.agent_uid}"):
        assert rest.ask("GET", path, key=theirs).status_code == 404
    assert rest.ask("GET", LICENSES, key=theirs).json()["data"] == []
    mine = rest.key(Role.COMPANY_OWNER, rest.world.company.uid)
    assert len(rest.ask("GET", LICENSES, key=mine).json()["data"]) == 1
    assert rest.ask("POST", f"{LICENSES}/{uid}/revoke", key=mine, json={"reason": "x"}).status_code == 403
    assert rest.ask("POST", f"{LICENSES}/{uid}/install?serverUid=nobody", key=operator).status_code == 404
