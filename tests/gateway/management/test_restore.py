"""Restores over REST: what there is, what is wanted back, the file that comes, and whose all of it is."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import Role
from gateway.management import Services
from gateway.management.routes import restore, restore_sessions
from gateway.management.routes.restore_sessions import disposition
from gateway.restores import RestoreDesk
from gateway.store import CommandState
from protocol import Code, Outcome, listing
from tests.gateway.management.conftest import Rest
from tests.helpers.restoring import answer, file_of, put_in_spool, report_workloads
from tests.helpers.stores import enroll

DATA = bytes(range(256)) * 4000
DOWNLOAD = {"mode": "Download", "paths": ["/srv/report.bin"]}


@attrs.frozen
class Site:
    """A company's agent, which answers as soon as it is asked."""

    rest: Rest
    agent_uid: str
    points: str

    @property
    def spool(self) -> Path:
        return self.rest.data / "spool"

    def rings(self, woken: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on the doorbell wakes an agent that does that."""

        def desk_of(services: Services) -> RestoreDesk:
            return RestoreDesk(store=services.store, spool=self.spool, ring=woken, now=services.now_ms)

        monkeypatch.setattr(restore, "desk_of", desk_of)

    def answer(self, data: bytes) -> None:
        """With a file, to whatever it was asked."""
        for uid in self._asked():
            put_in_spool(self.spool, uid, data)
            digest = hashlib.sha256(data).digest()
            self.rest.store.transfers.note(
                [file_of(uid, self.agent_uid, size_bytes=len(data), sha256=digest)]
            )
            answer(self.rest.store, uid, self.agent_uid)

    def refuse(self, code: int) -> None:
        """With nothing."""
        for uid in self._asked():
            answer(self.rest.store, uid, self.agent_uid, Outcome.FAILED, code=code, message="not here")

    def _asked(self) -> list[str]:
        return [view.command.uid for view in self.rest.store.commands.list(states=[CommandState.QUEUED])]


@pytest.fixture
def site(rest: Rest) -> Site:
    agent = enroll(rest.store)
    report_workloads(rest.store, agent, "w1")
    points = f"/infrastructure/managementAgents/{agent.agent_uid}/workloads/w1/restorePoints"
    return Site(rest, agent.agent_uid, points)


def told(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


def refused(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["fgCode"]


def owner(site: Site, role: Role = Role.COMPANY_OWNER) -> str:
    return site.rest.key(role, site.rest.world.company.uid)


def test_restore_points_and_folders_are_listed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the agent says, in REST's words; where there is more, how to go on."""
    points = listing.Page[listing.Point](1)
    for n in (2, 1):
        points.add(listing.Point(uid=f"p{n}", time_ms=1_790_000_000_000, size_bytes=n, name="n"), f"p{n}")
    site.rings(lambda: site.answer(bytes(points)), monkeypatch)
    found = told(site.rest.ask("GET", site.points, key=owner(site), params={"limit": 1}))
    assert found == {
        "meta": {"next": "p2"},
        "data": [{"uid": "p2", "time": "2026-09-21T14:13:20.000Z", "sizeBytes": 2, "name": "n"}],
    }
    items = listing.Page[listing.Item](10)
    items.add(listing.Item(path="/srv/a", type="file", size_bytes=5, modified_ms=1_790_000_000_000), "/srv/a")
    items.add(listing.Item(path="/srv/b", type="folder"), "/srv/b")
    site.rings(lambda: site.answer(bytes(items)), monkeypatch)
    found = told(site.rest.ask("GET", f"{site.points}/p2/items", key=owner(site), params={"path": "/srv"}))
    assert found["data"] == [
        {"path": "/srv/a", "type": "file", "sizeBytes": 5, "modified": "2026-09-21T14:13:20.000Z"},
        {"path": "/srv/b", "type": "folder", "sizeBytes": 0, "modified": None},
    ]
    asked = {"path": "/srv", "search": "A"}
    found = told(site.rest.ask("GET", f"{site.points}/p2/items", key=owner(site), params=asked))
    assert len(found["data"]) == 2
    kinds = [view.command.kind for view in site.rest.store.commands.list()]
    assert sorted(kinds) == ["browse-restore-point", "list-restore-points", "search-restore-point"]
    assert {entry.who for entry in site.rest.store.audit.list() if entry.action == "restore points read"} == {
        "key key of company-owner"
    }


def test_what_an_agent_cannot_say_has_its_status(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own refusal with its code, an answer that makes no sense, none at all, and too many who wait."""
    key = owner(site)
    for code, expected in ((5041, (409, "FG-5041")), (5003, (409, "FG-5003")), (12, (409, "FG-6305"))):
        site.rings(lambda code=code: site.refuse(code), monkeypatch)  # type: ignore[misc]  # bound now
        assert refused(site.rest.ask("GET", site.points, key=key)) == expected
    site.rings(lambda: site.answer(b"garbage"), monkeypatch)
    assert refused(site.rest.ask("GET", site.points, key=key)) == (502, "FG-6300")
    site.rings(lambda: None, monkeypatch)
    monkeypatch.setattr(restore, "WAIT_S", 0.2)
    assert refused(site.rest.ask("GET", site.points, key=key)) == (504, "FG-6302")
    assert site.rest.store.commands.list(states=[CommandState.QUEUED]) == []
    assert refused(site.rest.ask("GET", f"{site.points}/p/items?path=../etc", key=key)) == (400, "FG-5002")
    monkeypatch.setattr(restore, "_waiting", restore.MOST_WAITING)
    assert refused(site.rest.ask("GET", site.points, key=key)) == (503, "FG-6008")


def test_a_download_is_asked_for_once_and_fetched_in_parts(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """202 and its address; then all of it, or from where it broke off; its tag is its hash, and whoever took it is in the audit."""
    site.rings(lambda: site.answer(DATA), monkeypatch)
    key, path = owner(site, Role.RESTORE_USER), f"{site.points}/p1/restores"
    headers = {"x-request-id": str(uuid4())}
    made = site.rest.ask("POST", path, key=key, json=DOWNLOAD, headers=headers)
    session = told(made, 202)["data"]
    assert made.headers["location"] == f"/api/v3/restoreSessions/{headers['x-request-id']}"
    again = told(site.rest.ask("POST", path, key=key, json=DOWNLOAD, headers=headers), 202)["data"]
    assert again["instanceUid"] == session["instanceUid"]
    where = f"/restoreSessions/{session['instanceUid']}"
    [listed] = told(site.rest.ask("GET", "/restoreSessions", key=key))["data"]
    assert listed == told(site.rest.ask("GET", where, key=key))["data"]
    digest = hashlib.sha256(DATA).hexdigest()
    assert (listed["state"], listed["mode"], listed["items"]) == (
        "Succeeded",
        "Download",
        {"paths": ["/srv/report.bin"]},
    )
    assert (listed["fileBytes"], listed["fileSha256"], listed["fileState"]) == (len(DATA), digest, "Complete")

    whole = site.rest.ask("GET", f"{where}/file", key=key)
    assert (whole.status_code, whole.content == DATA) == (200, True)
    assert whole.headers["etag"] == f'"{digest}"'
    assert whole.headers["content-length"] == str(len(DATA))
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-disposition"].endswith("; filename*=UTF-8''report.bin")
    part = site.rest.ask("GET", f"{where}/file", key=key, headers={"Range": "bytes=600000-"})
    assert (part.status_code, part.content == DATA[600_000:]) == (206, True)
    assert part.headers["content-range"] == f"bytes 600000-{len(DATA) - 1}/{len(DATA)}"
    for tag, status in ((f'"{digest}"', 206), ('"another"', 200)):
        asked = {"Range": "bytes=5-", "If-Range": tag}
        assert site.rest.ask("GET", f"{where}/file", key=key, headers=asked).status_code == status
    beyond = site.rest.ask("GET", f"{where}/file", key=key, headers={"Range": f"bytes={len(DATA)}-"})
    assert refused(beyond) == (416, "FG-6306")
    assert beyond.headers["content-range"] == f"bytes */{len(DATA)}"
    assert restore_sessions._open == 0
    assert "key key of restore-user" in {
        entry.who for entry in site.rest.store.audit.list() if entry.action == "restore fetched"
    }
    monkeypatch.setattr(restore_sessions, "_open", restore_sessions.MOST_FILES)
    assert refused(site.rest.ask("GET", f"{where}/file", key=key)) == (503, "FG-6008")


def test_a_file_that_is_not_there_is_a_state_of_things(site: Site) -> None:
    """Not yet; and taken back, it never comes."""
    key = owner(site)
    session = told(site.rest.ask("POST", f"{site.points}/p1/restores", key=key, json=DOWNLOAD), 202)["data"]
    where = f"/restoreSessions/{session['instanceUid']}"
    assert refused(site.rest.ask("GET", f"{where}/file", key=key)) == (409, "FG-6301")
    assert told(site.rest.ask("DELETE", where, key=key))["data"]["state"] == "Cancelled"
    assert site.rest.ask("DELETE", where, key=key).status_code == 409


ITEMS = {"mode": "KeepBoth", "paths": ["/srv/a", "/srv/b"], "targetFolder": "/srv/back"}


@pytest.mark.parametrize(
    ("body", "role", "expected"),
    [
        (ITEMS, Role.RESTORE_USER, (202, "restore-items")),
        ({"mode": "InPlace"}, Role.RESTORE_USER, (403, "FG-6057")),
        ({"mode": "Download"}, Role.COMPANY_OWNER, (403, "FG-6057")),
        ({"mode": "InPlace"}, Role.OPERATOR, (202, "restore-workload")),
        (DOWNLOAD, Role.READ_ONLY, (403, "FG-6057")),
        ({"mode": "Burn", "paths": ["/a"]}, Role.OPERATOR, (400, "FG-6001")),
        ({"mode": "Download", "paths": ["/a", "/b"]}, Role.OPERATOR, (400, "FG-6001")),
        ({"mode": "Download", "paths": ["/a"], "targetFolder": "/b"}, Role.OPERATOR, (400, "FG-6001")),
        ({"mode": "InPlace", "paths": ["/a/../b"]}, Role.OPERATOR, (400, "FG-5002")),
        ({"mode": "InPlace", "paths": ["/a"], "targetFolder": "b"}, Role.OPERATOR, (400, "FG-5002")),
        ({"mode": "InPlace", "paths": ["/a"], "force": True}, Role.OPERATOR, (400, "FG-6001")),
    ],
    ids=str,
)
def test_who_may_have_what(site: Site, body: Any, role: Role, expected: tuple[int, str]) -> None:
    """Items for those who may restore items, all of it for operators; and nothing that can't be meant."""
    provider = role in (Role.OPERATOR, Role.READ_ONLY)
    key = site.rest.key(role, None if provider else site.rest.world.company.uid)
    response = site.rest.ask("POST", f"{site.points}/p1/restores", key=key, json=body)
    kinds = [view.command.kind for view in site.rest.store.commands.list()]
    if expected[0] == 202:
        assert (response.status_code, kinds) == (202, [expected[1]])
    else:
        assert (refused(response), kinds) == (expected, [])


def test_another_companys_is_not_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its restore points nor its restores nor their files; the owner's identical request succeeds."""
    site.rings(lambda: site.answer(DATA), monkeypatch)
    stranger = site.rest.store.companies.add("Contoso", by="a test", now_ms=1)
    own, foreign = owner(site), site.rest.key(Role.COMPANY_OWNER, stranger.uid)
    session = told(site.rest.ask("POST", f"{site.points}/p1/restores", key=own, json=DOWNLOAD), 202)["data"]
    where = f"/restoreSessions/{session['instanceUid']}"
    before = len(site.rest.store.commands.list())
    for method, path in (
        ("GET", site.points),
        ("GET", f"{site.points}/p1/items"),
        ("POST", f"{site.points}/p1/restores"),
        ("GET", where),
        ("GET", f"{where}/file"),
        ("DELETE", where),
    ):
        more = {"json": DOWNLOAD} if method == "POST" else {}
        assert site.rest.ask(method, path, key=foreign, **more).status_code == 404, path
    assert site.rest.ask("GET", "/restoreSessions", key=foreign).json()["data"] == []
    assert len(site.rest.store.commands.list()) == before
    assert site.rest.ask("GET", f"{where}/file", key=own).status_code == 200


@pytest.mark.parametrize(
    "kind", ["list-restore-points", "browse-restore-point", "search-restore-point", "download-item", "restore-items", "restore-workload"]
)  # fmt: skip
def test_there_is_no_way_around_the_log(site: Site, kind: str) -> None:
    """Whoever may send commands may not send these as such."""
    path = f"/infrastructure/managementAgents/{site.agent_uid}/commands"
    body = {"kind": kind, "payload": {"workload_uid": "w1"}}
    assert refused(site.rest.ask("POST", path, key=site.rest.key(Role.OPERATOR), json=body)) == (
        400,
        str(Code.REST_BODY_INVALID),
    )


@given(name=st.text(max_size=255))
def test_a_name_that_an_agent_chose_is_only_a_name(name: str) -> None:
    """Whatever is in it, it ends no header and names no folder."""
    told = disposition(name)
    assert told.isascii()
    assert told.isprintable()
    assert not {*"/\\\r\n"} & {*told.partition("*=")[2]}
