"""An estate that REST is asked about in every way: what there is of it for each parameter of a path, and whose it is."""

import contextlib
import datetime as dt
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from certs import Authority
from gateway.access import Role, create_key
from gateway.alarms import Engine
from gateway.config import Config, Management
from gateway.management import Services, application
from gateway.management.description.examples import example_of
from gateway.settings_alarms import Mail
from gateway.store import RESELLER, CompanyDetails, Store, open_store
from protocol import UsageSubject
from tests.gateway.store.views.estate import NOW, Estate, make_estate
from tests.helpers.usage import DAY_MS

__all__ = [
    "EVERYBODYS", "LISTS", "MONTH", "NOW", "PROVIDERS", "Asked", "Scene", "bodies", "operations", "scene_in", "uid_for",
]  # fmt: skip

MONTH: Final = "2025-10"

LISTS: Final = {
    # parameter: the list that has it, the property of its rows, where the path itself is not below such a list
    "alarm_uid": ("/alarms/active", "instanceUid"),
    "report_uid": ("/licensing/reports", "reportUid"),
    "template_uid": ("/alarms/templates", "instanceUid"),
    "window_id": ("/maintenanceWindows", "windowId"),
}


PROVIDERS: Final = {"mail_receiver_uid", "site_uid", "webhook_uid", "window_id"}
"""What is of these is the provider's own: nobody else's reach has it."""
EVERYBODYS: Final = {"template_uid", "report_uid", "report_month"}
"""Rules of alarms hold for all; of a statement everybody gets the own part, which may be empty."""


@attrs.frozen
class Asked:
    """A route with one method."""

    method: str
    path: str
    permission: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[str]:
        """The names of those in its path, in order."""
        return re.findall(r"{(\w+)(?::\w+)?}", self.path)

    def filled(self, uids: Mapping[str, str]) -> str:
        """The path with those in it."""
        return re.sub(r"{(\w+)(?::\w+)?}", lambda found: uids[found[1]], self.path)


def operations(app: Litestar) -> list[Asked]:
    """All that the interface can be asked, from the application's own table."""
    return [
        Asked(method, route.path, str(handler.opt["permission"]))
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/v3")
        for handler in route.route_handlers
        for method in sorted(handler.http_methods - {"OPTIONS"})
    ]


@attrs.define
class Scene:
    """Two resellers with a company each, and one more company of the first's: everything asked about is the first company's."""

    app: Litestar
    store: Store
    estate: Estate
    company_uid: str
    sibling_uid: str
    reseller_uid: str
    stranger_uid: str
    strange_reseller_uid: str
    known: dict[str, str]
    services: Services
    description: dict[str, Any] = attrs.field(factory=dict)
    _keys: dict[tuple[Role, str], str] = attrs.field(factory=dict)

    def key(self, role: Role, organization_uid: str) -> str:
        """The secret of a key with that role."""
        if (role, organization_uid) not in self._keys:
            made = create_key(
                self.store, name=f"{role} asks", role=role, organization_uid=organization_uid, by="a test", now_ms=NOW
            )  # fmt: skip
            self._keys[role, organization_uid] = made.secret
        return self._keys[role, organization_uid]

    def query(self, asked: Asked) -> dict[str, Any]:
        """The query parameters that it must have: one of the company's agents, others by their examples."""
        path = re.sub(r":\w+}", "}", asked.path)
        parameters = self.description["paths"][path][asked.method.lower()].get("parameters", ())
        schemas = self.description["components"]["schemas"]
        about = {"serverUid": min(self.estate.of(self.company_uid))}
        return {
            each["name"]: about.get(each["name"]) or example_of(each["schema"], schemas)
            for each in parameters
            if each["in"] == "query" and each.get("required")
        }

    def _patch(self, path: str) -> dict[str, Any]:
        """What may be replaced there, by what."""
        match path.rpartition("/{")[2]:
            case "job_uid}":
                return {"path": "/isEnabled", "value": False}
            case "template_uid}":
                return {"path": "/severity", "value": "Warning"}
            case "tenant_uid}":
                return {"path": "/assignedForCompany", "value": self.company_uid}
            case "user_uid}":
                return {"path": "/isReadOnly", "value": True}
            case _:
                return {"path": "/name", "value": f"another {path.split('/')[2][:-1]}"}

    def body(self, asked: Asked, organization_uid: str, *, real: bool = False) -> tuple[str, Any] | None:
        """Type and value of a body that is in order, about that organization; none where none is taken.

        A patch is of nothing unless it is to be *real*: the operation is refused where there is something that it could be of.
        """
        path = re.sub(r":\w+}", "}", asked.path)
        content = self.description["paths"][path][asked.method.lower()].get("requestBody", {}).get("content")
        if content is None:
            return None
        [(kind, media), *_] = content.items()
        if asked.method == "PATCH" and real:
            return kind, [{"op": "replace", **self._patch(path.removeprefix("/api/v3"))}]
        if isinstance(media["example"], str):
            return kind, media["example"]
        if asked.method == "PATCH":
            return kind, [{"op": "test", "path": "/nothing", "value": 1}]
        owners = ("organizationUid", "companyUid", "assignedCompanyUid")
        about: dict[str, Any] = dict.fromkeys(owners, organization_uid)
        about["toCompanyUid"] = self.sibling_uid
        about["managementAgentUid"] = min(self.estate.of(organization_uid), default="")
        if real:  # of names and numbers there is one each, and a role belongs to a kind of organization
            about |= {"name": f"{asked.path.rpartition('/')[2]} 1", "externalId": f"K-{asked.path}"}
            if "role" in media["example"]:
                about["organizationUid"] = self.estate.provider_uid
        return kind, {
            name: about.get(name, each)
            for name, each in media["example"].items()
            if name not in ("locationUid", "resellerUid", "userUid", "everything")
        }


@contextlib.contextmanager
def scene_in(folder: Path) -> Iterator[Scene]:
    """The estate in a store of its own below *folder*."""
    mail = Mail(host="mail.provider.example", sender="fieldgate@provider.example")
    config = Config(data=folder, management=Management(requests_per_s=10_000), mail=mail)
    Authority.create("Nordlicht IT", dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(days=20_000)).save(
        folder / "ca"
    )
    with contextlib.closing(open_store(f"sqlite:///{folder}/store.sqlite", create=True)) as store:
        estate = make_estate(store)
        company, stranger = estate.companies
        sibling = store.companies.add(
            "Kestrel Dental", CompanyDetails(reseller_uid=estate.reseller_uid), by="test", now_ms=1
        )
        other = store.companies.add("Umbrella IT", kind=RESELLER, by="test", now_ms=1)
        store.companies.change(stranger, {"reseller_uid": other.uid}, by="test", now_ms=2)
        engine = Engine(store)
        engine.tick(NOW)
        engine.stop()
        services = Services(store=store, config=lambda: config, now_ms=lambda: NOW, ring=lambda: None)
        scene = Scene(
            app=application(services), store=store, estate=estate, company_uid=company, sibling_uid=sibling.uid,
            reseller_uid=estate.reseller_uid, stranger_uid=stranger, strange_reseller_uid=other.uid,
            known={"report_month": MONTH, "point_uid": "p1"}, services=services,
        )  # fmt: skip
        furnish(scene)
        yield scene


def furnish(scene: Scene) -> None:
    """What the provider itself has: a month that is closed, a webhook, a time of maintenance."""
    administrator = {"Authorization": f"Bearer {scene.key(Role.ADMINISTRATOR, scene.estate.provider_uid)}"}
    scene.store.usage_entries.enter(
        min(scene.estate.of(scene.company_uid)), {UsageSubject.SERVER: 3}, at_ms=NOW - 30 * DAY_MS, why="before the agent came",
        by="test", now_ms=NOW,
    )  # fmt: skip
    made = (
        ("/licensing/reports/finalization", {"date": MONTH}),
        ("/webhooks", {"name": "desk", "url": "https://desk.example/hook"}),
        ("/mailReceivers", {"name": "duty", "address": "duty@provider.example"}),
        (
            "/maintenanceWindows",
            {"name": "patch day", "startTime": "2026-11-24T20:00:00Z", "endTime": "2026-11-24T22:00:00Z"},
        ),
    )
    with TestClient(scene.app, base_url="https://provider.example") as client:
        scene.description = client.get("/schema/openapi.json").json()
        for path, body in made:
            answer = client.post(f"/api/v3{path}", json=body, headers=administrator)
            assert answer.status_code < 300, answer.text


def uid_for(rows: Callable[[str], list[dict[str, Any]]], scene: Scene, asked: Asked, name: str) -> str:
    """One of the company's for a parameter: from the list that its path is below.

    Args:
        rows: gives those of a list, as the administrator sees it.
    """
    if name in scene.known:
        return scene.known[name]
    if name == "workload_uid" and "restorePoints" in asked.path:
        return "w1"  # as its server calls it
    where = LISTS.get(name)
    above = asked.path.partition(f"/{{{name}")[0].removeprefix("/api/v3")
    path, key = where or (above, None)
    lists = {each.path.removeprefix("/api/v3") for each in operations(scene.app) if each.method == "GET"}
    assert path in lists, f"{asked}: nobody knows a {name}; tell in estate.LISTS which list has them"
    for row in rows(path):
        if str(row.get("name", "")).endswith(" asks"):
            continue  # whoever asks is not what is asked about
        mine = row.get("organizationUid", row.get("assignedForCompany", row.get("assignedCompanyUid")))
        uid = row[key or next(iter(row))]
        if name in PROVIDERS | EVERYBODYS or scene.company_uid in (mine, uid) or uid == scene.reseller_uid:
            return str(uid)
    raise AssertionError(f"{asked}: the estate has no {name} of the company's in {path}")


def bodies(kind: str, value: Any) -> dict[str, Any]:
    """As arguments of a client."""
    if kind == "application/x-www-form-urlencoded":
        return {"data": value}
    if isinstance(value, str):
        return {"content": value, "headers": {"Content-Type": kind}}
    return {"content": json.dumps(value), "headers": {"Content-Type": kind}}
