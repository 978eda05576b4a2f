"""Everybody asks everything of what is one company's: every route of the application's own table, so that none can be forgotten.

On SQLite alone: the estate is made once for the module, and whose rows there are is the business of the store's views, whose own tests ask
both databases.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final
from uuid import uuid4

import attrs
import pytest
from litestar.testing import TestClient

from gateway.access import GRANTS, Permission, Role
from gateway.management.rest.authenticating import OPEN
from gateway.management.routes import ROUTES, restore
from tests.gateway.management.estate import (
    EVERYBODYS,
    PROVIDERS,
    Asked,
    Scene,
    bodies,
    operations,
    scene_in,
    uid_for,
)

BASE: Final = "/api/v3"
REFUSED: Final = (401, 403, 404)

ASKED: Final = sorted(
    (
        Asked(method, BASE + path, str(handler.opt["permission"]))
        for handler in ROUTES
        for path in handler.paths
        for method in handler.http_methods
    ),
    # What ends something comes last: it is what the others are asked about.
    key=lambda each: (each.method == "DELETE", each.path.endswith("/accept"), each.path, each.method),
)


@attrs.frozen
class Asker:
    """Somebody, and whether the company is within reach."""

    role: Role
    of: str
    within: bool

    def __str__(self) -> str:
        return f"{self.role} of {self.of.removesuffix('_uid')}"


ASKERS: Final = (
    *(Asker(role, "provider_uid", True) for role in (Role.ADMINISTRATOR, Role.OPERATOR, Role.READ_ONLY)),
    Asker(Role.RESELLER, "reseller_uid", True),
    Asker(Role.COMPANY_OWNER, "company_uid", True),
    Asker(Role.RESTORE_USER, "company_uid", True),
    Asker(Role.RESELLER, "strange_reseller_uid", False),
    *(
        Asker(role, of, False)
        for role in (Role.COMPANY_OWNER, Role.RESTORE_USER)
        for of in ("sibling_uid", "stranger_uid")
    ),
)

PERSONS: Final = {("PUT", "/users/me/password")}
"""A key has no password: these are for people who have logged in."""
PROVIDERS_TO_DECIDE: Final = {
    ("POST", "/organizations/apply"),
    ("POST", "/organizations/companies/import"),
    ("POST", "/organizations/companies/{company_uid:str}/remap"),
    ("POST", "/organizations/resellers"),
    ("PATCH", "/organizations/resellers/{reseller_uid:str}"),
    ("PATCH", "/infrastructure/sites/tenants/{tenant_uid:str}"),
}
"""A permission alone is not enough for these: resellers, whose a site's tenants are, and what is about all companies, are the provider's to say."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene_in(tmp_path_factory.mktemp("matrix")) as made:
        yield made


@pytest.fixture(scope="module")
def client(scene: Scene) -> Iterator[TestClient[Any]]:
    with (
        pytest.MonkeyPatch.context() as patch,
        TestClient(scene.app, base_url="https://provider.example") as opened,
    ):
        patch.setattr(restore, "WAIT_S", 0.05)  # no agent is there to answer
        yield opened


def rows(client: TestClient[Any], scene: Scene, path: str) -> list[dict[str, Any]]:
    key = scene.key(Role.ADMINISTRATOR, scene.estate.provider_uid)
    known = {each["name"] for each in scene.description["paths"][BASE + path]["get"].get("parameters", ())}
    limit = {"limit": 500} if "limit" in known else {}  # a list of what is always there has none
    answer = client.get(f"{BASE}{path}", params=limit, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200, f"{path}: {answer.text}"
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def ask(
    client: TestClient[Any], scene: Scene, asked: Asked, uids: dict[str, str], asker: Asker | None
) -> Any:
    headers = {}
    if asker is not None:
        headers = {"Authorization": f"Bearer {scene.key(asker.role, of(scene, asker))}"}
    sent: dict[str, Any] = {"headers": headers, "params": scene.query(asked)}
    if body := scene.body(asked, scene.company_uid):
        more = bodies(*body)
        sent |= more | {"headers": headers | more.get("headers", {})}
    path = asked.filled(uids)
    if path.endswith("/events"):
        sent["params"] = {"cursor": "nowhere"}  # or it would not end
    return client.request(asked.method, path, **sent)


def of(scene: Scene, asker: Asker) -> str:
    return scene.estate.provider_uid if asker.of == "provider_uid" else str(getattr(scene, asker.of))


def reaches(asked: Asked, asker: Asker) -> bool:
    """Whether what is asked about is there for them."""
    if PROVIDERS & {*asked.parameters}:
        return asker.of == "provider_uid"
    if "reseller_uid" in asked.parameters:
        return asker.of in ("provider_uid", "reseller_uid")
    return asker.within or bool(EVERYBODYS & {*asked.parameters})


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_everybody_asks(client: TestClient[Any], scene: Scene, asked: Asked) -> None:
    """Without a key 401, without the permission 403; what is out of reach is not there, and what is not there looks the same."""
    if asked.permission == OPEN:
        assert ask(client, scene, asked, {}, None).status_code < 500
        return
    uids = {name: uid_for(partial(rows, client, scene), scene, asked, name) for name in asked.parameters}
    nobody = ask(client, scene, asked, uids, None)
    assert (nobody.status_code, nobody.json()["errors"][0]["type"]) == (401, "security")

    marks = {"Bäckerei Ölund", *scene.estate.of(scene.company_uid)}
    names_it = scene.company_uid in str(scene.body(asked, scene.company_uid))
    if not names_it:
        marks.add(scene.company_uid)

    # Those first whose requests change nothing.
    for asker in sorted(ASKERS, key=lambda each: reaches(asked, each)):
        answer = ask(client, scene, asked, uids, asker)
        told = f"{asker}: {answer.status_code} {answer.text[:300]}"
        decided = (asked.method, asked.path.removeprefix(BASE)) in PROVIDERS_TO_DECIDE
        person = (asked.method, asked.path.removeprefix(BASE)) in PERSONS
        if person or Permission(asked.permission) not in GRANTS[asker.role]:
            assert answer.status_code == 403, told
        elif decided and asker.of != "provider_uid":
            assert answer.status_code in (403, 404), told
        elif asked.parameters and not reaches(asked, asker):
            assert answer.status_code == 404, told
            strange = {name: str(uuid4()) if name != "window_id" else "987654321" for name in uids}
            absent = ask(client, scene, asked, strange, asker)
            assert shape(answer, uids) == shape(absent, strange), told
        elif names_it and not asker.within:
            assert answer.status_code in (400, 403, 404), told
        else:
            assert answer.status_code not in REFUSED, told
            assert answer.status_code < 500 or answer.status_code == 504, told
        if not asker.within:
            assert not any(mark in answer.text for mark in marks - {*uids.values()}), told
        if asked.method == "DELETE" and reaches(asked, asker) and answer.status_code < 300:
            break  # it is gone now, for the others as well


def shape(answer: Any, uids: dict[str, str]) -> tuple[int, str]:
    """What an answer says but for the uids that it was asked for."""
    text = answer.text
    for uid in uids.values():
        text = text.replace(uid, "…")
    return answer.status_code, text


def test_every_route_is_asked(scene: Scene) -> None:
    """The table of routes is what the application serves."""
    assert {str(each) for each in operations(scene.app)} == {str(each) for each in ASKED}
